/* Times and durations as people and clients write them. */
#ifndef QUERY_TIME_TEXT_H
#define QUERY_TIME_TEXT_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

/*
 * A time: seconds since 1970 with a fraction; nanoseconds since 1970, from 17 digits on, as Loki
 * has them; RFC 3339; "now", "-15m", "now-1h30m".
 *
 * Returns  0; -EINVAL; -ERANGE beyond 1677 to 2262
 */
SLU_MUST_USE int time_text_read(struct slu_bytes text, int64_t now_ns, int64_t *time_ns);

/*
 * A duration: "1h30m", "100ms", "5d"; a number alone is seconds. Not negative.
 *
 * Returns  0; -EINVAL; -ERANGE
 */
SLU_MUST_USE int duration_text_read(struct slu_bytes text, int64_t *duration_ns);

#endif
