/* Preloaded: once armed, system calls on files below a folder fail as on a full, a failing or a read-only disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITES = 1, READS = 2, SYNCS = 4, PLACES = 8 };

static char under[PATH_MAX];
static int error_number, sorts, once;
static atomic_long seen, after, hits;

/* Of calls of these sorts below the folder, the one after `skipped` fails with `error`, and unless `once` all that follow. */
void presage_fault_arm(const char *folder, int error, int which, long skipped, int only_one) {
    strncpy(under, folder, sizeof under - 1);
    error_number = error, once = only_one;
    atomic_store(&seen, 0), atomic_store(&hits, 0), atomic_store(&after, skipped);
    sorts = which;
}
void presage_fault_disarm(void) { sorts = 0; }
long presage_fault_seen(void) { return seen; }
long presage_fault_hits(void) { return hits; }

static int below(const char *path) { return path && strncmp(path, under, strlen(under)) == 0; }

static int strikes(void) {
    long at = atomic_fetch_add(&seen, 1);
    if (once ? at != after : at < after) return 0;
    atomic_fetch_add(&hits, 1);
    errno = error_number;
    return 1;
}

static int on_file(int sort, int fd) {
    char link[64], path[PATH_MAX];
    if (!(sorts & sort)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path) && strikes();
}

static int on_path(const char *path) {
    char whole[2 * PATH_MAX];
    if (!(sorts & PLACES) || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(whole, PATH_MAX)) return 0;
        strncat(whole, "/", 2), strncat(whole, path, PATH_MAX - 2);
        path = whole;
    }
    return below(path) && strikes();
}

#define NEXT(name) \
    static __typeof__(name) *next; \
    if (!next) next = (__typeof__(next))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *b, size_t n) { NEXT(write); return on_file(WRITES, fd) ? -1 : next(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { NEXT(pwrite); return on_file(WRITES, fd) ? -1 : next(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { NEXT(pwrite64); return on_file(WRITES, fd) ? -1 : next(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) { NEXT(writev); return on_file(WRITES, fd) ? -1 : next(fd, v, n); }
int ftruncate(int fd, off_t n) { NEXT(ftruncate); return on_file(SYNCS, fd) ? -1 : next(fd, n); }
int ftruncate64(int fd, off64_t n) { NEXT(ftruncate64); return on_file(SYNCS, fd) ? -1 : next(fd, n); }
int posix_fallocate(int fd, off_t o, off_t n) { NEXT(posix_fallocate); return on_file(WRITES, fd) ? error_number : next(fd, o, n); }
int fsync(int fd) { NEXT(fsync); return on_file(SYNCS, fd) ? -1 : next(fd); }
int fdatasync(int fd) { NEXT(fdatasync); return on_file(SYNCS, fd) ? -1 : next(fd); }
ssize_t read(int fd, void *b, size_t n) { NEXT(read); return on_file(READS, fd) ? -1 : next(fd, b, n); }
ssize_t pread(int fd, void *b, size_t n, off_t o) { NEXT(pread); return on_file(READS, fd) ? -1 : next(fd, b, n, o); }
ssize_t pread64(int fd, void *b, size_t n, off64_t o) { NEXT(pread64); return on_file(READS, fd) ? -1 : next(fd, b, n, o); }

ssize_t copy_file_range(int in, off64_t *i, int out, off64_t *o, size_t n, unsigned f) {
    NEXT(copy_file_range);
    return on_file(READS, in) || on_file(WRITES, out) ? -1 : next(in, i, out, o, n, f);
}

size_t fwrite(const void *b, size_t size, size_t n, FILE *file) {
    NEXT(fwrite);
    return on_file(WRITES, fileno(file)) ? 0 : next(b, size, n, file);
}

static int writes(int flags) { return flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC); }

#define OPEN(name, head, call, path) \
    int name head { \
        NEXT(name); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags), mode = va_arg(rest, mode_t), va_end(rest); \
        } \
        return writes(flags) && on_path(path) ? -1 : next call; \
    }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode), path)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), path)
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode), path)
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode), path)

int mkdir(const char *path, mode_t mode) { NEXT(mkdir); return on_path(path) ? -1 : next(path, mode); }
int rename(const char *from, const char *to) { NEXT(rename); return on_path(to) ? -1 : next(from, to); }
int unlink(const char *path) { NEXT(unlink); return on_path(path) ? -1 : next(path); }
int rmdir(const char *path) { NEXT(rmdir); return on_path(path) ? -1 : next(path); }
int truncate(const char *path, off_t n) { NEXT(truncate); return on_path(path) ? -1 : next(path, n); }
