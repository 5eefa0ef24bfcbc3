/*
 * Statements and conditions of OTTL, as `filter` and `transform` have them.
 *
 *     set(attributes["http.route"], "/login") where attributes["path"] == "/Login"
 *     IsMatch(name, "^health") or resource.attributes["service.name"] == nil
 *
 * Statements: set, delete_key, keep_keys, replace_pattern, each with `where`. Conditions: == != <
 * <= > >=, IsMatch, and, or, not, parentheses. Values: strings, whole numbers, floats, true, false,
 * nil, the names of OTLP's enums, paths.
 *
 * Source  the collector's pkg/ottl, its LANGUAGE.md
 */
#ifndef PIPELINE_OTTL_H
#define PIPELINE_OTTL_H

#include <stdbool.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "wire/otlp.h"

struct config;
struct config_node;
struct otlp_image;
struct otlp_view;
struct ottl;
struct ottl_condition;
struct ottl_statement;
struct slu_budget;

/* Where a statement stands: what its paths begin at, and where mistakes are told. */
struct ottl_source {
    enum otlp_signal signal;
    enum otlp_level level;
    struct config *config;
    const struct config_node *node;
};

/* What owns statements and conditions. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int ottl_create(struct slu_budget *budget, struct ottl **out);
void ottl_destroy(struct ottl **ottl);

/*
 * Parse one. A mistake is told with its column in the text.
 *
 * Returns  0; -EINVAL; -EDQUOT; -ENOMEM
 * Owner    `ottl`
 */
SLU_MUST_USE int ottl_parse_condition(struct ottl *ottl, const struct ottl_source *source,
                                      const char *text, struct ottl_condition **out);
SLU_MUST_USE int ottl_parse_statement(struct ottl *ottl, const struct ottl_source *source,
                                      const char *text, struct ottl_statement **out);

/* What they are about: a message taken apart, and what it lies in. */
struct ottl_subject {
    const struct otlp_view *view;
    struct otlp_image *image;
};

bool ottl_is_true(const struct ottl_condition *condition, const struct ottl_subject *subject);

/* Change the image, if its condition is true. */
void ottl_run(const struct ottl_statement *statement, const struct ottl_subject *subject);

#endif
