/* Templates of paths that an application knows: `/users/:user/posts`. */
#ifndef METER_TEMPLATE_H
#define METER_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

struct template_text {
    uint32_t at; /* in `bytes` */
    uint16_t len;
    uint16_t segment_count;
};

/* Sorted by segments, most first, and then as given. */
struct path_templates {
    struct template_text *texts;
    const char *bytes;
    uint32_t count;
};

/*
 * The template of most segments that a clean path begins with.
 *
 * templates  may be NULL
 * Returns    how many bytes of the path it stands for, with its text; 0, and `text` untouched, if
 *            there is none
 */
size_t templates_match(const struct path_templates *templates, struct slu_bytes clean,
                       struct slu_bytes *text);

#endif
