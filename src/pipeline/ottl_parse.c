/* From the text to nodes: a parser by recursive descent, bounded in depth. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

#include "match/regex.h"
#include "pipeline/config.h"
#include "pipeline/ottl_node.h"
#include "wire/otlp_schema.h"

#define DEPTH_MAX       32
#define NAME_BYTES_MAX  64
#define CHUNK_BYTES     ((size_t)4096)
#define ARENA_BYTES_MAX ((size_t)8 << 20)

struct parser {
    struct ottl *ottl;
    const struct ottl_source *source;
    const char *text;
    const char *at;
    int err;
    int depth;
};

static const char *const functions[] = {"set", "delete_key", "keep_keys", "replace_pattern", NULL};

int ottl_create(struct slu_budget *budget, struct ottl **out)
{
    void *memory = NULL;
    struct slu_arena_options options = {.chunk_bytes = CHUNK_BYTES, .limit_bytes = ARENA_BYTES_MAX};
    int err = slu_budget_alloc(budget, sizeof(struct ottl), &memory);
    if (err != 0) {
        return err;
    }
    struct ottl *ottl = memory;
    ottl->budget = budget;
    err = slu_arena_create(budget, &options, NULL, &ottl->arena);
    if (err != 0) {
        slu_budget_free(budget, ottl, sizeof(*ottl));
        return err;
    }
    *out = ottl;
    return 0;
}

void ottl_destroy(struct ottl **out)
{
    struct ottl *ottl = *out;
    if (ottl == NULL) {
        return;
    }
    for (struct ottl_regex *regex = ottl->regexes; regex != NULL; regex = regex->next) {
        regex_destroy(&regex->regex);
    }
    slu_arena_destroy(&ottl->arena);
    slu_budget_free(ottl->budget, ottl, sizeof(*ottl));
    *out = NULL;
}

/* Tell the first mistake, with its column in the text. */
static void fail(struct parser *parser, const char *what)
{
    if (parser->err == 0) {
        config_mistake(parser->source->config, parser->source->node, "in \"%.80s\", column %d: %s",
                       parser->text, (int)(parser->at - parser->text) + 1, what);
        parser->err = -EINVAL;
    }
}

static void *take(struct parser *parser, size_t size)
{
    void *memory = NULL;
    int err = slu_arena_alloc(parser->ottl->arena, size, 16, &memory);
    if (err != 0) {
        parser->err = parser->err != 0 ? parser->err : err;
        return NULL;
    }
    return memset(memory, 0, size);
}

static struct ottl_node *node_make(struct parser *parser, enum ottl_node_kind kind)
{
    struct ottl_node *node = take(parser, sizeof(*node));
    if (node != NULL) {
        node->kind = kind;
    }
    return node;
}

static void space_skip(struct parser *parser)
{
    while (isspace((unsigned char)*parser->at)) {
        parser->at++;
    }
}

static bool symbol_take(struct parser *parser, const char *symbol)
{
    space_skip(parser);
    size_t len = strlen(symbol);
    bool is_there = strncmp(parser->at, symbol, len) == 0;
    parser->at += is_there ? len : 0;
    return is_there;
}

static void symbol_need(struct parser *parser, const char *symbol)
{
    char what[32];
    if (!symbol_take(parser, symbol)) {
        (void)snprintf(what, sizeof(what), "\"%s\" is expected here", symbol);
        fail(parser, what);
    }
}

static bool is_name_character(char character)
{
    return isalnum((unsigned char)character) || character == '_';
}

static size_t name_len(const char *at)
{
    size_t len = 0;
    while (is_name_character(at[len])) {
        len++;
    }
    return len;
}

/* A word that stands alone: and, or, not, where. */
static bool word_take(struct parser *parser, const char *word)
{
    space_skip(parser);
    size_t len = name_len(parser->at);
    bool is_there = len == strlen(word) && memcmp(parser->at, word, len) == 0;
    parser->at += is_there ? len : 0;
    return is_there;
}

