#include "preload/memory_limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "preload/cgroup.h"

#define SECOND_NS UINT64_C(1000000000)
#define MIB       (UINT64_C(1) << 20)

/* A folder with the files of a group, as the kernel of either version shows them. */
static struct cgroup group;
static struct memory_limit limit;

static void put(const char *name, const char *text)
{
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", group.folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_number(const char *name, uint64_t number)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)number);
    put(name, text);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(group.folder, sizeof(group.folder), "/tmp/sluice-limit.XXXXXX");
    group.version = 2;
    return mkdtemp(group.folder) == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    static const char *const names[] = {"memory.current",        "memory.max",
                                        "memory.stat",           "memory.usage_in_bytes",
                                        "memory.limit_in_bytes", "memory.events"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[PATH_MAX + 64];
        (void)snprintf(path, sizeof(path), "%s/%s", group.folder, names[i]);
        (void)unlink(path); /* not each test makes each */
    }
    return rmdir(group.folder);
}

static void used(uint64_t bytes)
{
    put_number(group.version == 1 ? "memory.usage_in_bytes" : "memory.current", bytes);
}

static enum memory_level look_at(uint64_t seconds)
{
    return memory_limit_look(&limit, 0, seconds * SECOND_NS);
}

static void test_each_level_is_passed_once(void **state)
{
    (void)state;
    static const struct {
        uint64_t percent;
        enum memory_level passed;
    } steps[] = {
        {10, MEMORY_LEVEL_NONE},   {49, MEMORY_LEVEL_NONE},        {50, MEMORY_LEVEL_HISTORY},
        {54, MEMORY_LEVEL_NONE},   {74, MEMORY_LEVEL_HISTORY + 4}, {75, MEMORY_LEVEL_READY},
        {79, MEMORY_LEVEL_NONE},   {90, MEMORY_LEVEL_RECORD},      {90, MEMORY_LEVEL_NONE},
        {80, MEMORY_LEVEL_NONE},   {91, MEMORY_LEVEL_RECORD + 1},  {91, MEMORY_LEVEL_NONE},
        {95, MEMORY_LEVEL_SECOND}, {97, MEMORY_LEVEL_SECOND + 2},  {70, MEMORY_LEVEL_NONE},
        {99, MEMORY_LEVEL_LAST},   {100, MEMORY_LEVEL_NONE},       {64, MEMORY_LEVEL_NONE},
        {99, MEMORY_LEVEL_LAST},
    };
    put_number("memory.max", 100 * MIB);
    used(0);
    assert_int_equal(memory_limit_group(&limit, &group), 0);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        used(steps[i].percent * MIB);
        assert_int_equal(look_at(100 * (i + 1)), steps[i].passed);
    }
}

static void test_a_fall_counts_only_after_a_while(void **state)
{
    (void)state;
    put_number("memory.max", 100 * MIB);
    used(95 * MIB);
    assert_int_equal(memory_limit_group(&limit, &group), 0);
    assert_int_equal(look_at(100), MEMORY_LEVEL_SECOND);
    used(10 * MIB);
    assert_int_equal(look_at(109), MEMORY_LEVEL_NONE);
    used(95 * MIB);
    assert_int_equal(look_at(110), MEMORY_LEVEL_NONE);
    used(10 * MIB);
    assert_int_equal(look_at(111), MEMORY_LEVEL_NONE);
    used(95 * MIB);
    assert_int_equal(look_at(112), MEMORY_LEVEL_SECOND);
}

static void test_what_files_hold_and_nobody_uses_does_not_count(void **state)
{
    (void)state;
    put_number("memory.max", 100 * MIB);
    used(99 * MIB);
    put("memory.stat", "anon 1\nfile 2\ninactive_anon 3\ninactive_file 52428800\n");
    assert_int_equal(memory_limit_group(&limit, &group), 0);
    assert_int_equal(look_at(1), MEMORY_LEVEL_NONE);
    assert_int_equal(limit.used_bytes, 49 * MIB);
    assert_int_equal(limit.charged_bytes, 99 * MIB);
    put("memory.stat", "anon 1\ninactive_file 1048576\n");
    assert_int_equal(look_at(2), MEMORY_LEVEL_LAST);
}

