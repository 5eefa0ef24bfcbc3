#include "cli/options.h"

#include <errno.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/sink.h"

#include "harness.h"
#include "sample_rows.h"

#define WORD_MAX 12

static const struct command top = {
    .name = "heap top",
    .summary = "top",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = 3},
    .options = sample_options,
    .option_count = SAMPLE_OPTION_COUNT,
};

/* Words of one command line, parted by spaces, in room that may be written. */
struct line {
    char text[512];
    char *words[WORD_MAX];
    size_t word_count;
};

static void line_split(struct line *line, const char *text)
{
    size_t size = strlen(text) + 1;
    assert_true(size <= sizeof(line->text));
    memcpy(line->text, text, size);
    line->word_count = 0;
    for (char *at = line->text + strspn(line->text, " "); *at != '\0'; at += strspn(at, " ")) {
        assert_true(line->word_count < WORD_MAX);
        line->words[line->word_count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
}

static int read_line(const struct command *command, const char *text, struct line *line,
                     struct invocation *out, struct slu_diag *diag)
{
    line_split(line, text);
    return options_read(command, line->words, line->word_count, out, diag);
}

static void defaults_stand_where_nothing_is_given(void **state)
{
    (void)state;
    struct line line;
    struct invocation out;
    assert_int_equal(read_line(&top, "app.heap", &line, &out, NULL), 0);
    assert_int_equal(out.values[SAMPLE_COUNT].number, 10);
    assert_int_equal(out.values[SAMPLE_SIZE].number, 512 * 1024);
    assert_int_equal(out.values[SAMPLE_EVERY].number, 5000000000);
    assert_int_equal(out.values[SAMPLE_FORMAT].number, 0);
    assert_string_equal(out.values[SAMPLE_FORMAT].text, "text");
    assert_null(out.values[SAMPLE_OUT].text);
    for (int i = 0; i < SAMPLE_OPTION_COUNT; i++) {
        assert_false(out.values[i].given);
    }
    assert_int_equal(out.operand_count, 1);
    assert_string_equal(out.operands[0], "app.heap");
}

static void every_way_to_write_an_option_is_read(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "--count 5 --size 8KiB --verbose a b",
        "--count=5 --size=8KiB --verbose a b",
        "-n 5 -s 8192 -v a b",
        "-n5 -s8k -v a b",
        "-vn5 -s 8KiB a b",
        "-vn 5 a -s 8KiB b",
        "a b -v -n 5 --size 8192",
        "a -n 7 -n 5 --size=1MiB -s 8KiB -v b",
        "-n 5 -s 8KiB -v -- a b",
        "-n 5 -vvs 8KiB a -- b",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct line line;
        struct invocation out;
        struct slu_diag diag = {.message = ""};
        if (read_line(&top, lines[i], &line, &out, &diag) != 0) {
            fail_msg("%s: %s", lines[i], diag.message);
        }
        assert_int_equal(out.values[SAMPLE_COUNT].number, 5);
        assert_int_equal(out.values[SAMPLE_SIZE].number, 8192);
        assert_true(out.values[SAMPLE_VERBOSE].given);
        assert_false(out.values[SAMPLE_JSON].given);
        assert_int_equal(out.operand_count, 2);
        assert_string_equal(out.operands[0], "a");
        assert_string_equal(out.operands[1], "b");
    }
}

static void what_follows_two_dashes_is_an_operand(void **state)
{
    (void)state;
    struct line line;
    struct invocation out;
    assert_int_equal(read_line(&top, "- -- --help -n", &line, &out, NULL), 0);
    assert_false(out.help_wanted);
    assert_int_equal(out.operand_count, 3);
    assert_string_equal(out.operands[0], "-");
    assert_string_equal(out.operands[1], "--help");
    assert_string_equal(out.operands[2], "-n");
}

static void help_needs_nothing_else(void **state)
{
    (void)state;
    static const char *const lines[] = {"--help", "-h", "-vh", "-n 5 --help --nonsense",
                                        "a b c d -h"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct line line;
        struct invocation out;
        assert_int_equal(read_line(&top, lines[i], &line, &out, NULL), 0);
        assert_true(out.help_wanted);
    }
}

static void a_refusal_says_what_was_given_and_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *message;
    } cases[] = {
        {"--count 0 a", "--count is '0', but must be a whole number from 1 to 3600"},
        {"--count 3601 a", "--count is '3601', but must be a whole number from 1 to 3600"},
        {"-n 99999999999999999999 a",
         "--count is '99999999999999999999', but must be a whole number from 1 to 3600"},
        {"-n -5 a", "--count is '-5', but must be a whole number from 1 to 3600"},
        {"-n= a", "--count is '=', but must be a whole number from 1 to 3600"},
        {"--count= a", "--count is '', but must be a whole number from 1 to 3600"},
        {"--size 5x a", "--size is '5x', but must be a size such as 512KiB, at least 4KiB"},
        {"--size 1KiB a", "--size is '1KiB', but must be a size such as 512KiB, at least 4KiB"},
        {"--every 5 a", "--every is '5', but must be a duration such as 5s, from 1ms to 1d"},
        {"--every 25h a", "--every is '25h', but must be a duration such as 5s, from 1ms to 1d"},
        {"--format xml a", "--format is 'xml', but must be text, json or pprof"},
        {"--format jsn a",
         "--format is 'jsn', but must be text, json or pprof; did you mean 'json'?"},
        {"--out= a", "--out is '', but must be a path"},
        {"a --count", "--count needs a value: a whole number from 1 to 3600"},
        {"a -o", "--out needs a value: a path"},
        {"--verbose=yes a", "--verbose takes no value, but was given 'yes'"},
        {"--conut 5 a", "unknown option '--conut'; did you mean '--count'?"},
        {"--hlep", "unknown option '--hlep'; did you mean '--help'?"},
        {"--form=json a", "unknown option '--form'; did you mean '--format'?"},
        {"--nothing-like-it a", "unknown option '--nothing-like-it'"},
        {"-x a", "unknown option '-x'"},
        {"-vx a", "unknown option '-x'"},
        {"-\u00e9 a", "unknown option '-\u00e9'"},
        {"", "SOURCE ... is missing"},
        {"a b c d e", "unexpected argument 'd'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct line line;
        struct invocation out = {.operand_count = 77};
        struct slu_diag diag = {.message = ""};
        assert_int_equal(read_line(&top, cases[i].line, &line, &out, &diag), -EINVAL);
        assert_string_equal(diag.message, cases[i].message);
        assert_int_equal(out.operand_count, 77);
    }
}

