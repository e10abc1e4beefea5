/*
 * Vectors and ranks: the same bits by every way in, in memory of the program, and a code for every wrong argument.
 *
 *   ./vectors MODEL CROSS_ENCODER
 */
#include <math.h>
#include <stdint.h>

#include "check.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define CROOKED(type) ((type)(void *)((char *)buffer + 1))
#define ARGUMENT NIMBERT_STATUS_ARGUMENT
#define OK NIMBERT_STATUS_OK

enum { TEXTS = 4, MOST_WIDTH = 1024 };
static uint64_t buffer[64];
static const size_t MOST = SIZE_MAX;
static const char *const TEXT[TEXTS] = {"太好看了，笑中带泪", "", "很好看，强烈推荐", "👍"};

static nimbert_engine *load(const char *path, nimbert_options options)
{
    nimbert_engine *engine = NULL;
    options.size = sizeof options;
    check_status(path, nimbert_load(path, &options, &engine), OK, "");
    if (engine == NULL)
        exit(1);
    return engine;
}

static void every_way_in(const char *path)
{
    static float all[TEXTS * MOST_WIDTH], on_two[TEXTS * MOST_WIDTH], one[MOST_WIDTH], from_ids[TEXTS * MOST_WIDTH];
    static uint32_t ids[512], types[512];
    size_t rows[TEXTS + 1] = {0}, lengths[TEXTS];
    nimbert_engine *engine = load(path, (nimbert_options){.threads = 1}), *two = load(path, (nimbert_options){.threads = 2});
    const size_t width = nimbert_dimensions(engine), room = TEXTS * width;
    CHECK(width > 0 && width <= MOST_WIDTH);
    check_status("all", nimbert_embed(engine, TEXT, NULL, TEXTS, all, room), OK, "");
    check_status("two", nimbert_embed(two, TEXT, NULL, TEXTS, on_two, room), OK, "");
    CHECK(memcmp(all, on_two, room * sizeof *all) == 0);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t count;
        lengths[i] = strlen(TEXT[i]);
        check_status("one", nimbert_embed(engine, &TEXT[i], &lengths[i], 1, one, width), OK, "");
        CHECK(memcmp(one, all + i * width, width * sizeof *one) == 0);
        check_status("tokens",
                     nimbert_tokenize(engine, TEXT[i], lengths[i], NULL, 0, ids + rows[i], types + rows[i],
                                      512 - rows[i], &count),
                     OK, "");
        rows[i + 1] = rows[i] + count;
    }
    check_status("ids", nimbert_embed_ids(engine, ids, types, rows, TEXTS, from_ids, room), OK, "");
    CHECK(memcmp(from_ids, all, room * sizeof *all) == 0);
    check_status("no types", nimbert_embed_ids(engine, ids, NULL, rows, TEXTS, from_ids, room), OK, "");
    CHECK(memcmp(from_ids, all, room * sizeof *all) == 0);
    check_status("ids overlap", nimbert_embed_ids(engine, (uint32_t *)from_ids, NULL, rows, TEXTS, from_ids, room),
                 ARGUMENT, "overlap");
    nimbert_free(&engine);
    nimbert_free(&two);
}

/* Length 1, fewer numbers, a prompt, and another pooling, as the options say. */
static void as_the_options_say(const char *path)
{
    static float whole[MOST_WIDTH], cut[16], prompted[MOST_WIDTH], joined[MOST_WIDTH], first[MOST_WIDTH];
    const char *text = "好看", *both = "真好看";
    nimbert_engine *plain = load(path, (nimbert_options){.threads = 1});
    nimbert_engine *short_ =
        load(path, (nimbert_options){.threads = 1, .flags = NIMBERT_FLAGS_NORMALIZE, .dimensions = 16});
    nimbert_engine *cls = load(path, (nimbert_options){.threads = 1, .pooling = NIMBERT_POOLING_CLS});
    nimbert_engine *prompt = load(path, (nimbert_options){.threads = 1, .prompt = "真"});
    const size_t width = nimbert_dimensions(plain);
    CHECK(nimbert_dimensions(short_) == 16 && nimbert_dimensions(cls) == width);
    check_status("whole", nimbert_embed(plain, &text, NULL, 1, whole, width), OK, "");
    check_status("cut", nimbert_embed(short_, &text, NULL, 1, cut, 16), OK, "");
    double length = 0;
    for (size_t i = 0; i < 16; i++)
        length += (double)cut[i] * cut[i];
    CHECK(fabs(length - 1) < 1e-6);
    CHECK(fabsf(cut[0] * whole[1] - cut[1] * whole[0]) < 1e-6f);
    check_status("joined", nimbert_embed(plain, &both, NULL, 1, joined, width), OK, "");
    check_status("prompted", nimbert_embed(prompt, &text, NULL, 1, prompted, width), OK, "");
    CHECK(memcmp(joined, prompted, width * sizeof *joined) == 0);
    check_status("cls", nimbert_embed(cls, &text, NULL, 1, first, width), OK, "");
    CHECK(memcmp(first, whole, width * sizeof *first) != 0);
    nimbert_free(&plain);
    nimbert_free(&short_);
    nimbert_free(&cls);
    nimbert_free(&prompt);
}

