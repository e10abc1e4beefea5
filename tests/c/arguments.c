/*
 * Every argument of every function, wrong in every way that we could think of: each gets its code and a message that
 * names it, and none crashes.
 *
 *   ./arguments MODEL
 */
#include <math.h>
#include <stdint.h>

#include "check.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
/* A pointer that is not NULL and not aligned for anything. */
#define CROOKED(type) ((type)(void *)((char *)buffer + 1))
#define ARGUMENT NIMBERT_STATUS_ARGUMENT
#define OK NIMBERT_STATUS_OK

enum { LABELS = 5, MANY = 64 };
/* The size of the first version's options, which every later version knows. */
static const size_t FIRST = offsetof(nimbert_options, prompt);
static uint64_t buffer[1024];
static const size_t MOST = SIZE_MAX;

static void options(const char *model)
{
    nimbert_options good;
    check_status("options", nimbert_options_init(&good, sizeof good), OK, "");
    CHECK(good.size == sizeof good && good.isa == NULL && good.max_tokens == 0 && good.threads == 0);
    CHECK(good.precision == NIMBERT_PRECISION_AUTO && good.on_long == NIMBERT_ON_LONG_TRUNCATE && good.flags == 0);
    check_status("options NULL", nimbert_options_init(NULL, sizeof good), ARGUMENT, "options");
    check_status("options crooked", nimbert_options_init(CROOKED(nimbert_options *), sizeof good), ARGUMENT, "options");
    check_status("options small", nimbert_options_init(&good, FIRST - 1), ARGUMENT, "size");
    check_status("options first", nimbert_options_init(&good, FIRST), OK, "");
    check_status("options none", nimbert_options_init(&good, 0), ARGUMENT, "size");
    check_status("options large", nimbert_options_init(&good, MOST), ARGUMENT, "size");

    const size_t size = sizeof good;
    const struct {
        nimbert_options options;
        nimbert_status status;
        const char *words;
    } table[] = {
        {{.size = size, .threads = 1}, OK, ""},
        {{.size = size, .isa = "portable", .threads = 1, .precision = 3, .on_long = 1, .flags = 3}, OK, ""},
        {{.size = size, .max_tokens = 512, .threads = 2}, OK, ""},
        {{.threads = 1}, ARGUMENT, "options.size"},
        {{.size = FIRST, .threads = 1}, OK, ""},
        {{.size = FIRST - 8, .threads = 1}, ARGUMENT, "options.size"},
        {{.size = MOST, .threads = 1}, ARGUMENT, "options.size"},
        {{.size = size, .isa = "sse9", .threads = 1}, NIMBERT_STATUS_OPTION, "sse9"},
        {{.size = size, .isa = "", .threads = 1}, NIMBERT_STATUS_OPTION, "isa"},
        {{.size = size, .isa = "\xff\xfe", .threads = 1}, NIMBERT_STATUS_OPTION, "isa"},
        {{.size = size, .isa = "neon", .threads = 1}, NIMBERT_STATUS_OPTION, "neon"},
        {{.size = size, .max_tokens = 1, .threads = 1}, NIMBERT_STATUS_OPTION, "max-tokens"},
        {{.size = size, .max_tokens = 513, .threads = 1}, NIMBERT_STATUS_OPTION, "513"},
        {{.size = size, .max_tokens = MOST, .threads = 1}, NIMBERT_STATUS_OPTION, "max-tokens"},
        {{.size = size, .threads = UINT32_MAX}, NIMBERT_STATUS_OPTION, "threads"},
        {{.size = size, .threads = 1025}, NIMBERT_STATUS_OPTION, "threads"},
        {{.size = size, .threads = 1, .precision = 4}, NIMBERT_STATUS_OPTION, "options.precision: 4"},
        {{.size = size, .threads = 1, .precision = UINT32_MAX}, NIMBERT_STATUS_OPTION, "options.precision"},
        {{.size = size, .threads = 1, .on_long = 2}, NIMBERT_STATUS_OPTION, "options.on_long: 2"},
        {{.size = size, .threads = 1, .flags = 32}, NIMBERT_STATUS_OPTION, "options.flags: 32"},
        {{.size = size, .threads = 1, .flags = UINT32_MAX}, NIMBERT_STATUS_OPTION, "options.flags"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char what[32];
        nimbert_engine *engine = (nimbert_engine *)buffer;
        snprintf(what, sizeof what, "options, row %zu", i);
        check_status(what, nimbert_load(model, &table[i].options, &engine), table[i].status, table[i].words);
        CHECK((engine != NULL) == (table[i].status == OK));
        nimbert_free(&engine);
    }
    nimbert_engine *engine;
    check_status("crooked", nimbert_load(model, CROOKED(nimbert_options *), &engine), ARGUMENT, "options");
}

static void load(const char *model)
{
    const struct {
        const char *path;
        nimbert_status status;
        const char *words;
    } paths[] = {
        {NULL, ARGUMENT, "path"},
        {"", NIMBERT_STATUS_IO, ""},
        {"no/such/file", NIMBERT_STATUS_IO, "no/such/file"},
        {"\xff\xfe\x01", NIMBERT_STATUS_IO, ""},
        {"/", NIMBERT_STATUS_IO, "config.json"},
        {"/dev/null", NIMBERT_STATUS_IO, "/dev/null"},
        {"/etc/passwd", NIMBERT_STATUS_MODEL, "/etc/passwd"},
    };
    for (size_t i = 0; i < COUNT(paths); i++) {
        nimbert_engine *engine = (nimbert_engine *)buffer;
        check_status(paths[i].path ? paths[i].path : "path", nimbert_load(paths[i].path, NULL, &engine),
                     paths[i].status, paths[i].words);
        CHECK(engine == NULL);
    }
    check_status("no engine", nimbert_load(model, NULL, NULL), ARGUMENT, "engine");
    check_status("engine crooked", nimbert_load(model, NULL, CROOKED(nimbert_engine **)), ARGUMENT, "engine");

    static char zeros[4096 + 64];
    const char *aligned = zeros + (64 - (uintptr_t)zeros % 64) % 64;
    const struct {
        const void *data;
        size_t size;
        nimbert_status status;
        const char *words;
    } blocks[] = {
        {NULL, 0, NIMBERT_STATUS_MODEL, ""},
        {NULL, 64, ARGUMENT, "data"},
        {aligned, 0, NIMBERT_STATUS_MODEL, ""},
        {aligned, 1, NIMBERT_STATUS_MODEL, ""},
        {aligned, 4096, NIMBERT_STATUS_MODEL, ""},
        {aligned + 1, 4095, ARGUMENT, "64"},
        {aligned + 32, 4000, ARGUMENT, "64"},
        {aligned, MOST, ARGUMENT, "data"},
        {aligned, MOST / 2 + 1, ARGUMENT, "data"},
    };
    for (size_t i = 0; i < COUNT(blocks); i++) {
        char what[32];
        nimbert_engine *engine = (nimbert_engine *)buffer;
        snprintf(what, sizeof what, "memory, row %zu", i);
        check_status(what, nimbert_load_memory(blocks[i].data, blocks[i].size, NULL, &engine), blocks[i].status,
                     blocks[i].words);
        CHECK(engine == NULL);
    }
    check_status("no engine", nimbert_load_memory(aligned, 64, NULL, NULL), ARGUMENT, "engine");
}

static void questions(const nimbert_engine *engine)
{
    CHECK(nimbert_version() != NULL && strchr(nimbert_version(), '.') != NULL);
    CHECK(nimbert_label_count(NULL) == 0 && nimbert_label_count(CROOKED(nimbert_engine *)) == 0);
    CHECK(nimbert_max_tokens(NULL) == 0 && nimbert_max_tokens(CROOKED(nimbert_engine *)) == 0);
    CHECK(nimbert_label(NULL, 0) == NULL && nimbert_label(CROOKED(nimbert_engine *), 0) == NULL);
    CHECK(nimbert_isa(NULL) == NULL && nimbert_isa(CROOKED(nimbert_engine *)) == NULL);
    CHECK(nimbert_label(engine, LABELS) == NULL && nimbert_label(engine, MOST) == NULL);
    nimbert_engine *none = NULL;
    nimbert_free(NULL);
    nimbert_free(&none);
    nimbert_free(CROOKED(nimbert_engine **));
    nimbert_engine *crooked = CROOKED(nimbert_engine *);
    nimbert_free(&crooked);
}

static void classify(const nimbert_engine *engine)
{
    static float scores[2 * LABELS], logits[2 * LABELS];
    const char *good[] = {"好看", ""}, *null[] = {"好看", NULL}, *latin1[] = {"好看", "caf\xe9"};
    const size_t lengths[] = {6, 0}, cut[] = {6, 4}, half[] = {4, 0}, huge[] = {6, MOST}, long_[] = {6, MOST / 2 + 1};
    const size_t r = 2 * LABELS;
    const struct {
        const nimbert_engine *engine;
        const char *const *texts;
        const size_t *lengths;
        size_t count;
        float *scores, *logits;
        size_t capacity;
        nimbert_status status;
        const char *words;
    } table[] = {
        {engine, good, NULL, 2, scores, logits, r, OK, ""},
        {engine, good, lengths, 2, scores, NULL, r, OK, ""},
        {engine, null, lengths, 2, NULL, logits, MOST, OK, ""},
        {engine, good, NULL, 0, scores, logits, r, OK, ""},
        {engine, NULL, NULL, 0, NULL, NULL, 0, OK, ""},
        {NULL, good, NULL, 2, scores, logits, r, ARGUMENT, "engine"},
        {CROOKED(nimbert_engine *), good, NULL, 2, scores, logits, r, ARGUMENT, "engine"},
        {engine, NULL, NULL, 2, scores, logits, r, ARGUMENT, "texts"},
        {engine, CROOKED(const char *const *), NULL, 2, scores, logits, r, ARGUMENT, "texts"},
        {engine, null, NULL, 2, scores, logits, r, ARGUMENT, "texts[1]"},
        {engine, null, cut, 2, scores, logits, r, ARGUMENT, "texts[1]"},
        {engine, good, CROOKED(size_t *), 2, scores, logits, r, ARGUMENT, "lengths"},
        {engine, good, huge, 2, scores, logits, r, ARGUMENT, "texts[1]"},
        {engine, good, long_, 2, scores, logits, r, ARGUMENT, "texts[1]"},
        {engine, good, half, 2, scores, logits, r, NIMBERT_STATUS_UTF8, "texts[0]"},
        {engine, latin1, NULL, 2, scores, logits, r, NIMBERT_STATUS_UTF8, "texts[1]: not UTF-8 at byte 3"},
        {engine, good, NULL, 2, NULL, NULL, r, ARGUMENT, "scores and logits"},
        {engine, good, NULL, 2, CROOKED(float *), logits, r, ARGUMENT, "scores"},
        {engine, good, NULL, 2, scores, CROOKED(float *), r, ARGUMENT, "logits"},
        {engine, good, NULL, 2, scores, scores, r, ARGUMENT, "overlap"},
        {engine, good, NULL, 2, scores, scores + r - 1, r, ARGUMENT, "overlap"},
        {engine, good, NULL, 2, scores, logits, r - 1, NIMBERT_STATUS_CAPACITY, "10"},
        {engine, good, NULL, 2, scores, logits, 0, NIMBERT_STATUS_CAPACITY, "10"},
        {engine, good, NULL, MOST, scores, logits, r, ARGUMENT, "count"},
        {engine, good, NULL, MOST / 4, scores, logits, MOST, ARGUMENT, "count"},
        {engine, good, NULL, MOST / 64, scores, logits, r, NIMBERT_STATUS_CAPACITY, "needed"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char what[32];
        snprintf(what, sizeof what, "classify, row %zu", i);
        check_status(what,
                     nimbert_classify(table[i].engine, table[i].texts, table[i].lengths, table[i].count,
                                      table[i].scores, table[i].logits, table[i].capacity),
                     table[i].status, table[i].words);
        const nimbert_status status = nimbert_classify_pairs(table[i].engine, good, NULL, table[i].texts,
                                                             table[i].lengths, table[i].count, table[i].scores,
                                                             table[i].logits, table[i].capacity);
        /* The same columns, but for the name of the texts. */
        CHECK(status == table[i].status);
        CHECK(nimbert_classify_pairs(table[i].engine, table[i].texts, table[i].lengths, good, NULL, table[i].count,
                                     table[i].scores, table[i].logits, table[i].capacity) == table[i].status);
    }
    check_status("seconds", nimbert_classify_pairs(engine, good, NULL, NULL, NULL, 1, scores, NULL, r), ARGUMENT,
                 "seconds");
    check_status("second_lengths",
                 nimbert_classify_pairs(engine, good, NULL, good, CROOKED(size_t *), 1, scores, NULL, r), ARGUMENT,
                 "second_lengths");
}

static void classify_ids(const nimbert_engine *engine)
{
    static float scores[2 * LABELS];
    static uint32_t many[600];
    const uint32_t ids[] = {2, 7, 3, 2, 3}, bad[] = {2, 7, 3, 2, UINT32_MAX};
    const uint32_t types[] = {0, 0, 1, 0, 0}, third[] = {0, 0, 2, 0, 0};
    const size_t rows[] = {0, 3, 5}, late[] = {1, 3, 5}, back[] = {0, 3, 2}, empty[] = {0, 3, 3}, huge[] = {0, 3, MOST},
                 far[] = {0, 3, MOST / 8}, long_[] = {0, 513, 513 + 2};
    const size_t r = 2 * LABELS;
    const struct {
        const nimbert_engine *engine;
        const uint32_t *ids, *types;
        const size_t *rows;
        size_t count;
        nimbert_status status;
        const char *words;
    } table[] = {
        {engine, ids, NULL, rows, 2, OK, ""},
        {engine, ids, types, rows, 2, OK, ""},
        {engine, NULL, NULL, NULL, 0, OK, ""},
        {NULL, ids, types, rows, 2, ARGUMENT, "engine"},
        {engine, NULL, types, rows, 2, ARGUMENT, "token_ids"},
        {engine, CROOKED(uint32_t *), types, rows, 2, ARGUMENT, "token_ids"},
        {engine, ids, CROOKED(uint32_t *), rows, 2, ARGUMENT, "token_type_ids"},
        {engine, ids, types, NULL, 2, ARGUMENT, "cu_seqlens"},
        {engine, ids, types, CROOKED(size_t *), 2, ARGUMENT, "cu_seqlens"},
        {engine, ids, types, late, 2, ARGUMENT, "cu_seqlens[0]"},
        {engine, ids, types, back, 2, ARGUMENT, "cu_seqlens[2]"},
        {engine, ids, types, huge, 2, NIMBERT_STATUS_TEXT, "text 1"},
        {engine, NULL, NULL, far, 2, NIMBERT_STATUS_TEXT, "text 1"},
        {engine, ids, types, empty, 2, NIMBERT_STATUS_TEXT, "text 1"},
        {engine, bad, types, rows, 2, NIMBERT_STATUS_TEXT, "text 1"},
        {engine, ids, third, rows, 2, NIMBERT_STATUS_TEXT, "text 0"},
        {engine, many, NULL, long_, 2, NIMBERT_STATUS_TEXT, "text 0: 513 tokens, at most 512"},
        {engine, ids, types, rows, MOST, ARGUMENT, "count"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char what[32];
        snprintf(what, sizeof what, "ids, row %zu", i);
        check_status(what,
                     nimbert_classify_ids(table[i].engine, table[i].ids, table[i].types, table[i].rows, table[i].count,
                                          scores, NULL, r),
                     table[i].status, table[i].words);
    }
    check_status("ids capacity", nimbert_classify_ids(engine, ids, types, rows, 2, scores, NULL, r - 1),
                 NIMBERT_STATUS_CAPACITY, "10");
    static union {
        uint32_t ids[2 * LABELS];
        float scores[2 * LABELS];
    } shared;
    check_status("ids overlap", nimbert_classify_ids(engine, shared.ids, NULL, rows, 2, shared.scores, NULL, r), ARGUMENT,
                 "overlap");
    check_status("types overlap", nimbert_classify_ids(engine, ids, shared.ids, rows, 2, NULL, shared.scores, r), ARGUMENT,
                 "overlap");
    check_status("ids nowhere", nimbert_classify_ids(engine, ids, types, rows, 2, NULL, NULL, r), ARGUMENT, "scores");
}

static void tokenize(const nimbert_engine *engine)
{
    static uint32_t ids[MANY], types[MANY];
    size_t count;
    const char *text = "好看", *bad = "caf\xe9";
    const struct {
        const nimbert_engine *engine;
        const char *text;
        size_t length;
        const char *pair;
        size_t pair_length;
        uint32_t *ids, *types;
        size_t capacity;
        size_t *count;
        nimbert_status status;
        const char *words;
    } table[] = {
        {engine, text, 6, NULL, 0, ids, types, MANY, &count, OK, ""},
        {engine, text, 6, text, 6, ids, NULL, MANY, &count, OK, ""},
        {engine, NULL, 0, NULL, 9, NULL, NULL, 0, &count, OK, ""},
        {NULL, text, 6, NULL, 0, ids, types, MANY, &count, ARGUMENT, "engine"},
        {engine, NULL, 6, NULL, 0, ids, types, MANY, &count, ARGUMENT, "text"},
        {engine, text, MOST, NULL, 0, ids, types, MANY, &count, ARGUMENT, "text"},
        {engine, text, 5, NULL, 0, ids, types, MANY, &count, NIMBERT_STATUS_UTF8, "text: not UTF-8 at byte 3"},
        {engine, bad, 4, NULL, 0, ids, types, MANY, &count, NIMBERT_STATUS_UTF8, "text"},
        {engine, text, 6, bad, 4, ids, types, MANY, &count, NIMBERT_STATUS_UTF8, "pair"},
        {engine, text, 6, text, MOST, ids, types, MANY, &count, ARGUMENT, "pair"},
        {engine, text, 6, NULL, 0, CROOKED(uint32_t *), types, MANY, &count, ARGUMENT, "token_ids"},
        {engine, text, 6, NULL, 0, ids, CROOKED(uint32_t *), MANY, &count, ARGUMENT, "token_type_ids"},
        {engine, text, 6, NULL, 0, ids, types, 3, &count, NIMBERT_STATUS_CAPACITY, "4 are needed"},
        {engine, text, 6, NULL, 0, NULL, types, 0, &count, NIMBERT_STATUS_CAPACITY, "4 are needed"},
        {engine, text, 6, NULL, 0, ids, ids, MANY, &count, ARGUMENT, "overlap"},
        {engine, text, 6, NULL, 0, ids, ids + 3, MANY, &count, ARGUMENT, "overlap"},
        {engine, text, 6, NULL, 0, (uint32_t *)&count, NULL, MANY, &count, ARGUMENT, "overlap"},
        {engine, text, 6, NULL, 0, ids, types, MANY, NULL, ARGUMENT, "count"},
        {engine, text, 6, NULL, 0, ids, types, MANY, CROOKED(size_t *), ARGUMENT, "count"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char what[32];
        snprintf(what, sizeof what, "tokenize, row %zu", i);
        check_status(what,
                     nimbert_tokenize(table[i].engine, table[i].text, table[i].length, table[i].pair,
                                      table[i].pair_length, table[i].ids, table[i].types, table[i].capacity,
                                      table[i].count),
                     table[i].status, table[i].words);
    }
}

static void long_texts(const char *model)
{
    nimbert_options options;
    nimbert_engine *engine;
    nimbert_options_init(&options, sizeof options);
    options.max_tokens = 4;
    options.on_long = NIMBERT_ON_LONG_ERROR;
    check_status("load", nimbert_load(model, &options, &engine), OK, "");
    CHECK(nimbert_max_tokens(engine) == 4);
    const char *texts[] = {"好看", "好看好"};
    float scores[2 * LABELS];
    check_status("too long", nimbert_classify(engine, texts, NULL, 2, scores, NULL, 2 * LABELS), NIMBERT_STATUS_TEXT,
                 "text 1: longer than 4 tokens");
    const uint32_t ids[] = {2, 7, 7, 7, 3};
    const size_t rows[] = {0, 5};
    check_status("long row", nimbert_classify_ids(engine, ids, NULL, rows, 1, scores, NULL, LABELS), NIMBERT_STATUS_TEXT,
                 "text 0: 5 tokens, at most 4");
    nimbert_free(&engine);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    CHECK(nimbert_last_error() == NULL);
    options(argv[1]);
    load(argv[1]);
    nimbert_engine *engine = load_or_exit(argv[1], 1);
    CHECK(nimbert_label_count(engine) == LABELS);
    questions(engine);
    classify(engine);
    classify_ids(engine);
    tokenize(engine);
    nimbert_free(&engine);
    CHECK(engine == NULL);
    nimbert_free(&engine);
    long_texts(argv[1]);
    return finish("arguments");
}
