/*
 * A program with its model inside: one file to ship, and still nothing is copied when it starts.
 *
 *   cc -DMODEL='"stars.nimbert"' embedded.c -lnimbert ... -o embedded
 *   ./embedded TEXT...
 */
#include <stdio.h>
#include <stdlib.h>

#include "nimbert.h"

#ifndef MODEL
#error "say which file to link in: -DMODEL='\"stars.nimbert\"'"
#endif

/* The packed file, in a section that is mapped read-only, on the boundary that the library asks for. */
__asm__(".pushsection .rodata.model, \"a\"\n"
        ".balign 64\n"
        ".global model_start\n"
        "model_start: .incbin " "\"" MODEL "\"" "\n"
        ".global model_end\n"
        "model_end: .byte 0\n"
        ".popsection\n");
extern const char model_start[], model_end[];

int main(int argc, char **argv)
{
    nimbert_engine *engine;
    if (nimbert_load_memory(model_start, (size_t)(model_end - model_start), NULL, &engine) != NIMBERT_STATUS_OK) {
        fprintf(stderr, "embedded: %s\n", nimbert_last_error());
        return 1;
    }
    size_t labels = nimbert_label_count(engine);
    float *scores = calloc(labels, sizeof *scores);
    if (scores == NULL) {
        perror("embedded");
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (nimbert_classify(engine, &text, NULL, 1, scores, NULL, labels) != NIMBERT_STATUS_OK) {
            fprintf(stderr, "embedded: %s\n", nimbert_last_error());
            return 1;
        }
        printf("%s\n", text);
        for (size_t label = 0; label < labels; label++)
            printf("  %.3f  %s\n", scores[label], nimbert_label(engine, label));
    }
    free(scores);
    nimbert_free(&engine);
    return 0;
}
