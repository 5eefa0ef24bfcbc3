/* The table of series: found without a lock, added and dropped under the meter's. */
#ifndef METER_SERIES_H
#define METER_SERIES_H

#include "meter/meter.h"

/*
 * Find the series of a key.
 *
 * writer   whose cell is made ready
 * certain  false if the table changed so much meanwhile that it may be there although not found
 * Returns  its handle, or 0
 * Cost     at most SERIES_CHAIN_MAX series compared
 * Threads  any, at any time
 */
uint64_t series_find(const struct slu_meter *meter, uint32_t writer, uint32_t metric,
                     const struct label_key *key, bool *certain);

/*
 * Add the series of a key that is not there, dropping idle ones if that makes room. Under the lock,
 * after time_advance.
 *
 * Returns  its handle, or 0 without room
 */
uint64_t series_add(struct slu_meter *meter, uint32_t metric, const struct label_key *key);

/*
 * A series that is in no bucket and is never dropped; a summary's has a window if there is one.
 * Under the lock. Returns its handle.
 */
uint64_t series_add_overflow(struct slu_meter *meter, uint32_t metric, uint32_t kind);

/* Drop the series of a slot if it is idle. Under the lock, after time_advance. */
bool series_drop_idle(struct slu_meter *meter, uint32_t slot);

/* The series registered after that of a slot in its metric, or SLOT_NONE. Under the lock. */
uint32_t series_newer(const struct slu_meter *meter, uint32_t slot);

/* As slu_meter_expire, after time_advance and under the lock. */
uint32_t series_expire(struct slu_meter *meter, uint32_t examine_max);

/* Take the greatest time seen. Under the lock. */
void time_advance(struct slu_meter *meter, uint64_t now_ns);

#define SERIES_CHAIN_MAX 64 /* with a good hash, never reached */

#endif
