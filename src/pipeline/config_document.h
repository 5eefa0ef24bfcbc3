/* What the files of the configuration's reader share: the document and its mistakes. */
#ifndef PIPELINE_CONFIG_DOCUMENT_H
#define PIPELINE_CONFIG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libfyaml.h>

#include <sluice/api.h>
#include <sluice/diag.h>

#include "pipeline/config.h"

struct slu_arena;

struct config {
    struct slu_budget *budget;
    struct slu_arena *arena; /* of everything that views point to */
    struct fy_document *document;
    uint64_t charged_bytes; /* what the document is taken for */
    const char *text;       /* the document's, without a byte order mark; in the arena */
    size_t text_len;
    int failure; /* that a reader with no way to say so met: -EDQUOT, -ENOMEM */
    const char *name;
    config_variable_fn *variable;
    void *variable_arg;
    size_t mistake_count;
    bool is_sorted;
    struct slu_diag mistakes[CONFIG_MISTAKES_MAX];
};

/* A node's text with variables put in: as long as the configuration. */
struct config_text {
    const char *text;
    size_t len;
    bool is_plain; /* not quoted: it may stand for a number, a boolean or null */
};

/*
 * In config_document.c: read the text into `config->document`, which stays NULL if there is
 * nothing in it, or if a mistake was told.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int config_document_open(struct config *config, struct slu_bytes text);

/* A column that libfyaml counted in characters, in bytes; both from 1. */
uint32_t config_column_bytes(const struct config *config, uint32_t line, uint32_t column);

/* The node that an alias stands for, or the node itself; NULL: its anchor is not there. */
struct fy_node *config_real_node(const struct config_node *node);

/*
 * A scalar's text.
 *
 * Returns  0; -EINVAL if a mistake was told: it is no scalar, or a variable is not set; -EDQUOT;
 *          -ENOMEM
 */
SLU_MUST_USE int config_text_read(struct config *config, const struct config_node *node,
                                  struct config_text *out);

/* Whether the node is there and not null. */
bool config_is_given(const struct config_node *node);

/* In config_value.c: by their syntax; false if it is another. */
bool config_duration_read(const char *text, uint64_t *ns);
bool config_size_read(const char *text, uint64_t *bytes);
bool config_uint_read(const char *text, uint64_t *value);
bool config_double_read(const char *text, double *value);
bool config_bool_read(const char *text, bool *value);
void config_scalar_of(const struct config_text *text, struct config_scalar *out);

/* A mistake at a line and a column. */
void config_mistake_at(struct config *config, uint32_t line, uint32_t column, const char *format,
                       ...) SLU_PRINTF(4, 5);

#endif
