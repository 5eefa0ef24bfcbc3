/* Pictures that take one another's place on a terminal, on its other screen. */
#ifndef DRAW_SCREEN_H
#define DRAW_SCREEN_H

#include "draw/terminal.h"

struct sink;

/* Go to the other screen, without cursor and without wrapping; and back. */
void draw_screen_enter(struct sink *out);
void draw_screen_leave(struct sink *out);

/*
 * Show lines of text over the last picture; what does not fit the terminal's height is left out.
 *
 * text  lines that draw_ functions wrote; no line may be wider than the terminal
 */
void draw_screen_show(struct sink *out, const struct draw_terminal *terminal, const char *text);

#endif
