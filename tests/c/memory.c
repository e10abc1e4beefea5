/*
 * Resident memory after 20,000 texts of random length is what it was before them.
 *
 *   ./memory MODEL [TEXTS]
 *
 * Linux alone tells how much memory is resident in a way that is read here.
 */
#define _POSIX_C_SOURCE 200809L
#include <unistd.h>

#include "check.h"

enum { CHARACTERS = 62, LABELS = 5 };

static unsigned long resident(void)
{
    unsigned long all, pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL && fscanf(statm, "%lu %lu", &all, &pages) == 2);
    if (statm != NULL)
        fclose(statm);
    return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

/* Numbers that are the same in every run. */
static size_t below(size_t bound)
{
    static uint32_t state = 7;
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % bound;
}

static void go_through(const nimbert_engine *engine, const char *longest, long texts)
{
    float scores[LABELS];
    for (long i = 0; i < texts; i++) {
        size_t length = 3 * below(CHARACTERS + 1);
        check_status("text", nimbert_classify(engine, &longest, &length, 1, scores, NULL, LABELS), NIMBERT_STATUS_OK, "");
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    const long texts = argc > 2 ? atol(argv[2]) : 20000;
    static char longest[3 * CHARACTERS];
    for (int i = 0; i < CHARACTERS; i++)
        memcpy(longest + 3 * i, i % 7 == 6 ? "，" : i % 2 ? "好" : "看", 3);
    nimbert_engine *engine = load_or_exit(argv[1], 1);
    /* Buffers and the system's allocator have seen what is to come, and the words are mapped. */
    go_through(engine, longest, texts / 10);
    unsigned long before = resident();
    go_through(engine, longest, texts);
    unsigned long after = resident();
    printf("memory: %lu KiB, after %ld more texts %lu KiB\n", before >> 10, texts, after >> 10);
    /* 13 bytes lost with each text would be more. */
    CHECK(after <= before + (256ul << 10));
    nimbert_free(&engine);
    return finish("memory");
}
