#include "preload/settings.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "preload/said.h"

#define SAID_MAX 4096

/* What is said on standard error while the environment is read. */
static void read_with(struct settings *settings, char *const *environment, char said[SAID_MAX])
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0);
    assert_int_equal(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(pipes[1]), 0);
    said_begin();
    settings_read(settings, environment);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(kept), 0);
    ssize_t len = read(pipes[0], said, SAID_MAX - 1);
    assert_true(len >= 0);
    said[len] = '\0';
    assert_int_equal(close(pipes[0]), 0);
}

static void test_an_empty_environment_gives_the_usual_values(void **state)
{
    (void)state;
    static struct settings settings;
    char said[SAID_MAX];
    char *environment[] = {NULL};
    read_with(&settings, environment, said);
    assert_string_equal(said, "");
    assert_int_equal(settings.start, 0);
    assert_int_equal(settings.rate_bytes, 524288);
    assert_int_equal(settings.at_exit, AT_EXIT_USUAL);
    assert_int_equal(settings.files_max, 20);
    assert_int_equal(settings.period_ns, 0);
    assert_int_equal(settings.signal, 0);
    assert_int_equal(settings.ranges, 1);
    assert_string_equal(settings.out, "sluice-heap");
}

static void test_values_have_units(void **state)
{
    (void)state;
    static struct settings settings;
    char said[SAID_MAX];
    char *environment[] = {"HOME=/",
                           "SLUICE_HEAP_RATE=64K",
                           "SLUICE_HEAP_PERIOD=250ms",
                           "SLUICE_HEAP_CACHE=2G",
                           "SLUICE_HEAP_SIGNAL=SIGUSR2",
                           "SLUICE_HEAP_FILES=3",
                           "SLUICE_HEAP_OUT=/tmp/some where",
                           "SLUICE_HEAP_START=1",
                           "SLUICE_HEAP_EXIT=0",
                           NULL};
    read_with(&settings, environment, said);
    assert_string_equal(said, "");
    assert_int_equal(settings.rate_bytes, 65536);
    assert_int_equal(settings.period_ns, 250000000);
    assert_true(settings.cache_bytes_max == UINT64_C(2) << 30);
    assert_int_equal(settings.signal, SIGUSR2);
    assert_int_equal(settings.files_max, 3);
    assert_string_equal(settings.out, "/tmp/some where");
    assert_int_equal(settings.start, 1);
    assert_int_equal(settings.at_exit, 0);
}

static void test_being_preloaded_means_to_start(void **state)
{
    (void)state;
    static struct settings settings;
    char said[SAID_MAX];
    char *preloaded[] = {"LD_PRELOAD=libx.so:/usr/lib/libsluice-heap.so", NULL};
    read_with(&settings, preloaded, said);
    assert_int_equal(settings.start, 1);
    char *held[] = {"SLUICE_HEAP_START=0", "LD_PRELOAD=libsluice-heap.so", NULL};
    read_with(&settings, held, said);
    assert_int_equal(settings.start, 0);
}

static void test_what_cannot_be_is_told_and_the_usual_value_taken(void **state)
{
    (void)state;
    static const struct {
        const char *variable;
        const char *said;
    } cases[] = {
        {"SLUICE_HEAP_RATE=0", "1 to 4294967295 are allowed; taking 524288"},
        {"SLUICE_HEAP_RATE=5G", "1 to 4294967295 are allowed"},
        {"SLUICE_HEAP_RATE=512 KiB", "not such a value; taking 524288"},
        {"SLUICE_HEAP_RATE=", "not such a value"},
        {"SLUICE_HEAP_RATE=-1", "not such a value"},
        {"SLUICE_HEAP_RATE=99999999999999999999999", "not such a value"},
        {"SLUICE_HEAP_CACHE=99999999999999G", "not such a value"},
        {"SLUICE_HEAP_PERIOD=60", "not such a value; taking 0"},
        {"SLUICE_HEAP_FILES=0", "1 to 1000000 are allowed; taking 20"},
        {"SLUICE_HEAP_EXIT=yes", "not such a value"},
        {"SLUICE_HEAP_SIGNAL=SIGKIL", "not such a value"},
        {"SLUICE_HEAP_SIGNAL=65", "0 to 64 are allowed"},
        {"SLUICE_HEAP_OUT=", "bytes are allowed; taking sluice-heap"},
        {"SLUICE_HEAP_RAT=1", "there is no such setting"},
        {"SLUICE_HEAP_", "there is no such setting"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct settings settings;
        static struct settings usual;
        char said[SAID_MAX];
        char variable[128];
        (void)snprintf(variable, sizeof(variable), "%s", cases[i].variable);
        char *environment[] = {variable, NULL};
        read_with(&settings, environment, said);
        assert_non_null(strstr(said, cases[i].said));
        read_with(&usual, environment + 1, said);
        assert_memory_equal(&settings, &usual, sizeof(usual));
    }
}

static void test_a_period_of_zero_needs_no_unit(void **state)
{
    (void)state;
    static struct settings settings;
    char said[SAID_MAX];
    char *environment[] = {"SLUICE_HEAP_PERIOD=0", NULL};
    read_with(&settings, environment, said);
    assert_string_equal(said, "");
    assert_int_equal(settings.period_ns, 0);
}

static void test_a_text_too_long_is_refused(void **state)
{
    (void)state;
    static struct settings settings;
    static char variable[SETTINGS_TEXT_MAX + 64] = "SLUICE_HEAP_OUT=";
    size_t begun = strlen(variable);
    char said[SAID_MAX];
    char *environment[] = {variable, NULL};
    memset(variable + begun, 'a', SETTINGS_TEXT_MAX);
    read_with(&settings, environment, said);
    assert_string_equal(settings.out, "sluice-heap");
    assert_non_null(strstr(said, "bytes are allowed"));
    variable[begun + SETTINGS_TEXT_MAX - 1] = '\0';
    read_with(&settings, environment, said);
    assert_int_equal(strlen(settings.out), SETTINGS_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_environment_gives_the_usual_values),
        cmocka_unit_test(test_values_have_units),
        cmocka_unit_test(test_being_preloaded_means_to_start),
        cmocka_unit_test(test_what_cannot_be_is_told_and_the_usual_value_taken),
        cmocka_unit_test(test_a_period_of_zero_needs_no_unit),
        cmocka_unit_test(test_a_text_too_long_is_refused),
    };
    return TEST_RUN("settings", tests);
}
