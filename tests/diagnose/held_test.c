#include "diagnose/held.h"

#include <errno.h>
#include <string.h>

#include "base/sink.h"
#include "harness.h"

static const char answer[] =
    "{\"source\":\"4711\",\"process_id\":4711,\"live\":true,\"modules_without_names\":0,"
    "\"chains\":[{\"chain\":\"other\",\"blocks\":7}],"
    "\"growing\":{\"site\":\"session_add\",\"blocks\":40,\"bytes\":4000,\"leaked_blocks\":4,"
    "\"chains\":[{\"chain\":\"sessions.buckets[*] -> \\\"entry\\\"\","
    "\"example\":{\"chain\":\"no\"},\"blocks\":30},"
    "{\"chain\":\"second\",\"blocks\":4},{\"chain\":\"third\",\"blocks\":2}]},"
    "\"types\":[{}]}";

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void chains_of_what_grows_are_read(void **state)
{
    struct held held = {.leaked_blocks = 99};
    (void)state;
    assert_true(held_is(bytes_of(answer)));
    assert_int_equal(held_read(bytes_of(answer), &held), 0);
    assert_string_equal(held.site, "session_add");
    assert_true(held.blocks == 40 && held.leaked_blocks == 4);
    assert_int_equal(held.chain_count, 2);
    assert_string_equal(held.chains[0].text, "sessions.buckets[*] -> \"entry\"");
    assert_true(held.chains[0].blocks == 30);
    assert_string_equal(held.chains[1].text, "second");
}

static void an_answer_that_is_cut_off_changes_nothing(void **state)
{
    struct held held = {.site = "before", .blocks = 1};
    struct held before = held;
    (void)state;
    for (size_t len = 0; len < sizeof(answer) - 1; len++) {
        assert_int_equal(held_read((struct slu_bytes){answer, len}, &held), -EBADMSG);
        assert_memory_equal(&held, &before, sizeof(held));
    }
}

static void an_answer_without_what_grows_says_nothing_of_it(void **state)
{
    struct held held = {.site = "before", .blocks = 1};
    (void)state;
    assert_int_equal(held_read(bytes_of("{\"process_id\":1,\"growing\":null}"), &held), 0);
    assert_string_equal(held.site, "before");
    assert_int_equal(held_read(bytes_of("{\"growing\":{\"chains\":[1]}}"), &held), -EBADMSG);
    assert_false(held_is(bytes_of("{\"resident\":{\"bytes\":1}}")));
    assert_false(held_is(bytes_of("")));
}

/* Names of types have no end; what is cut is cut between characters. */
static void long_names_are_cut_between_characters(void **state)
{
    static const char begin[] =
        "{\"growing\":{\"site\":\"f\",\"blocks\":1,\"chains\":[{\"chain\":\"x";
    static const char end[] = "\",\"blocks\":1}]}}";
    char text[4096];
    struct sink sink;
    struct held held = {0};
    (void)state;
    sink_init_fixed(&sink, text, sizeof(text));
    sink_text(&sink, begin);
    for (int i = 0; i < 1000; i++) {
        sink_text(&sink, "\xc3\xbc");
    }
    sink_text(&sink, end);
    assert_int_equal(held_read(bytes_of(text), &held), 0);
    size_t len = strlen(held.chains[0].text);
    assert_true(len < HELD_CHAIN_BYTES && (len == 1 || len % 2 == 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_what_grows_are_read),
        cmocka_unit_test(an_answer_that_is_cut_off_changes_nothing),
        cmocka_unit_test(an_answer_without_what_grows_says_nothing_of_it),
        cmocka_unit_test(long_names_are_cut_between_characters),
    };
    return TEST_RUN("held", tests);
}
