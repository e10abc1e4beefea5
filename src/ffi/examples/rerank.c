/*
 * Documents, the best for a query first. MODEL is a cross-encoder.
 *
 *   ./rerank MODEL QUERY DOCUMENT...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nimbert.h"

/* Ends the program with what the library says. */
static void fail(void)
{
    fprintf(stderr, "rerank: %s\n", nimbert_last_error());
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: rerank MODEL QUERY DOCUMENT...\n");
        return 2;
    }
    nimbert_engine *engine;
    if (nimbert_load(argv[1], NULL, &engine) != NIMBERT_STATUS_OK)
        fail();

    const char *query = argv[2], *const *documents = (const char *const *)argv + 3;
    size_t count = (size_t)argc - 3;
    float *scores = malloc(count * sizeof *scores);
    size_t *order = malloc(count * sizeof *order);
    if (scores == NULL || order == NULL) {
        perror("rerank");
        return 1;
    }
    if (nimbert_rerank(engine, query, strlen(query), documents, NULL, count, scores, order, count) !=
        NIMBERT_STATUS_OK)
        fail();

    for (size_t i = 0; i < count; i++)
        printf("%.4f  %s\n", scores[order[i]], documents[order[i]]);
    free(order);
    free(scores);
    nimbert_free(&engine);
    return 0;
}
