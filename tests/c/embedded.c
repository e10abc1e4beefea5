/*
 * A model that is linked into the program is used where it lies: no memory is taken for it, unless that is asked for.
 *
 *   cc -DMODEL='"model.nimbert"' embedded.c ... && ./embedded-memory
 *
 * Linux alone tells which memory is the process's own.
 */
#include "check.h"

__asm__(".pushsection .rodata.model, \"a\"\n"
        ".balign 64\n"
        ".global model_start\n"
        "model_start: .incbin \"" MODEL "\"\n"
        ".global model_end\n"
        "model_end: .byte 0\n"
        ".popsection\n");
extern const char model_start[], model_end[];

/* Resident KiB that no file is behind. */
static unsigned long own_memory(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL);
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "RssAnon: %lu", &kib) == 1)
            break;
    if (status != NULL)
        fclose(status);
    CHECK(kib > 0);
    return kib;
}

static unsigned long memory_with(uint32_t flags)
{
    nimbert_options options;
    nimbert_engine *engine;
    const char *text = "好看";
    float scores[5];
    nimbert_options_init(&options, sizeof options);
    options.threads = 1;
    options.flags = flags;
    check_status("load", nimbert_load_memory(model_start, (size_t)(model_end - model_start), &options, &engine),
                 NIMBERT_STATUS_OK, "");
    check_status("classify", nimbert_classify(engine, &text, NULL, 1, scores, NULL, 5), NIMBERT_STATUS_OK, "");
    unsigned long kib = own_memory();
    nimbert_free(&engine);
    return kib;
}

int main(void)
{
    const unsigned long model = (unsigned long)(model_end - model_start) >> 10, in_place = memory_with(0),
                        copied = memory_with(NIMBERT_FLAGS_COPY_WEIGHTS);
    printf("embedded: model %lu KiB; own memory %lu KiB in place, %lu copied\n", model, in_place, copied);
    /* What is left is the vocabulary's index, scales, and buffers. */
    CHECK(in_place < model / 4);
    /* The layers' weights are two thirds of this model, the words, which are never copied, one. */
    CHECK(copied > in_place + model / 2);
    return finish("embedded");
}
