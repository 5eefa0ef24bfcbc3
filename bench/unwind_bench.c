/*
 * The walk that an allocation hook makes, over 25 frames of 25 functions, beside libunwind (its
 * own cache warm) and libgcc. The peers are loaded by name: libunwind brings functions of libgcc's
 * names, so that linking both would measure one of them twice.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "preload/unwind.h"

#include "bench.h"
#include "chain.h"

#define FRAMES CHAIN_DISTINCT

typedef _Unwind_Reason_Code gcc_backtrace(_Unwind_Trace_Fn, void *);
typedef _Unwind_Ptr gcc_ip(struct _Unwind_Context *);
typedef int libunwind_backtrace(void **pcs, int pcs_max);

struct load {
    const struct chain *chain;
    chain_end *walk;
    uint64_t rounds;
    double ns;
    struct unwind_tables *tables;
    gcc_backtrace *gcc_backtrace;
    gcc_ip *gcc_ip;
    libunwind_backtrace *libunwind_backtrace;
    size_t count;
    uintptr_t pcs[FRAMES];
};

/* Writes the function's address to `function`, or NULL if the library or it is not there. */
static void function_find(const char *library, const char *name, void *function)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *found = handle != NULL ? dlsym(handle, name) : NULL;
    memcpy(function, &found, sizeof(found));
}

static struct unwind_tables *tables_create(void)
{
    size_t bytes = (unwind_tables_bytes() + 63) / 64 * 64;
    void *block = aligned_alloc(64, bytes);
    if (block == NULL) {
        perror("the tables");
        exit(3);
    }
    memset(block, 0, bytes);
    struct unwind_tables *tables = unwind_tables_init(block);
    unwind_refresh(tables);
    return tables;
}

static __attribute__((noinline)) void walk_ours(void *context)
{
    static _Thread_local struct unwind_stack stack;
    struct load *load = context;
    struct unwind_frame start = unwind_caller();
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->rounds; i++) {
        if (unwind_stack_find(load->tables, start.sp, &stack)) {
            load->count = unwind_capture(load->tables, &start, &stack.own, load->pcs, FRAMES, NULL);
        }
    }
    load->ns = (double)(bench_cpu_ns() - start_ns) / (double)load->rounds;
}

/* Nothing is in the table when a walk begins. */
static __attribute__((noinline)) void walk_first(void *context)
{
    static _Thread_local struct unwind_stack stack;
    struct load *load = context;
    struct unwind_frame start = unwind_caller();
    uint64_t total_ns = 0;
    for (uint64_t i = 0; i < load->rounds; i++) {
        struct unwind_tables *tables = load->tables;
        memset(tables, 0, unwind_tables_bytes());
        (void)unwind_tables_init(tables);
        uint64_t start_ns = bench_cpu_ns();
        if (unwind_stack_find(tables, start.sp, &stack)) {
            load->count = unwind_capture(tables, &start, &stack.own, load->pcs, FRAMES, NULL);
        }
        total_ns += bench_cpu_ns() - start_ns;
    }
    load->ns = (double)total_ns / (double)load->rounds;
}

/* The least that following frame pointers can cost: nothing is checked, nothing is looked up. */
static __attribute__((noinline)) void walk_bare(void *context)
{
    struct load *load = context;
    struct unwind_frame start = unwind_caller();
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->rounds; i++) {
        const uintptr_t *record = (const uintptr_t *)start.bp;
        for (load->count = 0; load->count < FRAMES; load->count++) {
            load->pcs[load->count] = record[1] - 1;
            record = (const uintptr_t *)record[0];
        }
        bench_keep(load->pcs[0]);
    }
    load->ns = (double)(bench_cpu_ns() - start_ns) / (double)load->rounds;
}

static _Unwind_Reason_Code pc_add(struct _Unwind_Context *frame, void *context)
{
    struct load *load = context;
    load->pcs[load->count++] = load->gcc_ip(frame);
    return load->count == FRAMES ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static __attribute__((noinline)) void walk_gcc(void *context)
{
    struct load *load = context;
    uint64_t rounds = load->rounds / 50 + 1;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < rounds; i++) {
        load->count = 0;
        (void)load->gcc_backtrace(pc_add, load); /* the last answer was to stop */
    }
    load->ns = (double)(bench_cpu_ns() - start_ns) / (double)rounds;
}

static __attribute__((noinline)) void walk_libunwind(void *context)
{
    struct load *load = context;
    uint64_t start_ns = bench_cpu_ns();
    for (uint64_t i = 0; i < load->rounds; i++) {
        load->count = (size_t)load->libunwind_backtrace((void **)load->pcs, FRAMES);
    }
    load->ns = (double)(bench_cpu_ns() - start_ns) / (double)load->rounds;
}

static double round_of(struct load *load, chain_end *walk)
{
    load->chain->distinct(walk, load);
    if (load->count != FRAMES) {
        fprintf(stderr, "%zu frames instead of %d\n", load->count, FRAMES);
        exit(3);
    }
    bench_keep(load->pcs[FRAMES - 1]);
    return load->ns;
}

static double ours_round(void *context)
{
    return round_of(context, walk_ours);
}

static double first_round(void *context)
{
    return round_of(context, walk_first);
}

static double bare_round(void *context)
{
    return round_of(context, walk_bare);
}

static double gcc_round(void *context)
{
    return round_of(context, walk_gcc);
}

static double libunwind_round(void *context)
{
    return round_of(context, walk_libunwind);
}

static void measure(struct bench *bench, struct load *load, double (*peer)(void *context),
                    struct bench_line line)
{
    double (*ours)(void *context) = line.goal_kind == BENCH_NO_GOAL ? first_round : ours_round;
    load->rounds = bench_scaled(bench, ours == ours_round ? 200000 : 5000);
    bench_measure(bench, ours, peer, load, &line.value, &line.peer_value);
    line.unit = "ns";
    bench_report(bench, line);
}

static void body(struct bench *bench)
{
    static struct load load;
    load.tables = tables_create();
    function_find("libgcc_s.so.1", "_Unwind_Backtrace", &load.gcc_backtrace);
    function_find("libgcc_s.so.1", "_Unwind_GetIP", &load.gcc_ip);
    function_find("libunwind.so.8", "unw_backtrace", &load.libunwind_backtrace);
    bool has_gcc = load.gcc_backtrace != NULL && load.gcc_ip != NULL;
    bool has_libunwind = load.libunwind_backtrace != NULL;
    double (*gcc)(void *context) = has_gcc ? gcc_round : NULL;
    double (*libunwind)(void *context) = has_libunwind ? libunwind_round : NULL;
    const char *gcc_name = has_gcc ? "libgcc" : NULL;
    const char *libunwind_name = has_libunwind ? "libunwind" : NULL;
    load.chain = &chain_O2_bp;
    struct bench_line with = {.name = "unwind: 25 frames with frame pointers",
                              .goal_kind = BENCH_AT_MOST,
                              .goal = 20,
                              .peer = "no checks"};
    measure(bench, &load, bare_round, with);
    with.peer = libunwind_name;
    measure(bench, &load, libunwind, with);
    load.chain = &chain_O2_sp;
    struct bench_line without = {.name = "unwind: 25 frames without frame pointers",
                                 .goal_kind = BENCH_AT_MOST,
                                 .goal = 250,
                                 .peer = libunwind_name};
    measure(bench, &load, libunwind, without);
    without.peer = gcc_name;
    measure(bench, &load, gcc, without);
    measure(bench, &load, gcc,
            (struct bench_line){.name = "unwind: 25 frames never seen before", .peer = gcc_name});
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "unwind", body);
}
