/* Which label of a metric has had the most new values lately. */
#ifndef METER_EXPLOSION_H
#define METER_EXPLOSION_H

#include "meter/meter.h"

/* A label set of the metric was new at `now_ns`. Takes the lock when a period begins. */
void explosion_note(struct slu_meter *meter, uint32_t metric, const struct label_key *key,
                    uint64_t now_ns);

/* The same under the lock. */
void explosion_note_locked(struct slu_meter *meter, uint32_t metric, const struct label_key *key,
                           uint64_t now_ns);

#endif
