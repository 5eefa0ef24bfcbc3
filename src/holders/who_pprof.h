/* A report as a profile in pprof's format, whose stacks are chains: flame graphs show owners. */
#ifndef HOLDERS_WHO_PPROF_H
#define HOLDERS_WHO_PPROF_H

struct report;
struct sink;

void who_pprof_write(const struct report *report, struct sink *out);

#endif
