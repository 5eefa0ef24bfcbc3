/*
 * Label values made fit for metrics: a request's path with its numbers becomes one of a few values,
 * before it becomes one series of millions.
 *
 * Normalising is idempotent, takes linear time, allocates nothing, and gives valid UTF-8 of bounded
 * length, whatever the input.
 */
#ifndef SLUICE_LABEL_H
#define SLUICE_LABEL_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

/* What is made of a label's value. An empty value stays empty, which is: the label is absent. */
enum slu_label_form {
    /* As it is. Each ill-formed piece of UTF-8 and each zero byte becomes U+FFFD; what is too long
       is cut after a whole character. */
    SLU_LABEL_TEXT,
    /* The path of a URL, `/api/v1/user/:id`: see slu_label_normalise. */
    SLU_LABEL_PATH,
    /* As SLU_LABEL_TEXT, but `:id` if it looks like an identifier. */
    SLU_LABEL_TOKEN,
    /* A method of HTTP in capitals, or `_OTHER`. Source: RFC 9110, RFC 5789 */
    SLU_LABEL_METHOD,
    /* The class of an HTTP status, `2xx`, or `_OTHER`. */
    SLU_LABEL_STATUS,
    /* Nothing: the label is taken off. */
    SLU_LABEL_DROP,
};

#define SLU_LABEL_BYTES_MIN           128  /* room that a normalised value must be given */
#define SLU_LABEL_BYTES_MAX           1024 /* room that is made use of */
#define SLU_LABEL_RULES_MAX           256
#define SLU_LABEL_TEMPLATES_MAX       256
#define SLU_LABEL_TEMPLATE_BYTES_MAX  SLU_LABEL_BYTES_MIN
#define SLU_LABEL_SEGMENT_BYTES_MAX   64 /* longer segments of a path are identifiers */
#define SLU_LABEL_RULE_NAME_BYTES_MAX 128

/* Labels of this name have this form. */
struct slu_label_rule {
    const char *label;
    enum slu_label_form form;
};

/*
 * The application's own knowledge. A template is a path, `/users/:user/posts`, that paths may begin
 * with: a segment that begins with a colon stands for any one. Of the templates that a path begins
 * with, the one of most segments is taken, the first of several, and the rest of the path is
 * normalised behind it.
 */
struct slu_label_options {
    const struct slu_label_rule *rules;
    uint32_t rule_count;          /* at most SLU_LABEL_RULES_MAX, no label twice */
    uint32_t template_count;      /* at most SLU_LABEL_TEMPLATES_MAX */
    const char *const *templates; /* each at most SLU_LABEL_TEMPLATE_BYTES_MAX bytes, normalised but
                                     for the named segments */
};

struct slu_label_rules;

/*
 * Make a table of rules; what the options point to is copied.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range; -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys it before the budget and after all that use it
 * Cost     one allocation
 * Threads  any, once it is made: it does not change
 */
SLU_API SLU_MUST_USE int slu_label_rules_create(struct slu_budget *budget,
                                                const struct slu_label_options *options,
                                                struct slu_diag *diag,
                                                struct slu_label_rules **out);

/* Destroy a table; NULL is accepted, and `*rules` becomes NULL. */
SLU_API void slu_label_rules_destroy(struct slu_label_rules **rules);

/*
 * The form of the label `name`: that of its rule, or SLU_LABEL_TEXT. `rules` may be NULL.
 *
 * Cost  O(log rules), and the comparisons
 */
SLU_API enum slu_label_form slu_label_form(const struct slu_label_rules *rules,
                                           struct slu_bytes name);

/*
 * Normalise a label's value.
 *
 * A path: scheme and authority, query, fragment and parameters (`;...`) are cut. Escaped letters,
 * digits and `-._~` are decoded, other escapes are written in capitals, a stray `%` becomes `%25`,
 * a blank or control character is escaped. `.` and `..` are resolved, empty segments left out; what
 * remains begins with a slash and does not end in one, but for `/`. What looks like an identifier
 * becomes `:id`: a segment that has a digit and
 *   - no letter, or 5 digits in a row,
 *   - or is a UUID, also in braces or as `urn:uuid:`,
 *   - or at least 8 hexadecimal digits and nothing else, not counting `0x`,
 *   - or at least 8 bytes, 4 times a letter beside a digit,
 *   - or at least 16 bytes, all of letters, digits, `-_=`, both small and capital letters;
 * and any of more than SLU_LABEL_SEGMENT_BYTES_MAX bytes. A path that is too long is cut after a
 * whole segment.
 *
 * rules       its templates are applied to paths; may be NULL
 * out         not zero-terminated; must not overlap `raw`
 * size_bytes  at least SLU_LABEL_BYTES_MIN, asserted; more than SLU_LABEL_BYTES_MAX is not used
 * Returns     the length written
 * Cost        O(raw.len + templates); allocates nothing
 * Threads     any
 * Source      RFC 3986 section 6.2.2; The Unicode Standard 15.0, table 3-7
 */
SLU_API size_t slu_label_normalise(const struct slu_label_rules *rules, enum slu_label_form form,
                                   struct slu_bytes raw, char *out, size_t size_bytes);

SLU_END_DECLS

#endif
