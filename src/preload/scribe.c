#include "preload/scribe.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include <sluice/clock.h>

#include "preload/output.h"
#include "preload/own_thread.h"
#include "preload/said.h"
#include "sys/deadline.h"
#include "sys/futex.h"

#define STACK_BYTES ((size_t)48 << 10)

static struct {
    struct output *output;
    uint64_t period_ns;
    bool has_signal;
    _Atomic bool is_begun;     /* a thread is there, or being made */
    _Atomic uint64_t due_ns;   /* UINT64_MAX: nothing periodic */
    _Atomic uint32_t wanted;   /* counts signals: what the thread sleeps on */
    _Atomic uint32_t answered; /* of them */
} scribe;

static void signal_caught(int number)
{
    (void)number;
    int saved = errno;
    atomic_fetch_add_explicit(&scribe.wanted, 1, memory_order_relaxed);
    futex_wake(&scribe.wanted);
    errno = saved;
}

static void signal_catch(int number)
{
    struct sigaction before;
    struct sigaction action = {.sa_handler = signal_caught, .sa_flags = SA_RESTART};
    if (sigaction(number, NULL, &before) != 0 || before.sa_handler != SIG_DFL ||
        sigaction(number, &action, NULL) != 0) {
        said_line("signal %d has a handler or cannot have one: no profiles on it", number);
        return;
    }
    scribe.has_signal = true;
}

static uint64_t due_after(uint64_t now_ns)
{
    uint64_t due_ns = 0;
    bool never = scribe.period_ns == 0 || __builtin_add_overflow(now_ns, scribe.period_ns, &due_ns);
    return never ? DEADLINE_NEVER : due_ns;
}

void scribe_init(struct output *output, uint64_t period_ns, int signal, uint64_t now_ns)
{
    scribe.output = output;
    scribe.period_ns = period_ns;
    atomic_store_explicit(&scribe.due_ns, due_after(now_ns), memory_order_relaxed);
    if (signal != 0) {
        signal_catch(signal);
    }
}

/* True if there is something to write now; then it is not due again. */
static bool take_due(uint64_t now_ns)
{
    uint32_t wanted = atomic_load_explicit(&scribe.wanted, memory_order_relaxed);
    uint32_t answered = atomic_exchange_explicit(&scribe.answered, wanted, memory_order_relaxed);
    uint64_t due_ns = atomic_load_explicit(&scribe.due_ns, memory_order_relaxed);
    bool is_due = now_ns >= due_ns;
    if (is_due) {
        is_due = atomic_compare_exchange_strong_explicit(
            &scribe.due_ns, &due_ns, due_after(now_ns), memory_order_relaxed, memory_order_relaxed);
    }
    return is_due || wanted != answered;
}

static void scribe_run(void *context)
{
    (void)context;
    for (;;) {
        uint32_t answered = atomic_load_explicit(&scribe.answered, memory_order_relaxed);
        uint64_t due_ns = atomic_load_explicit(&scribe.due_ns, memory_order_relaxed);
        (void)futex_wait_until(&scribe.wanted, answered, due_ns); /* the clock tells which it was */
        if (take_due(slu_clock_monotonic_ns())) {
            (void)output_write_ring(scribe.output); /* it has said what was wrong */
        }
    }
}

void scribe_start(void)
{
    bool needed = scribe.period_ns != 0 || scribe.has_signal;
    if (!needed || atomic_exchange_explicit(&scribe.is_begun, true, memory_order_relaxed)) {
        return;
    }
    if (own_thread_start("sluice-heap", STACK_BYTES, scribe_run, NULL) != 0) {
        atomic_store_explicit(&scribe.is_begun, false, memory_order_relaxed);
        said_line("no thread for writing profiles: allocations write them");
    }
}

void scribe_tick(uint64_t now_ns)
{
    if (!atomic_load_explicit(&scribe.is_begun, memory_order_relaxed) && scribe.output != NULL &&
        take_due(now_ns)) {
        (void)output_write_ring_in_hook(scribe.output);
    }
}

void scribe_after_fork_child(uint64_t now_ns)
{
    atomic_store_explicit(&scribe.is_begun, false, memory_order_relaxed);
    atomic_store_explicit(&scribe.due_ns, due_after(now_ns), memory_order_relaxed);
    atomic_store_explicit(&scribe.answered,
                          atomic_load_explicit(&scribe.wanted, memory_order_relaxed),
                          memory_order_relaxed);
}
