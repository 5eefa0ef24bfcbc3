#include <sluice/budget.h>

#include "base/layout.h"

int layout_alloc(const struct layout *layout, struct slu_budget *budget, size_t *size_bytes,
                 void **block)
{
    int err = layout_size(layout, size_bytes);
    return err != 0 ? err : slu_budget_alloc(budget, *size_bytes, block);
}
