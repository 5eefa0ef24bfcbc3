/* The editors that there are; editors.c has the table. */
#ifndef PIPELINE_EDITOR_TYPES_H
#define PIPELINE_EDITOR_TYPES_H

struct editor_type;

extern const struct editor_type attributes_type;
extern const struct editor_type cardinality_type;
extern const struct editor_type filter_type;
extern const struct editor_type ratelimit_type;
extern const struct editor_type resource_type;
extern const struct editor_type sampler_type;
extern const struct editor_type transform_type;

#endif
