/* Reading a line of text from left to right. */
#ifndef READERS_SCAN_H
#define READERS_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

struct scan {
    const char *at;
    const char *end;
};

struct scan scan_begin(struct slu_bytes line);

/* Each moves past what it finds and returns true, or stays and returns false. */
bool scan_text(struct scan *scan, const char *text);
bool scan_number(struct scan *scan, int64_t *value);       /* decimal, perhaps negative */
bool scan_hexadecimal(struct scan *scan, uint64_t *value); /* with 0x or without */

/* Blanks and tabs; there may be none. */
void scan_blanks(struct scan *scan);

/* What stands before the next blank. */
struct slu_bytes scan_word(struct scan *scan);

/* What is left, without blanks at its end. */
struct slu_bytes scan_rest(const struct scan *scan);

#endif