static bool name_take(struct parser *parser, char *name)
{
    space_skip(parser);
    size_t len = name_len(parser->at);
    if (len == 0 || len >= NAME_BYTES_MAX || isdigit((unsigned char)*parser->at)) {
        fail(parser, "a name is expected here");
        return false;
    }
    memcpy(name, parser->at, len);
    name[len] = '\0';
    parser->at += len;
    return true;
}

static char escaped(char character)
{
    switch (character) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    default:
        return character;
    }
}

/* A string in double quotes. */
static struct slu_bytes string_take(struct parser *parser)
{
    symbol_need(parser, "\"");
    const char *end = parser->at;
    while (*end != '\0' && *end != '"') {
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    }
    if (*end != '"') {
        fail(parser, "the string has no end");
    }
    char *copy = parser->err == 0 ? take(parser, (size_t)(end - parser->at) + 1) : NULL;
    if (copy == NULL) {
        return (struct slu_bytes){"", 0};
    }
    size_t len = 0;
    for (const char *at = parser->at; at < end; at++) {
        if (*at == '\\') {
            at++;
            copy[len++] = escaped(*at);
        } else {
            copy[len++] = *at;
        }
    }
    parser->at = end + 1;
    return (struct slu_bytes){copy, len};
}

static const struct regex *regex_take(struct parser *parser)
{
    struct slu_diag diag = {0};
    const char *begin = parser->at;
    struct slu_bytes pattern = string_take(parser);
    struct ottl_regex *owner = parser->err == 0 ? take(parser, sizeof(*owner)) : NULL;
    if (owner == NULL) {
        return NULL;
    }
    int err = regex_create(parser->ottl->budget, pattern, &diag, &owner->regex);
    if (err == -EINVAL) {
        parser->at = begin;
        fail(parser, diag.message);
    } else if (err != 0) {
        parser->err = err;
    } else {
        owner->next = parser->ottl->regexes;
        parser->ottl->regexes = owner;
    }
    return owner->regex;
}

/* What a path may begin with, to leave the statement's own message. */
static bool owner_named(const struct ottl_source *source, const char *name, enum otlp_level *level)
{
    static const struct {
        const char *name;
        enum otlp_level level;
        int signal; /* -1: all */
    } owners[] = {
        {"resource", OTLP_RESOURCE_LEVEL, -1},
        {"scope", OTLP_SCOPE_LEVEL, -1},
        {"instrumentation_scope", OTLP_SCOPE_LEVEL, -1},
        {"metric", OTLP_METRIC_LEVEL, OTLP_METRICS},
        {"datapoint", OTLP_RECORD_LEVEL, OTLP_METRICS},
        {"span", OTLP_RECORD_LEVEL, OTLP_TRACES},
        {"log", OTLP_RECORD_LEVEL, OTLP_LOGS},
    };
    for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
        if (strcmp(owners[i].name, name) == 0 && owners[i].level <= source->level &&
            (owners[i].signal == -1 || owners[i].signal == (int)source->signal)) {
            *level = owners[i].level;
            return true;
        }
    }
    return false;
}

static void unknown_field(struct parser *parser, const struct otlp_message *message,
                          const char *name)
{
    char what[160];
    const char *names[OTLP_FIELD_NUMBER_MAX + 2] = {0};
    for (size_t i = 0; i < message->field_count; i++) {
        names[i] = message->fields[i].name;
    }
    const char *near = config_nearest(name, names);
    (void)snprintf(what, sizeof(what), "%s has no \"%.50s\"%s%s%s", message->name, name,
                   near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                   near != NULL ? "\"?" : "");
    fail(parser, what);
}

/* OTTL's own names of some fields. */
static const char *field_name(const char *name)
{
    if (strcmp(name, "value_int") == 0) {
        return "as_int";
    }
    return strcmp(name, "value_double") == 0 ? "as_double" : name;
}

static const struct otlp_field *field_take(struct parser *parser,
                                           const struct otlp_message *message, char *name)
{
    const char *begin = parser->at;
    if (name[0] == '\0' && !name_take(parser, name)) {
        return NULL;
    }
    const char *known = field_name(name);
    const struct otlp_field *field = otlp_field_named(message, known, strlen(known));
    if (field == NULL) {
        parser->at = begin;
        unknown_field(parser, message, name);
    }
    return field;
}

