#include "guard/flight.h"

#include <errno.h>

#include "base/assert.h"

/* How many flights whose leases may be over are looked at to find room for a new one. */
#define EXPIRED_LOOKED_AT 4

static struct slu_pool_options pool_options(uint32_t flight_max)
{
    return (struct slu_pool_options){.record_bytes = sizeof(struct flight),
                                     .align_bytes = GOLDEN_LINE_BYTES,
                                     .capacity = flight_max};
}

struct flights_parts flights_plan(struct layout *layout, uint32_t flight_max)
{
    struct slu_pool_options options = pool_options(flight_max);
    struct flights_parts parts = {.pool = pool_plan(layout, &options)};
    parts.map_at = hash_map_plan(layout, flight_max);
    return parts;
}

void flights_init(struct flights *flights, void *block, struct flights_parts parts,
                  uint32_t flight_max, uint64_t lease_ns)
{
    struct slu_pool_options options = pool_options(flight_max);
    *flights = (struct flights){
        .asking = {FLIGHT_NONE, FLIGHT_NONE},
        .ended = {FLIGHT_NONE, FLIGHT_NONE},
        .lease_ns = lease_ns,
    };
    pool_init(&flights->pool, block, parts.pool, &options);
    hash_map_init(&flights->map, (unsigned char *)block + parts.map_at, flight_max);
}

void flights_deinit(struct flights *flights)
{
    SLU_ASSERT(flights->waiting_count == 0);
    pool_deinit(&flights->pool);
}

static struct flight *slot_flight(const struct flights *flights, uint32_t slot)
{
    return pool_record(&flights->pool, slot);
}

static uint32_t flight_slot(const struct flights *flights, const struct flight *flight)
{
    size_t offset = (size_t)((const unsigned char *)flight - flights->pool.records);
    return (uint32_t)(offset / flights->pool.stride_bytes);
}

static void list_append(const struct flights *flights, struct flight_list *list,
                        struct flight *flight)
{
    uint32_t slot = flight_slot(flights, flight);
    flight->earlier = list->last;
    flight->later = FLIGHT_NONE;
    if (list->last == FLIGHT_NONE) {
        list->first = slot;
    } else {
        slot_flight(flights, list->last)->later = slot;
    }
    list->last = slot;
}

static void list_remove(const struct flights *flights, struct flight_list *list,
                        const struct flight *flight)
{
    if (flight->earlier == FLIGHT_NONE) {
        list->first = flight->later;
    } else {
        slot_flight(flights, flight->earlier)->later = flight->later;
    }
    if (flight->later == FLIGHT_NONE) {
        list->last = flight->earlier;
    } else {
        slot_flight(flights, flight->later)->earlier = flight->earlier;
    }
}

struct wanted {
    const struct flights *flights;
    uint64_t hash;
};

static bool flight_matches(const void *context, uint32_t slot)
{
    const struct wanted *wanted = context;
    return slot_flight(wanted->flights, slot)->hash == wanted->hash;
}

struct flight *flights_find(const struct flights *flights, uint64_t hash)
{
    struct wanted wanted = {flights, hash};
    uint32_t slot = hash_map_find(&flights->map, hash, flight_matches, &wanted);
    return slot == HASH_MAP_NONE ? NULL : slot_flight(flights, slot);
}

struct flight *flights_resolve(const struct flights *flights, const struct slu_guard_ticket *ticket)
{
    return slu_pool_resolve(&flights->pool, ticket->flight);
}

struct flight *flights_led(const struct flights *flights, const struct slu_guard_ticket *ticket)
{
    struct flight *flight = flights_resolve(flights, ticket);
    bool leads = flight != NULL && flight->state == FLIGHT_ASKING && ticket->leads &&
                 ticket->turn == flight->turn;
    return leads ? flight : NULL;
}

struct slu_guard_ticket flight_ticket(const struct flights *flights, const struct flight *flight,
                                      bool leads)
{
    return (struct slu_guard_ticket){
        .flight = pool_handle(&flights->pool, flight_slot(flights, flight)),
        .turn = flight->turn,
        .leads = leads,
    };
}

static uint64_t lease_end(const struct flights *flights, uint64_t now_ns)
{
    uint64_t end_ns = 0;
    return __builtin_add_overflow(now_ns, flights->lease_ns, &end_ns) ? UINT64_MAX : end_ns;
}

void flight_part(struct flights *flights, struct flight *flight)
{
    if (flight->mapped) {
        hash_map_remove(&flights->map, flight->hash, flight_slot(flights, flight));
        flight->mapped = false;
    }
}

void flights_part_all(struct flights *flights, uint64_t now_ns)
{
    for (uint32_t slot = flights->asking.first; slot != FLIGHT_NONE;) {
        struct flight *flight = slot_flight(flights, slot);
        flight_part(flights, flight);
        flight->lease_end_ns = lease_end(flights, now_ns);
        slot = flight->later;
    }
}

/* No room: end a flight whose leader has let its lease pass and for whom nobody waits. */
static void expired_end(struct flights *flights, uint64_t now_ns)
{
    for (int i = 0; i < EXPIRED_LOOKED_AT && flights->asking.first != FLIGHT_NONE; i++) {
        struct flight *flight = slot_flight(flights, flights->asking.first);
        if (!flight_lease_over(flight, now_ns)) {
            return;
        }
        bool waited_for = flight->first != NULL;
        flight_abandon(flights, flight, now_ns);
        if (!waited_for) {
            return;
        }
    }
}

