// What nimbert.hpp makes of entities and answers, with room for them and without, and of mistakes.
//
//   ./wrapper TOKEN_CLASSIFIER QUESTION_ANSWERER
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "nimbert.hpp"

static int failures;

static void check(bool is_so, const char *what)
{
    if (!is_so) {
        std::fprintf(stderr, "wrapper: not so: %s\n", what);
        failures++;
    }
}

static std::string_view part(std::string_view text, const nimbert_span &span)
{
    return text.substr(span.start, span.end - span.start);
}

static void entities(const char *path)
{
    const nimbert::engine engine(path);
    const std::vector<std::string_view> texts{"什么玩意儿...", "", "at $31.07 each"};
    const auto found = engine.tag(texts);
    check(found.size() == 3, "three entities");
    check(part(texts[0], found[0]) == "什么玩意" && std::string_view(found[0].label) == "ORG", "the first");
    check(found[2].text == 2 && part(texts[2], found[2]) == texts[2], "the last");
    check(engine.tag({}).empty(), "none in no text");

    // A long text has more of them than a window has tokens.
    std::string long_text;
    for (int i = 0; i < 40; i++)
        long_text += "An honest film about a dishonest town ";
    nimbert_options options = nimbert::default_options();
    options.max_tokens = 12;
    options.stride = 1;
    const auto many = nimbert::engine(path, options).tag({long_text});
    check(many.size() > 12, "more than there is room for at first");
    for (std::size_t i = 1; i < many.size(); i++)
        check(many[i - 1].end <= many[i].start, "one after the other");
}

static void answers(const char *path)
{
    const nimbert::engine engine(path);
    const std::string_view context = "The harbour pilot from Lisbon met Maria Olsen of the Northern Grain Board on Tuesday";
    const auto found = engine.answer("Who met Maria?", context);
    check(found.size() == 1 && part(context, found[0]) == "Maria Olsen of", "the best answer");
    const std::size_t all = engine.answer("Who met Maria?", context, static_cast<std::size_t>(-1)).size();
    check(all > 10 && engine.answer("Who met Maria?", context, 10).size() == 10, "ten answers, and all");
    try {
        engine.tag({context});
        check(false, "entities of a model that finds answers");
    } catch (const nimbert::error &error) {
        check(error.status() == NIMBERT_STATUS_MODEL, "the status");
        check(std::string_view(error.what()).find("token classifier") != std::string_view::npos, error.what());
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    entities(argv[1]);
    answers(argv[2]);
    if (failures == 0)
        std::puts("wrapper: all is as it should be");
    return failures != 0;
}
