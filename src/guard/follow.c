/*
 * Followers: they wait for the leader's answer, take its place when it gives up or its lease is
 * over, and wake each other: whoever was told tells the next ones before it leaves.
 */
#include "guard/guard.h"

#include <errno.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

/* Stale tickets that a fetch takes before it gives up. */
#define FETCH_TRIES_MAX 8

/* With the lock held. Returns 0; -ESTALE; -EAGAIN while the leader is asking. */
static int flight_look(struct slu_guard *guard, uint64_t now_ns, struct slu_guard_ticket *ticket,
                       struct slu_guard_result *result)
{
    struct flight *flight = flights_resolve(&guard->flights, ticket);
    if (flight == NULL) {
        return -ESTALE;
    }
    if (flight->state == FLIGHT_ASKING) {
        if (!flight_lease_over(flight, now_ns)) {
            return -EAGAIN;
        }
        flight_lead(&guard->flights, flight, now_ns);
        *ticket = flight_ticket(&guard->flights, flight, true);
        *result = (struct slu_guard_result){.answer = SLU_GUARD_LEADER};
        return 0;
    }
    if (flight->result.answer == SLU_GUARD_UNKNOWN) {
        return -ESTALE;
    }
    *result = flight->result;
    return 0;
}

int slu_guard_poll(struct slu_guard *guard, uint64_t now_ns, struct slu_guard_ticket *ticket,
                   struct slu_guard_result *result)
{
    if (ticket->leads) {
        return -EDEADLK;
    }
    mutex_lock(&guard->lock);
    now_ns = guard_advance(guard, now_ns);
    int err = flight_look(guard, now_ns, ticket, result);
    mutex_unlock(&guard->lock);
    return err;
}

/* Look; while the leader is asking, begin to wait: then `waits` and `lease_end_ns` are set. */
static int waiter_enter(struct slu_guard *guard, struct slu_guard_ticket *ticket,
                        struct flight_waiter *waiter, struct slu_guard_result *result, bool *waits,
                        uint64_t *lease_end_ns)
{
    mutex_lock(&guard->lock);
    uint64_t now_ns = guard_advance(guard, slu_clock_monotonic_ns());
    int err = flight_look(guard, now_ns, ticket, result);
    if (err == -EAGAIN && guard->flights.waiting_count < guard->waiter_max) {
        struct flight *flight = flights_resolve(&guard->flights, ticket);
        flight_waiter_add(&guard->flights, flight, waiter);
        *waits = true;
        *lease_end_ns = flight->lease_end_ns;
    } else if (err == -EAGAIN) {
        guard->counts.waiter_refused_count++;
    }
    mutex_unlock(&guard->lock);
    return err;
}

/* The turn came to one that can wait no longer. With the lock held. */
static void lead_give_up(struct slu_guard *guard, const struct slu_guard_ticket *ticket)
{
    struct flight *flight = flights_led(&guard->flights, ticket);
    if (flight != NULL) {
        flight_abandon(&guard->flights, flight, guard->latest_ns);
    }
}

/*
 * The wait is over, with `err`. A waiter that is in the list still keeps the flight alive, and one
 * that was told keeps nothing: its flight may be another one by now.
 *
 * Returns  0 with a result; `err` without
 */
static int waiter_leave(struct slu_guard *guard, int err, struct slu_guard_ticket *ticket,
                        struct flight_waiter *waiter, struct slu_guard_result *result)
{
    mutex_lock(&guard->lock);
    struct flight *flight = flights_resolve(&guard->flights, ticket);
    if (!waiter->told) {
        flight_waiter_remove(&guard->flights, flight, waiter);
        waiter->told = flight->state == FLIGHT_TELLING;
        waiter->result = flight->result;
    }
    if (flight != NULL && flight->state == FLIGHT_TELLING) {
        flight_tell(&guard->flights, flight);
    }
    bool leads = waiter->told && waiter->result.answer == SLU_GUARD_LEADER;
    if (leads && err != 0) {
        struct slu_guard_ticket lead = {ticket->flight, waiter->turn, true};
        lead_give_up(guard, &lead);
    } else if (waiter->told) {
        err = 0;
        ticket->turn = waiter->turn;
        ticket->leads = leads;
        *result = waiter->result;
    }
    mutex_unlock(&guard->lock);
    return err;
}

