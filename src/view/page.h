/* Pages and pictures that stand alone: nothing in them asks another machine. */
#ifndef VIEW_PAGE_H
#define VIEW_PAGE_H

#include <stdint.h>

#include <sluice/bytes.h>

struct sink;

/* Begin a page in the look of all pages, light or dark as the reader's system is; and end it. */
void page_begin(struct sink *out, const char *title);
void page_end(struct sink *out);

/* Text of any bytes, harmless in HTML, SVG and their attributes; ill-formed UTF-8 is replaced. */
void page_text(struct sink *out, struct slu_bytes text);

/* One of eight hues for a name, in 0 to 7, always the same. */
uint32_t page_hue(struct slu_bytes name);

/* The eight colours, told apart also by who does not see all hues (Okabe and Ito, lightened). */
extern const char *const page_colours[8];

#endif
