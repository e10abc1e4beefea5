// nimbert for C++17: an engine that frees itself, vectors, and exceptions. All of it is here.
#ifndef NIMBERT_HPP
#define NIMBERT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "nimbert.h"

namespace nimbert {

// What a call that failed throws: the library's line, and its code.
class error : public std::runtime_error {
public:
    error(nimbert_status status, const char *message) : std::runtime_error(message), status_(status) {}

    nimbert_status status() const noexcept { return status_; }

private:
    nimbert_status status_;
};

// Throws unless a call is done.
inline void check(nimbert_status status)
{
    if (status != NIMBERT_STATUS_OK) {
        const char *message = nimbert_last_error();
        throw error(status, message != nullptr ? message : "nimbert: no message");
    }
}

// The defaults.
inline nimbert_options default_options()
{
    nimbert_options options;
    check(nimbert_options_init(&options, sizeof options));
    return options;
}

// A loaded model. It can be moved, not copied; any number of threads may use one at once.
class engine {
public:
    // A packed file or a Hugging Face checkpoint directory.
    explicit engine(const std::string &path, const nimbert_options &options = default_options())
    {
        if (path.find('\0') != std::string::npos)
            throw error(NIMBERT_STATUS_ARGUMENT, "path: a NUL in it");
        nimbert_engine *handle = nullptr;
        check(nimbert_load(path.c_str(), &options, &handle));
        handle_.reset(handle);
    }

    // A packed file in memory, on a 64-byte boundary, that outlives the engine.
    static engine from_memory(const void *data, std::size_t size, const nimbert_options &options = default_options())
    {
        nimbert_engine *handle = nullptr;
        check(nimbert_load_memory(data, size, &options, &handle));
        return engine(handle);
    }

    std::vector<std::string> labels() const
    {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < nimbert_label_count(get()); i++)
            names.emplace_back(nimbert_label(get(), i));
        return names;
    }

    // A row of scores, in label order, for each text.
    std::vector<std::vector<float>> classify(const std::vector<std::string_view> &texts) const
    {
        const views in(texts);
        const std::size_t labels = nimbert_label_count(get());
        std::vector<float> scores(texts.size() * labels);
        check(nimbert_classify(get(), in.pointers.data(), in.lengths.data(), texts.size(), scores.data(), nullptr,
                               scores.size()));
        return rows(scores, labels);
    }

    // A vector for each text.
    std::vector<std::vector<float>> embed(const std::vector<std::string_view> &texts) const
    {
        const views in(texts);
        const std::size_t width = nimbert_dimensions(get());
        std::vector<float> vectors(texts.size() * width);
        check(nimbert_embed(get(), in.pointers.data(), in.lengths.data(), texts.size(), vectors.data(), vectors.size()));
        return rows(vectors, width);
    }

    // A document's place among those that were given, and its score.
    struct ranked {
        std::size_t index;
        float score;
    };

    // The documents, the best for the query first; of a model with one label.
    std::vector<ranked> rerank(std::string_view query, const std::vector<std::string_view> &documents) const
    {
        const views in(documents);
        const std::size_t count = documents.size();
        std::vector<float> scores(count);
        std::vector<std::size_t> order(count);
        check(nimbert_rerank(get(), query.data(), query.size(), in.pointers.data(), in.lengths.data(), count,
                             scores.data(), order.data(), count));
        std::vector<ranked> found;
        for (const std::size_t index : order)
            found.push_back({index, scores[index]});
        return found;
    }

    // The entities in each text, of a token classifier: one text's after another's. Their labels live as long as the engine.
    std::vector<nimbert_span> tag(const std::vector<std::string_view> &texts) const
    {
        const views in(texts);
        const std::size_t count = texts.size();
        return spans(count * nimbert_max_tokens(get()), [&](nimbert_span *room, std::size_t capacity, std::size_t *found) {
            return nimbert_tag(get(), in.pointers.data(), in.lengths.data(), count, room, capacity, found);
        });
    }

    // The best answers to a question, where they stand in its context; of a model that was trained to find them.
    std::vector<nimbert_span> answer(std::string_view question, std::string_view context, std::size_t top_k = 1) const
    {
        const views asked({question}), in({context});
        const std::size_t usual = 1024;
        return spans(std::min(top_k, usual), [&](nimbert_span *room, std::size_t capacity, std::size_t *found) {
            return nimbert_answer(get(), asked.pointers.data(), asked.lengths.data(), in.pointers.data(),
                                  in.lengths.data(), 1, top_k, room, capacity, found);
        });
    }

    // The token ids of a text, special ones included.
    std::vector<std::uint32_t> tokenize(std::string_view text) const
    {
        std::size_t count = 0;
        check(nimbert_tokenize(get(), text.data(), text.size(), nullptr, 0, nullptr, nullptr, 0, &count));
        std::vector<std::uint32_t> ids(count);
        check(nimbert_tokenize(get(), text.data(), text.size(), nullptr, 0, ids.data(), nullptr, count, &count));
        return ids;
    }

    // For the C functions that have no place here.
    const nimbert_engine *get() const noexcept { return handle_.get(); }

private:
    // Texts as C has them.
    struct views {
        explicit views(const std::vector<std::string_view> &texts)
        {
            for (const std::string_view text : texts) {
                pointers.push_back(text.data());
                lengths.push_back(text.size());
            }
        }

        std::vector<const char *> pointers;
        std::vector<std::size_t> lengths;
    };

    static std::vector<std::vector<float>> rows(const std::vector<float> &values, std::size_t width)
    {
        std::vector<std::vector<float>> rows;
        for (auto row = values.cbegin(); row != values.cend(); row += static_cast<std::ptrdiff_t>(width))
            rows.emplace_back(row, row + static_cast<std::ptrdiff_t>(width));
        return rows;
    }

    // What is found, with room for so much at first; there may be more in windows that overlap.
    template <typename Find> static std::vector<nimbert_span> spans(std::size_t room, Find find)
    {
        std::vector<nimbert_span> spans(room);
        std::size_t found = 0;
        nimbert_status status = find(spans.data(), spans.size(), &found);
        if (status == NIMBERT_STATUS_CAPACITY) {
            spans.resize(found);
            status = find(spans.data(), spans.size(), &found);
        }
        check(status);
        spans.resize(found);
        return spans;
    }

    explicit engine(nimbert_engine *handle) noexcept : handle_(handle) {}

    struct deleter {
        void operator()(nimbert_engine *handle) const noexcept { nimbert_free(&handle); }
    };
    std::unique_ptr<nimbert_engine, deleter> handle_;
};

}  // namespace nimbert

#endif  // NIMBERT_HPP
