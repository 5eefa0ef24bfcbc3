/* A redis-server of a run's own, in a folder that goes with it. */
#ifndef CLI_LAB_REDIS_H
#define CLI_LAB_REDIS_H

#include <stdbool.h>

#include <sluice/api.h>

#include "cli/lab_process.h"

struct slu_diag;

#define LAB_REDIS_PATH_BYTES 96

struct lab_redis {
    struct lab_process process;
    char folder[LAB_REDIS_PATH_BYTES];
    char socket[LAB_REDIS_PATH_BYTES + 8];
};

/* Whether the program is installed. */
bool lab_redis_is_there(void);

/* Start it, and wait until it answers. Returns 0; a negative errno, and `diag` says it. */
SLU_MUST_USE int lab_redis_start(struct lab_redis *redis, struct slu_diag *diag);

/* End it, if it was started, with its folder. */
void lab_redis_end(struct lab_redis *redis);

#endif
