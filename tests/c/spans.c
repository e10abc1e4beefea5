/*
 * Entities and answers: the same by every way in, in bytes of the text, and a code for every wrong argument.
 *
 *   ./spans TOKEN_CLASSIFIER QUESTION_ANSWERER
 *
 * The models are family/bert-ner and family/bert-qa of what lies beside the repository.
 */
#include <stdint.h>

#include "check.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define CROOKED(type) ((type)(void *)((char *)buffer + 1))
#define ARGUMENT NIMBERT_STATUS_ARGUMENT
#define OK NIMBERT_STATUS_OK

enum { TEXTS = 4, ROOM = 256 };
static uint64_t buffer[64];
static const size_t MOST = SIZE_MAX;
static const char *const TEXT[TEXTS] = {"什么玩意儿...", "", "at $31.07 each", "An honest film about a dishonest town"};
static const char *const QUESTION[] = {"Who met Maria?", "电影好看吗？"};
static const char *const CONTEXT[] = {
    "The harbour pilot from Lisbon met Maria Olsen of the Northern Grain Board on Tuesday",
    "隔壁一个阿姨看哭了特效无可挑剔。三傻感觉把在临冬城受的气都还回来了",
};

static nimbert_engine *load(const char *path, nimbert_options options)
{
    nimbert_engine *engine = NULL;
    options.size = sizeof options;
    options.threads = options.threads ? options.threads : 1;
    check_status(path, nimbert_load(path, &options, &engine), OK, "");
    if (engine == NULL)
        exit(1);
    return engine;
}

static void check_refused(const char *path, nimbert_options options, nimbert_status status, const char *words)
{
    nimbert_engine *engine = (nimbert_engine *)buffer;
    options.size = sizeof options;
    check_status(words, nimbert_load(path, &options, &engine), status, words);
    CHECK(engine == NULL);
}

/* Whether a span is these bytes of its text; `label` may be NULL. */
static int is(const nimbert_span *span, const char *const *texts, const char *label, const char *bytes)
{
    size_t length = span->end - span->start;
    int same_label = label == NULL ? span->label == NULL : span->label != NULL && strcmp(span->label, label) == 0;
    return same_label && length == strlen(bytes) && memcmp(texts[span->text] + span->start, bytes, length) == 0;
}

/* Some spans of text `first` and after it, against those of all texts. */
static void check_same(const nimbert_span *some, size_t found, const nimbert_span *all, size_t first)
{
    for (size_t i = 0; i < found; i++) {
        CHECK(some[i].text + first == all[i].text && some[i].start == all[i].start && some[i].end == all[i].end);
        CHECK(memcmp(&some[i].score, &all[i].score, sizeof(float)) == 0 && some[i].token == all[i].token);
    }
}

static void entities(const char *path)
{
    static nimbert_span all[ROOM], one[ROOM], on_two[ROOM];
    size_t found, alone, again, at = 0;
    nimbert_engine *engine = load(path, (nimbert_options){0}), *two = load(path, (nimbert_options){.threads = 2});
    CHECK(nimbert_label_count(engine) == 7 && strcmp(nimbert_label(engine, 0), "O") == 0);
    check_status("all", nimbert_tag(engine, TEXT, NULL, TEXTS, all, ROOM, &found), OK, "");
    check_status("two", nimbert_tag(two, TEXT, NULL, TEXTS, on_two, ROOM, &again), OK, "");
    CHECK(found == again);
    check_same(on_two, again, all, 0);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = strlen(TEXT[i]);
        check_status("one", nimbert_tag(engine, &TEXT[i], &length, 1, one, ROOM, &alone), OK, "");
        CHECK(at + alone <= found);
        check_same(one, alone, all + at, i);
        at += alone;
    }
    CHECK(at == found && found > 2);
    CHECK(is(&all[0], TEXT, "ORG", "什么玩意") && is(&all[1], TEXT, "ORG", "..") && is(&all[2], TEXT, "ORG", TEXT[2]));
    CHECK(all[2].text == 2 && all[0].token == 0);

    check_status("count", nimbert_tag(engine, TEXT, NULL, TEXTS, NULL, 0, &again), OK, "");
    CHECK(again == found);
    check_status("exact", nimbert_tag(engine, TEXT, NULL, TEXTS, one, found, &again), OK, "");
    check_same(one, found, all, 0);
    again = 0;
    check_status("small", nimbert_tag(engine, TEXT, NULL, TEXTS, one, found - 1, &again), NIMBERT_STATUS_CAPACITY, "needed");
    CHECK(again == found);
    check_status("none", nimbert_tag(engine, NULL, NULL, 0, NULL, 0, &again), OK, "");
    CHECK(again == 0);
    nimbert_free(&engine);
    nimbert_free(&two);
}

