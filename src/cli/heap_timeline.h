/* A timeline as a page. */
#ifndef CLI_HEAP_TIMELINE_H
#define CLI_HEAP_TIMELINE_H

struct heap_session;
struct sink;
struct timeline;

void heap_timeline_write_html(const struct heap_session *session, const struct timeline *timeline,
                              struct sink *out);

#endif