static bool is_id(const struct otlp_field *field)
{
    return field->kind == OTLP_TRACE_ID || field->kind == OTLP_SPAN_ID;
}

/* What stands behind a field: ["key"], .string, or a field of the message in it. */
static void path_end_take(struct parser *parser, struct ottl_path *path)
{
    char name[NAME_BYTES_MAX] = "";
    path->is_attributes = strcmp(path->field->name, "attributes") == 0;
    if (path->is_attributes) {
        if (symbol_take(parser, "[")) {
            path->key = string_take(parser);
            symbol_need(parser, "]");
        }
    } else if (is_id(path->field)) {
        path->is_hex = true;
        if (symbol_take(parser, ".") && (!name_take(parser, name) || strcmp(name, "string") != 0)) {
            fail(parser, "an id has .string alone");
        }
    } else if (path->field->message != NULL && path->field->message != &otlp_any_value) {
        symbol_need(parser, ".");
        path->inner = parser->err == 0 ? field_take(parser, path->field->message, name) : NULL;
    }
}

/* A path, whose first name may have been read. */
static void path_take(struct parser *parser, char *name, struct ottl_path *path)
{
    const struct ottl_source *source = parser->source;
    enum otlp_level level = source->level;
    if (name[0] == '\0' && !name_take(parser, name)) {
        return;
    }
    if (*parser->at == '.' && owner_named(source, name, &level)) {
        parser->at++;
        name[0] = '\0';
    }
    path->level = level;
    path->is_self = level == source->level;
    const struct otlp_message *message = otlp_level_message(source->signal, level);
    path->field = field_take(parser, message, name);
    if (path->field == NULL) {
        return;
    }
    if (source->signal == OTLP_METRICS && level == OTLP_RECORD_LEVEL) {
        path->name = path->field->name; /* points of histograms have it at another number */
    }
    path_end_take(parser, path);
}

/* The names of all enums are whole numbers. */
static bool enum_named(const char *name, int64_t *value)
{
    static const struct {
        enum otlp_signal signal;
        const char *field;
    } places[] = {{OTLP_TRACES, "kind"}, {OTLP_LOGS, "severity_number"}};
    for (size_t i = 0; i < 2; i++) {
        const struct otlp_message *message =
            otlp_level_message(places[i].signal, OTLP_RECORD_LEVEL);
        const struct otlp_field *field =
            otlp_field_named(message, places[i].field, strlen(places[i].field));
        for (const struct otlp_enum_name *known = field->names; known->name != NULL; known++) {
            if (strcmp(known->name, name) == 0) {
                *value = known->value;
                return true;
            }
        }
    }
    static const char *const codes[] = {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(codes[i], name) == 0) {
            *value = i;
            return true;
        }
    }
    return false;
}

static bool word_value(const char *name, struct otlp_value *value)
{
    if (strcmp(name, "nil") == 0) {
        *value = (struct otlp_value){.kind = OTLP_NIL};
        return true;
    }
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) {
        *value = (struct otlp_value){.kind = OTLP_VALUE_BOOL, .boolean = name[0] == 't'};
        return true;
    }
    value->kind = OTLP_VALUE_INT;
    return enum_named(name, &value->integer);
}

static void number_take(struct parser *parser, struct otlp_value *value)
{
    char *end = NULL;
    char *double_end = NULL;
    errno = 0;
    long long integer = strtoll(parser->at, &end, 10);
    double number = strtod(parser->at, &double_end);
    if (end == parser->at || (errno != 0 && double_end == end)) {
        fail(parser, "a value is expected here");
    } else if (double_end > end) {
        *value = (struct otlp_value){.kind = OTLP_VALUE_DOUBLE, .number = number};
        parser->at = double_end;
    } else {
        *value = (struct otlp_value){.kind = OTLP_VALUE_INT, .integer = integer};
        parser->at = end;
    }
}

static const struct ottl_node *condition_take(struct parser *parser);
static const struct ottl_node *value_take(struct parser *parser);

