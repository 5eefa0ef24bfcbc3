/*
 * The rows of the table of subcommands. Parsing, --help, completion and manual pages are all made
 * from these rows, and from nothing else.
 *
 * A new subcommand is a file NAME_command.c that defines `const struct command NAME_command`, and a
 * line each in commands.h, commands.c and meson.build.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;

#define COMMAND_OPTION_MAX 32

enum option_kind {
    OPTION_FLAG,     /* no value */
    OPTION_TEXT,     /* anything */
    OPTION_FILE,     /* a path, and completed as one */
    OPTION_INTEGER,  /* 1000 */
    OPTION_BYTES,    /* 512KiB, 1.5GiB, 64k */
    OPTION_DURATION, /* 5s, 250ms, 1h30m */
    OPTION_CHOICE,   /* one of `choices` */
};

struct option {
    const char *name; /* without dashes */
    char letter;      /* its short form; 0: none */
    enum option_kind kind;
    const char *value_name;     /* as help shows it: N, SIZE, FILE; NULL for a flag */
    const char *fallback;       /* the default, as a user would type it; NULL: none */
    uint64_t min;               /* of numbers: what is allowed, in bytes and nanoseconds */
    uint64_t max;               /* 0: no upper limit */
    const char *const *choices; /* ends with NULL */
    const char *help;           /* a phrase; without a full stop */
};

#define OPTION_JSON                                                                                \
    {                                                                                              \
        .name = "json", .letter = 'j', .kind = OPTION_FLAG, .help = "write JSON, for machines"     \
    }

/* What follows the options. */
enum operand_kind {
    OPERAND_TEXT,
    OPERAND_FILE,
    OPERAND_CHOICE,  /* one of `choices` */
    OPERAND_COMMAND, /* the words of a subcommand */
    OPERAND_PROGRAM, /* a program and its arguments, all that follows; -- before it is usual */
};

struct operands {
    const char *synopsis; /* SOURCE ... */
    enum operand_kind kind;
    uint32_t min;
    uint32_t max; /* 0: none are taken */
    const char *const *choices;
};

struct example {
    const char *line;
    const char *explanation; /* a phrase */
};

struct option_value {
    bool given; /* on the command line; else the default, if there is one */
    const char *text;
    uint64_t number; /* integer, bytes, nanoseconds, or the index of the choice */
};

/* A command line, read: values stand in the order of the row's options. */
struct invocation {
    const struct command *command;
    struct option_value values[COMMAND_OPTION_MAX];
    char **operands; /* NULL behind the last, as the command line itself ends */
    size_t operand_count;
    bool help_wanted;
};

struct command {
    const char *name;        /* one word or two: "heap top" */
    const char *summary;     /* a phrase */
    const char *description; /* sentences; an empty line between paragraphs */
    struct operands operands;
    const struct option *options;
    size_t option_count;
    const struct example *examples;
    size_t example_count;
    bool hidden; /* from help, completion and the manual */

    /* Returns the exit status. NULL: a group, whose members' names begin with this one. */
    int (*run)(struct cli *cli, const struct invocation *invocation);
};

struct command_table {
    const char *program;
    const char *version;
    const char *summary;
    const char *description;
    const struct command *const *rows; /* in alphabetical order */
    size_t row_count;
};

/*
 * The command that the first words name: two words before one.
 *
 * Returns  the row, with the number of words that it takes, or NULL
 */
const struct command *command_find(const struct command_table *table, char *const *words,
                                   size_t word_count, size_t *taken);

/* Whether `command` is "GROUP word" for a group of that name. */
bool command_is_member(const struct command *command, const char *group);

/* The index of the option of that long name, or of that letter; -1 if there is none. */
int command_option(const struct command *command, const char *name, size_t len);
int command_option_letter(const struct command *command, char letter);

#endif
