/*
 * A processor that keeps, changes, drops or refuses records, one message at a time.
 */
#ifndef PIPELINE_EDITOR_H
#define PIPELINE_EDITOR_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "wire/otlp.h"

struct config;
struct config_node;
struct config_object;
struct slu_budget;

struct edit_input {
    enum otlp_signal signal;
    struct slu_bytes message;  /* checked: well formed as far as records go */
    uint64_t now_ns;           /* monotonic */
    struct slu_budget *budget; /* of what comes out */
};

/* Begun with zeros. */
struct edit_result {
    bool is_changed;        /* `message` is what goes on; otherwise the input does */
    struct block message;   /* owned by the caller, in the input's budget; may be empty */
    uint64_t dropped_count; /* records left out by intent, as a filter does */
    uint64_t refused_count; /* records that the sender is told of */
    char reason[SLU_DIAG_MESSAGE_MAX]; /* why, for the sender */
};

struct editor_type {
    const char *name;                    /* in the configuration: "attributes" */
    const struct config_object *options; /* its struct begins with zeros, or `defaults` */
    const void *defaults;                /* NULL: zeros */

    /*
     * Make one from its options, which live as long as the configuration; `node` is for mistakes,
     * which are told with config_mistake.
     *
     * Returns  0; -EINVAL if mistakes were told; -EDQUOT; -ENOMEM
     */
    int (*create)(struct slu_budget *budget, struct config *config, const struct config_node *node,
                  const void *options, void **out);

    /* As create's budget. */
    void (*destroy)(struct slu_budget *budget, void *editor);

    /*
     * Work on one message; one at a time.
     *
     * Returns  0; -EDQUOT, -ENOMEM: there is no room, and nothing is owned by the result
     */
    int (*edit)(void *editor, const struct edit_input *input, struct edit_result *result);
};

#endif
