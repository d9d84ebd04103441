#pragma once

#include <stdint.h>

// What the process has allocated on the heap since its start, freed or not. A realloc counts as an allocation.
uint64_t counting_malloc_calls(void);
uint64_t counting_malloc_bytes(void);