static void test_what_is_asked_for_counts_before_it_is_used(void **state)
{
    (void)state;
    put_number("memory.max", 100 * MIB);
    used(10 * MIB);
    assert_int_equal(memory_limit_group(&limit, &group), 0);
    assert_int_equal(memory_limit_look(&limit, 64 * MIB, 0), MEMORY_LEVEL_HISTORY + 4);
    assert_int_equal(memory_limit_look(&limit, 82 * MIB, 0), MEMORY_LEVEL_RECORD + 2);
    assert_int_equal(memory_limit_look(&limit, UINT64_MAX, 0), MEMORY_LEVEL_LAST);
}

static void test_a_limit_that_changes_is_followed(void **state)
{
    (void)state;
    put_number("memory.max", 100 * MIB);
    used(80 * MIB);
    assert_int_equal(memory_limit_group(&limit, &group), 0);
    assert_int_equal(look_at(1), MEMORY_LEVEL_READY + 1);
    put_number("memory.max", 82 * MIB);
    assert_int_equal(look_at(2), MEMORY_LEVEL_SECOND + 2);
    put("memory.max", "max\n");
    assert_int_equal(look_at(3), MEMORY_LEVEL_NONE);
    assert_int_equal(limit.limit_bytes, UINT64_MAX);
}

static void test_a_group_without_a_limit_is_not_watched(void **state)
{
    (void)state;
    assert_int_equal(memory_limit_group(&limit, &group), -ENOENT);
    static const char *const texts[] = {"max\n", "", "none", "-1\n", "18446744073709551616\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put("memory.max", texts[i]);
        assert_int_equal(memory_limit_group(&limit, &group), -ENOENT);
    }
    group.version = 1;
    put("memory.limit_in_bytes", "9223372036854771712\n"); /* as version 1 says that */
    assert_int_equal(memory_limit_group(&limit, &group), -ENOENT);
}

static void test_version_1_has_other_names(void **state)
{
    (void)state;
    group.version = 1;
    put_number("memory.limit_in_bytes", 100 * MIB);
    put("memory.stat", "cache 1\ninactive_file 104857600\ntotal_inactive_file 10485760\n");
    used(99 * MIB);
    assert_int_equal(memory_limit_group(&limit, &group), 0);
    assert_int_equal(look_at(1), MEMORY_LEVEL_HISTORY + 7);
    assert_int_equal(limit.used_bytes, 89 * MIB);
}

static void test_an_own_limit_is_of_resident_memory(void **state)
{
    (void)state;
    memory_limit_own(&limit, UINT64_C(1) << 50);
    assert_int_equal(look_at(1), MEMORY_LEVEL_NONE);
    assert_true(limit.used_bytes > 100 << 10);
    memory_limit_own(&limit, limit.used_bytes);
    assert_int_equal(look_at(1), MEMORY_LEVEL_LAST);
}

static void test_it_waits_no_longer_than_the_fastest_growth_takes(void **state)
{
    (void)state;
    put_number("memory.max", 10240 * MIB);
    used(0);
    assert_int_equal(memory_limit_group(&limit, &group), 0);
    (void)look_at(1); /* nothing is used */
    assert_int_equal(memory_limit_wait_ns(&limit), SECOND_NS);
    used(7680 * MIB - 512 * MIB);
    (void)look_at(1); /* a level is near */
    assert_in_range(memory_limit_wait_ns(&limit), SECOND_NS / 2 - SECOND_NS / 1000, SECOND_NS / 2);
    used(7680 * MIB - 1024);
    (void)look_at(1); /* nearer */
    assert_int_equal(memory_limit_wait_ns(&limit), 5000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_level_is_passed_once, begin, end),
        cmocka_unit_test_setup_teardown(test_a_fall_counts_only_after_a_while, begin, end),
        cmocka_unit_test_setup_teardown(test_what_files_hold_and_nobody_uses_does_not_count, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_what_is_asked_for_counts_before_it_is_used, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_limit_that_changes_is_followed, begin, end),
        cmocka_unit_test_setup_teardown(test_a_group_without_a_limit_is_not_watched, begin, end),
        cmocka_unit_test_setup_teardown(test_version_1_has_other_names, begin, end),
        cmocka_unit_test_setup_teardown(test_an_own_limit_is_of_resident_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_it_waits_no_longer_than_the_fastest_growth_takes,
                                        begin, end),
    };
    return TEST_RUN("memory_limit", tests);
}
