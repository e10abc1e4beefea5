/*
 * What comes out: the same bits by every way in, on any number of threads, and what the labels and logits say.
 *
 *   ./answers MODEL [alone]
 *
 * alone: without the part in a child process, which leaves its parent's pool behind on purpose: a leak to who looks for them.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { LABELS = 5, TEXTS = 6 };
static const char *const TEXT[TEXTS] = {
    "太好看了，笑中带泪，强烈推荐！", "无聊到睡着", "", "Été 2024: 特效好，故事烂", "👍", "连奥创都知道整容要去韩国",
};

static size_t best(const float *row)
{
    size_t best = 0;
    for (size_t i = 1; i < LABELS; i++)
        best = row[i] > row[best] ? i : best;
    return best;
}

static void every_way_in(nimbert_engine *engine, float scores[TEXTS][LABELS])
{
    static float logits[TEXTS][LABELS], one[LABELS], from_ids[TEXTS][LABELS], only[TEXTS][LABELS];
    static uint32_t ids[512], types[512];
    size_t lengths[TEXTS], rows[TEXTS + 1] = {0};
    const size_t room = TEXTS * LABELS;
    check_status("all", nimbert_classify(engine, TEXT, NULL, TEXTS, *scores, *logits, room), NIMBERT_STATUS_OK, "");
    for (size_t i = 0; i < TEXTS; i++) {
        size_t count;
        lengths[i] = strlen(TEXT[i]);
        check_status("one", nimbert_classify(engine, &TEXT[i], &lengths[i], 1, one, NULL, LABELS), NIMBERT_STATUS_OK, "");
        CHECK(memcmp(one, scores[i], sizeof one) == 0);
        for (size_t label = 0; label < LABELS; label++)
            CHECK(fabsf(scores[i][label] - 1.0f / (1.0f + expf(-logits[i][label]))) < 1e-6f);
        check_status("count", nimbert_tokenize(engine, TEXT[i], lengths[i], NULL, 0, NULL, NULL, 0, &count),
                     NIMBERT_STATUS_OK, "");
        check_status("tokens",
                     nimbert_tokenize(engine, TEXT[i], lengths[i], NULL, 0, ids + rows[i], types + rows[i],
                                      512 - rows[i], &count),
                     NIMBERT_STATUS_OK, "");
        rows[i + 1] = rows[i] + count;
    }
    check_status("ids", nimbert_classify_ids(engine, ids, types, rows, TEXTS, *from_ids, NULL, room), NIMBERT_STATUS_OK, "");
    CHECK(memcmp(from_ids, scores, sizeof from_ids) == 0);
    check_status("no types", nimbert_classify_ids(engine, ids, NULL, rows, TEXTS, NULL, *only, room), NIMBERT_STATUS_OK, "");
    CHECK(memcmp(only, logits, sizeof only) == 0);
}

static void pairs(nimbert_engine *engine)
{
    static float scores[LABELS], from_ids[LABELS], swapped[LABELS];
    static uint32_t ids[64], types[64];
    size_t rows[2] = {0, 0};
    check_status("pair", nimbert_classify_pairs(engine, TEXT, NULL, TEXT + 1, NULL, 1, scores, NULL, LABELS),
                 NIMBERT_STATUS_OK, "");
    check_status("swapped", nimbert_classify_pairs(engine, TEXT + 1, NULL, TEXT, NULL, 1, swapped, NULL, LABELS),
                 NIMBERT_STATUS_OK, "");
    CHECK(memcmp(scores, swapped, sizeof scores) != 0);
    check_status("tokens",
                 nimbert_tokenize(engine, TEXT[0], strlen(TEXT[0]), TEXT[1], strlen(TEXT[1]), ids, types, 64, &rows[1]),
                 NIMBERT_STATUS_OK, "");
    CHECK(types[0] == 0 && types[rows[1] - 1] == 1);
    check_status("ids", nimbert_classify_ids(engine, ids, types, rows, 1, from_ids, NULL, LABELS), NIMBERT_STATUS_OK, "");
    CHECK(memcmp(scores, from_ids, sizeof scores) == 0);
}

/* A child has none of the parent's threads, and answers and frees all the same. */
static void in_a_child(nimbert_engine *engine, float expected[TEXTS][LABELS])
{
    pid_t child = fork();
    if (child == 0) {
        every_way_in(engine, expected);
        nimbert_free(&engine);
        _exit(failures != 0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    static float on_one[TEXTS][LABELS], on_two[TEXTS][LABELS];
    nimbert_engine *one = load_or_exit(argv[1], 1), *two = load_or_exit(argv[1], 2);
    CHECK(nimbert_label_count(one) == LABELS && nimbert_max_tokens(one) == 512);
    every_way_in(one, on_one);
    every_way_in(two, on_two);
    if (argc == 2)
        in_a_child(two, on_two);
    CHECK(memcmp(on_one, on_two, sizeof on_one) == 0);
    CHECK(strcmp(nimbert_label(one, best(on_one[0])), "Star_5") == 0);
    CHECK(strcmp(nimbert_isa(one), nimbert_isa(two)) == 0);
    pairs(one);
    nimbert_free(&one);
    nimbert_free(&two);
    return finish("answers");
}
