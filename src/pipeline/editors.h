/* The editors that there are. */
#ifndef PIPELINE_EDITORS_H
#define PIPELINE_EDITORS_H

struct editor_type;

/* NULL: there is none of that name. */
const struct editor_type *editor_find(const char *name);

/* Of all processors, for who has mistyped one; ends with NULL. */
const char *const *editor_names(void);

#endif