static void a_refused_value_is_cut_when_long(void **state)
{
    (void)state;
    char word[400];
    char option[] = "--count";
    char *words[] = {option, word};
    struct invocation out;
    struct slu_diag diag;
    memset(word, '7', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    assert_int_equal(options_read(&top, words, 2, &out, &diag), -EINVAL);
    assert_string_equal(diag.message, "--count is '777777777777777777777777777777777777777777777777"
                                      "...', but must be a whole number from 1 to 3600");
}

static void operands_that_are_choices_are_checked(void **state)
{
    (void)state;
    static const struct command shell = {
        .name = "completion",
        .operands = {.synopsis = "SHELL",
                     .kind = OPERAND_CHOICE,
                     .min = 1,
                     .max = 1,
                     .choices = sample_formats},
    };
    struct line line;
    struct invocation out;
    struct slu_diag diag;
    assert_int_equal(read_line(&shell, "pprof", &line, &out, &diag), 0);
    assert_int_equal(read_line(&shell, "pprog", &line, &out, &diag), -EINVAL);
    assert_string_equal(diag.message,
                        "SHELL is 'pprog', but must be text, json or pprof; did you mean 'pprof'?");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stand_where_nothing_is_given),
        cmocka_unit_test(every_way_to_write_an_option_is_read),
        cmocka_unit_test(what_follows_two_dashes_is_an_operand),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(a_refusal_says_what_was_given_and_what_is_allowed),
        cmocka_unit_test(a_refused_value_is_cut_when_long),
        cmocka_unit_test(operands_that_are_choices_are_checked),
    };
    return TEST_RUN("options", tests);
}
