#include "diagnose/evidence.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/sink.h"
#include "budget.h"
#include "diagnose/capsule.h"
#include "diagnose/roles.h"
#include "diagnose/sites.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)

static struct slu_budget *budget;
static struct evidence *evidence;

static int set_up(void **state)
{
    (void)state;
    budget = budget_of(BUDGET_BYTES);
    return evidence_create(budget, &evidence);
}

static int tear_down(void **state)
{
    (void)state;
    evidence_destroy(&evidence);
    slu_budget_destroy(&budget);
    return 0;
}

static enum evidence_kind add(const char *text, size_t len, double seconds)
{
    struct evidence_input input = {.bytes = {text, len}, .name = "input", .seconds = seconds};
    enum evidence_kind kind = EVIDENCE_KIND_COUNT;
    struct slu_diag diag;
    assert_int_equal(evidence_add(evidence, &input, &kind, &diag), 0);
    return kind;
}

static enum evidence_kind add_text(const char *text)
{
    return add(text, strlen(text), 50);
}

static void samples_are_read_by_name_and_unit(void **state)
{
    (void)state;
    assert_int_equal(add_text("# what it held\n"
                              "10 2097152\n"
                              "11 rss 3 MiB\r\n"
                              "12.5,rss,4096,kB\n"
                              "10 requests 5\n"
                              "11 threads 7\n"
                              "12 limit 1 GiB\n"
                              "12 something 3\n"
                              "words\n"
                              "13 rss -4\n"
                              "14 rss 1 parsec\n"
                              "15 rss nan\n"),
                     EVIDENCE_SAMPLES);
    assert_int_equal(evidence->rss.count, 3);
    assert_true(evidence->rss.values[0] == 2097152 && evidence->rss.seconds[0] == 10);
    assert_true(evidence->rss.values[1] == 3 * 1048576);
    assert_true(evidence->rss.values[2] == 4194304 && evidence->rss.seconds[2] == 12.5);
    assert_int_equal(evidence->requests.count, 1);
    assert_int_equal(evidence->thread_count.count, 1);
    assert_true(evidence->limit_bytes == 1073741824);
}

static void copies_of_proc_files_are_read(void **state)
{
    (void)state;
    assert_int_equal(add_text("Name:\tserver\nVmPeak:\t  900 kB\nVmRSS:\t  300 kB\nThreads:\t4\n"),
                     EVIDENCE_SAMPLES);
    assert_int_equal(
        add("5000-6000 ---p 00000000 00:00 0 [rollup]\nRss:   500 kB\nPss: 3 kB\n", 60, 60),
        EVIDENCE_SAMPLES);
    assert_int_equal(evidence->rss.count, 2);
    assert_true(evidence->rss.values[0] == 300 * 1024 && evidence->rss.seconds[0] == 50);
    assert_true(evidence->rss.values[1] == 500 * 1024 && evidence->rss.seconds[1] == 60);
    assert_true(evidence->thread_count.values[0] == 4);
}

static void the_account_of_memory_gives_resident_bytes(void **state)
{
    (void)state;
    assert_int_equal(add_text("{\"heap\":{\"bytes\":5},\"resident\": {\"bytes\": 12345}}"),
                     EVIDENCE_SAMPLES);
    assert_true(evidence->rss.count == 1 && evidence->rss.values[0] == 12345);
}

static void a_trace_in_a_log_is_read_and_damage_counted(void **state)
{
    (void)state;
    assert_int_equal(
        add_text("server started\n"
                 "gc 1 @0.013s 2%: 0.003+0.59+0.010 ms clock, 0.02+0.04/0.75/0.40+0.08 ms cpu, "
                 "8->9->7 MB, 10 MB goal, 0 MB stacks, 0 MB globals, 8 P\n"
                 "gc 2 @0.5s 2%: 0.003+0.5\n"
                 "scav 4 KiB work (bg), 0 KiB work (eager), 208712 KiB now, 9% util\n"),
        EVIDENCE_TRACE);
    assert_int_equal(evidence->live.count, 1);
    assert_int_equal(evidence->returned.count, 1);
    assert_int_equal(evidence->damaged_lines, 1);
}

