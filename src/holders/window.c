#include "holders/window.h"

#include <errno.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "holders/image.h"

int window_open(struct window *window, struct image *image)
{
    void *bytes = NULL;
    int err = slu_budget_alloc(image->budget, WINDOW_BYTES, &bytes);
    if (err == 0) {
        *window = (struct window){.image = image, .bytes = bytes};
    }
    return err;
}

void window_close(struct window *window)
{
    if (window->image != NULL) {
        slu_budget_free(window->image->budget, window->bytes, WINDOW_BYTES);
    }
    *window = (struct window){0};
}

/* Where a page is missing, what is wanted may be there all the same. */
int window_move(struct window *window, uint64_t address, size_t len, uint64_t end)
{
    SLU_ASSERT(len <= WINDOW_BYTES && end - address >= len);
    size_t most = end - address < WINDOW_BYTES ? (size_t)(end - address) : WINDOW_BYTES;
    window->start = address;
    window->len = 0;
    if (image_read(window->image, address, window->bytes, most) == 0) {
        window->len = most;
        return 0;
    }
    if (image_read(window->image, address, window->bytes, len) == 0) {
        window->len = len;
        return 0;
    }
    return -EFAULT;
}
