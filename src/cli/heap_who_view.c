#include "cli/heap_who_view.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "draw/draw.h"
#include "holders/chain.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/image.h"
#include "holders/report.h"

#define SITE_BYTES 512

static void write_bytes(struct sink *out, uint64_t bytes)
{
    draw_number(out, (double)bytes, DRAW_BYTES);
}

static void write_count(struct sink *out, uint64_t count)
{
    draw_number(out, (double)count, DRAW_COUNT);
}

static void title(struct cli *cli, const char *text)
{
    sink_char(cli->out, '\n');
    draw_style_begin(cli->out, &cli->out_terminal, DRAW_BOLD);
    sink_text(cli->out, text);
    draw_style_end(cli->out, &cli->out_terminal, DRAW_BOLD);
    sink_char(cli->out, '\n');
}

static void view_source(struct cli *cli, const struct who *who, const char *source)
{
    size_t threads = 0;
    (void)image_threads(who->image, &threads);
    draw_text_escape(cli->out, source, strlen(source), cli->out_terminal.utf8);
    sink_format(cli->out, ": process %" PRIu64 ", %zu thread%s", who->image->process_id, threads,
                threads == 1 ? "" : "s");
    if (who->image->is_live) {
        sink_text(cli->out, ", stopped for ");
        draw_number(cli->out, (double)who->image->stopped_ns, DRAW_NANOSECONDS);
    }
    sink_char(cli->out, '\n');
}

static void view_heap(struct cli *cli, const struct report *report)
{
    const struct heap *heap = report->who->heap;
    sink_text(cli->out, "in use  ");
    write_bytes(cli->out, heap->used_bytes);
    sink_text(cli->out, " in ");
    write_count(cli->out, heap->block_count);
    sink_text(cli->out, " blocks, of ");
    write_bytes(cli->out, heap->mapped_bytes);
    sink_format(cli->out, " that malloc has from the system (%zu arena%s)\n",
                heap->arenas.len / sizeof(struct heap_arena),
                heap->arenas.len == sizeof(struct heap_arena) ? "" : "s");
    if (report->groups.asked_count != heap->block_count) {
        sink_text(cli->out, "asked   ");
        write_bytes(cli->out, report->groups.asked_bytes);
        sink_text(cli->out, " in ");
        write_count(cli->out, report->groups.asked_count);
        sink_text(cli->out, " blocks\n");
    }
    sink_text(cli->out, "leaked  ");
    write_bytes(cli->out, report->groups.leaked_bytes);
    sink_text(cli->out, " in ");
    write_count(cli->out, report->groups.leaked_count);
    sink_text(cli->out, " blocks that no root leads to\n");
    if (report->shared_bytes > 0) {
        sink_text(cli->out, "shared  ");
        write_bytes(cli->out, report->shared_bytes);
        sink_text(cli->out, " that more than one root keeps\n");
    }
}

static void view_damage(struct cli *cli, const struct who *who)
{
    const struct heap *heap = who->heap;
    if (who->image->missing_bytes > 0) {
        sink_text(cli->out, "cut off ");
        write_bytes(cli->out, who->image->missing_bytes);
        sink_text(cli->out, " are missing from the core\n");
    }
    if (heap->damage_count == 0) {
        return;
    }
    draw_style_begin(cli->out, &cli->out_terminal, DRAW_RED);
    sink_format(cli->out, "damaged in %u place%s, ", heap->damage_count,
                heap->damage_count == 1 ? "" : "s");
    write_bytes(cli->out, heap->unseen_bytes);
    sink_text(cli->out, " were not seen: chains may be missing or wrong\n");
    draw_style_end(cli->out, &cli->out_terminal, DRAW_RED);
    for (uint32_t i = 0; i < heap->damage_count && i < HEAP_DAMAGES_MAX; i++) {
        sink_format(cli->out, "  0x%" PRIx64 ": %s\n", heap->damages[i].address,
                    heap->damages[i].what);
    }
}

static void root_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    static const char *const kinds[] = {"variable", "thread",   "local",
                                        "stack",    "register", "mapped"};
    const struct report *report = context;
    uint32_t root = report->roots.rows[row] - report->who->graph->block_count;
    switch (column) {
    case 0:
        write_bytes(out, report->roots.values[row]);
        break;
    case 1:
        sink_text(out, kinds[roots_at(&report->who->roots, root)->kind]);
        break;
    default:
        chain_write_root(report->who, root, out);
        break;
    }
}

static void chain_write(const struct report *report, uint32_t group, struct sink *out)
{
    char text[SITE_BYTES];
    struct sink site;
    sink_init_fixed(&site, text, sizeof(text));
    report_write_chain(report, group, out);
    if (report_write_site(report, group, &site)) {
        sink_format(out, ", allocated at %.300s", text);
    }
}

static void chain_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct report *report = context;
    const struct group *group = groups_at(&report->groups, report->chains.rows[row]);
    struct chain chain;
    switch (column) {
    case 0:
        write_bytes(out, group->bytes);
        break;
    case 1:
        write_count(out, group->count);
        break;
    case 2:
        write_bytes(out, group->retained_bytes);
        break;
    case 3:
        sink_text(out,
                  chain_find(report->who, group->asked, &chain) ? edge_kind_name(chain.kind) : "");
        break;
    default:
        chain_write(report, report->chains.rows[row], out);
        break;
    }
}

