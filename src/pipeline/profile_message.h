/* A profile in pprof's format as a message of the pipelines. */
#ifndef PIPELINE_PROFILE_MESSAGE_H
#define PIPELINE_PROFILE_MESSAGE_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct config_map;
struct profile_names;
struct slu_budget;
struct stage;

#define PROFILE_BYTES_MAX (UINT64_C(16) << 20)

struct profile_facts {
    const char *name;                  /* "heap", "goroutine", "threads" */
    const char *service;               /* NULL: no service.name */
    const char *instance;              /* NULL: no service.instance.id */
    const struct config_map *labels;   /* NULL: none; more attributes of the resource */
    uint64_t time_ns;                  /* since 1970 */
    struct slu_bytes pprof;            /* as it came, gzip and all */
    const struct profile_names *names; /* who may have names for it; NULL: nobody */
};

/* Make the message, which is copied into `budget`, and hand it on. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int profile_send(struct slu_budget *budget, struct stage *next,
                              const struct profile_facts *facts);

#endif