static void what_tells_nothing_is_told_apart(void **state)
{
    static const char noise[] = "\x7f"
                                "ELF\0\1\2\3";
    (void)state;
    assert_int_equal(add_text("hello\n"), EVIDENCE_NOTHING);
    assert_int_equal(add_text(""), EVIDENCE_NOTHING);
    assert_int_equal(add(noise, sizeof(noise), 0), EVIDENCE_NOTHING);
}

static void a_capsule_gives_back_what_was_put_into_it(void **state)
{
    char file[16384];
    struct sink out;
    struct capsule_reader reader;
    struct capsule_part part;
    static const char first[] = "10 rss 5 MiB\n";
    (void)state;
    sink_init_fixed(&out, file, sizeof(file));
    capsule_write(&out, "samples", 1700000000.25, (struct slu_bytes){first, strlen(first)});
    capsule_write(&out, "empty", 0, (struct slu_bytes){NULL, 0});
    capsule_write_end(&out);
    assert_int_equal(sink_end(&out), 0);
    assert_true(capsule_is((struct slu_bytes){file, out.len}));
    capsule_reader_init(&reader, (struct slu_bytes){file, out.len});
    assert_true(capsule_next(&reader, &part));
    assert_string_equal(part.name, "1700000000250.samples");
    assert_true(part.seconds == 1700000000.25);
    assert_int_equal(part.bytes.len, strlen(first));
    assert_memory_equal(part.bytes.data, first, strlen(first));
    assert_true(capsule_next(&reader, &part));
    assert_int_equal(part.bytes.len, 0);
    assert_false(capsule_next(&reader, &part));
    assert_int_equal(capsule_end(&reader), 0);
    assert_int_equal(add(file, out.len, 0), EVIDENCE_CAPSULE);
    assert_true(evidence->rss.count == 1 && evidence->rss.values[0] == 5 * 1048576);
}

static void a_capsule_that_is_cut_off_or_changed_is_told(void **state)
{
    char file[4096];
    struct sink out;
    struct slu_diag diag;
    (void)state;
    sink_init_fixed(&out, file, sizeof(file));
    capsule_write(&out, "samples", 5, (struct slu_bytes){"10 5\n", 5});
    capsule_write_end(&out);
    for (size_t len = 512; len < out.len; len += 100) {
        struct evidence_input input = {.bytes = {file, len}, .name = "cut"};
        enum evidence_kind kind = EVIDENCE_NOTHING;
        int err = evidence_add(evidence, &input, &kind, &diag);
        assert_int_equal(err, len < 1536 ? -EBADMSG : 0);
    }
    file[130]++; /* of the size */
    struct evidence_input input = {.bytes = {file, out.len}, .name = "changed"};
    enum evidence_kind kind = EVIDENCE_NOTHING;
    assert_int_equal(evidence_add(evidence, &input, &kind, &diag), -EBADMSG);
    assert_non_null(strstr(diag.message, "changed: byte 0"));
}

static void records_stay_in_order_and_within_their_room(void **state)
{
    static struct record record;
    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        (void)record_add(&record, i * 7919 % 10007, i);
        assert_true(record.count <= SERIES_POINTS_MAX);
    }
    for (uint32_t i = 1; i < record.count; i++) {
        assert_true(record.seconds[i - 1] < record.seconds[i]);
    }
    assert_true(isnan(record_at(&(struct record){0}, 5)));
    record_forget(&record, 5000);
    assert_true(record.count > 0 && record.seconds[0] >= 5000);
    (void)record_add(&record, NAN, 1);
    (void)record_add(&record, 20000, INFINITY);
    assert_true(record_last(&record) < INFINITY);
}