/* IsMatch(value, "pattern"), behind its name. */
static const struct ottl_node *is_match_take(struct parser *parser)
{
    struct ottl_node *node = node_make(parser, OTTL_IS_MATCH);
    symbol_need(parser, "(");
    const struct ottl_node *value = parser->err == 0 ? value_take(parser) : NULL;
    symbol_need(parser, ",");
    space_skip(parser);
    const struct regex *regex = parser->err == 0 ? regex_take(parser) : NULL;
    symbol_need(parser, ")");
    if (node != NULL) {
        node->left = value;
        node->regex = regex;
    }
    return node;
}

static const struct ottl_node *named_take(struct parser *parser)
{
    char name[NAME_BYTES_MAX] = "";
    struct otlp_value literal = {0};
    if (!name_take(parser, name)) {
        return NULL;
    }
    if (strcmp(name, "IsMatch") == 0) {
        return is_match_take(parser);
    }
    bool is_literal = word_value(name, &literal);
    struct ottl_node *node = node_make(parser, is_literal ? OTTL_LITERAL : OTTL_PATH);
    if (node != NULL && is_literal) {
        node->literal = literal;
    } else if (node != NULL) {
        path_take(parser, name, &node->path);
    }
    return node;
}

static const struct ottl_node *value_take(struct parser *parser)
{
    space_skip(parser);
    char first = *parser->at;
    if (isalpha((unsigned char)first) || first == '_') {
        return named_take(parser);
    }
    struct ottl_node *node = node_make(parser, OTTL_LITERAL);
    if (node != NULL && first == '"') {
        node->literal = (struct otlp_value){.kind = OTLP_VALUE_STRING, .text = string_take(parser)};
    } else if (node != NULL) {
        number_take(parser, &node->literal);
    }
    return node;
}

static bool operator_take(struct parser *parser, enum ottl_operator *operation)
{
    static const struct {
        const char *text;
        enum ottl_operator operation;
    } operators[] = {{"==", OTTL_EQ}, {"!=", OTTL_NE}, {"<=", OTTL_LE},
                     {">=", OTTL_GE}, {"<", OTTL_LT},  {">", OTTL_GT}};
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (symbol_take(parser, operators[i].text)) {
            *operation = operators[i].operation;
            return true;
        }
    }
    return false;
}

static const struct ottl_node *pair_make(struct parser *parser, enum ottl_node_kind kind,
                                         const struct ottl_node *left,
                                         const struct ottl_node *right)
{
    struct ottl_node *node = node_make(parser, kind);
    if (node != NULL) {
        node->left = left;
        node->right = right;
    }
    return node;
}

/* not X, (X), a comparison, or what is true by itself. */
static const struct ottl_node *term_take(struct parser *parser)
{
    enum ottl_operator operation = OTTL_EQ;
    if (parser->depth == DEPTH_MAX) {
        fail(parser, "it is nested too deeply");
    }
    if (parser->err != 0) {
        return NULL;
    }
    parser->depth++;
    const struct ottl_node *node = NULL;
    if (word_take(parser, "not")) {
        node = pair_make(parser, OTTL_NOT, term_take(parser), NULL);
    } else if (symbol_take(parser, "(")) {
        node = condition_take(parser);
        symbol_need(parser, ")");
    } else {
        node = value_take(parser);
        if (parser->err == 0 && operator_take(parser, &operation)) {
            const struct ottl_node *right = value_take(parser);
            struct ottl_node *compare = node_make(parser, OTTL_COMPARE);
            if (compare != NULL) {
                *compare = (struct ottl_node){
                    .kind = OTTL_COMPARE, .operation = operation, .left = node, .right = right};
            }
            node = compare;
        }
    }
    parser->depth--;
    return node;
}

static const struct ottl_node *both_take(struct parser *parser)
{
    const struct ottl_node *node = term_take(parser);
    while (parser->err == 0 && word_take(parser, "and")) {
        node = pair_make(parser, OTTL_AND, node, term_take(parser));
    }
    return node;
}

static const struct ottl_node *condition_take(struct parser *parser)
{
    const struct ottl_node *node = both_take(parser);
    while (parser->err == 0 && word_take(parser, "or")) {
        node = pair_make(parser, OTTL_OR, node, both_take(parser));
    }
    return node;
}

