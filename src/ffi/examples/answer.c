/*
 * The three best answers to a question, as they stand in a text. MODEL was trained to find them.
 *
 *   ./answer MODEL QUESTION TEXT
 */
#include <stdio.h>
#include <stdlib.h>

#include "nimbert.h"

enum { MOST = 3 };

/* Ends the program with what the library says. */
static void fail(void)
{
    fprintf(stderr, "answer: %s\n", nimbert_last_error());
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: answer MODEL QUESTION TEXT\n");
        return 2;
    }
    nimbert_engine *engine;
    if (nimbert_load(argv[1], NULL, &engine) != NIMBERT_STATUS_OK)
        fail();

    const char *question = argv[2], *text = argv[3];
    nimbert_span answers[MOST];
    size_t found;
    if (nimbert_answer(engine, &question, NULL, &text, NULL, 1, MOST, answers, MOST, &found) != NIMBERT_STATUS_OK)
        fail();

    for (size_t i = 0; i < found; i++) {
        int length = (int)(answers[i].end - answers[i].start);
        printf("%.4f  %.*s\n", answers[i].score, length, text + answers[i].start);
    }
    nimbert_free(&engine);
    return 0;
}
