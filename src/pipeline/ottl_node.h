/* What statements are made of, for the files of OTTL alone. */
#ifndef PIPELINE_OTTL_NODE_H
#define PIPELINE_OTTL_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/ottl.h"
#include "wire/otlp_image.h"

struct otlp_field;
struct regex;
struct slu_arena;

#define OTTL_KEYS_MAX 64 /* of keep_keys */

/* A place in a message: attributes["key"], name, status.code, resource.attributes["key"] */
struct ottl_path {
    enum otlp_level level; /* of the message that it begins at */
    bool is_self;          /* the one that the statement is about */
    bool is_attributes;    /* all of them, or with `key` one */
    bool is_hex;           /* an id, by .string */
    const char *name;      /* of a field that data points have at several numbers; else NULL */
    const struct otlp_field *field;
    const struct otlp_field *inner; /* of the message in `field`; NULL: none */
    struct slu_bytes key;           /* of one attribute; `data` NULL: none */
};

enum ottl_node_kind {
    OTTL_LITERAL,
    OTTL_PATH,
    OTTL_COMPARE,
    OTTL_IS_MATCH,
    OTTL_NOT,
    OTTL_AND,
    OTTL_OR,
};

enum ottl_operator {
    OTTL_EQ,
    OTTL_NE,
    OTTL_LT,
    OTTL_LE,
    OTTL_GT,
    OTTL_GE
};

struct ottl_node {
    enum ottl_node_kind kind;
    enum ottl_operator operation;  /* of COMPARE */
    const struct ottl_node *left;  /* of COMPARE, NOT, AND, OR, IS_MATCH */
    const struct ottl_node *right; /* of COMPARE, AND, OR */
    struct otlp_value literal;
    struct ottl_path path;
    const struct regex *regex; /* of IS_MATCH */
};

struct ottl_condition {
    const struct ottl_node *root;
};

enum ottl_function {
    OTTL_SET,
    OTTL_DELETE_KEY,
    OTTL_KEEP_KEYS,
    OTTL_REPLACE_PATTERN
};

struct ottl_statement {
    enum ottl_function function;
    struct ottl_path target;
    const struct ottl_node *value;        /* of SET */
    struct slu_bytes keys[OTTL_KEYS_MAX]; /* of DELETE_KEY and KEEP_KEYS */
    size_t key_count;
    const struct regex *regex; /* of REPLACE_PATTERN */
    struct slu_bytes replacement;
    const struct ottl_node *where; /* NULL: always */
};

/* What owns all of them. */
struct ottl_regex {
    struct ottl_regex *next;
    struct regex *regex;
};

struct ottl {
    struct slu_budget *budget;
    struct slu_arena *arena;
    struct ottl_regex *regexes;
};

/* In ottl_value.c. `room` has OTTL_ROOM_BYTES, for what has to be written: ids in hex, numbers. */
#define OTTL_ROOM_BYTES 128
struct otlp_value ottl_path_value(const struct ottl_path *path, const struct ottl_subject *subject,
                                  char *room);
void ottl_path_set(const struct ottl_path *path, const struct ottl_subject *subject,
                   const struct otlp_value *value);
bool ottl_node_is_true(const struct ottl_node *node, const struct ottl_subject *subject);
struct otlp_value ottl_node_value(const struct ottl_node *node, const struct ottl_subject *subject,
                                  char *room);

#endif
