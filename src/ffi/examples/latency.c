/*
 * How long an answer takes: from nothing, and then again and again.
 *
 *   ./latency MODEL [TOKENS [CALLS]]
 *
 * One thread. The cold start is measured by starting this program anew, eleven times, and runs from just before exec to
 * the first answer; the model file is in the system's cache then. The steady state scores the same token ids CALLS times,
 * and a text of so many tokens.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nimbert.h"

enum { STARTS = 11, MOST_TOKENS = 512, MOST_LABELS = 1024 };

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void fail(const char *what)
{
    fprintf(stderr, "latency: %s\n", what);
    exit(1);
}

static void check(nimbert_status status)
{
    if (status != NIMBERT_STATUS_OK)
        fail(nimbert_last_error());
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value that a share of the sorted ones is not above. */
static double quantile(const double *sorted, int count, double share)
{
    int at = (int)(share * count + 0.999999) - 1;
    return sorted[at < 0 ? 0 : at];
}

static nimbert_engine *load(const char *model)
{
    nimbert_options options;
    nimbert_engine *engine;
    check(nimbert_options_init(&options, sizeof options));
    options.threads = 1;
    check(nimbert_load(model, &options, &engine));
    if (nimbert_label_count(engine) > MOST_LABELS)
        fail("too many labels");
    return engine;
}

/* Chinese characters, each a token in a vocabulary for Chinese, [CLS] and [SEP] not counted. */
static size_t make_text(char *text, int tokens)
{
    char *end = text;
    for (int i = 0; i < tokens - 2; i++) {
        unsigned character = 0x4e00u + 97u * (unsigned)i % 5000u;
        *end++ = (char)(0xe0u | character >> 12);
        *end++ = (char)(0x80u | (character >> 6 & 0x3fu));
        *end++ = (char)(0x80u | (character & 0x3fu));
    }
    return (size_t)(end - text);
}

/* What a start does: prints when main began, when the model was loaded, when the answer was there, in ms since `start`. */
static int cold(const char *model, const char *tokens, const char *start)
{
    double began = now_ms(), origin = atof(start);
    static char buffer[3 * MOST_TOKENS];
    static float scores[MOST_LABELS];
    nimbert_engine *engine = load(model);
    double loaded = now_ms();
    size_t length = make_text(buffer, atoi(tokens));
    const char *text = buffer;
    check(nimbert_classify(engine, &text, &length, 1, scores, NULL, MOST_LABELS));
    double answered = now_ms();
    printf("%.6f %.6f %.6f\n", began - origin, loaded - origin, answered - origin);
    return 0;
}

static void start_anew(char *self, char *model, char *tokens, double at[3])
{
    int ends[2];
    char start[64], line[256] = "";
    if (pipe(ends) != 0)
        fail("no pipe");
    snprintf(start, sizeof start, "%.6f", now_ms());
    pid_t child = fork();
    if (child < 0)
        fail("no process");
    if (child == 0) {
        char *const arguments[] = {self, "--cold", model, tokens, start, NULL};
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    int status;
    if (output == NULL || fgets(line, sizeof line, output) == NULL ||
        sscanf(line, "%lf %lf %lf", &at[0], &at[1], &at[2]) != 3)
        fail("a start gave no times");
    fclose(output);
    waitpid(child, &status, 0);
}

static void cold_starts(char *self, char *model, char *tokens)
{
    static const char *const parts[] = {"to main", "to load", "to answer", "exec to the first answer"};
    double took[4][STARTS];
    for (int i = 0; i < STARTS; i++) {
        double at[3];
        start_anew(self, model, tokens, at);
        took[0][i] = at[0];
        took[1][i] = at[1] - at[0];
        took[2][i] = at[2] - at[1];
        took[3][i] = at[2];
    }
    printf("%d cold starts, ms           min   median      max\n", STARTS);
    for (int part = 0; part < 4; part++) {
        qsort(took[part], STARTS, sizeof(double), ascending);
        printf("  %-24s %7.2f  %7.2f  %7.2f\n", parts[part], took[part][0], took[part][STARTS / 2],
               took[part][STARTS - 1]);
    }
}

static void report(const char *name, double *took, int count)
{
    qsort(took, (size_t)count, sizeof *took, ascending);
    double p50 = quantile(took, count, 0.50), p99 = quantile(took, count, 0.99);
    printf("%-26s %7.3f  %7.3f  %7.3f     %.2f\n", name, took[0], p50, p99, p99 / p50);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--cold") == 0)
        return cold(argv[2], argv[3], argv[4]);
    char *tokens = argc > 2 ? argv[2] : "32";
    int asked = atoi(tokens), calls = argc > 3 ? atoi(argv[3]) : 1000;
    if (argc < 2 || argc > 4 || asked < 2 || asked > MOST_TOKENS || calls < 1) {
        fprintf(stderr, "usage: latency MODEL [TOKENS [CALLS]], 2 to %d tokens\n", MOST_TOKENS);
        return 2;
    }
    static char buffer[3 * MOST_TOKENS];
    static uint32_t ids[3 * MOST_TOKENS];
    static float scores[MOST_LABELS];
    nimbert_engine *engine = load(argv[1]);
    const char *text = buffer;
    size_t length = make_text(buffer, asked), count;
    check(nimbert_tokenize(engine, text, length, NULL, 0, ids, NULL, 3 * MOST_TOKENS, &count));
    if (count > nimbert_max_tokens(engine))
        fail("more tokens than the model allows");
    printf("%s on %s, %zu tokens, 1 thread, nimbert %s\n\n", argv[1], nimbert_isa(engine), count, nimbert_version());
    cold_starts(argv[0], argv[1], tokens);

    double *took = malloc((size_t)calls * sizeof *took);
    if (took == NULL)
        fail("no memory");
    size_t row[2] = {0, count};
    printf("\n%7d calls, ms           min      p50      p99  p99/p50\n", calls);
    for (int call = -20; call < calls; call++) {
        double start = now_ms();
        check(nimbert_classify_ids(engine, ids, NULL, row, 1, scores, NULL, MOST_LABELS));
        took[call < 0 ? 0 : call] = now_ms() - start;
    }
    report("  from token ids", took, calls);
    for (int call = 0; call < calls; call++) {
        double start = now_ms();
        check(nimbert_classify(engine, &text, &length, 1, scores, NULL, MOST_LABELS));
        took[call] = now_ms() - start;
    }
    report("  from text", took, calls);
    free(took);
    nimbert_free(&engine);
    return 0;
}
