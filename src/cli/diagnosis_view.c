#include <string.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/diagnosis.h"
#include "diagnose/evidence.h"
#include "diagnose/sites.h"
#include "diagnose/verdict.h"
#include "draw/draw.h"

#define TEXT_WIDTH 96
#define INDENT     4

static void write_escaped(const struct cli *cli, const char *text)
{
    draw_text_escape(cli->out, text, strlen(text), cli->out_terminal.utf8);
}

/* One item of a list; the text may hold names from elsewhere. */
static void write_item(const struct cli *cli, const char *text)
{
    char escaped[4 * VERDICT_TEXT_BYTES + 1];
    struct sink sink;
    sink_init_fixed(&sink, escaped, sizeof(escaped));
    draw_text_escape(&sink, text, strlen(text), cli->out_terminal.utf8);
    sink_text(cli->out, "  - ");
    uint32_t width = cli->out_terminal.width;
    width = width == 0 || width > TEXT_WIDTH ? TEXT_WIDTH : width;
    draw_text_wrapped(cli->out, escaped, INDENT, width);
}

static enum draw_style style_of(enum pattern pattern)
{
    if (pattern == PATTERN_HEALTHY) {
        return DRAW_GREEN;
    }
    return pattern == PATTERN_UNDETERMINED ? DRAW_YELLOW : DRAW_RED;
}

static void write_head(const struct cli *cli, const struct verdict *verdict)
{
    const struct pattern_info *info = pattern_info_of(verdict->pattern);
    draw_style_begin(cli->out, &cli->out_terminal, style_of(verdict->pattern));
    sink_text(cli->out, info->id);
    draw_style_end(cli->out, &cli->out_terminal, style_of(verdict->pattern));
    sink_format(cli->out, " (confidence %.0f %%)", 100 * verdict->confidence);
    if (verdict->has_site) {
        sink_text(cli->out, " at ");
        write_escaped(cli, verdict->function);
        if (verdict->file[0] != '\0') {
            sink_char(cli->out, ' ');
            write_escaped(cli, verdict->file);
            sink_format(cli->out, ":%u", verdict->line);
        }
    }
    sink_format(cli->out, "\n  %s\n", info->meaning);
}

static void write_growth(const struct cli *cli, const char *what, const struct interval *growth)
{
    sink_text(cli->out, what);
    draw_number(cli->out, growth->mid, DRAW_BYTES_PER_SECOND);
    sink_text(cli->out, " (95 %: ");
    draw_number(cli->out, growth->low, DRAW_BYTES_PER_SECOND);
    sink_text(cli->out, " to ");
    draw_number(cli->out, growth->high, DRAW_BYTES_PER_SECOND);
    sink_text(cli->out, ")\n");
}

static void write_verdict(const struct cli *cli, const struct verdict *verdict)
{
    const struct pattern_info *info = pattern_info_of(verdict->pattern);
    write_head(cli, verdict);
    write_growth(cli, "  growth: ", &verdict->bytes_per_second);
    for (uint32_t i = 0; i < verdict->evidence_count; i++) {
        write_item(cli, verdict->evidence[i]);
    }
    sink_format(cli->out, "not %s, because:\n", pattern_info_of(verdict->rival)->id);
    write_item(cli, verdict->why_not);
    sink_text(cli->out, "what to do:\n");
    for (uint32_t i = 0; i < VERDICT_FIX_LINES; i++) {
        write_item(cli, info->fix[i]);
    }
    sink_text(cli->out, "look closer:\n");
    for (uint32_t i = 0; i < VERDICT_CLOSER_MAX && info->closer[i] != NULL; i++) {
        write_item(cli, info->closer[i]);
    }
    sink_char(cli->out, '\n');
}

static void write_observed(const struct cli *cli, const struct evidence *evidence,
                           const struct report *report)
{
    sink_text(cli->out, "observed ");
    draw_number(cli->out, report->seconds * 1e9, DRAW_NANOSECONDS);
    sink_format(cli->out,
                ": %u profiles of memory, %u of tasks, %u collections, %u moments of resident "
                "memory",
                evidence->heap->moment_count, evidence->tasks->moment_count, evidence->live.count,
                evidence->rss.count);
    if (evidence->heap->stale_count > 0) {
        sink_format(cli->out, "; %u profiles without a collection in between",
                    evidence->heap->stale_count);
    }
    if (evidence->damaged_lines > 0) {
        sink_format(cli->out, "; %llu damaged lines skipped",
                    (unsigned long long)evidence->damaged_lines);
    }
    sink_char(cli->out, '\n');
}

void diagnosis_show(const struct diagnosis *diagnosis, const struct report *report)
{
    const struct cli *cli = diagnosis->cli;
    for (uint32_t i = 0; i < report->verdict_count; i++) {
        write_verdict(cli, &report->verdicts[i]);
    }
    for (uint32_t i = 0; i < report->warning_count; i++) {
        draw_style_begin(cli->out, &cli->out_terminal, DRAW_RED);
        sink_text(cli->out, "warning: ");
        draw_style_end(cli->out, &cli->out_terminal, DRAW_RED);
        write_escaped(cli, report->warnings[i]);
        sink_char(cli->out, '\n');
    }
    write_growth(cli, "all growth: ", &report->growth);
    write_observed(cli, diagnosis->evidence, report);
}
