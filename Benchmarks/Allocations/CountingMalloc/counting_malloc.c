// Counts heap allocations. The loader looks in the executable first, so that one that links this has these functions in the
// place of glibc's, and so has every library that it loads: Swift's, Foundation, libsqlite3. The memory is glibc's, whose
// free takes it back.
#include "counting_malloc.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#ifndef __GLIBC__
#error "only glibc has its malloc under a second name"
#endif

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t calls, bytes;

uint64_t counting_malloc_calls(void) {
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

uint64_t counting_malloc_bytes(void) {
    return atomic_load_explicit(&bytes, memory_order_relaxed);
}

static void add(size_t size) {
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
}

void *malloc(size_t size) {
    add(size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    add(count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    add(size);
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
    add(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *allocated = memalign(alignment, size);
    if (allocated == NULL) return ENOMEM;
    *memory = allocated;
    return 0;
}
