#include "preload/page.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <sluice/clock.h>

#include "base/sink.h"
#include "preload/modules.h"
#include "preload/thread_text.h"
#include "preload/pages.h"
#include "preload/thread_stacks.h"
#include "profile/gzip_writer.h"
#include "profile/pprof_places.h"
#include "profile/pprof_writer.h"
#include "profile/profile.h"
#include "sys/wall_clock.h"

#define ANSWER_NS UINT64_C(2000000000) /* for all threads together */

/* Written first and in this order, so that the number of each is known. */
enum text {
    TEXT_EMPTY,
    TEXT_THREADS,
    TEXT_COUNT,
    TEXT_THREAD,
    TEXT_TID,
    TEXT_STATE,
    TEXT_NO_STACK,
    TEXT_END,
};

static const char *const texts[TEXT_END] = {
    [TEXT_EMPTY] = "",
    [TEXT_THREADS] = "threads",
    [TEXT_COUNT] = "count",
    [TEXT_THREAD] = "thread",
    [TEXT_TID] = "tid",
    [TEXT_STATE] = "state",
    [TEXT_NO_STACK] = "[no stack]",
};

#define STAND_IN_NO_STACK 1

/* Mapped while a page is made. */
struct scratch {
    struct location_cache locations;
    struct gzip_writer gzip;
    struct pprof_writer writer;
    struct pprof_places places;
    char stage[4096];
};

static uint64_t put_string(struct pprof_writer *writer, const char *text)
{
    return pprof_write_string(writer, (struct slu_bytes){text, strlen(text)});
}

static void put_head(struct pprof_writer *writer, const struct thread_stacks *stacks)
{
    for (size_t i = TEXT_EMPTY + 1; i < TEXT_END; i++) {
        (void)put_string(writer, texts[i]);
    }
    pprof_write_sample_type(writer, TEXT_THREADS, TEXT_COUNT);
    pprof_write_default_sample_type(writer, TEXT_THREADS);
    pprof_write_period(writer, TEXT_THREADS, TEXT_COUNT, 1);
    pprof_write_time(writer, wall_clock_ns(), 0);
    if (stacks->more > 0) {
        char text[64];
        struct sink sink;
        sink_init_fixed(&sink, text, sizeof(text));
        sink_format(&sink, "%u more threads are not here", stacks->more);
        pprof_write_comment(writer, put_string(writer, text));
    }
}

static void put_thread(struct scratch *scratch, const struct thread_stack *stack)
{
    uint64_t ids[UNWIND_PCS_MAX] = {STAND_IN_NO_STACK};
    char state[THREAD_TEXT_BYTES];
    int64_t one = 1;
    for (uint32_t i = 0; i < stack->pc_count; i++) {
        ids[i] = pprof_places_add(&scratch->places, stack->pcs[i]);
    }
    thread_state_text(stack, state);
    struct pprof_label labels[] = {
        {.key = TEXT_THREAD, .text = put_string(&scratch->writer, stack->state.name)},
        {.key = TEXT_TID, .number = stack->id},
        {.key = TEXT_STATE, .text = put_string(&scratch->writer, state)},
    };
    struct pprof_sample sample = {
        .location_ids = ids,
        .location_count = stack->pc_count == 0 ? 1 : stack->pc_count,
        .values = &one,
        .value_count = 1,
        .labels = labels,
        .label_count = sizeof(labels) / sizeof(labels[0]),
    };
    pprof_write_sample(&scratch->writer, &sample);
}

static void encode(struct scratch *scratch, const struct thread_stacks *stacks,
                   const struct thread_places *places, struct sink *sink)
{
    pprof_writer_init(&scratch->writer, sink);
    scratch->places = (struct pprof_places){.writer = &scratch->writer,
                                            .cache = &scratch->locations,
                                            .mappings = places->mappings,
                                            .mapping_count = places->count};
    put_head(&scratch->writer, stacks);
    pprof_places_begin(&scratch->places, STAND_IN_NO_STACK);
    pprof_write_stand_in(&scratch->writer, STAND_IN_NO_STACK, TEXT_NO_STACK);
    for (uint32_t i = 0; i < stacks->count; i++) {
        if (thread_is_shown(&stacks->table[i])) {
            put_thread(scratch, &stacks->table[i]);
        }
    }
}

static int pprof_put(const struct thread_stacks *stacks, const struct thread_places *places,
                     struct sink *sink)
{
    struct sink inner;
    struct scratch *scratch = pages_map(sizeof(*scratch));
    if (scratch == NULL) {
        return -ENOMEM;
    }
    gzip_writer_init(&scratch->gzip, sink);
    sink_init(&inner, gzip_write, &scratch->gzip, scratch->stage, sizeof(scratch->stage));
    encode(scratch, stacks, places, &inner);
    sink_flush(&inner); /* its error is the outer sink's */
    gzip_writer_end(&scratch->gzip);
    (void)munmap(scratch, sizeof(*scratch));
    return 0;
}

static int threads_write(const struct page_source *source, const struct page_query *query,
                         struct sink *sink)
{
    struct thread_stacks stacks;
    uint64_t disturb = 0;
    if (http_request_number(&query->request, "disturb", &disturb) == -EBADMSG) {
        return -EINVAL;
    }
    int err = thread_stacks_take(source->tables, disturb > 0, slu_clock_monotonic_ns() + ANSWER_NS,
                                 &stacks);
    if (err != 0) {
        return err;
    }
    thread_stacks_add_caller(&stacks, source->caller_pcs, source->caller_pc_count);
    modules_refresh(source->modules); /* a module that has come meanwhile is known too */
    struct thread_places places = {
        .mappings = source->mappings,
        .count = modules_mappings(source->modules, source->mappings),
    };
    if (query->debug == 0) {
        err = pprof_put(&stacks, &places, sink);
    } else if (query->debug == 1) {
        threads_write_grouped(&stacks, &places, sink);
    } else {
        threads_write_each(&stacks, &places, sink);
    }
    thread_stacks_release(&stacks);
    return err;
}

static uint64_t threads_count(const struct page_source *source)
{
    uint32_t count = 0;
    uint32_t more = 0;
    pid_t unused[1];
    (void)source;
    return thread_list(unused, 1, &count, &more) == 0 ? count + more : 0;
}

const struct page page_threads = {
    .name = "threads",
    .about = "stacks of all threads; debug=2: one by one",
    .format = PAGE_PROFILE,
    .debug_format = PAGE_TEXT,
    .count = threads_count,
    .write = threads_write,
};
