#include "symbol/allocator_name.h"

#include <stddef.h>
#include <string.h>

bool allocator_is_named(struct slu_bytes name)
{
    static const char *const names[] = {"malloc",   "calloc",         "realloc",
                                        "memalign", "reallocarray",   "aligned_alloc",
                                        "valloc",   "posix_memalign", "pvalloc"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (name.len == strlen(names[i]) && memcmp(name.data, names[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}