/* Single tokens have the labels and places of nimbert_tokenize; what is ignored is told; windows read all of a text. */
static void as_the_options_say(const char *path)
{
    static nimbert_span tokens[ROOM], others[ROOM];
    static char long_text[40 * 64 + 1];
    static const char *const nothing[] = {NULL}, *const o[] = {"O", NULL}, *const bad[] = {"O", "\xff", NULL};
    const char *text = TEXT[2], *whole = long_text;
    size_t count, found, rest, in_windows;
    nimbert_engine *every =
        load(path, (nimbert_options){.aggregation = NIMBERT_AGGREGATION_NONE, .ignore_labels = nothing});
    nimbert_engine *usual = load(path, (nimbert_options){.aggregation = NIMBERT_AGGREGATION_NONE, .ignore_labels = o});
    check_status("tokens", nimbert_tokenize(every, text, strlen(text), NULL, 0, NULL, NULL, 0, &count), OK, "");
    check_status("every", nimbert_tag(every, &text, NULL, 1, tokens, ROOM, &found), OK, "");
    check_status("usual", nimbert_tag(usual, &text, NULL, 1, others, ROOM, &rest), OK, "");
    CHECK(found == count - 2 && rest > 0 && rest <= found);
    for (size_t i = 0, other = 0; i < found; i++) {
        CHECK(tokens[i].token == i + 1);
        int is_nothing = strcmp(tokens[i].label, "O") == 0;
        CHECK(is_nothing || (other < rest && others[other].token == tokens[i].token));
        other += !is_nothing;
    }
    for (int i = 0; i < 40; i++)
        strcat(long_text, "An honest film about a dishonest town ");
    nimbert_engine *windows = load(path, (nimbert_options){.stride = 8, .max_tokens = 32});
    nimbert_engine *cut = load(path, (nimbert_options){.max_tokens = 32});
    check_status("windows", nimbert_tag(windows, &whole, NULL, 1, others, ROOM, &in_windows), OK, "");
    check_status("cut", nimbert_tag(cut, &whole, NULL, 1, tokens, ROOM, &found), OK, "");
    CHECK(in_windows > found && others[in_windows - 1].end > strlen(whole) / 2);
    CHECK(found > 0 && found <= nimbert_max_tokens(cut));
    nimbert_engine *long_stride = load(path, (nimbert_options){.stride = 30, .max_tokens = 32});
    check_status("stride", nimbert_tag(long_stride, &whole, NULL, 1, others, ROOM, &found), NIMBERT_STATUS_OPTION,
                 "stride: 30 tokens");
    check_refused(path, (nimbert_options){.aggregation = 5}, NIMBERT_STATUS_OPTION, "options.aggregation: 5");
    check_refused(path, (nimbert_options){.ignore_labels = bad}, NIMBERT_STATUS_UTF8, "options.ignore_labels[1]");
    check_refused(path, (nimbert_options){.ignore_labels = CROOKED(const char *const *)}, ARGUMENT, "options.ignore_labels");
    nimbert_engine *engines[] = {every, usual, windows, cut, long_stride};
    for (size_t i = 0; i < COUNT(engines); i++)
        nimbert_free(&engines[i]);
}

static void answers(const char *path)
{
    static nimbert_span all[8], one[8], empty[8];
    size_t found, alone, again;
    nimbert_engine *engine = load(path, (nimbert_options){0});
    nimbert_engine *maybe = load(path, (nimbert_options){.flags = NIMBERT_FLAGS_HANDLE_IMPOSSIBLE});
    check_status("all", nimbert_answer(engine, QUESTION, NULL, CONTEXT, NULL, 2, 3, all, 6, &found), OK, "");
    CHECK(found == 6 && is(&all[0], CONTEXT, NULL, "Maria Olsen of") && all[0].text == 0);
    CHECK(is(&all[3], CONTEXT, NULL, "效无可挑剔。三") && all[3].text == 1 && all[0].score >= all[1].score);
    for (size_t i = 0; i < 2; i++) {
        size_t lengths[] = {strlen(QUESTION[i]), strlen(CONTEXT[i])};
        check_status("one", nimbert_answer(engine, QUESTION + i, lengths, CONTEXT + i, lengths + 1, 1, 3, one, 3, &alone),
                     OK, "");
        CHECK(alone == 3);
        check_same(one, alone, all + 3 * i, i);
    }
    check_status("empty", nimbert_answer(maybe, QUESTION, NULL, CONTEXT, NULL, 1, 1, empty, 8, &found), OK, "");
    CHECK(found == 1 && empty[0].start == 0 && empty[0].end == 0);
    check_status("count", nimbert_answer(engine, QUESTION, NULL, CONTEXT, NULL, 2, 3, NULL, 0, &again), OK, "");
    CHECK(again == 6);
    check_status("small", nimbert_answer(engine, QUESTION, NULL, CONTEXT, NULL, 2, 3, one, 5, &again),
                 NIMBERT_STATUS_CAPACITY, "6 are needed");
    CHECK(again == 6);
    check_status("many", nimbert_answer(engine, QUESTION, NULL, CONTEXT, NULL, 1, MOST, NULL, 0, &again), OK, "");
    CHECK(again > 6);
    check_status("none", nimbert_answer(engine, NULL, NULL, NULL, NULL, 0, 3, NULL, 0, &again), OK, "");
    CHECK(again == 0);
    const char *nothing[] = {"", " \t"};
    check_status("question", nimbert_answer(engine, nothing, NULL, CONTEXT, NULL, 1, 3, one, 8, &again), NIMBERT_STATUS_TEXT,
                 "text 0: an empty question");
    check_status("context", nimbert_answer(engine, QUESTION, NULL, nothing, NULL, 2, 3, one, 8, &again), NIMBERT_STATUS_TEXT,
                 "text 0: an empty context");
    check_status("top_k", nimbert_answer(engine, QUESTION, NULL, CONTEXT, NULL, 1, 0, one, 8, &again), NIMBERT_STATUS_OPTION,
                 "top-k");
    nimbert_free(&engine);
    nimbert_free(&maybe);
}

