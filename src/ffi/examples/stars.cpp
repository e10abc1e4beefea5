// The same as classify.c with the C++ wrapper: all labels of each text, and errors as exceptions.
//
//   ./stars MODEL TEXT...
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include "nimbert.hpp"

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::fputs("usage: stars MODEL TEXT...\n", stderr);
        return 2;
    }
    try {
        const nimbert::engine engine(argv[1]);
        const std::vector<std::string_view> texts(argv + 2, argv + argc);
        const auto labels = engine.labels();
        const auto rows = engine.classify(texts);
        for (std::size_t i = 0; i < texts.size(); i++) {
            std::printf("%.*s\n", static_cast<int>(texts[i].size()), texts[i].data());
            for (std::size_t label = 0; label < labels.size(); label++)
                std::printf("  %.3f  %s\n", rows[i][label], labels[label].c_str());
        }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "stars: %s\n", error.what());
        return 1;
    }
}
