/*
 * Texts as patterns and what varies in them. A variable is a word (token_filter.h) with a digit in
 * it; the pattern is the text with a zero byte in place of each variable. Log lines come from few
 * statements of a program: their patterns are stored once, and the variables of one place in one
 * pattern stand together, where they are alike.
 *
 * A text whose pattern is rare is one variable as a whole: the pattern of number 0.
 *
 * Formats  docs/formats/row-block.md
 */
#ifndef STORE_ROW_BLOCK_PATTERN_H
#define STORE_ROW_BLOCK_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct column_packer;
struct column_unpacker;

#define PATTERNS_MAX          1024                 /* of one block; later ones count as rare */
#define PATTERN_BYTES_MAX     ((size_t)256 * 1024) /* of all patterns */
#define PATTERN_VARIABLES_MAX 64
#define PATTERN_SLOTS_MAX     16384 /* places for variables, of all patterns */
#define PATTERN_ROWS_MIN      4     /* fewer make a pattern rare */
#define PATTERN_SLACK         ((size_t)16)

/*
 * Append texts without zero bytes to the packer's output, `count` above 0 of them.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int pack_patterns(struct column_packer *packer, const unsigned char *texts,
                               const uint32_t *ends, size_t count);

/*
 * The other way. Texts are `len` bytes in all, and PATTERN_SLACK bytes behind them are written too.
 *
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int unpack_patterns(struct column_unpacker *unpacker, uint32_t *ends, size_t count,
                                 unsigned char *texts, size_t len);

#endif