/* The same for both functions, but for the name of the texts. */
static void wrong_arguments(const nimbert_engine *tagger, const nimbert_engine *reader)
{
    static nimbert_span out[ROOM];
    size_t found;
    const char *bad[] = {"a", "\xff"}, *null[] = {"a", NULL};
    const size_t huge[] = {1, SIZE_MAX}, lengths[] = {1, 0};
    const struct {
        int engine;
        const char *const *texts;
        const size_t *lengths;
        size_t count;
        nimbert_span *spans;
        size_t *found;
        nimbert_status status;
        const char *words;
    } table[] = {
        {1, bad, NULL, 1, out, &found, OK, ""},
        {0, bad, NULL, 1, out, &found, ARGUMENT, "engine"},
        {1, NULL, NULL, 1, out, &found, ARGUMENT, "s: NULL"},
        {1, CROOKED(const char *const *), NULL, 1, out, &found, ARGUMENT, "s: 0x"},
        {1, bad, CROOKED(size_t *), 2, out, &found, ARGUMENT, "lengths"},
        {1, null, NULL, 2, out, &found, ARGUMENT, "s[1]: NULL"},
        {1, bad, huge, 2, out, &found, ARGUMENT, "s[1]"},
        {1, bad, NULL, MOST, out, &found, ARGUMENT, "too many"},
        {1, bad, NULL, 2, out, &found, NIMBERT_STATUS_UTF8, "s[1]: not UTF-8 at byte 0"},
        {1, bad, NULL, 1, CROOKED(nimbert_span *), &found, ARGUMENT, "spans"},
        {1, bad, NULL, 1, out, NULL, ARGUMENT, "found"},
        {1, bad, NULL, 1, out, CROOKED(size_t *), ARGUMENT, "found"},
        {1, TEXT + 2, NULL, 1, out, (size_t *)&out[0].start, ARGUMENT, "overlap"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char what[32];
        snprintf(what, sizeof what, "spans, row %zu", i);
        check_status(what,
                     nimbert_tag(table[i].engine ? tagger : NULL, table[i].texts, table[i].lengths, table[i].count,
                                 table[i].spans, ROOM, table[i].found),
                     table[i].status, table[i].words);
        const char *const context[] = {CONTEXT[0], CONTEXT[1]};
        for (int side = 0; side < 2; side++)
            check_status(what,
                         nimbert_answer(table[i].engine ? reader : NULL, side ? context : table[i].texts,
                                        side ? NULL : table[i].lengths, side ? table[i].texts : context,
                                        side ? table[i].lengths : NULL, table[i].count, 3, table[i].spans, ROOM,
                                        table[i].found),
                         table[i].status, table[i].words);
    }
    /* A NUL is a character like others where lengths are given, and an empty text needs no pointer. */
    const char *with_nul = "a\0b";
    size_t three = 3;
    check_status("NUL", nimbert_tag(tagger, &with_nul, &three, 1, out, ROOM, &found), OK, "");
    check_status("empty", nimbert_tag(tagger, null, lengths, 2, out, ROOM, &found), OK, "");
    /* Each is told what the other is for. */
    float score;
    check_status("no tagger", nimbert_tag(reader, TEXT, NULL, 1, out, ROOM, &found), NIMBERT_STATUS_MODEL,
                 "has no token classifier; `nimbert answer`");
    check_status("no reader", nimbert_answer(tagger, QUESTION, NULL, CONTEXT, NULL, 1, 1, out, ROOM, &found),
                 NIMBERT_STATUS_MODEL, "has no head that finds answers; `nimbert tag`");
    CHECK(nimbert_label_count(reader) == 0);
    check_status("no classifier", nimbert_classify(reader, TEXT, NULL, 1, &score, NULL, 1), NIMBERT_STATUS_MODEL, "answer");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    entities(argv[1]);
    as_the_options_say(argv[1]);
    answers(argv[2]);
    nimbert_engine *tagger = load(argv[1], (nimbert_options){0}), *reader = load(argv[2], (nimbert_options){0});
    wrong_arguments(tagger, reader);
    nimbert_free(&tagger);
    nimbert_free(&reader);
    return finish("spans");
}