static void wrong_options(const char *path)
{
    const struct {
        nimbert_options options;
        const char *words;
    } table[] = {
        {{.pooling = 7}, "options.pooling: 7"},
        {{.dimensions = UINT32_MAX}, "dimensions"},
        {{.prompt_name = "query"}, "prompt-name"},
        {{.prompt = "a", .prompt_name = "b"}, "both are given"},
        {{.flags = 32}, "options.flags: 32"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        nimbert_options options = table[i].options;
        nimbert_engine *engine;
        options.size = sizeof options;
        check_status("option", nimbert_load(path, &options, &engine), NIMBERT_STATUS_OPTION, table[i].words);
    }
    nimbert_options options = {.size = sizeof options, .prompt = "\xff"};
    nimbert_engine *engine;
    check_status("prompt", nimbert_load(path, &options, &engine), NIMBERT_STATUS_UTF8, "options.prompt");
}

static void wrong_arguments(const char *path)
{
    static float out[TEXTS * MOST_WIDTH];
    nimbert_engine *engine = load(path, (nimbert_options){.threads = 1});
    const size_t width = nimbert_dimensions(engine), r = TEXTS * width;
    const char *bad[] = {"a", "\xff"};
    const struct {
        const nimbert_engine *engine;
        const char *const *texts;
        size_t count;
        float *vectors;
        size_t capacity;
        nimbert_status status;
        const char *words;
    } table[] = {
        {engine, NULL, 0, NULL, 0, OK, ""},
        {NULL, TEXT, 1, out, r, ARGUMENT, "engine"},
        {engine, NULL, 1, out, r, ARGUMENT, "texts"},
        {engine, CROOKED(const char *const *), 1, out, r, ARGUMENT, "texts"},
        {engine, TEXT, 1, NULL, r, ARGUMENT, "vectors"},
        {engine, TEXT, 1, CROOKED(float *), r, ARGUMENT, "vectors"},
        {engine, TEXT, 1, out, width - 1, NIMBERT_STATUS_CAPACITY, "needed"},
        {engine, TEXT, MOST, out, r, ARGUMENT, "count"},
        {engine, bad, 2, out, r, NIMBERT_STATUS_UTF8, "texts[1]"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char what[32];
        snprintf(what, sizeof what, "embed, row %zu", i);
        check_status(what,
                     nimbert_embed(table[i].engine, table[i].texts, NULL, table[i].count, table[i].vectors,
                                   table[i].capacity),
                     table[i].status, table[i].words);
    }
    CHECK(nimbert_dimensions(NULL) == 0);
    check_status("no cross-encoder", nimbert_rerank(engine, "a", 1, TEXT, NULL, 1, out, NULL, 1), NIMBERT_STATUS_MODEL,
                 "labels");
    nimbert_free(&engine);
}

static void ranks(const char *path)
{
    const char *documents[] = {"一丁", "丁七万", "七", "丁七万"}, *query = "一";
    float scores[4], again;
    size_t order[4];
    nimbert_engine *engine = load(path, (nimbert_options){.threads = 1});
    CHECK(nimbert_label_count(engine) == 1);
    check_status("rank", nimbert_rerank(engine, query, strlen(query), documents, NULL, 4, scores, order, 4), OK, "");
    for (size_t i = 0; i < 4; i++) {
        check_status("one", nimbert_rerank(engine, query, strlen(query), documents + i, NULL, 1, &again, NULL, 1), OK, "");
        CHECK(again == scores[i]);
        /* Best first, and of equals the first. */
        CHECK(i == 0 || scores[order[i - 1]] > scores[order[i]] ||
              (scores[order[i - 1]] == scores[order[i]] && order[i - 1] < order[i]));
    }
    check_status("none", nimbert_rerank(engine, query, strlen(query), NULL, NULL, 0, NULL, NULL, 0), OK, "");
    check_status("query", nimbert_rerank(engine, " ", 1, documents, NULL, 1, scores, order, 4), ARGUMENT, "query");
    check_status("query", nimbert_rerank(engine, NULL, 1, documents, NULL, 1, scores, order, 4), ARGUMENT, "query");
    check_status("room", nimbert_rerank(engine, query, 3, documents, NULL, 4, scores, order, 3), NIMBERT_STATUS_CAPACITY,
                 "4 are needed");
    check_status("nowhere", nimbert_rerank(engine, query, 3, documents, NULL, 4, NULL, NULL, 4), ARGUMENT, "order");
    check_status("overlap", nimbert_rerank(engine, query, 3, documents, NULL, 4, (float *)order, order, 4), ARGUMENT,
                 "overlap");
    check_status("crooked", nimbert_rerank(engine, query, 3, documents, NULL, 4, NULL, CROOKED(size_t *), 4), ARGUMENT,
                 "order");
    check_status("documents", nimbert_rerank(engine, query, 3, NULL, NULL, 4, scores, order, 4), ARGUMENT, "documents");
    nimbert_free(&engine);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    every_way_in(argv[1]);
    as_the_options_say(argv[1]);
    wrong_options(argv[1]);
    wrong_arguments(argv[1]);
    ranks(argv[2]);
    return finish("vectors");
}
