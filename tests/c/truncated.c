/*
 * A model file that ends too early, at every STEP-th byte: it loads or errs, from a file and from memory. What lies behind
 * the end is no longer mapped, so that a read there would end this program.
 *
 *   ./truncated MODEL STEP
 */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static void use(nimbert_engine *engine)
{
    const char *text = "好看";
    float scores[5];
    check_status("classify", nimbert_classify(engine, &text, NULL, 1, scores, NULL, 5), NIMBERT_STATUS_OK, "");
}

/* That a load of `size` bytes is refused as damaged, or where they are all there answers. */
static void check_load(nimbert_status status, nimbert_engine *engine, size_t size, size_t whole)
{
    if (size == whole) {
        check_status("whole", status, NIMBERT_STATUS_OK, "");
        use(engine);
    } else {
        check_status("cut", status, NIMBERT_STATUS_MODEL, ":");
        CHECK(engine == NULL);
    }
    nimbert_free(&engine);
}

int main(int argc, char **argv)
{
    struct stat about;
    size_t step = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    int model = step > 0 ? open(argv[1], O_RDONLY) : -1;
    if (model < 0 || fstat(model, &about) != 0)
        return 2;
    const size_t whole = (size_t)about.st_size, page = (size_t)sysconf(_SC_PAGESIZE);
    char *bytes = mmap(NULL, whole, PROT_READ, MAP_PRIVATE, model, 0);
    char name[] = "/tmp/truncated-XXXXXX";
    int copy = mkstemp(name);
    if (bytes == MAP_FAILED || copy < 0)
        return 2;
    for (size_t done = 0; done < whole;) {
        ssize_t wrote = write(copy, bytes + done, whole - done);
        if (wrote <= 0)
            return 2;
        done += (size_t)wrote;
    }

    size_t tried = 0, mapped = whole;
    for (size_t size = whole;; size = size == whole ? (whole - 1) / step * step : size - step) {
        nimbert_engine *engine = NULL;
        size_t needed = (size + page - 1) / page * page;
        if (needed < mapped && munmap(bytes + needed, mapped - needed) == 0)
            mapped = needed;
        nimbert_status status = nimbert_load_memory(bytes, size, NULL, &engine);
        check_load(status, engine, size, whole);
        if (ftruncate(copy, (off_t)size) != 0)
            return 2;
        status = nimbert_load(name, NULL, &engine);
        check_load(status, engine, size, whole);
        tried++;
        if (size < step || failures > 10)
            break;
    }
    unlink(name);
    printf("truncated: %zu lengths tried\n", tried);
    return finish("truncated");
}
