/* Values of a profile as people read them. */
#ifndef VIEW_UNIT_H
#define VIEW_UNIT_H

#include <sluice/bytes.h>

#include "draw/number.h"

struct sink;

struct view_unit {
    enum draw_unit kind;
    double factor;      /* from the profile's unit to bytes, nanoseconds or one */
    const char *symbol; /* of a unit that was asked for; NULL: whatever reads best */
    double symbol_size; /* in bytes or nanoseconds */
};

/*
 * What a sample type's unit ("bytes", "nanoseconds", "count") is drawn as.
 *
 * wanted  B, KiB, MiB, GiB, ns, us, ms or s; NULL, or of another kind: whatever reads best
 */
struct view_unit view_unit_of(struct slu_bytes unit, const char *wanted);

/* bytes, nanoseconds or count. */
const char *view_unit_kind_name(enum draw_unit kind);

void view_unit_write(struct sink *out, double value, const struct view_unit *unit);

#endif
