#include "cli/command.h"

#include <string.h>

static bool is_two_words(const char *name, const char *first, const char *second)
{
    size_t len = strlen(first);
    return strncmp(name, first, len) == 0 && name[len] == ' ' &&
           strcmp(name + len + 1, second) == 0;
}

const struct command *command_find(const struct command_table *table, char *const *words,
                                   size_t word_count, size_t *taken)
{
    const struct command *found = NULL;
    for (size_t i = 0; i < table->row_count && word_count > 0; i++) {
        const struct command *row = table->rows[i];
        if (word_count > 1 && is_two_words(row->name, words[0], words[1])) {
            *taken = 2;
            return row;
        }
        if (strcmp(row->name, words[0]) == 0) {
            *taken = 1;
            found = row;
        }
    }
    return found;
}

bool command_is_member(const struct command *command, const char *group)
{
    size_t len = strlen(group);
    return strncmp(command->name, group, len) == 0 && command->name[len] == ' ';
}

int command_option(const struct command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const char *candidate = command->options[i].name;
        if (strlen(candidate) == len && memcmp(candidate, name, len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int command_option_letter(const struct command *command, char letter)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (letter != '\0' && command->options[i].letter == letter) {
            return (int)i;
        }
    }
    return -1;
}
