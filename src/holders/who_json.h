/* A report for machines; docs/heap-who.md describes it. */
#ifndef HOLDERS_WHO_JSON_H
#define HOLDERS_WHO_JSON_H

struct report;
struct sink;

void who_json_write(const struct report *report, const char *source, struct sink *out);

#endif
