/*
 * healthy: fragmentation without a leak. Long-lived blocks lie between short-lived ones, so that
 * much more is resident than in use; but both stay where they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "look_alike.h"

#define BLOCKS      8000
#define BLOCK_BYTES 512
#define KEPT_OF     8

struct heap {
    char *blocks[BLOCKS];
    uint64_t random;
};

static char *block_make(void)
{
    char *block = malloc(BLOCK_BYTES);
    if (block != NULL) {
        memset(block, 1, BLOCK_BYTES);
    }
    return block;
}

static int create(const struct lab_settings *settings, void **state)
{
    struct heap *heap = calloc(1, sizeof(*heap));
    if (heap == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        heap->blocks[i] = block_make();
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (i % KEPT_OF != 0) {
            free(heap->blocks[i]);
            heap->blocks[i] = NULL;
        }
    }
    heap->random = settings->seed;
    *state = heap;
    return 0;
}

/* One that is kept is replaced by one as large. */
static unsigned serve(void *state, const struct lab_request *request)
{
    struct heap *heap = state;
    char **place = &heap->blocks[look_alike_random(&heap->random) % BLOCKS / KEPT_OF * KEPT_OF];
    (void)request;
    free(*place);
    *place = block_make();
    return *place == NULL ? 503 : 200;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    (void)state;
    figures[0] = (struct lab_figure){"kept", BLOCKS / KEPT_OF};
    return 1;
}

static void destroy(void *state)
{
    struct heap *heap = state;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        free(heap->blocks[i]);
    }
    free(heap);
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
