/* Keys that do not exist are never in the cache: each request for one goes to the slow store. */
#include <errno.h>
#include <stdlib.h>

#include "cache_penetration.h"
#include "case.h"

static int create(const struct lab_settings *settings, void **state)
{
    struct backend *backend = calloc(1, sizeof(*backend));
    if (backend == NULL || settings->behind == NULL) {
        free(backend);
        return backend == NULL ? -ENOMEM : -EINVAL;
    }
    *state = backend;
    return backend_open(backend, settings->behind, settings->scope);
}

static unsigned serve(void *state, const struct lab_request *request)
{
    int err = backend_ask(state, request->client);
    return err == 0 || err == -ENOENT ? 200 : 503;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    const struct backend *backend = state;
    figures[0] = (struct lab_figure){"store_calls", (double)backend->store_calls};
    figures[1] = (struct lab_figure){"cache_calls", (double)backend->cache_calls};
    return 2;
}

static void destroy(void *state)
{
    backend_close(state);
    free(state);
}

const struct lab_case lab_case = {.create = create,
                                  .serve = serve,
                                  .figures = figures,
                                  .destroy = destroy,
                                  .is_concurrent = true};
