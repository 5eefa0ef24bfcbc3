/*
 * A guard in front of a slow store, for keys that do not exist and keys that many ask for at once.
 *
 * It remembers which keys the store has said to be missing, and lets only one caller ask for a key
 * while others wait for the answer. In short, with slu_guard_fetch doing all of it:
 *
 *     switch (slu_guard_begin(guard, now_ns, key, &ticket)) {
 *     case SLU_GUARD_MISSING:        say so, the store has said it before
 *     case SLU_GUARD_LIKELY_MISSING: the same, by the filters alone (see `window_refuses`)
 *     case SLU_GUARD_LEADER:         ask the store, then slu_guard_finish with its answer
 *     case SLU_GUARD_FOLLOWER:       slu_guard_wait or slu_guard_poll for the leader's answer
 *     case SLU_GUARD_ALONE:          ask the store; nobody shares the answer
 *     default:                       SLU_GUARD_BUSY: too many are asking, turn the caller away
 *     }
 *
 * Whoever writes a key to the store calls slu_guard_forget afterwards: from then on no answer says
 * that it is missing, not even that of a leader who asked before. A key written by somebody who
 * does not call it is missing for at most `span_ns` more.
 *
 * What it remembers is of two kinds. The known-missing keys are exact, but for this: keys are kept
 * as seeded fingerprints, so one that was never missing is taken for another with probability 5e-14
 * or missing_max x 2^-62, whichever is greater. The window is four Bloom filters that take turns,
 * a quarter of the span each; it holds more keys in the same memory and gives false positives at
 * `window_rate`. Both hold a key for the span at most, and for three quarters of it at least unless
 * too many come.
 *
 * Time is any monotonic nanosecond count, slu_clock_monotonic_ns where callers wait. A time older
 * than the newest one seen is taken as that one; a jump over the span empties the memory.
 */
#ifndef SLUICE_GUARD_H
#define SLUICE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_guard;
struct slu_scope;

#define SLU_GUARD_SPAN_MIN_NS UINT64_C(128)
#define SLU_GUARD_KEYS_MAX    ((uint32_t)1 << 30) /* highest missing_max and exempt_max */
#define SLU_GUARD_FLIGHT_MAX  ((uint32_t)1 << 20) /* highest flight_max */
#define SLU_GUARD_WAITER_MAX  ((uint32_t)1 << 20) /* highest waiter_max */
#define SLU_GUARD_WINDOW_MAX  ((uint64_t)1 << 36) /* highest window_key_max */
#define SLU_GUARD_RATE_MIN    1e-5
#define SLU_GUARD_RATE_MAX    0.5
#define SLU_GUARD_LEASE_NEVER UINT64_MAX

/* What a caller gets who would be one more asking than flight_max. */
enum slu_guard_full {
    SLU_GUARD_FULL_ALONE, /* SLU_GUARD_ALONE: the store is asked more often */
    SLU_GUARD_FULL_BUSY,  /* SLU_GUARD_BUSY: flight_max is a bound on the asking, too */
};

/* Meant for the stack. */
struct slu_guard_options {
    uint64_t seed;        /* random, and kept from those who choose the keys */
    uint64_t span_ns;     /* how long a key is missing at most, SLU_GUARD_SPAN_MIN_NS or more */
    uint64_t lease_ns;    /* how long a leader has to answer before another caller takes its
                              place, above 0; SLU_GUARD_LEASE_NEVER: for ever */
    uint32_t missing_max; /* known-missing keys, 1 to SLU_GUARD_KEYS_MAX; 12.2 bytes each */
    uint32_t flight_max;  /* keys asked for at the same time, 1 to SLU_GUARD_FLIGHT_MAX */
    uint32_t waiter_max;  /* callers blocked at the same time, up to SLU_GUARD_WAITER_MAX */
    enum slu_guard_full full;

    /*
     * The window. Without one (0), a key for which there is no room among the known-missing keys
     * takes the place of the oldest. With one, it takes it only when it has been missing before,
     * within the span: keys that come once do not drive out those that come again and again.
     */
    uint64_t window_key_max; /* 0, or different keys that it holds, up to SLU_GUARD_WINDOW_MAX */
    double window_rate;      /* of false positives then, SLU_GUARD_RATE_MIN to _MAX */

    /*
     * True: a key that is in the window alone is answered SLU_GUARD_LIKELY_MISSING, which is wrong
     * for `window_rate` of the keys that exist, each time the filters turn for other ones. Such a
     * key is found again once it is forgotten (slu_guard_forget).
     */
    bool window_refuses;
    uint32_t exempt_max; /* with window_refuses: forgotten keys that are still in the filters, 1 to
                            SLU_GUARD_KEYS_MAX; when more come, the window is emptied (counted) */
};

