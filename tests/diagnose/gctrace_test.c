#include "diagnose/gctrace.h"

#include <math.h>
#include <string.h>

#include "harness.h"

#define MIB (1024.0 * 1024.0)
#define KIB 1024.0

static enum gctrace_kind read_text(const char *text, struct gctrace_item *item)
{
    return gctrace_read((struct slu_bytes){text, strlen(text)}, item);
}

struct cycle_case {
    const char *line;
    struct gctrace_cycle wanted;
};

static const struct cycle_case cycles[] = {
    /* Go 1.12 */
    {"gc 84 @1385.961s 2%: 0.20+4138+0.29 ms clock, 6.4+33879/40532/68952+9.3 ms cpu, "
     "14799->15033->7927 MB, 15626 MB goal, 40 P",
     {84, 1385.961, 2, 0.49, 4138.49, 14799 * MIB, 15033 * MIB, 7927 * MIB, 15626 * MIB,
      GCTRACE_UNKNOWN, 40, false}},
    /* forced, behind another program's time */
    {"2020/01/02 10:11:12 app | gc 10 @16.335s 0%: 0.004+1.0+0.004 ms clock, "
     "0.016+0/1.0/2.9+0.016 ms cpu, 1006->1006->0 MB, 1784 MB goal, 4 P (forced)",
     {10, 16.335, 0, 0.008, 1.008, 1006 * MIB, 1006 * MIB, 0, 1784 * MIB, GCTRACE_UNKNOWN, 4,
      true}},
    /* Go 1.18 and later */
    {"gc 2 @0.013s 2%: 0.003+0.59+0.010 ms clock, 0.029+0.043/0.75/0.40+0.087 ms cpu, 8->9->7 MB, "
     "10 MB goal, 1 MB stacks, 3 MB globals, 8 P",
     {2, 0.013, 2, 0.013, 0.603, 8 * MIB, 9 * MIB, 7 * MIB, 10 * MIB, 1 * MIB, 8, false}},
};

static void cycles_of_all_versions_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cycles) / sizeof(cycles[0]); i++) {
        struct gctrace_item item;
        const struct gctrace_cycle *wanted = &cycles[i].wanted;
        assert_int_equal(read_text(cycles[i].line, &item), GCTRACE_CYCLE);
        assert_int_equal(item.cycle.number, wanted->number);
        assert_true(fabs(item.cycle.seconds - wanted->seconds) < 1e-9);
        assert_true(fabs(item.cycle.cpu_percent - wanted->cpu_percent) < 1e-9);
        assert_true(fabs(item.cycle.pause_ms - wanted->pause_ms) < 1e-9);
        assert_true(fabs(item.cycle.clock_ms - wanted->clock_ms) < 1e-9);
        assert_true(item.cycle.start_bytes == wanted->start_bytes);
        assert_true(item.cycle.end_bytes == wanted->end_bytes);
        assert_true(item.cycle.live_bytes == wanted->live_bytes);
        assert_true(item.cycle.goal_bytes == wanted->goal_bytes);
        assert_true(item.cycle.stack_bytes == wanted->stack_bytes);
        assert_int_equal(item.cycle.processors, wanted->processors);
        assert_int_equal(item.cycle.is_forced, wanted->is_forced);
    }
}

struct release_case {
    const char *line;
    struct gctrace_release wanted;
};

static const double unknown = GCTRACE_UNKNOWN;

static void releases_of_all_versions_are_read(void **state)
{
    (void)state;
    const struct release_case releases[] = {
        {"scvg9: inuse: 11264, idle: 5904, sys: 17168, released: 7, consumed: 17161 (MB)",
         {unknown, 7 * MIB, 11264 * MIB, 5904 * MIB, false}},
        {"scvg-1: 5 MB released", {5 * MIB, unknown, unknown, unknown, false}},
        {"scvg: 8 KB released", {8 * KIB, unknown, unknown, unknown, false}},
        {"forced scvg: 1005 MB released", {1005 * MIB, unknown, unknown, unknown, true}},
        {"forced scvg: inuse: 0, idle: 1023, sys: 1023, released: 1023, consumed: 0 (MB)",
         {unknown, 1023 * MIB, 0, 1023 * MIB, true}},
        {"scav 7 8 KiB work, 59240 KiB total, 3% util",
         {8 * KIB, 59240 * KIB, unknown, unknown, false}},
        {"scav 8 KiB work, 59240 KiB total, 3% util (forced)",
         {8 * KIB, 59240 * KIB, unknown, unknown, true}},
        {"scav 4 KiB work (bg), 186960 KiB work (eager), 208712 KiB now, 9% util (forced)",
         {186964 * KIB, 208712 * KIB, unknown, unknown, true}},
    };
    for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
        struct gctrace_item item;
        const struct gctrace_release *wanted = &releases[i].wanted;
        assert_int_equal(read_text(releases[i].line, &item), GCTRACE_RELEASE);
        assert_true(item.release.work_bytes == wanted->work_bytes);
        assert_true(item.release.returned_bytes == wanted->returned_bytes);
        assert_true(item.release.inuse_bytes == wanted->inuse_bytes);
        assert_true(item.release.idle_bytes == wanted->idle_bytes);
        assert_int_equal(item.release.is_forced, wanted->is_forced);
    }
}

static void other_lines_are_passed_over(void **state)
{
    static const char *const lines[] = {
        "",
        "gc",
        "gc ",
        "gc 5 times a day",
        "magic 5 @1.0s",
        "scavenging began",
        "scvg",
        "scav",
        "GET /gc/",
        "init main @0.1 ms, 0.2 ms clock, 3 bytes, 4 allocs",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct gctrace_item item;
        assert_int_equal(read_text(lines[i], &item), GCTRACE_OTHER);
    }
}

/* A line that is cut off anywhere behind its beginning is no cycle, and never taken for one. */
static void damaged_lines_are_told_apart(void **state)
{
    (void)state;
    const char *line = cycles[2].line;
    size_t whole = strlen(line);
    for (size_t len = strlen("gc 2 @"); len < whole; len++) {
        struct gctrace_item item;
        assert_int_equal(gctrace_read((struct slu_bytes){line, len}, &item), GCTRACE_DAMAGED);
    }
    struct gctrace_item item;
    assert_int_equal(read_text("scav 8 KiB wo", &item), GCTRACE_DAMAGED);
    assert_int_equal(read_text("scvg: 8 KB rel", &item), GCTRACE_DAMAGED);
    assert_int_equal(read_text("gc 1 @99999999999999999999s 0%: 0 ms clock", &item),
                     GCTRACE_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycles_of_all_versions_are_read),
        cmocka_unit_test(releases_of_all_versions_are_read),
        cmocka_unit_test(other_lines_are_passed_over),
        cmocka_unit_test(damaged_lines_are_told_apart),
    };
    return TEST_RUN("gctrace", tests);
}
