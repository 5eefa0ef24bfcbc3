/*
 * Flights: the askings under way, one for each key, and the answers of those that ended last.
 *
 * A flight is a record of a pool, so that a ticket kept for too long is told from the record's next
 * use. It is in one of two lists: of those asking, in the order in which their leases end, or of
 * those that ended, whose records are used again in that order, as late as possible. Everything
 * here is called with the guard's lock held.
 */
#ifndef GUARD_FLIGHT_H
#define GUARD_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/guard.h>

#include "base/golden.h"
#include "base/hash_map.h"
#include "base/layout.h"
#include "base/pool.h"
#include "scope/wait.h"

#define FLIGHT_NONE UINT32_MAX

/* On the stack of the caller that waits. */
struct flight_waiter {
    struct scope_waiter waiter;
    struct flight_waiter *next;
    struct flight_waiter *previous;
    struct slu_guard_result result;
    uint32_t turn; /* with SLU_GUARD_LEADER */
    bool told;
};

enum flight_state {
    FLIGHT_ASKING,
    FLIGHT_TELLING, /* answered, and some waiters are still to be told: in no list */
    FLIGHT_ENDED,
};

struct flight {
    uint64_t hash;
    uint64_t lease_end_ns;
    struct slu_guard_result result; /* once ended; UNKNOWN when there was no answer */
    struct flight_waiter *first;    /* who has waited longest */
    struct flight_waiter *last;
    uint32_t earlier; /* in its list, or FLIGHT_NONE */
    uint32_t later;
    uint32_t turn; /* of its leader; a ticket of an earlier turn leads no more */
    uint8_t state;
    bool mapped; /* callers that begin find it; one that was forgotten is not */
};
GOLDEN_LAYOUT(struct flight, 64, 2, 0, hash, lease_end_ns, result, first, last, earlier, later,
              turn, state, mapped);

struct flight_list {
    uint32_t first;
    uint32_t last;
};

struct flights {
    struct slu_pool pool;
    struct hash_map map;
    struct flight_list asking;
    struct flight_list ended;
    uint64_t lease_ns;
    uint32_t asking_count; /* with those that are telling */
    uint32_t waiting_count;
    uint64_t takeover_count;
};

struct flights_parts {
    struct pool_parts pool;
    size_t map_at;
};

struct flights_parts flights_plan(struct layout *layout, uint32_t flight_max);
void flights_init(struct flights *flights, void *block, struct flights_parts parts,
                  uint32_t flight_max, uint64_t lease_ns);
void flights_deinit(struct flights *flights);

/* The flight that those who begin with `hash` share, or NULL. */
struct flight *flights_find(const struct flights *flights, uint64_t hash);

/* The flight of a ticket, or NULL if its record has been used again. */
struct flight *flights_resolve(const struct flights *flights,
                               const struct slu_guard_ticket *ticket);

/* The same if the ticket is its leader's, and it is still asking. */
struct flight *flights_led(const struct flights *flights, const struct slu_guard_ticket *ticket);

/* A ticket for a flight: of its leader, or of a follower. */
struct slu_guard_ticket flight_ticket(const struct flights *flights, const struct flight *flight,
                                      bool leads);

/*
 * Begin a flight for `hash`, which has none, led by the caller.
 *
 * Returns  0; -EDQUOT if flight_max are asking, and none of those looked at has a lease that is
 *          over and nobody waiting
 * Cost     constant
 */
int flights_begin(struct flights *flights, uint64_t hash, uint64_t now_ns, struct flight **flight);

static inline bool flight_lease_over(const struct flight *flight, uint64_t now_ns)
{
    return flight->state == FLIGHT_ASKING && now_ns >= flight->lease_end_ns;
}

/* Give the flight a new leader, whose lease begins now; the old one's ticket is outdated. */
void flight_lead(struct flights *flights, struct flight *flight, uint64_t now_ns);

/*
 * The leader gives up: the waiter that has waited longest leads and is woken; or, without any, the
 * flight ends without an answer.
 */
void flight_abandon(struct flights *flights, struct flight *flight, uint64_t now_ns);

/* From now on who begins does not find the flight, and its answer is not remembered. */
void flight_part(struct flights *flights, struct flight *flight);

/* The same for all flights, whose leases begin anew at `now_ns`: time may have gone back. */
void flights_part_all(struct flights *flights, uint64_t now_ns);

/* The leader has answered: the flight tells `result` to its first waiters. */
void flight_answer(struct flights *flights, struct flight *flight, struct slu_guard_result result);

/*
 * Tell and wake FLIGHT_TOLD_MAX of the waiters of a flight that tells, or all that are left: then
 * it has ended. Each that was told does the same for others before it leaves.
 */
void flight_tell(struct flights *flights, struct flight *flight);

#define FLIGHT_TOLD_MAX 8

void flight_waiter_add(struct flights *flights, struct flight *flight,
                       struct flight_waiter *waiter);
void flight_waiter_remove(struct flights *flights, struct flight *flight,
                          struct flight_waiter *waiter);

/* Abort unless lists, map, pool and counters agree. */
void flights_validate(const struct flights *flights);

#endif