enum slu_guard_answer {
    SLU_GUARD_UNKNOWN,        /* slu_guard_check: the store has to be asked */
    SLU_GUARD_MISSING,        /* the key does not exist */
    SLU_GUARD_LIKELY_MISSING, /* the same, by the window alone */
    SLU_GUARD_LEADER,         /* the caller is to ask, and to finish */
    SLU_GUARD_FOLLOWER,       /* somebody is asking */
    SLU_GUARD_ALONE,          /* the caller is to ask; there is no ticket to finish */
    SLU_GUARD_BUSY,           /* neither: flight_max callers are asking */
    SLU_GUARD_FOUND,          /* the leader has found it */
    SLU_GUARD_FAILED,         /* the leader could not tell */
};

/* A part in one asking. Meant for the stack; may be copied, its members are the guard's. It keeps
 * nothing alive: one that is thrown away costs nothing but, for a leader's, the rest of the lease.
 */
struct slu_guard_ticket {
    uint64_t flight;
    uint32_t turn;
    bool leads;
};

struct slu_guard_result {
    enum slu_guard_answer answer; /* FOUND, MISSING, FAILED, or LEADER: it is the caller's turn */
    uint64_t value;               /* FOUND and FAILED: what the leader gave */
};

/*
 * Make a guard in one block of `budget`.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range; -EOVERFLOW if the size passes size_t;
 *          -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys the guard before the budget
 * Cost     one allocation
 */
SLU_API SLU_MUST_USE int slu_guard_create(struct slu_budget *budget,
                                          const struct slu_guard_options *options,
                                          struct slu_diag *diag, struct slu_guard **out);

/*
 * Destroy a guard when nobody uses it any more; NULL is accepted, and `*guard` becomes NULL. A
 * caller who still waits is a programmer's mistake (an assertion).
 */
SLU_API void slu_guard_destroy(struct slu_guard **guard);

/*
 * Begin to look for a key, as shown above.
 *
 * ticket   written with SLU_GUARD_LEADER and SLU_GUARD_FOLLOWER
 * Cost     MISSING: one hash of the key and one or two cache lines, no lock. LIKELY_MISSING: four
 *          to eight lines more. Otherwise a lock as well, and constant work. The first call in each
 *          64th of the span takes the lock in any case
 * Threads  any
 */
SLU_API SLU_MUST_USE enum slu_guard_answer slu_guard_begin(struct slu_guard *guard, uint64_t now_ns,
                                                           struct slu_bytes key,
                                                           struct slu_guard_ticket *ticket);

/*
 * What is remembered of a key: SLU_GUARD_MISSING, SLU_GUARD_LIKELY_MISSING or SLU_GUARD_UNKNOWN.
 *
 * Cost     as slu_guard_begin, with the same lock 64 times in a span and no other
 * Threads  any
 */
SLU_API SLU_MUST_USE enum slu_guard_answer slu_guard_check(struct slu_guard *guard, uint64_t now_ns,
                                                           struct slu_bytes key);

/* What a leader has to tell. */
enum slu_guard_outcome {
    SLU_GUARD_TELL_FOUND,   /* the store has the key; `value` goes to the followers */
    SLU_GUARD_TELL_MISSING, /* it has not, which is remembered */
    SLU_GUARD_TELL_FAILED,  /* nobody can tell; the followers hear so, with `value` */
    SLU_GUARD_TELL_NOTHING, /* the leader gives up: the longest waiting follower takes its place */
};

/*
 * Tell the leader's answer to the guard and to all followers.
 *
 * value    the caller's own: a number, a version, a pointer to what outlives the followers
 * Returns  0; -ESTALE if the ticket leads no more: the lease was over and another took its place,
 *          or it has finished before. Nothing is remembered then.
 * Cost     a lock and constant work, with a system call for each of eight followers at most: each
 *          follower wakes eight more. With a window, the emptying of a filter four times in a span,
 *          or after each quarter of window_key_max. Allocates nothing
 * Threads  any; of several finishes of one ticket, the first counts
 */
SLU_API SLU_MUST_USE int slu_guard_finish(struct slu_guard *guard, uint64_t now_ns,
                                          const struct slu_guard_ticket *ticket,
                                          enum slu_guard_outcome outcome, uint64_t value);