struct role_case {
    const char *function;
    const char *file;
    const char *module;
    uint32_t roles;
    bool is_inner;
};

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void libraries_have_roles_and_programs_have_none(void **state)
{
    static const struct role_case cases[] = {
        {"time.NewTimer", "/usr/lib/go/src/time/sleep.go", "", ROLE_TIMER, true},
        {"time.NewTimerPool", "/usr/lib/go/src/time/sleep.go", "", 0, true},
        {"runtime.mapassign_faststr", "runtime/map_faststr.go", "", ROLE_MAP, true},
        {"runtime.growslice", "runtime/slice.go", "", ROLE_GROWTH, true},
        {"runtime.malg", "runtime/proc.go", "", ROLE_TASK, true},
        {"runtime/pprof.(*protobuf).string", "pprof/protobuf.go", "", ROLE_OBSERVER, true},
        {"pthread_create@@GLIBC_2.34", "", "/lib/libc.so.6", ROLE_TASK, true},
        {"realloc", "", "/lib/libc.so.6", ROLE_GROWTH, true},
        {"realloc_buffers", "buffer.c", "/usr/bin/server", 0, false},
        {"uv_timer_start", "", "/lib/libuv.so.1", ROLE_TIMER, true},
        {"event_new", "", "/lib/libevent-2.1.so.7", ROLE_TIMER, true},
        {"std::_Rb_tree<int, int>::_M_insert", "stl_tree.h", "/usr/bin/server", ROLE_MAP, true},
        {"std::vector<int>::_M_realloc_insert", "", "/usr/bin/server", ROLE_GROWTH, true},
        {"slu_wheel_add", "", "/usr/lib/libsluice.so.0", ROLE_TIMER, true},
        {"main.handle", "/src/main.go", "/usr/bin/server", 0, false},
        {"", "", "/usr/bin/server", 0, false},
        {"", "", "/usr/lib/libc.so.6", 0, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct role_frame frame = {bytes_of(cases[i].function), bytes_of(cases[i].file),
                                   bytes_of(cases[i].module)};
        assert_int_equal(roles_of(&frame), cases[i].roles);
        assert_int_equal(role_is_inner(&frame), cases[i].is_inner);
    }
}

static void too_little_memory_is_an_error_that_leaves_it_whole(void **state)
{
    static const char profile[] = "heap profile: 1: 16 [2: 32] @ heap/1048576\n"
                                  "1: 16 [2: 32] @ 0x1 0x2\n";
    (void)state;
    for (uint64_t room = 0; room < 4096; room += 64) {
        struct slu_budget *small = budget_of((uint64_t)4 << 20);
        struct evidence *made = NULL;
        struct slu_diag diag;
        enum evidence_kind kind = EVIDENCE_NOTHING;
        struct evidence_input input = {.bytes = {profile, strlen(profile)}, .name = "p"};
        assert_int_equal(evidence_create(small, &made), 0);
        slu_budget_set_limit(small, budget_used(small) + room * 512);
        int err = evidence_add(made, &input, &kind, &diag);
        assert_true(err == 0 || err == -EDQUOT);
        assert_true(err == 0 || made->heap->moment_count == 0);
        evidence_destroy(&made);
        slu_budget_destroy(&small);
    }
}

#define WITH_EVIDENCE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_EVIDENCE(samples_are_read_by_name_and_unit),
        WITH_EVIDENCE(copies_of_proc_files_are_read),
        WITH_EVIDENCE(the_account_of_memory_gives_resident_bytes),
        WITH_EVIDENCE(a_trace_in_a_log_is_read_and_damage_counted),
        WITH_EVIDENCE(what_tells_nothing_is_told_apart),
        WITH_EVIDENCE(a_capsule_gives_back_what_was_put_into_it),
        WITH_EVIDENCE(a_capsule_that_is_cut_off_or_changed_is_told),
        cmocka_unit_test(records_stay_in_order_and_within_their_room),
        cmocka_unit_test(libraries_have_roles_and_programs_have_none),
        cmocka_unit_test(too_little_memory_is_an_error_that_leaves_it_whole),
    };
    return TEST_RUN("evidence", tests);
}
