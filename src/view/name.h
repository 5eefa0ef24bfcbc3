/* What entries are called. */
#ifndef VIEW_NAME_H
#define VIEW_NAME_H

#include <sluice/api.h>
#include <sluice/bytes.h>

struct model;
struct view_entry;

#define NAME_BYTES_MAX 8192

/*
 * A path without ".", "..", and slashes that say nothing.
 *
 * out      room for path.len bytes, and one
 * Returns  its length
 * Source   path.Clean of Go's library, which pprof uses
 */
size_t name_clean_path(struct slu_bytes path, char *out);

/* Set entry->label from its other members. Returns 0; as model_string. */
SLU_MUST_USE int name_label(struct model *model, struct view_entry *entry);

#endif
