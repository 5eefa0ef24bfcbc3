/*
 * Property: whatever the keys, the order of calls and the times, a key is known to be missing only
 * if a leader has told so since it was last forgotten; a follower hears what its leader told; no
 * call breaks the lists of the guard, and destroying it frees all.
 *
 * Input: a byte of options, then operations: one byte that says what, and how long the key is, one
 * that moves the clock on or back or chooses a ticket, and the key.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "guard/guard.h"

#define KEYS_MAX      256
#define KEY_BYTES_MAX 31
#define TICKETS       8
#define VALUE         7

struct known {
    struct slu_bytes key; /* in the input itself */
    bool told_missing;    /* since it was last forgotten */
};

struct asked {
    struct slu_guard_ticket ticket;
    size_t known;
    uint32_t forgets; /* of all keys, when it began: an older leader's answer is not remembered */
};

struct run {
    struct slu_guard *guard;
    struct known known[KEYS_MAX];
    size_t known_count;
    struct asked asked[TICKETS];
    size_t asked_count;
    uint32_t forgets[KEYS_MAX];
    uint64_t now_ns;
};

/* The number of a key, or KEYS_MAX when there are too many. */
static size_t key_number(struct run *run, struct slu_bytes key)
{
    for (size_t i = 0; i < run->known_count; i++) {
        struct slu_bytes other = run->known[i].key;
        if (other.len == key.len && (key.len == 0 || memcmp(other.data, key.data, key.len) == 0)) {
            return i;
        }
    }
    if (run->known_count < KEYS_MAX) {
        run->known[run->known_count] = (struct known){.key = key};
        return run->known_count++;
    }
    return KEYS_MAX;
}

static void key_begin(struct run *run, size_t number)
{
    struct slu_guard_ticket ticket;
    struct slu_bytes key = run->known[number].key;
    enum slu_guard_answer seen = slu_guard_check(run->guard, run->now_ns, key);
    enum slu_guard_answer answer = slu_guard_begin(run->guard, run->now_ns, key, &ticket);
    SLU_ASSERT(answer != SLU_GUARD_MISSING || run->known[number].told_missing);
    SLU_ASSERT(seen == SLU_GUARD_UNKNOWN || seen == answer);
    if (answer == SLU_GUARD_LEADER || answer == SLU_GUARD_FOLLOWER) {
        SLU_ASSERT(ticket.leads == (answer == SLU_GUARD_LEADER));
        run->asked[run->asked_count++ % TICKETS] =
            (struct asked){ticket, number, run->forgets[number]};
    }
}

static void ticket_finish(struct run *run, struct asked *asked, uint8_t what)
{
    enum slu_guard_outcome outcome = (enum slu_guard_outcome)(what % 4);
    int err = slu_guard_finish(run->guard, run->now_ns, &asked->ticket, outcome, VALUE);
    SLU_ASSERT(err == 0 || err == -ESTALE);
    SLU_ASSERT(err != 0 || asked->ticket.leads);
    if (err == 0 && outcome == SLU_GUARD_TELL_MISSING &&
        asked->forgets == run->forgets[asked->known]) {
        run->known[asked->known].told_missing = true;
    }
}

static void ticket_poll(struct run *run, struct asked *asked)
{
    struct slu_guard_result result = {.value = VALUE};
    bool led = asked->ticket.leads;
    int err = slu_guard_poll(run->guard, run->now_ns, &asked->ticket, &result);
    SLU_ASSERT(err == 0 || err == -ESTALE || err == -EAGAIN || err == -EDEADLK);
    SLU_ASSERT((err == -EDEADLK) == led);
    SLU_ASSERT(err == 0 || asked->ticket.leads == led);
    bool has_value = result.answer == SLU_GUARD_FOUND || result.answer == SLU_GUARD_FAILED;
    SLU_ASSERT(err != 0 || result.value == (has_value ? VALUE : 0));
}

static void operate(struct run *run, uint8_t what, uint8_t how, struct slu_bytes key)
{
    size_t number = key_number(run, key);
    struct asked *asked = &run->asked[how % TICKETS];
    bool has_ticket = how % TICKETS < run->asked_count;
    switch (what >> 5) {
    case 0:
    case 1:
        if (has_ticket) {
            ticket_finish(run, asked, what);
        }
        return;
    case 2:
        if (has_ticket) {
            ticket_poll(run, asked);
        }
        return;
    case 3:
        if (number < KEYS_MAX) {
            slu_guard_forget(run->guard, run->now_ns, key);
            run->known[number].told_missing = false;
            run->forgets[number]++;
        }
        return;
    case 4:
        run->now_ns = how % 8 == 0 ? run->now_ns / 2 : run->now_ns + (UINT64_C(1) << how % 40);
        return;
    default:
        if (number < KEYS_MAX) {
            key_begin(run, number);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct slu_budget *root = NULL;
    struct run run = {0};
    struct slu_guard_options options = {
        .span_ns = 128 + (uint64_t)data[0] * 1000,
        .lease_ns = 500,
        .missing_max = 8,
        .flight_max = 4,
        .full = data[0] % 2 == 0 ? SLU_GUARD_FULL_ALONE : SLU_GUARD_FULL_BUSY,
        .window_key_max = data[0] % 3 * 20,
        .window_rate = 0.001,
        .window_refuses = data[0] % 3 == 2,
        .exempt_max = 4,
    };
    int err = slu_budget_create(NULL, "fuzz", 1 << 20, &root);
    SLU_ASSERT(err == 0);
    err = slu_guard_create(root, &options, NULL, &run.guard);
    SLU_ASSERT(err == 0);
    for (size_t at = 1; at + 2 <= size;) {
        uint8_t what = data[at];
        uint8_t how = data[at + 1];
        size_t len = what & KEY_BYTES_MAX;
        at += 2;
        len = what >> 5 < 3 ? 0 : len < size - at ? len : size - at;
        operate(&run, what, how, (struct slu_bytes){data + at, len});
        guard_validate(run.guard);
        at += len;
    }
    slu_guard_destroy(&run.guard);
    slu_budget_destroy(&root);
    return 0;
}
