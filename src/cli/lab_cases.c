#include "cli/lab_cases.h"

#include <string.h>

static const struct lab_case_row rows[] = {
    {.name = "gateway",
     .pattern = "timer-pileup",
     .title = "a ticker for each request of an API gateway, never stopped",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/order/{id}?client={client}", "--clients", "1000"}},
    {.name = "gateway-state",
     .pattern = "unbounded-keys",
     .title = "window state of finished and cancelled requests, kept for ever",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/order/{id}?client={client}", "--abandon", "2"}},
    {.name = "slices",
     .pattern = "retained-array",
     .title = "a window that grows by append and moves its start; old arrays stay",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/event?client={id}"}},
    {.name = "log-aggregator",
     .pattern = "task-leak",
     .title = "a task for each client, which never hears that the client has gone",
     .rate = 500,
     .connections = 16,
     .load = {"--path", "/log?client={session}", "--hold", "20"}},
    {.name = "metrics",
     .pattern = "unbounded-keys",
     .title = "metric windows keyed by raw URLs, ids and all",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/api/v1/users/{id}/orders?page={client}", "--ids", "100000000"}},
    {.name = "heartbeat",
     .pattern = "timer-pileup",
     .title = "a new timer at each heartbeat of a WebSocket",
     .rate = 2000,
     .connections = 200,
     .load = {"--beats", "1"}},
    {.name = "coarse",
     .pattern = "coarse-window",
     .title = "a window widened from 100 ms to 60 s that keeps raw points",
     .rate = 4000,
     .connections = 32,
     .load = {"--path", "/event?client={id}", "--wave", "6"},
     .service = {"--speed", "20"}},
    {.name = "pseudo-window",
     .pattern = "timer-pileup",
     .title = "a fresh time-out for each item, whose receiver has gone",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/item?client={id}"}},
    {.name = "cache-penetration",
     .title = "keys that do not exist go through the cache to a slow store",
     .rate = 800,
     .connections = 16,
     .load = {"--path", "/item?client={client}", "--clients", "200", "--herd", "1"},
     .needs_redis = true},
    {.name = "warm-up",
     .pattern = "healthy",
     .title = "a table that is filled as it is asked for, and then whole",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/product?client={id}"},
     .is_single = true},
    {.name = "bounded-cache",
     .pattern = "healthy",
     .title = "a cache whose newest entry takes the place of the oldest",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/answer?client={id}"},
     .is_single = true},
    {.name = "sawtooth",
     .pattern = "healthy",
     .title = "a batch that is gathered and sent, again and again",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/line"},
     .is_single = true},
    {.name = "churn",
     .pattern = "healthy",
     .title = "a hundred blocks for each request, all given back",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/work"},
     .is_single = true},
    {.name = "scattered",
     .pattern = "healthy",
     .title = "long-lived blocks among short-lived ones: fragmentation, no leak",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/work"},
     .is_single = true},
};

const struct lab_case_row *lab_cases(size_t *count)
{
    *count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

const struct lab_case_row *lab_case_find(const char *name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}
