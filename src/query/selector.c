#include "query/selector.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "match/regex.h"

#define NAME_LABEL "__name__"

/* A text that is read from front to end. */
struct scan {
    const char *text;
    size_t len;
    size_t at;
    struct selector *selector;
    struct slu_diag *diag;
};

static int mistake(const struct scan *scan, size_t at, const char *what)
{
    return diag_fail_at(scan->diag, -EINVAL, 1, (uint32_t)at + 1, "column %zu: %s", at + 1, what);
}

static bool is_end(const struct scan *scan)
{
    return scan->at == scan->len;
}

static char here(const struct scan *scan)
{
    return is_end(scan) ? '\0' : scan->text[scan->at];
}

static void space_skip(struct scan *scan)
{
    while (!is_end(scan) && strchr(" \t\r\n", here(scan)) != NULL) {
        scan->at++;
    }
}

static bool is_name_byte(char byte, bool is_first)
{
    bool is_letter =
        (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == ':';
    return is_letter || (!is_first && ((byte >= '0' && byte <= '9') || byte == '.'));
}

/* Keep bytes for as long as the selector. */
static int text_keep(struct scan *scan, char byte)
{
    struct selector *selector = scan->selector;
    if (selector->text_len == SELECTOR_BYTES_MAX) {
        return mistake(scan, scan->at, "the selector is too long");
    }
    selector->text[selector->text_len++] = byte;
    return 0;
}

static int name_read(struct scan *scan, struct slu_bytes *name)
{
    size_t begin = scan->selector->text_len;
    int err = 0;
    while (err == 0 && !is_end(scan) &&
           is_name_byte(here(scan), scan->selector->text_len == begin)) {
        err = text_keep(scan, here(scan));
        scan->at++;
    }
    *name = (struct slu_bytes){scan->selector->text + begin, scan->selector->text_len - begin};
    return err;
}

static int escape_read(struct scan *scan)
{
    static const char letters[] = "nrtabfv\\\"'`";
    static const char bytes[] = "\n\r\t\a\b\f\v\\\"'`";
    const char *found = is_end(scan) ? NULL : strchr(letters, here(scan));
    if (found == NULL) {
        return mistake(scan, scan->at, "\\ stands before n, t, r, \\ or a quote");
    }
    int err = text_keep(scan, bytes[found - letters]);
    scan->at++;
    return err;
}

static int string_read(struct scan *scan, struct slu_bytes *text)
{
    size_t begin = scan->selector->text_len;
    size_t quote_at = scan->at;
    char quote = here(scan);
    int err = 0;
    if (quote != '"' && quote != '\'' && quote != '`') {
        return mistake(scan, scan->at, "a value in quotes is expected, as in job=\"api\"");
    }
    scan->at++;
    while (err == 0 && !is_end(scan) && here(scan) != quote) {
        char byte = here(scan);
        scan->at++;
        err = byte == '\\' && quote != '`' ? escape_read(scan) : text_keep(scan, byte);
    }
    if (err == 0 && is_end(scan)) {
        return mistake(scan, quote_at, "this quote is not closed");
    }
    scan->at++;
    *text = (struct slu_bytes){scan->selector->text + begin, scan->selector->text_len - begin};
    return err;
}

static int kind_read(struct scan *scan, enum matcher_kind *kind)
{
    static const struct {
        const char *sign;
        enum matcher_kind kind;
    } signs[] = {
        {"=~", MATCH_REGEX}, {"!~", MATCH_NOT_REGEX}, {"!=", MATCH_NOT_EQUAL}, {"=", MATCH_EQUAL}};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        size_t len = strlen(signs[i].sign);
        if (scan->len - scan->at >= len && memcmp(scan->text + scan->at, signs[i].sign, len) == 0) {
            scan->at += len;
            *kind = signs[i].kind;
            return 0;
        }
    }
    return mistake(scan, scan->at, "one of = != =~ !~ is expected");
}

