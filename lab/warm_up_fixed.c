/* healthy: a table of all products is filled as they are first asked for, and then it is whole. */
#include <errno.h>
#include <stdlib.h>

#include "case.h"

#define PRODUCTS      2000
#define PRODUCT_BYTES 1000

struct table {
    char *products[PRODUCTS];
    uint64_t known;
};

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    *state = calloc(1, sizeof(struct table));
    return *state == NULL ? -ENOMEM : 0;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct table *table = state;
    char **product = &table->products[request->client % PRODUCTS];
    if (*product == NULL) {
        *product = malloc(PRODUCT_BYTES);
        table->known++;
    }
    return *product == NULL ? 503 : 200;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    figures[0] = (struct lab_figure){"known", (double)((const struct table *)state)->known};
    return 1;
}

static void destroy(void *state)
{
    struct table *table = state;
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        free(table->products[i]);
    }
    free(table);
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
