/* healthy: the last 2,000 answers, of all sizes; a new one takes the place of the oldest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "look_alike.h"

#define ANSWERS          2000
#define ANSWER_BYTES_MAX 2048

struct cache {
    char *answers[ANSWERS];
    uint64_t count;
    uint64_t random;
};

static int create(const struct lab_settings *settings, void **state)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return -ENOMEM;
    }
    cache->random = settings->seed;
    *state = cache;
    return 0;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct cache *cache = state;
    char **place = &cache->answers[cache->count++ % ANSWERS];
    size_t bytes = 64 + look_alike_random(&cache->random) % ANSWER_BYTES_MAX;
    (void)request;
    free(*place);
    *place = malloc(bytes);
    if (*place == NULL) {
        return 503;
    }
    memset(*place, 1, bytes);
    return 200;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    figures[0] = (struct lab_figure){"cached", (double)((const struct cache *)state)->count};
    return 1;
}

static void destroy(void *state)
{
    struct cache *cache = state;
    for (uint32_t i = 0; i < ANSWERS; i++) {
        free(cache->answers[i]);
    }
    free(cache);
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
