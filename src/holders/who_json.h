/* A report for machines; docs/heap-who.md describes it. */
#ifndef HOLDERS_WHO_JSON_H
#define HOLDERS_WHO_JSON_H

struct report;
struct sink;

void who_json_write(const struct report *report, const char *source, struct sink *out);

/*
 * The same, with what grows.
 *
 * growing       the same program, asked for blocks of the site that grows; NULL: not asked
 * growing_site  its function
 */
void who_json_write_growing(const struct report *report, const struct report *growing,
                            const char *growing_site, const char *source, struct sink *out);

#endif