static void end_need(struct parser *parser)
{
    space_skip(parser);
    if (*parser->at != '\0') {
        fail(parser, "this is not expected here");
    }
}

int ottl_parse_condition(struct ottl *ottl, const struct ottl_source *source, const char *text,
                         struct ottl_condition **out)
{
    struct parser parser = {.ottl = ottl, .source = source, .text = text, .at = text};
    struct ottl_condition *condition = take(&parser, sizeof(*condition));
    if (condition != NULL) {
        condition->root = condition_take(&parser);
        end_need(&parser);
    }
    if (parser.err == 0) {
        *out = condition;
    }
    return parser.err;
}

static void keys_take(struct parser *parser, struct ottl_statement *statement)
{
    bool is_list = statement->function == OTTL_KEEP_KEYS;
    if (is_list) {
        symbol_need(parser, "[");
    }
    do {
        if (statement->key_count == OTTL_KEYS_MAX) {
            fail(parser, "there are more than 64 keys");
            return;
        }
        statement->keys[statement->key_count++] = string_take(parser);
    } while (is_list && parser->err == 0 && symbol_take(parser, ","));
    if (is_list) {
        symbol_need(parser, "]");
    }
}

static void target_check(struct parser *parser, const struct ottl_statement *statement)
{
    const struct ottl_path *target = &statement->target;
    bool needs_map =
        statement->function == OTTL_DELETE_KEY || statement->function == OTTL_KEEP_KEYS;
    if (parser->err != 0) {
        return;
    }
    if (!target->is_self) {
        fail(parser, "this can be changed in its own context alone, such as context: resource");
    } else if (needs_map && (!target->is_attributes || target->key.data != NULL)) {
        fail(parser, "attributes are expected here");
    } else if (!needs_map && target->is_attributes && target->key.data == NULL) {
        fail(parser, "a key is expected here: attributes[\"key\"]");
    }
}

static void arguments_take(struct parser *parser, struct ottl_statement *statement)
{
    char name[NAME_BYTES_MAX] = "";
    symbol_need(parser, "(");
    path_take(parser, name, &statement->target);
    target_check(parser, statement);
    symbol_need(parser, ",");
    if (parser->err != 0) {
        return;
    }
    if (statement->function == OTTL_SET) {
        statement->value = value_take(parser);
    } else if (statement->function == OTTL_REPLACE_PATTERN) {
        space_skip(parser);
        statement->regex = regex_take(parser);
        symbol_need(parser, ",");
        statement->replacement = parser->err == 0 ? string_take(parser) : statement->replacement;
    } else {
        space_skip(parser);
        keys_take(parser, statement);
    }
    symbol_need(parser, ")");
}

static void function_take(struct parser *parser, struct ottl_statement *statement)
{
    char name[NAME_BYTES_MAX] = "";
    char what[160];
    const char *begin = parser->at;
    if (!name_take(parser, name)) {
        return;
    }
    for (int i = 0; functions[i] != NULL; i++) {
        if (strcmp(functions[i], name) == 0) {
            statement->function = (enum ottl_function)i;
            arguments_take(parser, statement);
            return;
        }
    }
    const char *near = config_nearest(name, functions);
    parser->at = begin;
    (void)snprintf(what, sizeof(what), "there is no function \"%.50s\"%s%s%s", name,
                   near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                   near != NULL ? "\"?" : "");
    fail(parser, what);
}

int ottl_parse_statement(struct ottl *ottl, const struct ottl_source *source, const char *text,
                         struct ottl_statement **out)
{
    struct parser parser = {.ottl = ottl, .source = source, .text = text, .at = text};
    struct ottl_statement *statement = take(&parser, sizeof(*statement));
    if (statement != NULL) {
        function_take(&parser, statement);
        if (parser.err == 0 && word_take(&parser, "where")) {
            statement->where = condition_take(&parser);
        }
        end_need(&parser);
    }
    if (parser.err == 0) {
        *out = statement;
    }
    return parser.err;
}
