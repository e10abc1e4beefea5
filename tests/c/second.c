/*
 * Two libraries in Rust in one program: each works, and each catches its own panics.
 *
 *   ./second MODEL
 */
#include "check.h"

int second_panics(int count);

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: second MODEL\n");
        return 2;
    }
    const char *text = "太好看了，笑中带泪，强烈推荐！";
    float before[64], after[64];
    nimbert_engine *engine;
    check_status("load", nimbert_load(argv[1], NULL, &engine), NIMBERT_STATUS_OK, "");
    size_t labels = nimbert_label_count(engine);
    CHECK(labels > 0 && labels <= 64);
    check_status("first", nimbert_classify(engine, &text, NULL, 1, before, NULL, labels), NIMBERT_STATUS_OK, "");
    CHECK(second_panics(8) == 8);
    check_status("second", nimbert_classify(engine, &text, NULL, 1, after, NULL, labels), NIMBERT_STATUS_OK, "");
    CHECK(memcmp(before, after, labels * sizeof *before) == 0);
    nimbert_free(&engine);
    return finish("second");
}
