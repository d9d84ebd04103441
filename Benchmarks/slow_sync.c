// A disk that takes 20 ms longer to sync, for whom it is preloaded into: see ProxyCase.slowDisk.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static int slow(const char *name, int file) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    int (*sync)(int) = dlsym(RTLD_NEXT, name);
    return sync(file);
}

int fsync(int file) { return slow("fsync", file); }
int fdatasync(int file) { return slow("fdatasync", file); }
