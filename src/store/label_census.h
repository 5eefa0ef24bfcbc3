/* Which label makes so many streams. */
#ifndef STORE_LABEL_CENSUS_H
#define STORE_LABEL_CENSUS_H

#include <stddef.h>

struct shelf;

/*
 * Say that one stream too many came, and which label has the most values among the open ones.
 *
 * Cost     looks at a few thousand streams, spread over all
 */
void label_census_say(struct shelf *shelf, char *text, size_t size_bytes);

#endif
