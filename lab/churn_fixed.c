/* healthy: each request takes some hundred blocks of all sizes and gives them back. */
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "look_alike.h"

#define BLOCKS          100
#define BLOCK_BYTES_MAX 8192

static int create(const struct lab_settings *settings, void **state)
{
    uint64_t *random = malloc(sizeof(*random));
    if (random == NULL) {
        return -1;
    }
    *random = settings->seed;
    *state = random;
    return 0;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    char *blocks[BLOCKS];
    unsigned status = 200;
    (void)request;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        size_t bytes = 16 + look_alike_random(state) % BLOCK_BYTES_MAX;
        blocks[i] = malloc(bytes);
        status = blocks[i] == NULL ? 503 : status;
        if (blocks[i] != NULL) {
            memset(blocks[i], 1, 16);
        }
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
    return status;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    (void)state;
    (void)figures;
    return 0;
}

static void destroy(void *state)
{
    free(state);
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
