#include "holders/report.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "base/sink.h"
#include "holders/chain.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/site.h"
#include "symbol/types.h"

#define NAME_BYTES       1024
#define CHAIN_GROUPS_MAX 40

enum verdict {
    VERDICT_UNKNOWN,
    VERDICT_YES,
    VERDICT_NO
};

struct filter {
    struct who *who;
    const struct report_query *query;
    regex_t type;
    unsigned char *verdicts; /* by type */
    size_t verdict_count;
    regex_t site;
    unsigned char *site_verdicts; /* by the place of the stack among those that were sampled */
    size_t site_count;
};

static bool type_matches(struct filter *filter, uint32_t type)
{
    if (type == SYMBOL_TYPE_NONE || type >= filter->verdict_count) {
        return false;
    }
    if (filter->verdicts[type] == VERDICT_UNKNOWN) {
        char name[NAME_BYTES];
        struct sink sink;
        sink_init_fixed(&sink, name, sizeof(name));
        symbol_type_write(filter->who->modules.types, type, &sink); /* cut off: it is enough */
        filter->verdicts[type] =
            regexec(&filter->type, name, 0, NULL, 0) == 0 ? VERDICT_YES : VERDICT_NO;
    }
    return filter->verdicts[type] == VERDICT_YES;
}

static bool site_asked(struct filter *filter, uint32_t block)
{
    struct who *who = filter->who;
    const struct sampled_block *sample =
        sampled_find(&who->sampled, heap_block_address(who->heap, block));
    const struct sampled_stack *stack =
        sample == NULL ? NULL : sampled_stack_of(&who->sampled, sample);
    if (stack == NULL) {
        return false;
    }
    unsigned char *verdict =
        &filter->site_verdicts[stack - (const struct sampled_stack *)who->sampled.stacks.data];
    if (*verdict == VERDICT_UNKNOWN) {
        *verdict = site_matches(who, stack, &filter->site) ? VERDICT_YES : VERDICT_NO;
    }
    return *verdict == VERDICT_YES;
}

static bool is_asked(const void *context, uint32_t block)
{
    struct filter *filter = *(struct filter *const *)context;
    const struct report_query *query = filter->query;
    uint64_t bytes = heap_block_bytes(filter->who->heap, block);
    if (bytes < query->size_min || (query->size_max != 0 && bytes > query->size_max)) {
        return false;
    }
    if (query->site != NULL && !site_asked(filter, block)) {
        return false;
    }
    return query->type == NULL || type_matches(filter, filter->who->typing.block_types[block]);
}

/* A pattern and room for what it says of `count` things. */
static int pattern_begin(struct filter *filter, const char *option, const char *text, size_t count,
                         regex_t *pattern, unsigned char **verdicts, struct slu_diag *diag)
{
    void *room = NULL;
    int refused = regcomp(pattern, text, REG_EXTENDED | REG_NOSUB);
    if (refused != 0) {
        char reason[NAME_BYTES];
        regerror(refused, pattern, reason, sizeof(reason));
        return diag_fail(diag, -EINVAL, "%s %.100s: %.100s", option, text, reason);
    }
    int err = slu_budget_alloc(filter->who->budget, count, &room);
    if (err != 0) {
        regfree(pattern);
        return diag_fail(diag, err, "no memory to choose blocks");
    }
    memset(room, VERDICT_UNKNOWN, count);
    *verdicts = room;
    return 0;
}

static void filter_end(struct filter *filter)
{
    struct slu_budget *budget = filter->who->budget;
    if (filter->verdicts != NULL) {
        slu_budget_free(budget, filter->verdicts, filter->verdict_count);
        regfree(&filter->type);
    }
    if (filter->site_verdicts != NULL) {
        slu_budget_free(budget, filter->site_verdicts, filter->site_count);
        regfree(&filter->site);
    }
}

static int filter_begin(struct filter *filter, struct slu_diag *diag)
{
    const struct report_query *query = filter->query;
    const struct sampled *sampled = &filter->who->sampled;
    int err = 0;
    filter->verdict_count = symbol_types_count(filter->who->modules.types) + 1;
    filter->site_count = sampled->stacks.len / sizeof(struct sampled_stack) + 1;
    if (query->site != NULL && sampled_count(sampled) == 0) {
        return diag_fail(diag, -ENOENT,
                         "--site: no sampled block is known: the program does not run under "
                         "'sluice heap run'");
    }
    if (query->type != NULL) {
        err = pattern_begin(filter, "--type", query->type, filter->verdict_count, &filter->type,
                            &filter->verdicts, diag);
    }
    if (err == 0 && query->site != NULL) {
        err = pattern_begin(filter, "--site", query->site, filter->site_count, &filter->site,
                            &filter->site_verdicts, diag);
    }
    if (err != 0) {
        filter_end(filter);
    }
    return err;
}

/* Keep a row among the largest; of equal ones the first. */
static void top_offer(struct report_top *top, uint32_t row, uint64_t value)
{
    if (value == 0 || (top->count == top->most && value <= top->values[top->count - 1])) {
        return;
    }
    uint32_t at = top->count < top->most ? top->count++ : top->count - 1;
    for (; at > 0 && top->values[at - 1] < value; at--) {
        top->rows[at] = top->rows[at - 1];
        top->values[at] = top->values[at - 1];
    }
    top->rows[at] = row;
    top->values[at] = value;
}