/*
 * Block until the leader has answered. A leader that gives up, or whose lease is over, is followed
 * by one of those who wait: that one gets SLU_GUARD_LEADER and a ticket to finish.
 *
 * ticket       of SLU_GUARD_FOLLOWER; changed when it becomes a leader's
 * deadline_ns  by slu_clock_monotonic_ns, or SLU_SCOPE_NEVER
 * Returns      0; -ESTALE if the asking ended without an answer, or too long ago: begin again;
 *              -EAGAIN when waiter_max are waiting (counted); -ECANCELED or -ETIMEDOUT when the
 *              scope is cancelled, -ETIMEDOUT from the deadline on; -EDEADLK for a leader's ticket
 * Cost         a lock and a system call; allocates nothing
 * Threads      any
 */
SLU_API SLU_MUST_USE int slu_guard_wait(struct slu_guard *guard, struct slu_scope *scope,
                                        uint64_t deadline_ns, struct slu_guard_ticket *ticket,
                                        struct slu_guard_result *result);

/*
 * The same without blocking, for event loops.
 *
 * Returns  as slu_guard_wait; -EAGAIN while the leader is asking. An answer can be had until
 *          flight_max askings have begun since.
 * Cost     a lock, and constant work
 * Threads  any
 */
SLU_API SLU_MUST_USE int slu_guard_poll(struct slu_guard *guard, uint64_t now_ns,
                                        struct slu_guard_ticket *ticket,
                                        struct slu_guard_result *result);

/*
 * Ask the store for a key: 0 with a value when it is there, -ENOENT when it is not, -ECANCELED or
 * -ETIMEDOUT when the caller's own scope or deadline ended it; any other error is a failure of the
 * store. It must not fetch the same key from the same guard.
 */
typedef int slu_guard_ask(void *arg, struct slu_scope *scope, struct slu_bytes key,
                          uint64_t *value);

/*
 * All of the above: answer from memory, ask, or wait for the one who asks. `ask` is called on this
 * thread, without a lock, if this caller is the one.
 *
 * Returns  0 with the value; -ENOENT if the key is missing, or likely missing; the error of the one
 *          who asked, or -EIO where that was told by slu_guard_finish with a value that is no error
 *          number; -EAGAIN with SLU_GUARD_BUSY, or when waiter_max are waiting; -ECANCELED or
 *          -ETIMEDOUT as slu_guard_wait
 * Cost     that of slu_guard_begin, and then of `ask` or of slu_guard_wait; reads the clock
 * Threads  any
 */
SLU_API SLU_MUST_USE int slu_guard_fetch(struct slu_guard *guard, struct slu_scope *scope,
                                         uint64_t deadline_ns, struct slu_bytes key,
                                         slu_guard_ask *ask, void *arg, uint64_t *value);

/*
 * The key exists from now on: call it after the store has it.
 *
 * Takes it out of the known-missing keys, makes an exception of it in the window, and parts it from
 * an asking under way: who begins after this asks anew, and what the old leader says is told to its
 * followers, who began before, but not remembered.
 *
 * Cost     a lock, and constant work; when exempt_max is reached, the window is emptied in constant
 *          time
 * Threads  any
 */
SLU_API void slu_guard_forget(struct slu_guard *guard, uint64_t now_ns, struct slu_bytes key);

/*
 * Forget all keys, as slu_guard_forget does with one: after a restore, or a wrong clock. Time
 * begins anew at `now_ns`, also where that is earlier.
 *
 * Cost     O(missing_max + exempt_max + flight_max)
 * Threads  any
 */
SLU_API void slu_guard_forget_all(struct slu_guard *guard, uint64_t now_ns);

/* Answers that take no lock are not counted: a counter shared by all threads would cost more than
 * they do. Who wants to know counts SLU_GUARD_MISSING where it comes. */
struct slu_guard_stats {
    uint64_t block_bytes;
    uint32_t asking_count;  /* askings under way */
    uint32_t waiting_count; /* callers blocked now */
    uint64_t leader_count;  /* SLU_GUARD_LEADER given, takeovers included */
    uint64_t follower_count;
    uint64_t full_count;           /* SLU_GUARD_ALONE or SLU_GUARD_BUSY given */
    uint64_t takeover_count;       /* leaders replaced: they gave up, or their lease was over */
    uint64_t stale_count;          /* finishes that came too late */
    uint64_t waiter_refused_count; /* waits beyond waiter_max */
    uint64_t found_count;          /* askings that ended so */
    uint64_t missing_count;
    uint64_t failed_count;
    uint64_t passed_over_count;    /* missing keys left out: no room, and not seen before */
    uint64_t replaced_count;       /* known-missing keys that made room for others */
    uint64_t forgotten_count;      /* calls of slu_guard_forget */
    uint64_t window_early_count;   /* filters emptied before their time: too many missing keys */
    uint64_t window_emptied_count; /* times that exempt_max emptied the window */
};

/* Threads  any */
SLU_API void slu_guard_stats(struct slu_guard *guard, struct slu_guard_stats *out);

SLU_END_DECLS

#endif
