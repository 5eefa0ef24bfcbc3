/* What runs of the laboratory have shown, for people and for machines. */
#ifndef CLI_LAB_VIEW_H
#define CLI_LAB_VIEW_H

#include <stddef.h>

struct cli;
struct lab_result;

/* Runs of one case, side by side: a chart, a table, the verdicts. `count` is 1 or 2. */
void lab_view_show(struct cli *cli, const struct lab_result *results, size_t count);

/* One run as a line of JSON. */
void lab_view_json(struct cli *cli, const struct lab_result *result);

/* Whether the verdict is the one that the form deserves. */
int lab_view_is_right(const struct lab_result *result);

#endif
