/* A report of who holds the memory, for people. */
#ifndef CLI_HEAP_WHO_VIEW_H
#define CLI_HEAP_WHO_VIEW_H

struct cli;
struct report;

void heap_who_view(struct cli *cli, const struct report *report, const char *source);

#endif
