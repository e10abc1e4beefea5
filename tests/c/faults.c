/*
 * A disk that fails: put before the C library with LD_PRELOAD, this stands between a program and its files. Calls about
 * files whose path begins with FAULT_UNDER are counted, and at number FAULT_AT one thing happens:
 *
 *   FAULT_ERRNO=N    the call fails with this error
 *   FAULT_SIGNAL=N   the process is sent this signal, and the call goes on a little later
 *   FAULT_CUT=PATH   that file is cut to nothing, and the call goes on
 *
 * FAULT_SHORT=N lets each call read or write N bytes at most, from the first on. FAULT_LOG names a file that then has the
 * call and the path in it; it is not there if the program made fewer calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

static long number(const char *variable)
{
    const char *text = getenv(variable);
    return text == NULL ? 0 : atol(text);
}

static int is_ours(const char *path)
{
    const char *under = getenv("FAULT_UNDER");
    return under != NULL && strncmp(path, under, strlen(under)) == 0;
}

static void note(const char *call, const char *path)
{
    const char *log = getenv("FAULT_LOG");
    int file = log == NULL ? -1 : REAL(open, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    char line[5000];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    if (file < 0 || REAL(write, file, line, (size_t)length) != length)
        abort();
    close(file);
}

/* Whether this call is to fail, with errno set. */
static int fails(const char *call, const char *path)
{
    static atomic_long calls;
    if (!is_ours(path) || ++calls != number("FAULT_AT"))
        return 0;
    note(call, path);
    const char *cut = getenv("FAULT_CUT");
    if (cut != NULL && truncate(cut, 0) != 0)
        abort();
    if (number("FAULT_SIGNAL") != 0) {
        kill(getpid(), (int)number("FAULT_SIGNAL"));
        usleep(10000);
    }
    errno = (int)number("FAULT_ERRNO");
    return errno != 0;
}

static const char *path_of(int file, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    int before = errno;
    ssize_t length = readlink(link, path, size - 1);
    errno = before;
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static int file_fails(const char *call, int file)
{
    char path[4096];
    return file >= 0 && fails(call, path_of(file, path, sizeof path));
}

/* How much of a read or write of `size` bytes is let through. */
static size_t part(int file, size_t size)
{
    char path[4096];
    long most = number("FAULT_SHORT");
    return most > 0 && (size_t)most < size && is_ours(path_of(file, path, sizeof path)) ? (size_t)most : size;
}

#define MODE(flags, last) \
    mode_t mode = 0; \
    if (((flags) & O_CREAT) != 0) { \
        va_list more; \
        va_start(more, last); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags, flags)
    return fails("open", path) ? -1 : REAL(open, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags, flags)
    return fails("open", path) ? -1 : REAL(open64, path, flags, mode);
}

ssize_t read(int file, void *to, size_t size)
{
    return file_fails("read", file) ? -1 : REAL(read, file, to, part(file, size));
}

ssize_t pread(int file, void *to, size_t size, off_t at)
{
    return file_fails("read", file) ? -1 : REAL(pread, file, to, part(file, size), at);
}

ssize_t pread64(int file, void *to, size_t size, off64_t at)
{
    return file_fails("read", file) ? -1 : REAL(pread64, file, to, part(file, size), at);
}

ssize_t write(int file, const void *from, size_t size)
{
    return file_fails("write", file) ? -1 : REAL(write, file, from, part(file, size));
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    return file_fails("write", file) ? -1 : REAL(writev, file, parts, count);
}

int fsync(int file)
{
    return file_fails("fsync", file) ? -1 : REAL(fsync, file);
}

int flock(int file, int operation);
int flock(int file, int operation)
{
    return file_fails("flock", file) ? -1 : REAL(flock, file, operation);
}

int rename(const char *from, const char *to)
{
    return fails("rename", to) ? -1 : REAL(rename, from, to);
}

int linkat(int from_in, const char *from, int to_in, const char *to, int flags)
{
    return fails("link", to) ? -1 : REAL(linkat, from_in, from, to_in, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", path) ? -1 : REAL(mkdir, path, mode);
}

/* By another name here, since the header says that the path is never NULL, and Rust asks with one whether there is a statx. */
int any_statx(int in, const char *path, int flags, unsigned mask, struct statx *about) __asm__("statx");
int any_statx(int in, const char *path, int flags, unsigned mask, struct statx *about)
{
    if (path != NULL && (path[0] == 0 ? file_fails("stat", in) : fails("stat", path)))
        return -1;
    return REAL(statx, in, path, flags, mask, about);
}

char *realpath(const char *path, char *resolved)
{
    return fails("realpath", path) ? NULL : REAL(realpath, path, resolved);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (file_fails("mmap", file))
        return MAP_FAILED;
    return REAL(mmap, address, size, protection, flags, file, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int file, off64_t offset)
{
    if (file_fails("mmap", file))
        return MAP_FAILED;
    return REAL(mmap64, address, size, protection, flags, file, offset);
}
