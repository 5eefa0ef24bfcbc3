#include "holders/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/arena.h>
#include <sluice/budget.h>

#include "base/diag.h"

#define NAMES_CHUNK_BYTES ((size_t)64 * 1024)
#define NAMES_LIMIT_BYTES ((size_t)64 * 1024 * 1024)
#define FIRST_BYTES       ((size_t)4096)

int image_create(struct slu_budget *budget, struct slu_diag *diag, struct image **out)
{
    void *block = NULL;
    void *lines = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct image), &block);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for an image of the program");
    }
    struct image *image = block;
    image->budget = budget;
    image->fd = -1;
    struct slu_arena_options options = {.chunk_bytes = NAMES_CHUNK_BYTES,
                                        .limit_bytes = NAMES_LIMIT_BYTES};
    err = slu_arena_create(budget, &options, diag, &image->names);
    if (err == 0) {
        err = block_begin(budget, FIRST_BYTES, &image->regions);
    }
    if (err == 0) {
        err = block_begin(budget, FIRST_BYTES, &image->threads);
    }
    if (err == 0) {
        err = slu_budget_alloc(budget, IMAGE_CACHE_LINES * sizeof(struct image_line), &lines);
        image->lines = lines;
    }
    if (err != 0) {
        image_close(&image);
        return diag_fail(diag, err, "no memory for an image of the program");
    }
    *out = image;
    return 0;
}

int image_stop(struct image *image, struct slu_diag *diag)
{
    if (image->stop == NULL) {
        return 0;
    }
    for (size_t i = 0; i < IMAGE_CACHE_LINES; i++) {
        image->lines[i].page = 0;
    }
    return image->stop(image, diag);
}

void image_release(struct image *image)
{
    if (image->release != NULL) {
        image->release(image);
        image->release = NULL;
    }
}

void image_close(struct image **image)
{
    if (image == NULL || *image == NULL) {
        return;
    }
    struct image *closed = *image;
    image_release(closed);
    if (closed->fd >= 0) {
        close(closed->fd);
    }
    slu_budget_free(closed->budget, closed->lines, IMAGE_CACHE_LINES * sizeof(struct image_line));
    block_free(closed->budget, &closed->threads);
    block_free(closed->budget, &closed->regions);
    slu_arena_destroy(&closed->names);
    slu_budget_free(closed->budget, closed, sizeof(*closed));
    *image = NULL;
}

int image_add_region(struct image *image, const struct image_region *region)
{
    return block_append(image->budget, &image->regions, region, sizeof(*region));
}

int image_add_thread(struct image *image, const struct image_thread *thread)
{
    return block_append(image->budget, &image->threads, thread, sizeof(*thread));
}

static int region_order(const void *left, const void *right)
{
    const struct image_region *first = left;
    const struct image_region *second = right;
    return (first->start > second->start) - (first->start < second->start);
}

int image_finish(struct image *image, struct slu_diag *diag)
{
    size_t count = image->regions.len / sizeof(struct image_region);
    struct image_region *regions = image->regions.data;
    qsort(regions, count, sizeof(*regions), region_order);
    for (size_t i = 1; i < count; i++) {
        if (regions[i].start < regions[i - 1].end) {
            return diag_fail(diag, -EBADMSG, "two mappings overlap at 0x%llx",
                             (unsigned long long)regions[i].start);
        }
    }
    if (count == 0) {
        return diag_fail(diag, -EBADMSG, "no memory is mapped");
    }
    return 0;
}

const struct image_region *image_region_at(const struct image *image, uint64_t address)
{
    size_t count = 0;
    const struct image_region *regions = image_regions(image, &count);
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (regions[middle].end <= address) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    bool found = low < image->regions.len / sizeof(*regions) && regions[low].start <= address;
    return found ? &regions[low] : NULL;
}

/* What lies in regions that follow each other without a gap is one piece. */
static int pieces_read(struct image *image, uint64_t address, unsigned char *bytes, size_t len)
{
    while (len > 0) {
        const struct image_region *region = image_region_at(image, address);
        if (region == NULL || address - region->start >= region->stored_bytes) {
            return -EFAULT;
        }
        uint64_t there = region->stored_bytes - (address - region->start);
        size_t piece = len < there ? len : (size_t)there;
        int err = image->read(image, region, address, bytes, piece);
        if (err != 0) {
            return err;
        }
        address += piece;
        bytes += piece;
        len -= piece;
    }
    return 0;
}

/* The page in the cache; NULL if it is not there as a whole. */
static const unsigned char *page_at(struct image *image, uint64_t page)
{
    struct image_line *line = &image->lines[page / IMAGE_PAGE_BYTES % IMAGE_CACHE_LINES];
    if (line->page == page + 1) {
        return line->bytes;
    }
    line->page = 0;
    if (pieces_read(image, page, line->bytes, IMAGE_PAGE_BYTES) != 0) {
        return NULL;
    }
    line->page = page + 1;
    return line->bytes;
}

int image_read(struct image *image, uint64_t address, void *bytes, size_t len)
{
    uint64_t page = address & ~(uint64_t)(IMAGE_PAGE_BYTES - 1);
    if (len > UINT64_MAX - address) {
        return -EFAULT;
    }
    if (address + len <= page + IMAGE_PAGE_BYTES) {
        const unsigned char *cached = page_at(image, page);
        if (cached != NULL) {
            memcpy(bytes, cached + (address - page), len);
            return 0;
        }
    }
    return pieces_read(image, address, bytes, len);
}

int image_read_word(struct image *image, uint64_t address, uint64_t *word)
{
    return image_read(image, address, word, sizeof(*word));
}