static int matcher_add(struct scan *scan, const struct matcher *matcher, size_t at)
{
    struct selector *selector = scan->selector;
    struct slu_diag diag = {0};
    struct matcher added = *matcher;
    if (selector->count == SELECTOR_MATCHERS_MAX) {
        return mistake(scan, at, "there are too many matchers");
    }
    if (added.kind == MATCH_REGEX || added.kind == MATCH_NOT_REGEX) {
        struct regex *regex = NULL;
        int err = regex_create(selector->budget, added.value, &diag, &regex);
        if (err == -EINVAL) {
            return diag_fail_at(scan->diag, err, 1, (uint32_t)at + 1,
                                "column %zu: the regular expression: %s", at + 1, diag.message);
        }
        if (err != 0) {
            return err;
        }
        selector->regexes[selector->count] = regex;
        added.regex = regex;
    }
    selector->matchers[selector->count++] = added;
    return 0;
}

/* name="value", or "name" alone for a metric's name in quotes. */
static int matcher_read(struct scan *scan)
{
    struct matcher matcher = {.kind = MATCH_EQUAL};
    size_t at = scan->at;
    bool is_quoted = here(scan) == '"' || here(scan) == '\'';
    int err = is_quoted ? string_read(scan, &matcher.name) : name_read(scan, &matcher.name);
    if (err != 0) {
        return err;
    }
    if (matcher.name.len == 0) {
        return mistake(scan, scan->at, "the name of a label is expected");
    }
    space_skip(scan);
    if (is_quoted && (here(scan) == ',' || here(scan) == '}')) {
        matcher.value = matcher.name;
        matcher.name = (struct slu_bytes){NAME_LABEL, strlen(NAME_LABEL)};
        return matcher_add(scan, &matcher, at);
    }
    err = kind_read(scan, &matcher.kind);
    space_skip(scan);
    err = err != 0 ? err : string_read(scan, &matcher.value);
    return err != 0 ? err : matcher_add(scan, &matcher, at);
}

static int braces_read(struct scan *scan)
{
    size_t brace_at = scan->at++;
    int err = 0;
    space_skip(scan);
    while (err == 0 && !is_end(scan) && here(scan) != '}') {
        err = matcher_read(scan);
        space_skip(scan);
        if (err == 0 && here(scan) == ',') {
            scan->at++;
            space_skip(scan);
        } else if (err == 0 && here(scan) != '}') {
            return is_end(scan) ? mistake(scan, brace_at, "this brace is not closed")
                                : mistake(scan, scan->at, "a comma or } is expected");
        }
    }
    if (err == 0 && is_end(scan)) {
        return mistake(scan, brace_at, "this brace is not closed");
    }
    scan->at++;
    return err;
}

int selector_read(struct selector *selector, struct slu_budget *budget, struct slu_bytes text,
                  struct slu_diag *diag)
{
    struct scan scan = {.text = text.data, .len = text.len, .selector = selector, .diag = diag};
    struct matcher name = {.kind = MATCH_EQUAL, .name = {NAME_LABEL, strlen(NAME_LABEL)}};
    selector->budget = budget;
    selector->count = 0;
    selector->text_len = 0;
    memset(selector->regexes, 0, sizeof(selector->regexes));
    space_skip(&scan);
    int err = name_read(&scan, &name.value);
    if (err == 0 && name.value.len > 0) {
        err = matcher_add(&scan, &name, 0);
    }
    space_skip(&scan);
    if (err == 0 && here(&scan) == '{') {
        err = braces_read(&scan);
        space_skip(&scan);
    }
    if (err == 0 && !is_end(&scan)) {
        err = mistake(&scan, scan.at, "nothing more is expected here: name{label=\"value\"}");
    }
    return err;
}

void selector_deinit(struct selector *selector)
{
    for (size_t i = 0; i < SELECTOR_MATCHERS_MAX; i++) {
        regex_destroy(&selector->regexes[i]);
    }
    selector->count = 0;
}