static const struct group_label *label_at(const struct report *report, const struct report_top *top,
                                          size_t row)
{
    return (const struct group_label *)report->groups.labels.data + top->rows[row];
}

static void type_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct report *report = context;
    const struct group_label *label = label_at(report, &report->types, row);
    switch (column) {
    case 0:
        write_bytes(out, label->retained_bytes);
        break;
    case 1:
        write_bytes(out, label->bytes);
        break;
    case 2:
        write_count(out, label->count);
        break;
    default:
        report_write_what(report, label->what, out);
        break;
    }
}

static void site_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct report *report = context;
    const struct site_row *site = report_site(report, report->sites.rows[row]);
    switch (column) {
    case 0:
        write_bytes(out, site->retained_bytes);
        break;
    case 1:
        write_bytes(out, site->bytes);
        break;
    case 2:
        write_count(out, site->count);
        break;
    case 3:
        write_bytes(out, site->leaked_bytes);
        break;
    default:
        report_write_site_name(report, report->sites.rows[row], out);
        break;
    }
}

static void leak_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct report *report = context;
    const struct group_label *label = label_at(report, &report->leaks, row);
    switch (column) {
    case 0:
        write_bytes(out, label->leaked_bytes);
        break;
    case 1:
        write_count(out, label->leaked_count);
        break;
    case 2:
        report_write_what(report, label->what, out);
        break;
    default:
        sink_format(out, "0x%" PRIx64, heap_block_address(report->who->heap, label->example));
        break;
    }
}

static void view_block(struct cli *cli, const struct report *report)
{
    sink_format(cli->out, "\n0x%" PRIx64 "  ",
                heap_block_address(report->who->heap, report->block));
    write_bytes(cli->out, heap_block_bytes(report->who->heap, report->block));
    sink_text(cli->out, ", retains ");
    write_bytes(cli->out, dominators_retained(&report->dominators, report->block));
    sink_text(cli->out, "\n  ");
    report_write_block_chain(report, report->block, cli->out);
    sink_char(cli->out, '\n');
}

size_t heap_who_tables(const struct report *report, struct heap_who_table tables[WHO_TABLES])
{
    static const struct draw_column chains[] = {
        {"in use", DRAW_NUMBER, DRAW_CUT_NEVER},   {"blocks", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"retained", DRAW_NUMBER, DRAW_CUT_NEVER}, {"sure", DRAW_LEFT, DRAW_CUT_NEVER},
        {"chain", DRAW_LEFT, DRAW_CUT_NEVER},
    };
    static const struct draw_column roots[] = {
        {"retained", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"kind", DRAW_LEFT, DRAW_CUT_NEVER},
        {"root", DRAW_LEFT, DRAW_CUT_END},
    };
    static const struct draw_column types[] = {
        {"retained", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"in use", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"blocks", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"type", DRAW_LEFT, DRAW_CUT_END},
    };
    static const struct draw_column sites[] = {
        {"retained", DRAW_NUMBER, DRAW_CUT_NEVER}, {"in use", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"blocks", DRAW_NUMBER, DRAW_CUT_NEVER},   {"leaked", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"allocated at", DRAW_LEFT, DRAW_CUT_END},
    };
    static const struct draw_column leaks[] = {
        {"leaked", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"blocks", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"type", DRAW_LEFT, DRAW_CUT_END},
        {"for example", DRAW_LEFT, DRAW_CUT_NEVER},
    };
    const struct heap_who_table all[WHO_TABLES] = {
        {"Chains: what is held alike, by the shortest way",
         {chains, 5, report->chains.count, chain_cell, NULL, report}},
        {"Roots: what each one alone keeps",
         {roots, 3, report->roots.count, root_cell, NULL, report}},
        {"Types: what they are, and what they keep",
         {types, 4, report->types.count, type_cell, NULL, report}},
        {"Sites: where sampled blocks were allocated, and what those keep",
         {sites, 5, report->sites.count, site_cell, NULL, report}},
        {"Leaked: what nothing leads to", {leaks, 4, report->leaks.count, leak_cell, NULL, report}},
    };
    size_t count = 0;
    for (size_t i = 0; i < WHO_TABLES && report->block == HEAP_BLOCK_NONE; i++) {
        if (all[i].table.row_count > 0) {
            tables[count++] = all[i];
        }
    }
    return count;
}

void heap_who_view_head(struct cli *cli, const struct report *report, const char *source)
{
    view_source(cli, report->who, source);
    view_heap(cli, report);
    view_damage(cli, report->who);
    if (report->block != HEAP_BLOCK_NONE) {
        view_block(cli, report);
    }
}

void heap_who_view(struct cli *cli, const struct report *report, const char *source)
{
    struct heap_who_table tables[WHO_TABLES];
    size_t count = heap_who_tables(report, tables);
    heap_who_view_head(cli, report, source);
    for (size_t i = 0; i < count; i++) {
        title(cli, tables[i].title);
        draw_table(&tables[i].table, &cli->out_terminal, cli->out);
    }
}
