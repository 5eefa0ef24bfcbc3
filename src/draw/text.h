/*
 * Text on a terminal: made harmless, measured in columns, cut and wrapped.
 *
 * Names of files, functions and labels come from elsewhere. draw_text_escape is the only way in
 * which they reach a terminal; the other functions here take what it wrote.
 */
#ifndef DRAW_TEXT_H
#define DRAW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink;

enum draw_cut {
    DRAW_CUT_NEVER,
    DRAW_CUT_END,   /* the beginning tells most: function names */
    DRAW_CUT_START, /* the end tells most: paths */
};

/*
 * Write `bytes` so that a terminal only shows them: control characters, what changes the direction
 * of writing, and ill-formed UTF-8 are spelt out (\n, \x1b, \u202e, \xff).
 *
 * utf8  false: everything outside ASCII is spelt out
 */
void draw_text_escape(struct sink *out, const char *bytes, size_t len, bool utf8);

/* Columns of escaped text: 2 for CJK and emoji, 0 for combining marks. */
uint32_t draw_text_width(const char *text, size_t len);

/*
 * Write escaped text, cut to `width` columns: an ellipsis (or ~) stands for what is missing.
 *
 * Returns  the columns written, at most `width`
 */
uint32_t draw_text_cut(struct sink *out, const char *text, size_t len, uint32_t width,
                       enum draw_cut cut, bool utf8);

/*
 * Write `text` in lines of at most `width` columns, broken at spaces, each indented; newlines in it
 * begin a new line, two of them a paragraph. The first line's indent is taken to be there already.
 *
 * width  0: not broken
 */
void draw_text_wrapped(struct sink *out, const char *text, uint32_t indent, uint32_t width);

#endif
