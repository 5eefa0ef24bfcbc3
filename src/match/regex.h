/*
 * Regular expressions in linear time: RE2, behind functions that C can call.
 *
 * Source  github.com/google/re2/wiki/Syntax
 */
#ifndef MATCH_REGEX_H
#define MATCH_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_budget;
struct slu_diag;
struct regex;
struct sink;

SLU_BEGIN_DECLS

/* What one may take, compiled: charged as a whole, and kept to by RE2. */
#define REGEX_BYTES_MAX ((uint64_t)1 << 20)

/*
 * Compile a pattern.
 *
 * Returns  0; -EINVAL, and `diag` says what is wrong with it; -EDQUOT; -ENOMEM
 * Owner    the caller, until regex_destroy
 */
SLU_MUST_USE int regex_create(struct slu_budget *budget, struct slu_bytes pattern,
                              struct slu_diag *diag, struct regex **out);

/* NULL is accepted, and `*regex` becomes NULL. */
void regex_destroy(struct regex **regex);

/* Whether the pattern is found somewhere in the text. Cost: linear. Threads: any number */
bool regex_is_found(const struct regex *regex, struct slu_bytes text);

/* Whether the pattern is all of the text. */
bool regex_is_whole(const struct regex *regex, struct slu_bytes text);

/*
 * Write the text with each match replaced, in which $1 and ${1} stand for groups, and $$ for $.
 *
 * Returns  how many were replaced: with 0 nothing is written
 */
size_t regex_replace(const struct regex *regex, struct slu_bytes text, struct slu_bytes with,
                     struct sink *out);

/* How many groups it has. */
int regex_group_count(const struct regex *regex);

/*
 * The name of a group, from 1; "" if it has none.
 */
const char *regex_group_name(const struct regex *regex, int group);

/*
 * Find it, and the text of its groups.
 *
 * groups  of `count` views of the text, from the whole match on; empty for those that took no part
 */
bool regex_groups(const struct regex *regex, struct slu_bytes text, struct slu_bytes *groups,
                  int count);

SLU_END_DECLS

#endif
