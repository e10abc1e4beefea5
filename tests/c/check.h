/* What the tests in C share: a failed check says where and what, and the program ends with 1 after all of them. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nimbert.h"

static int failures;

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                                           \
        }                                                                         \
    } while (0)

/* That a call returned `wanted`, and where that is a failure that its message has `words` in it. */
static inline void check_status(const char *what, nimbert_status got, nimbert_status wanted, const char *words)
{
    const char *message = nimbert_last_error();
    if (got != wanted) {
        fprintf(stderr, "%s: status %d, not %d: %s\n", what, (int)got, (int)wanted, message ? message : "");
        failures++;
    } else if (wanted != NIMBERT_STATUS_OK && (message == NULL || strstr(message, words) == NULL)) {
        fprintf(stderr, "%s: no \"%s\" in \"%s\"\n", what, words, message ? message : "");
        failures++;
    }
}

/* The model, on `threads` threads; ends the program if there is none. */
static inline nimbert_engine *load_or_exit(const char *path, uint32_t threads)
{
    nimbert_options options;
    nimbert_engine *engine = NULL;
    nimbert_options_init(&options, sizeof options);
    options.threads = threads;
    if (nimbert_load(path, &options, &engine) != NIMBERT_STATUS_OK) {
        fprintf(stderr, "%s\n", nimbert_last_error());
        exit(1);
    }
    return engine;
}

static inline int finish(const char *name)
{
    if (failures == 0)
        printf("%s: all is as it should be\n", name);
    return failures != 0;
}

#endif
