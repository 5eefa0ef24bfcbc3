/* The rules of the table of subcommands, checked over every row that the program has. */
#include "cli/commands.h"

#include <string.h>

#include "cli/options.h"

#include "harness.h"

static const struct command_table *const table = &sluice_commands;

static void names_are_in_order_and_of_one_word_or_two(void **state)
{
    (void)state;
    for (size_t i = 0; i < table->row_count; i++) {
        const char *name = table->rows[i]->name;
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz "), strlen(name));
        assert_true(i == 0 || strcmp(table->rows[i - 1]->name, name) < 0);
        const char *space = strchr(name, ' ');
        assert_true(space == NULL || strchr(space + 1, ' ') == NULL);
    }
}

static void members_have_a_group_and_groups_have_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        bool is_member = strchr(row->name, ' ') != NULL;
        size_t related_count = 0;
        for (size_t other = 0; other < table->row_count; other++) {
            const struct command *candidate = table->rows[other];
            related_count += is_member
                                 ? candidate->run == NULL && command_is_member(row, candidate->name)
                                 : command_is_member(candidate, row->name);
        }
        assert_true(is_member ? related_count == 1 : (row->run == NULL) == (related_count > 0));
    }
}

static void every_text_is_there_and_in_its_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        assert_true(strlen(row->summary) > 0 && strlen(row->summary) < 70);
        assert_true(row->summary[strlen(row->summary) - 1] != '.');
        assert_true(row->description[strlen(row->description) - 1] == '.');
        assert_true(row->run == NULL || row->example_count > 0);
        for (size_t at = 0; at < row->example_count; at++) {
            assert_non_null(strstr(row->examples[at].line, table->program));
            assert_true(strlen(row->examples[at].explanation) > 0);
        }
    }
}

static void options_are_complete_and_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        assert_true(row->option_count <= COMMAND_OPTION_MAX);
        for (size_t at = 0; at < row->option_count; at++) {
            const struct option *option = &row->options[at];
            assert_int_equal(command_option(row, option->name, strlen(option->name)), at);
            assert_true(option->letter == '\0' ||
                        command_option_letter(row, option->letter) == (int)at);
            assert_string_not_equal(option->name, "help");
            assert_int_not_equal(option->letter, 'h');
            assert_int_equal(option->kind == OPTION_FLAG, option->value_name == NULL);
            assert_int_equal(option->kind == OPTION_CHOICE, option->choices != NULL);
            assert_true(option->kind != OPTION_FLAG || option->fallback == NULL);
            assert_true(strlen(option->help) > 0 && option->help[strlen(option->help) - 1] != '.');
        }
    }
}

static void json_is_the_same_option_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        int json = command_option(row, "json", 4);
        assert_true(json < 0 || row->options[json].letter == 'j');
        assert_true(json < 0 || row->options[json].kind == OPTION_FLAG);
    }
}

/* options_read asserts that each default is a value that the option itself accepts. */
static void defaults_are_allowed_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < table->row_count; i++) {
        char help[] = "--help";
        char *words[] = {help};
        struct invocation invocation;
        assert_int_equal(options_read(table->rows[i], words, 1, &invocation, NULL), 0);
        assert_true(invocation.help_wanted);
    }
}

static void two_words_are_found_before_one(void **state)
{
    (void)state;
    static const struct command group = {.name = "heap"};
    static const struct command member = {.name = "heap top"};
    static const struct command *const rows[] = {&group, &member};
    static const struct command_table small = {.rows = rows, .row_count = 2};
    char heap[] = "heap";
    char top[] = "top";
    char file[] = "a.heap";
    char *words[] = {heap, top, file};
    size_t taken = 0;
    assert_ptr_equal(command_find(&small, words, 3, &taken), &member);
    assert_int_equal(taken, 2);
    assert_ptr_equal(command_find(&small, words, 1, &taken), &group);
    assert_int_equal(taken, 1);
    words[1] = file;
    assert_ptr_equal(command_find(&small, words, 2, &taken), &group);
    assert_null(command_find(&small, words + 1, 2, &taken));
    assert_null(command_find(&small, words, 0, &taken));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_in_order_and_of_one_word_or_two),
        cmocka_unit_test(members_have_a_group_and_groups_have_members),
        cmocka_unit_test(every_text_is_there_and_in_its_form),
        cmocka_unit_test(options_are_complete_and_told_apart),
        cmocka_unit_test(json_is_the_same_option_everywhere),
        cmocka_unit_test(defaults_are_allowed_values),
        cmocka_unit_test(two_words_are_found_before_one),
    };
    return TEST_RUN("commands", tests);
}
