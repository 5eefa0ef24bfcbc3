/*
 * What the subcommands that read profiles share: their options, and the way from a command line to
 * a view of a model. Everything is charged to one budget, which --memory bounds.
 */
#ifndef CLI_HEAP_SESSION_H
#define CLI_HEAP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "cli/symbol_files.h"
#include "view/unit.h"
#include "view/view.h"

struct cli;
struct json_writer;
struct model;
struct model_profile;
struct slu_diag;

/* The places of the shared options in a row; a subcommand's own follow from HEAP_OWN on. */
enum heap_option {
    HEAP_FOCUS,
    HEAP_IGNORE,
    HEAP_HIDE,
    HEAP_SHOW,
    HEAP_TAG,
    HEAP_SAMPLE_TYPE,
    HEAP_UNIT,
    HEAP_FUNCTIONS,
    HEAP_LINES,
    HEAP_FILES,
    HEAP_ADDRESSES,
    HEAP_MEMORY,
    HEAP_OWN,
};

extern const char *const heap_unit_choices[];

#define HEAP_PATTERN(option_name, option_help)                                                     \
    {                                                                                              \
        .name = option_name, .kind = OPTION_TEXT, .value_name = "REGEX", .help = option_help       \
    }
#define HEAP_LEVEL(option_name, option_help)                                                       \
    {                                                                                              \
        .name = option_name, .kind = OPTION_FLAG, .help = option_help                              \
    }

/* Options that several subcommands have of their own. */
#define HEAP_NODECOUNT_OPTION(usual, least, most)                                                  \
    {                                                                                              \
        .name = "nodecount", .letter = 'n', .kind = OPTION_INTEGER, .value_name = "N",             \
        .fallback = usual, .min = least, .max = most,                                              \
        .help = (least) == 0 ? "how many rows; 0: all" : "how many rows"                           \
    }
#define HEAP_CUM_OPTION                                                                            \
    {                                                                                              \
        .name = "cum", .letter = 'c', .kind = OPTION_FLAG,                                         \
        .help = "look at what a function and all that it calls hold"                               \
    }
#define HEAP_HTML_OPTION                                                                           \
    {                                                                                              \
        .name = "html", .kind = OPTION_FLAG, .help = "write a page"                                \
    }
#define HEAP_OUT_OPTION                                                                            \
    {                                                                                              \
        .name = "out", .letter = 'o', .kind = OPTION_FILE, .value_name = "FILE",                   \
        .help = "where it is written; without it, standard output"                                 \
    }

#define HEAP_SHARED_OPTIONS                                                                        \
    [HEAP_FOCUS] = HEAP_PATTERN("focus", "only stacks with a function, file or module like this"), \
    [HEAP_IGNORE] = HEAP_PATTERN("ignore", "no stacks with such a one"),                           \
    [HEAP_HIDE] = HEAP_PATTERN("hide", "leave such frames out"),                                   \
    [HEAP_SHOW] = HEAP_PATTERN("show", "show such frames alone"),                                  \
    [HEAP_TAG] = {.name = "tag",                                                                   \
                  .kind = OPTION_TEXT,                                                             \
                  .value_name = "LABEL",                                                           \
                  .help = "only samples with such a label: KEY=REGEX, bytes=64:1mb"},              \
    [HEAP_SAMPLE_TYPE] = {.name = "sample-type",                                                   \
                          .letter = 's',                                                           \
                          .kind = OPTION_TEXT,                                                     \
                          .value_name = "TYPE",                                                    \
                          .help = "inuse_space, alloc_objects ...; else the profile's default"},   \
    [HEAP_UNIT] = {.name = "unit",                                                                 \
                   .letter = 'u',                                                                  \
                   .kind = OPTION_CHOICE,                                                          \
                   .value_name = "UNIT",                                                           \
                   .fallback = "auto",                                                             \
                   .choices = heap_unit_choices,                                                   \
                   .help = "the unit of all values"},                                              \
    [HEAP_FUNCTIONS] = HEAP_LEVEL("functions", "a row for each function (the default)"),           \
    [HEAP_LINES] = HEAP_LEVEL("lines", "a row for each line"),                                     \
    [HEAP_FILES] = HEAP_LEVEL("files", "a row for each source file"),                              \
    [HEAP_ADDRESSES] = HEAP_LEVEL("addresses", "a row for each address"),                          \
    [HEAP_MEMORY] = {.name = "memory",                                                             \
                     .kind = OPTION_BYTES,                                                         \
                     .value_name = "SIZE",                                                         \
                     .fallback = "1GiB",                                                           \
                     .min = UINT64_C(16) << 20,                                                    \
                     .help = "the most memory that is taken to read profiles"}

/* What a subcommand decides itself; all zeroes is what most want. */
struct heap_session_options {
    bool whole_folders; /* all profiles of a folder or a capsule; else the newest */
    bool by_line;       /* whatever level the user asks for */
};

struct heap_session {
    struct cli *cli;
    const struct invocation *invocation;
    struct slu_budget *budget;
    struct model *model;
    struct view *view;
    struct symbol_files *modules;
    uint32_t type; /* of samples */
    struct view_unit unit;
};

/*
 * Read profiles into a new model.
 *
 * options  NULL: all zeroes
 * Returns  CLI_FINE, and heap_session_close follows; another status, and the error has been told
 */
int heap_session_open(struct heap_session *session, struct cli *cli,
                      const struct invocation *invocation, char *const *sources,
                      size_t source_count, const struct heap_session_options *options);
void heap_session_close(struct heap_session *session);

/*
 * Read another profile into the model, and make the session's view anew.
 *
 * Returns  0; a negative errno, and `diag` says it: what was there before is there still
 */
SLU_MUST_USE int heap_session_add(struct heap_session *session, const char *name,
                                  struct slu_diag *diag);

/* Make another view with the session's options: by line, and of samples with a tag (NULL: all). */
SLU_MUST_USE int heap_session_view(const struct heap_session *session, bool by_line,
                                   const char *tag, struct slu_diag *diag, struct view **view);

/* Tell an error as "sluice heap top: ..." and return the status for it. */
int heap_session_failed(const struct heap_session *session, const struct slu_diag *diag);

/* The same for an error without a message. */
int heap_session_failed_with(const struct heap_session *session, int err);

/* Write what a table is about: sample type, program's file, time. */
void heap_session_write_head(const struct heap_session *session);

/* Write the members that all JSON documents begin with: sample_type and unit. */
void heap_session_write_json_head(const struct heap_session *session, struct json_writer *json);

/* Write the members that say what an entry is: function, file, line, address, module. */
void heap_session_write_json_entry(const struct heap_session *session, struct json_writer *json,
                                   uint32_t entry);

/* Write a string of the model as a JSON value. */
void heap_session_write_json_string(const struct heap_session *session, struct json_writer *json,
                                    uint32_t string);

/* All samples of the model. */
uint32_t heap_session_sample_count(const struct heap_session *session);

#endif
