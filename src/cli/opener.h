/* The person's browser. */
#ifndef CLI_OPENER_H
#define CLI_OPENER_H

/* Show a URL in it, if there is a screen; whoever has none reads the address in the terminal. */
void opener_open(const char *url);

#endif