/* Make the record that ended first free. */
static void ended_reuse(struct flights *flights)
{
    if (flights->ended.first == FLIGHT_NONE) {
        return;
    }
    const struct flight *flight = slot_flight(flights, flights->ended.first);
    uint32_t slot = flights->ended.first;
    list_remove(flights, &flights->ended, flight);
    int err = slu_pool_give(&flights->pool, pool_handle(&flights->pool, slot));
    SLU_ASSERT(err == 0);
}

static bool pool_is_full(const struct flights *flights)
{
    return flights->pool.taken_count == flights->pool.capacity;
}

int flights_begin(struct flights *flights, uint64_t hash, uint64_t now_ns, struct flight **flight)
{
    if (pool_is_full(flights) && flights->ended.first == FLIGHT_NONE) {
        expired_end(flights, now_ns);
    }
    if (pool_is_full(flights)) {
        ended_reuse(flights);
    }
    void *record = NULL;
    slu_pool_handle handle = 0;
    if (pool_is_full(flights) || slu_pool_take(&flights->pool, &handle, &record) != 0) {
        return -EDQUOT;
    }
    if (hash_map_insert(&flights->map, hash, slu_pool_slot(&flights->pool, handle)) != 0) {
        int err = slu_pool_give(&flights->pool, handle);
        SLU_ASSERT(err == 0);
        return -EDQUOT;
    }
    struct flight *begun = record;
    *begun = (struct flight){.hash = hash, .mapped = true};
    begun->lease_end_ns = lease_end(flights, now_ns);
    list_append(flights, &flights->asking, begun);
    flights->asking_count++;
    *flight = begun;
    return 0;
}

void flight_lead(struct flights *flights, struct flight *flight, uint64_t now_ns)
{
    flight->turn++;
    flight->lease_end_ns = lease_end(flights, now_ns);
    flights->takeover_count++;
    list_remove(flights, &flights->asking, flight);
    list_append(flights, &flights->asking, flight);
}

void flight_waiter_add(struct flights *flights, struct flight *flight, struct flight_waiter *waiter)
{
    waiter->next = NULL;
    waiter->previous = flight->last;
    if (flight->last == NULL) {
        flight->first = waiter;
    } else {
        flight->last->next = waiter;
    }
    flight->last = waiter;
    flights->waiting_count++;
}

void flight_waiter_remove(struct flights *flights, struct flight *flight,
                          struct flight_waiter *waiter)
{
    if (waiter->previous == NULL) {
        flight->first = waiter->next;
    } else {
        waiter->previous->next = waiter->next;
    }
    if (waiter->next == NULL) {
        flight->last = waiter->previous;
    } else {
        waiter->next->previous = waiter->previous;
    }
    flights->waiting_count--;
}

/* With the lock held, so that the waiter cannot leave before it has been woken. */
static void waiter_tell(struct flights *flights, struct flight *flight,
                        struct slu_guard_result result)
{
    struct flight_waiter *waiter = flight->first;
    flight_waiter_remove(flights, flight, waiter);
    waiter->result = result;
    waiter->turn = flight->turn;
    waiter->told = true;
    scope_waiter_wake(&waiter->waiter);
}

void flight_abandon(struct flights *flights, struct flight *flight, uint64_t now_ns)
{
    if (flight->first != NULL) {
        flight_lead(flights, flight, now_ns);
        waiter_tell(flights, flight, (struct slu_guard_result){.answer = SLU_GUARD_LEADER});
        return;
    }
    flight_answer(flights, flight, (struct slu_guard_result){.answer = SLU_GUARD_UNKNOWN});
}

void flight_answer(struct flights *flights, struct flight *flight, struct slu_guard_result result)
{
    flight_part(flights, flight);
    list_remove(flights, &flights->asking, flight);
    flight->state = FLIGHT_TELLING;
    flight->result = result;
    flight_tell(flights, flight);
}

void flight_tell(struct flights *flights, struct flight *flight)
{
    for (int i = 0; i < FLIGHT_TOLD_MAX && flight->first != NULL; i++) {
        waiter_tell(flights, flight, flight->result);
    }
    if (flight->first == NULL) {
        flight->state = FLIGHT_ENDED;
        list_append(flights, &flights->ended, flight);
        flights->asking_count--;
    }
}

static uint32_t list_validate(const struct flights *flights, const struct flight_list *list,
                              enum flight_state state)
{
    uint32_t count = 0;
    uint32_t earlier = FLIGHT_NONE;
    uint64_t lease_end_ns = 0;
    for (uint32_t slot = list->first; slot != FLIGHT_NONE;) {
        const struct flight *flight = slot_flight(flights, slot);
        SLU_ASSERT(flight->earlier == earlier && flight->state == state);
        SLU_ASSERT(state != FLIGHT_ENDED || (flight->first == NULL && !flight->mapped));
        SLU_ASSERT(!flight->mapped || flights_find(flights, flight->hash) == flight);
        SLU_ASSERT(state != FLIGHT_ASKING || lease_end_ns <= flight->lease_end_ns);
        lease_end_ns = flight->lease_end_ns;
        earlier = slot;
        slot = flight->later;
        count++;
    }
    SLU_ASSERT(list->last == earlier);
    return count;
}

void flights_validate(const struct flights *flights)
{
    uint32_t asking = list_validate(flights, &flights->asking, FLIGHT_ASKING);
    uint32_t ended = list_validate(flights, &flights->ended, FLIGHT_ENDED);
    SLU_ASSERT(asking <= flights->asking_count);
    SLU_ASSERT(flights->asking_count + ended == flights->pool.taken_count);
    SLU_ASSERT(flights->map.count <= asking);
    hash_map_validate(&flights->map);
}