int slu_guard_wait(struct slu_guard *guard, struct slu_scope *scope, uint64_t deadline_ns,
                   struct slu_guard_ticket *ticket, struct slu_guard_result *result)
{
    if (ticket->leads) {
        return -EDEADLK;
    }
    for (;;) {
        struct flight_waiter waiter = {0};
        uint64_t lease_end_ns = 0;
        bool waits = false;
        int err = waiter_enter(guard, ticket, &waiter, result, &waits, &lease_end_ns);
        if (!waits) {
            return err;
        }
        bool lease_first = lease_end_ns < deadline_ns;
        err = scope_wait(scope, &waiter.waiter, lease_first ? lease_end_ns : deadline_ns);
        err = waiter_leave(guard, err, ticket, &waiter, result);
        if (err != -ETIME) {
            return err;
        }
        if (!lease_first) {
            return -ETIMEDOUT;
        }
    }
}

static enum slu_guard_outcome outcome_of(int err)
{
    switch (err) {
    case 0:
        return SLU_GUARD_TELL_FOUND;
    case -ENOENT:
        return SLU_GUARD_TELL_MISSING;
    case -ECANCELED:
    case -ETIMEDOUT:
        return SLU_GUARD_TELL_NOTHING;
    default:
        return SLU_GUARD_TELL_FAILED;
    }
}

/* What slu_guard_fetch was called with. */
struct fetch {
    struct slu_scope *scope;
    uint64_t deadline_ns;
    struct slu_bytes key;
    slu_guard_ask *ask;
    void *arg;
    uint64_t *value;
};

static int fetch_lead(struct slu_guard *guard, const struct fetch *fetch,
                      const struct slu_guard_ticket *ticket)
{
    uint64_t value = 0;
    int err = fetch->ask(fetch->arg, fetch->scope, fetch->key, &value);
    uint64_t told = err == 0 ? value : (uint64_t) - (int64_t)err;
    int stale = slu_guard_finish(guard, slu_clock_monotonic_ns(), ticket, outcome_of(err), told);
    (void)stale; /* another has taken the place meanwhile: for this caller the answer is as good */
    if (err == 0) {
        *fetch->value = value;
    }
    return err;
}

static int failure_error(uint64_t value)
{
    return value > 0 && value < 4096 ? -(int)value : -EIO; /* as the kernel's error numbers */
}

/* Returns false if the ticket was outdated: nobody has answered. */
static bool fetch_follow(struct slu_guard *guard, const struct fetch *fetch,
                         struct slu_guard_ticket *ticket, int *err)
{
    struct slu_guard_result result = {0};
    *err = slu_guard_wait(guard, fetch->scope, fetch->deadline_ns, ticket, &result);
    if (*err != 0) {
        return *err != -ESTALE;
    }
    switch (result.answer) {
    case SLU_GUARD_LEADER:
        *err = fetch_lead(guard, fetch, ticket);
        break;
    case SLU_GUARD_FOUND:
        *fetch->value = result.value;
        break;
    case SLU_GUARD_MISSING:
        *err = -ENOENT;
        break;
    default:
        *err = failure_error(result.value);
    }
    return true;
}

int slu_guard_fetch(struct slu_guard *guard, struct slu_scope *scope, uint64_t deadline_ns,
                    struct slu_bytes key, slu_guard_ask *ask, void *arg, uint64_t *value)
{
    const struct fetch fetch = {scope, deadline_ns, key, ask, arg, value};
    for (int tries = 0; tries < FETCH_TRIES_MAX; tries++) {
        int err = 0;
        struct slu_guard_ticket ticket;
        switch (slu_guard_begin(guard, slu_clock_monotonic_ns(), key, &ticket)) {
        case SLU_GUARD_LEADER:
            return fetch_lead(guard, &fetch, &ticket);
        case SLU_GUARD_FOLLOWER:
            if (fetch_follow(guard, &fetch, &ticket, &err)) {
                return err;
            }
            break;
        case SLU_GUARD_ALONE:
            return ask(arg, scope, key, value);
        case SLU_GUARD_BUSY:
            return -EAGAIN;
        default:
            return -ENOENT;
        }
    }
    return -EAGAIN;
}
