#include "base/layout.h"

#include <errno.h>

#include "base/assert.h"

size_t layout_add(struct layout *layout, size_t count, size_t item_bytes, size_t align_bytes)
{
    SLU_ASSERT(align_bytes != 0 && align_bytes <= 64 && (align_bytes & (align_bytes - 1)) == 0);
    size_t part_bytes = 0;
    size_t start = 0;
    size_t end = 0;
    bool overflow = __builtin_mul_overflow(count, item_bytes, &part_bytes);
    overflow |= __builtin_add_overflow(layout->size_bytes, align_bytes - 1, &start);
    start &= ~(align_bytes - 1);
    overflow |= __builtin_add_overflow(start, part_bytes, &end);
    if (overflow || layout->overflow) {
        layout->overflow = true;
        return 0;
    }
    layout->size_bytes = end;
    return start;
}

int layout_size(const struct layout *layout, size_t *size_bytes)
{
    if (layout->overflow) {
        return -EOVERFLOW;
    }
    *size_bytes = layout->size_bytes;
    return 0;
}
