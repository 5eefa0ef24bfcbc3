#include "draw/progress.h"

#include <math.h>
#include <string.h>

#include "base/sink.h"
#include "draw/text.h"

#define SHOWN_AFTER_NS UINT64_C(1000000000)
#define INTERVAL_NS    UINT64_C(100000000)
#define WIDTH_DEFAULT  80
#define LINE_BYTES_MAX 1024

void draw_progress_begin(struct draw_progress *progress, const struct draw_terminal *terminal,
                         struct sink *out, const char *label, uint64_t total, enum draw_unit unit,
                         uint64_t now_ns)
{
    *progress = (struct draw_progress){
        .terminal = terminal,
        .out = out,
        .label = label,
        .total = total,
        .unit = unit,
        .start_ns = now_ns,
    };
}

/* What a person asks: how much of how much, and how long still. */
static void write_state(struct sink *line, const struct draw_progress *progress, uint64_t elapsed,
                        uint64_t done)
{
    sink_text(line, "  ");
    draw_number(line, (double)done, progress->unit);
    if (progress->total == 0) {
        sink_text(line, ", ");
        draw_number(line, (double)(elapsed / 1000000000 * 1000000000), DRAW_NANOSECONDS);
        return;
    }
    sink_text(line, " of ");
    draw_number(line, (double)progress->total, progress->unit);
    uint64_t shown = done < progress->total ? done : progress->total;
    sink_format(line, ", %u%%", (unsigned)(100.0 * (double)shown / (double)progress->total));
    if (shown > 0 && shown < progress->total) {
        double left_ns = (double)elapsed / (double)shown * (double)(progress->total - shown);
        sink_text(line, ", ");
        draw_number(line, ceil(left_ns / 1e9) * 1e9, DRAW_NANOSECONDS);
        sink_text(line, " left");
    }
}

void draw_progress_update(struct draw_progress *progress, uint64_t now_ns, uint64_t done)
{
    uint64_t elapsed = now_ns > progress->start_ns ? now_ns - progress->start_ns : 0;
    if (!progress->terminal->is_terminal || elapsed < SHOWN_AFTER_NS ||
        (progress->visible && now_ns - progress->drawn_ns < INTERVAL_NS)) {
        return;
    }
    char label[LINE_BYTES_MAX];
    char state[LINE_BYTES_MAX];
    struct sink label_sink;
    struct sink state_sink;
    bool utf8 = progress->terminal->utf8;
    sink_init_fixed(&label_sink, label, sizeof(label));
    draw_text_escape(&label_sink, progress->label, strlen(progress->label), utf8);
    sink_init_fixed(&state_sink, state, sizeof(state));
    write_state(&state_sink, progress, elapsed, done);
    /* One column stays free: a full line would wrap, and could not be erased. */
    uint32_t width = progress->terminal->width == 0 ? WIDTH_DEFAULT : progress->terminal->width;
    uint32_t state_width = (uint32_t)state_sink.len;
    uint32_t label_width = width > state_width + 1 ? width - state_width - 1 : 0;
    sink_text(progress->out, "\r");
    (void)draw_text_cut(progress->out, label, label_sink.len, label_width, DRAW_CUT_END, utf8);
    (void)draw_text_cut(progress->out, state, state_sink.len, width - 1, DRAW_CUT_END, utf8);
    sink_text(progress->out, "\x1b[K");
    sink_flush(progress->out);
    progress->drawn_ns = now_ns;
    progress->visible = true;
}

void draw_progress_end(struct draw_progress *progress)
{
    if (progress->visible) {
        sink_text(progress->out, "\r\x1b[K");
        sink_flush(progress->out);
        progress->visible = false;
    }
}
