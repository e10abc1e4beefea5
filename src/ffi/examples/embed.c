/*
 * Which text is nearest to the first? A vector of each, and cosines.
 *
 *   ./embed MODEL TEXT TEXT...
 */
#include <stdio.h>
#include <stdlib.h>

#include "nimbert.h"

/* Ends the program with what the library says. */
static void fail(void)
{
    fprintf(stderr, "embed: %s\n", nimbert_last_error());
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: embed MODEL TEXT TEXT...\n");
        return 2;
    }
    nimbert_options options;
    nimbert_options_init(&options, sizeof options);
    options.flags = NIMBERT_FLAGS_NORMALIZE; /* of vectors of length 1 the cosine is the sum of products */
    nimbert_engine *engine;
    if (nimbert_load(argv[1], &options, &engine) != NIMBERT_STATUS_OK)
        fail();

    const char *const *texts = (const char *const *)argv + 2;
    size_t count = (size_t)argc - 2, width = nimbert_dimensions(engine);
    float *vectors = malloc(count * width * sizeof *vectors);
    if (vectors == NULL) {
        perror("embed");
        return 1;
    }
    if (nimbert_embed(engine, texts, NULL, count, vectors, count * width) != NIMBERT_STATUS_OK)
        fail();

    for (size_t i = 1; i < count; i++) {
        float cosine = 0;
        for (size_t j = 0; j < width; j++)
            cosine += vectors[j] * vectors[i * width + j];
        printf("%.3f  %s\n", cosine, texts[i]);
    }
    free(vectors);
    nimbert_free(&engine);
    return 0;
}