static void tops_choose(struct report *report)
{
    const struct graph *graph = report->who->graph;
    const struct group *rows = report->groups.rows.data;
    const struct group_label *labels = report->groups.labels.data;
    for (uint32_t node = graph->block_count; node < graph->node_count; node++) {
        top_offer(&report->roots, node, dominators_retained(&report->dominators, node));
    }
    for (uint32_t i = 0; i < report->groups.rows.len / sizeof(*rows); i++) {
        top_offer(&report->chains, i, rows[i].bytes);
    }
    for (uint32_t i = 0; i < report->groups.labels.len / sizeof(*labels); i++) {
        top_offer(&report->types, i, labels[i].retained_bytes);
        top_offer(&report->leaks, i, labels[i].leaked_bytes);
    }
    for (uint32_t i = 0; i < report->by_site.rows.len / sizeof(struct site_row); i++) {
        const struct site_row *row = report_site(report, i);
        top_offer(&report->sites, i, row->retained_bytes + row->leaked_bytes);
    }
    for (uint32_t place = 1; place < report->dominators.count; place++) {
        if (report->dominators.above[place] == 0 &&
            report->dominators.nodes[place] < graph->block_count) {
            report->shared_bytes += report->dominators.retained[place];
        }
    }
}

static int block_find(struct report *report, uint64_t address, struct slu_diag *diag)
{
    uint64_t offset = 0;
    report->block = HEAP_BLOCK_NONE;
    if (address == 0) {
        return 0;
    }
    report->block = heap_block_at(report->who->heap, address, &offset);
    return report->block != HEAP_BLOCK_NONE
               ? 0
               : diag_fail(diag, -ENOENT, "no block that is in use is at 0x%llx",
                           (unsigned long long)address);
}

int report_make(struct report *report, struct who *who, const struct report_query *query,
                struct slu_diag *diag)
{
    struct filter filter = {.who = who, .query = query};
    struct filter *context = &filter;
    *report = (struct report){.who = who};
    struct report_top *const tops[] = {&report->roots, &report->chains, &report->types,
                                       &report->leaks, &report->sites};
    for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
        tops[i]->most = query->top < REPORT_TOP_MAX ? query->top : REPORT_TOP_MAX;
        tops[i]->most = tops[i]->most == 0 ? 1 : tops[i]->most;
    }
    int err = block_find(report, query->address, diag);
    if (err != 0 || (err = filter_begin(&filter, diag)) != 0) {
        return err;
    }
    err = dominators_make(&report->dominators, who->graph, &who->reach, diag);
    if (err == 0) {
        err = groups_make(&report->groups, who, &report->dominators, is_asked, &context, diag);
    }
    if (err == 0) {
        err = by_site_make(&report->by_site, who, &report->dominators, is_asked, &context, diag);
    }
    filter_end(&filter);
    if (err != 0) {
        report_free(report);
        return err;
    }
    tops_choose(report);
    return 0;
}

void report_free(struct report *report)
{
    by_site_free(&report->by_site);
    groups_free(&report->groups);
    dominators_free(&report->dominators);
}

void report_write_what(const struct report *report, uint64_t what, struct sink *out)
{
    if ((what & LABEL_SIZE) == 0) {
        symbol_type_write(report->who->modules.types, (uint32_t)what, out);
    } else {
        uint64_t bytes = what & ~LABEL_SIZE;
        sink_format(out, "%llu bytes%s", (unsigned long long)bytes, bytes > 4096 ? " or more" : "");
    }
}

void report_write_step(const struct report *report, uint32_t group, struct sink *out)
{
    const struct group *row = groups_at(&report->groups, group);
    struct who *who = report->who;
    if (row->above == GROUP_NONE) {
        chain_write_root(who, row->root - who->graph->block_count, out);
        return;
    }
    chain_write_place(who, row->holder, row->place, true, out);
    sink_text(out, " -> ");
    report_write_what(report, row->what, out);
    if (row->repeats) {
        sink_text(out, " (repeated)");
    }
}

bool report_write_site(const struct report *report, uint32_t group, struct sink *out)
{
    const struct group *row = groups_at(&report->groups, group);
    return row->above != GROUP_NONE && row->asked != HEAP_BLOCK_NONE &&
           row->asked < report->who->graph->block_count && site_write(report->who, row->asked, out);
}

void report_write_site_name(const struct report *report, uint32_t site, struct sink *out)
{
    const struct sampled_stack *stacks = report->who->sampled.stacks.data;
    /* It has a name: rows without one were left out. */
    (void)site_write_stack(report->who, &stacks[report_site(report, site)->stack], out);
}

void report_write_chain(const struct report *report, uint32_t group, struct sink *out)
{
    uint32_t steps[CHAIN_GROUPS_MAX];
    uint32_t count = 0;
    while (group != GROUP_NONE && count < CHAIN_GROUPS_MAX) {
        steps[count++] = group;
        group = groups_at(&report->groups, group)->above;
    }
    if (group != GROUP_NONE) {
        sink_text(out, "... ");
    }
    while (count > 0) {
        report_write_step(report, steps[--count], out);
    }
}

void report_write_block_chain(const struct report *report, uint32_t block, struct sink *out)
{
    struct who *who = report->who;
    struct chain chain;
    if (!chain_find(who, block, &chain)) {
        sink_text(out, "nothing points to it");
        return;
    }
    chain_write_root(who, chain.steps[0].node - who->graph->block_count, out);
    for (uint32_t i = 0; i < chain.count; i++) {
        const struct chain_step *step = &chain.steps[i];
        if (step->skipped > 0) {
            sink_format(out, " ... %llu more ... ", (unsigned long long)step->skipped);
        }
        chain_write_place(who, step->node, step->offset, false, out);
        sink_text(out, " -> ");
        if (who->typing.block_types[step->target] != SYMBOL_TYPE_NONE) {
            typing_write_block(&who->typing, step->target, out);
        } else {
            sink_format(out, "%llu bytes",
                        (unsigned long long)heap_block_bytes(who->heap, step->target));
        }
    }
}
