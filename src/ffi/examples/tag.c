/*
 * Names and other entities in texts. MODEL is a token classifier.
 *
 *   ./tag MODEL TEXT...
 */
#include <stdio.h>
#include <stdlib.h>

#include "nimbert.h"

/* Ends the program with what the library says. */
static void fail(void)
{
    fprintf(stderr, "tag: %s\n", nimbert_last_error());
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: tag MODEL TEXT...\n");
        return 2;
    }
    nimbert_engine *engine;
    if (nimbert_load(argv[1], NULL, &engine) != NIMBERT_STATUS_OK)
        fail();

    const char *const *texts = (const char *const *)argv + 2;
    /* A text has no more entities than tokens. */
    size_t count = (size_t)argc - 2, room = count * nimbert_max_tokens(engine), found;
    nimbert_span *spans = malloc(room * sizeof *spans);
    if (spans == NULL) {
        perror("tag");
        return 1;
    }
    if (nimbert_tag(engine, texts, NULL, count, spans, room, &found) != NIMBERT_STATUS_OK)
        fail();

    for (size_t i = 0; i < found; i++) {
        const nimbert_span *span = &spans[i];
        printf("%-8s %.3f  %.*s\n", span->label, span->score, (int)(span->end - span->start),
               texts[span->text] + span->start);
    }
    free(spans);
    nimbert_free(&engine);
    return 0;
}
