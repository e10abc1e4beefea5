/*
 * Stars for film comments: the shortest whole program.
 *
 *   ./classify MODEL TEXT...
 */
#include <stdio.h>
#include <stdlib.h>

#include "nimbert.h"

/* Ends the program with what the library says. */
static void fail(void)
{
    fprintf(stderr, "classify: %s\n", nimbert_last_error());
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: classify MODEL TEXT...\n");
        return 2;
    }
    nimbert_engine *engine;
    if (nimbert_load(argv[1], NULL, &engine) != NIMBERT_STATUS_OK)
        fail();

    const char *const *texts = (const char *const *)argv + 2;
    size_t count = (size_t)argc - 2, labels = nimbert_label_count(engine);
    float *scores = calloc(count * labels, sizeof *scores);
    if (scores == NULL) {
        perror("classify");
        return 1;
    }
    /* The texts end with a NUL, so no lengths; of the model's outputs the scores will do, so no logits. */
    if (nimbert_classify(engine, texts, NULL, count, scores, NULL, count * labels) != NIMBERT_STATUS_OK)
        fail();

    for (size_t i = 0; i < count; i++) {
        const float *row = scores + i * labels;
        size_t best = 0;
        for (size_t label = 1; label < labels; label++)
            if (row[label] > row[best])
                best = label;
        printf("%-8s %.3f  %s\n", nimbert_label(engine, best), row[best], texts[i]);
    }
    free(scores);
    nimbert_free(&engine);
    return 0;
}
