/*
 * Where drawings go: what a terminal can show. Only the caller knows it; nothing here asks the
 * system.
 */
#ifndef DRAW_TERMINAL_H
#define DRAW_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

struct sink;

struct draw_terminal {
    uint32_t width;   /* columns; 0: unlimited, nothing is cut */
    uint32_t height;  /* rows; 0: unknown */
    bool is_terminal; /* cursor movements are understood */
    bool colour;
    bool utf8;
};

/* The eight-colour palette, which themes keep legible on light and on dark. */
enum draw_style {
    DRAW_PLAIN,
    DRAW_BOLD,
    DRAW_DIM,
    DRAW_RED,
    DRAW_GREEN,
    DRAW_YELLOW,
    DRAW_MAGENTA,
    DRAW_CYAN,
};

/* Both write nothing where there is no colour, or for DRAW_PLAIN. */
void draw_style_begin(struct sink *out, const struct draw_terminal *terminal,
                      enum draw_style style);
void draw_style_end(struct sink *out, const struct draw_terminal *terminal, enum draw_style style);

#endif
