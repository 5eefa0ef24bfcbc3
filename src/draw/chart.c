#include "draw/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sink.h"
#include "draw/text.h"

#define LENGTH(array)    (sizeof(array) / sizeof((array)[0]))
#define WIDTH_DEFAULT    80
#define PLOT_WIDTH_MIN   12
#define TICK_TEXT_MAX    24
#define SERIES_LABEL_MAX 256
#define VALUE_MAX        1e300 /* the axis may end at several times the largest value */
#define DOTS_ACROSS      2     /* of one braille character */
#define DOTS_DOWN        4

struct canvas {
    uint32_t width; /* in characters */
    uint32_t height;
    uint32_t dots_across; /* in one character */
    uint32_t dots_down;
    uint8_t dots[DRAW_CHART_HEIGHT_MAX][DRAW_CHART_WIDTH_MAX];  /* braille bits */
    uint8_t owner[DRAW_CHART_HEIGHT_MAX][DRAW_CHART_WIDTH_MAX]; /* series + 1, 0: empty */
};

struct plot {
    const struct draw_chart *chart;
    const struct draw_terminal *terminal;
    struct sink *out;
    struct canvas canvas;
    double y_max;
    double y_step;
    uint32_t tick_width;  /* columns left of the y axis */
    uint32_t label_width; /* columns right of the plot, with a space; 0: no labels */
    int label_of_row[DRAW_CHART_HEIGHT_MAX]; /* series, or -1 */
};

/* The round step of at least `least`: 1, 2, 5 x 10^n, or what a unit divides into. */
static double decimal_step(double least)
{
    double power = pow(10, floor(log10(least)));
    static const double steps[] = {1, 2, 5};
    for (size_t i = 0; i < LENGTH(steps); i++) {
        if (steps[i] * power >= least * (1 - 1e-9)) {
            return steps[i] * power;
        }
    }
    return 10 * power;
}

static double round_step(double least, enum draw_unit unit)
{
    static const double seconds[] = {1,   2,   5,    10,   15,   30,    60,    120,   300,
                                     600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400};
    if (unit == DRAW_NANOSECONDS && least > 1e9) {
        for (size_t i = 0; i < LENGTH(seconds); i++) {
            if (seconds[i] * 1e9 >= least * (1 - 1e-9)) {
                return seconds[i] * 1e9;
            }
        }
        return 86400e9 * decimal_step(least / 86400e9);
    }
    if (unit == DRAW_BYTES || unit == DRAW_BYTES_PER_SECOND) {
        return exp2(ceil(log2(least) - 1e-9));
    }
    return decimal_step(least);
}

static double largest_value(const struct draw_chart *chart)
{
    double largest = 0;
    for (uint32_t i = 0; i < chart->series_count; i++) {
        for (size_t at = 0; at < chart->series[i].point_count; at++) {
            double y = chart->series[i].points[at].y;
            largest = isfinite(y) && y > largest ? fmin(y, VALUE_MAX) : largest;
        }
    }
    return largest;
}

/* Whole numbers alone where halves of the unit do not exist. */
static double step_min(enum draw_unit unit)
{
    return unit == DRAW_BYTES || unit == DRAW_COUNT || unit == DRAW_NANOSECONDS ? 1 : 1e-3;
}

static void choose_y_axis(struct plot *plot)
{
    double largest = largest_value(plot->chart);
    double tick_count = fmax(2, floor(plot->canvas.height / 2.0));
    double least = fmax(largest / tick_count, step_min(plot->chart->y_unit));
    plot->y_step = round_step(least, plot->chart->y_unit);
    plot->y_max = plot->y_step * fmax(1, ceil(largest / plot->y_step - 1e-9));
}

static uint32_t tick_text(double value, enum draw_unit unit, char text[TICK_TEXT_MAX])
{
    struct sink sink;
    sink_init_fixed(&sink, text, TICK_TEXT_MAX);
    if (value == 0) {
        sink_char(&sink, '0'); /* of whatever unit the next tick has */
    } else {
        draw_number(&sink, value, unit);
    }
    return (uint32_t)sink.len;
}

static uint32_t tick_width(const struct plot *plot)
{
    uint32_t widest = 0;
    for (double y = 0; y <= plot->y_max * (1 + 1e-9); y += plot->y_step) {
        char text[TICK_TEXT_MAX];
        uint32_t width = tick_text(y, plot->chart->y_unit, text);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* A series' label, made harmless; returns its columns. */
static uint32_t label_text(const struct plot *plot, uint32_t series, char text[SERIES_LABEL_MAX])
{
    struct sink sink;
    const char *label = plot->chart->series[series].label;
    sink_init_fixed(&sink, text, SERIES_LABEL_MAX);
    draw_text_escape(&sink, label, strlen(label), plot->terminal->utf8);
    return draw_text_width(text, sink.len);
}

/* Whether there is room for a plot at all. */
static bool choose_widths(struct plot *plot, uint32_t total)
{
    uint32_t label_width = 0;
    for (uint32_t i = 0; i < plot->chart->series_count; i++) {
        char text[SERIES_LABEL_MAX];
        uint32_t width = label_text(plot, i, text) + 1;
        label_width = width > label_width ? width : label_width;
    }
    plot->tick_width = tick_width(plot);
    if (total < plot->tick_width + 2 + PLOT_WIDTH_MIN) {
        return false;
    }
    uint32_t room = total - plot->tick_width - 2;
    label_width = label_width > room / 3 ? room / 3 : label_width;
    plot->label_width = room - label_width >= PLOT_WIDTH_MIN ? label_width : 0;
    uint32_t width = room - plot->label_width;
    plot->canvas.width = width > DRAW_CHART_WIDTH_MAX ? DRAW_CHART_WIDTH_MAX : width;
    return true;
}

static void canvas_dot(struct canvas *canvas, uint32_t x, uint32_t y, uint8_t owner)
{
    static const uint8_t bits[DOTS_DOWN][DOTS_ACROSS] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    uint32_t column = x / canvas->dots_across;
    uint32_t row = y / canvas->dots_down;
    if (canvas->owner[row][column] != owner) {
        canvas->owner[row][column] = owner; /* a character has one colour: the later series' */
        canvas->dots[row][column] = 0;
    }
    canvas->dots[row][column] |= bits[y % canvas->dots_down][x % canvas->dots_across];
}

/* Bresenham's line, both ends drawn. */
static void canvas_line(struct canvas *canvas, const uint32_t from[2], const uint32_t to[2],
                        uint8_t owner)
{
    int32_t x = (int32_t)from[0];
    int32_t y = (int32_t)from[1];
    int32_t across = abs((int32_t)to[0] - x);
    int32_t down = -abs((int32_t)to[1] - y);
    int32_t step_x = x < (int32_t)to[0] ? 1 : -1;
    int32_t step_y = y < (int32_t)to[1] ? 1 : -1;
    int32_t error = across + down;
    for (;;) {
        canvas_dot(canvas, (uint32_t)x, (uint32_t)y, owner);
        if (x == (int32_t)to[0] && y == (int32_t)to[1]) {
            return;
        }
        int32_t doubled = 2 * error;
        if (doubled >= down) {
            error += down;
            x += step_x;
        }
        if (doubled <= across) {
            error += across;
            y += step_y;
        }
    }
}

static uint32_t y_dot(const struct plot *plot, double value)
{
    uint32_t last = plot->canvas.height * plot->canvas.dots_down - 1;
    double share = value <= 0 ? 0 : fmin(value / plot->y_max, 1);
    return (uint32_t)lround((1 - share) * last);
}

static uint32_t x_dot(const struct plot *plot, double x)
{
    const struct draw_chart *chart = plot->chart;
    uint32_t last = plot->canvas.width * plot->canvas.dots_across - 1;
    return (uint32_t)lround((x - chart->x_min) / (chart->x_max - chart->x_min) * last);
}

/* Draw one series; returns the row where it ends, or -1 if nothing of it is seen. */
static int plot_series(struct plot *plot, uint32_t index)
{
    const struct draw_chart *chart = plot->chart;
    const struct draw_series *series = &chart->series[index];
    uint32_t before[2] = {0, 0};
    bool joined = false;
    int end_row = -1;
    for (size_t at = 0; at < series->point_count; at++) {
        const struct draw_point *point = &series->points[at];
        bool seen = point->x >= chart->x_min && point->x <= chart->x_max && !isnan(point->y);
        if (seen) {
            uint32_t here[2] = {x_dot(plot, point->x), y_dot(plot, point->y)};
            canvas_line(&plot->canvas, joined ? before : here, here, (uint8_t)(index + 1));
            before[0] = here[0];
            before[1] = here[1];
            end_row = (int)(here[1] / plot->canvas.dots_down);
        }
        joined = seen;
    }
    return end_row;
}

/* Put a label on the row where its series ends, or on the nearest free one. */
static void place_label(struct plot *plot, int series, int row)
{
    int height = (int)plot->canvas.height;
    for (int distance = 0; distance < height; distance++) {
        int candidates[2] = {row - distance, row + distance};
        for (int i = 0; i < 2; i++) {
            int candidate = candidates[i];
            if (candidate >= 0 && candidate < height && plot->label_of_row[candidate] < 0) {
                plot->label_of_row[candidate] = series;
                return;
            }
        }
    }
}

static void plot_all(struct plot *plot)
{
    for (uint32_t row = 0; row < plot->canvas.height; row++) {
        plot->label_of_row[row] = -1;
    }
    for (uint32_t i = 0; i < plot->chart->series_count; i++) {
        int end_row = plot_series(plot, i);
        if (end_row >= 0) {
            place_label(plot, (int)i, end_row);
        }
    }
}

/* The y axis at one row: a tick's text or nothing, and the line. */
static void write_y_axis(struct plot *plot, uint32_t row)
{
    char text[TICK_TEXT_MAX];
    uint32_t len = 0;
    for (double y = 0; y <= plot->y_max * (1 + 1e-9); y += plot->y_step) {
        if (y_dot(plot, y) / plot->canvas.dots_down == row) {
            len = tick_text(y, plot->chart->y_unit, text);
        }
    }
    sink_repeat(plot->out, ' ', plot->tick_width - len);
    sink_put(plot->out, text, len);
    if (plot->terminal->utf8) {
        sink_text(plot->out, len > 0 ? " \u2524" : " \u2502");
    } else {
        sink_text(plot->out, len > 0 ? " +" : " |");
    }
}

static void write_mark(struct plot *plot, uint32_t row, uint32_t column)
{
    static const char ascii_marks[DRAW_CHART_SERIES_MAX] = {'*', 'o', '+', 'x'};
    uint8_t owner = plot->canvas.owner[row][column];
    if (!plot->terminal->utf8) {
        sink_char(plot->out, ascii_marks[owner - 1]);
        return;
    }
    /* U+2800 to U+28FF */
    uint8_t dots = plot->canvas.dots[row][column];
    char braille[3] = {'\xe2', (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 0x3f))};
    sink_put(plot->out, braille, sizeof(braille));
}

/* The characters of one row; spaces are held back so that none end the line. */
static uint32_t write_marks(struct plot *plot, uint32_t row)
{
    uint32_t space_count = 0;
    enum draw_style style = DRAW_PLAIN;
    for (uint32_t column = 0; column < plot->canvas.width; column++) {
        uint8_t owner = plot->canvas.owner[row][column];
        if (owner == 0) {
            space_count++;
            continue;
        }
        sink_repeat(plot->out, ' ', space_count);
        space_count = 0;
        enum draw_style next = plot->chart->series[owner - 1].style;
        if (next != style) {
            draw_style_end(plot->out, plot->terminal, style);
            draw_style_begin(plot->out, plot->terminal, next);
            style = next;
        }
        write_mark(plot, row, column);
    }
    draw_style_end(plot->out, plot->terminal, style);
    return space_count;
}

static void write_row(struct plot *plot, uint32_t row)
{
    write_y_axis(plot, row);
    uint32_t space_count = write_marks(plot, row);
    int series = plot->label_of_row[row];
    if (series >= 0 && plot->label_width > 1) {
        char text[SERIES_LABEL_MAX];
        (void)label_text(plot, (uint32_t)series, text);
        enum draw_style style = plot->chart->series[series].style;
        sink_repeat(plot->out, ' ', space_count + 1);
        draw_style_begin(plot->out, plot->terminal, style);
        (void)draw_text_cut(plot->out, text, strlen(text), plot->label_width - 1, DRAW_CUT_END,
                            plot->terminal->utf8);
        draw_style_end(plot->out, plot->terminal, style);
    }
    sink_char(plot->out, '\n');
}

/* The step at which neighbouring texts of the x axis stand at least two columns apart. */
static double choose_x_step(const struct plot *plot)
{
    const struct draw_chart *chart = plot->chart;
    double span = chart->x_max - chart->x_min;
    double step =
        round_step(fmax(span / plot->canvas.width, step_min(chart->x_unit)), chart->x_unit);
    while (step < span) {
        uint32_t widest = 0;
        for (double x = ceil(chart->x_min / step) * step; x <= chart->x_max; x += step) {
            char text[TICK_TEXT_MAX];
            uint32_t width = tick_text(x, chart->x_unit, text);
            widest = width > widest ? width : widest;
        }
        if (step / span * plot->canvas.width >= widest + 2) {
            break;
        }
        step = round_step(step * 1.01, chart->x_unit);
    }
    return step;
}

static void write_x_line(struct plot *plot, const bool *is_tick)
{
    bool utf8 = plot->terminal->utf8;
    sink_repeat(plot->out, ' ', plot->tick_width + 1);
    sink_text(plot->out, utf8 ? "\u2514" : "+");
    for (uint32_t column = 0; column < plot->canvas.width; column++) {
        if (is_tick[column]) {
            sink_text(plot->out, utf8 ? "\u252c" : "+");
        } else {
            sink_text(plot->out, utf8 ? "\u2500" : "-");
        }
    }
    sink_char(plot->out, '\n');
}

/* Ticks and their texts, each beginning under its tick as far as the line's end allows. */
static void write_x_axis(struct plot *plot)
{
    const struct draw_chart *chart = plot->chart;
    bool is_tick[DRAW_CHART_WIDTH_MAX] = {false};
    char texts[DRAW_CHART_WIDTH_MAX + TICK_TEXT_MAX];
    struct sink line;
    sink_init_fixed(&line, texts, sizeof(texts));
    double step = choose_x_step(plot);
    for (double x = ceil(chart->x_min / step - 1e-9) * step; x <= chart->x_max * (1 + 1e-9);
         x += step) {
        char text[TICK_TEXT_MAX];
        uint32_t len = tick_text(x, chart->x_unit, text);
        uint32_t column = x_dot(plot, fmin(x, chart->x_max)) / plot->canvas.dots_across;
        is_tick[column] = true;
        uint32_t edge = plot->canvas.width + plot->label_width;
        uint32_t start = column + len > edge ? edge - len : column;
        if (start >= line.len + (line.len > 0)) {
            sink_repeat(&line, ' ', start - line.len);
            sink_put(&line, text, len);
        }
    }
    write_x_line(plot, is_tick);
    sink_repeat(plot->out, ' ', plot->tick_width + 2);
    sink_put(plot->out, texts, line.len);
    sink_char(plot->out, '\n');
}

void draw_chart(const struct draw_chart *chart, const struct draw_terminal *terminal,
                struct sink *out)
{
    SLU_ASSERT(chart->series_count > 0 && chart->series_count <= DRAW_CHART_SERIES_MAX);
    SLU_ASSERT(chart->x_max > chart->x_min);
    struct plot plot = {.chart = chart, .terminal = terminal, .out = out};
    uint32_t height = chart->height < DRAW_CHART_HEIGHT_MIN ? DRAW_CHART_HEIGHT_MIN : chart->height;
    plot.canvas.height = height > DRAW_CHART_HEIGHT_MAX ? DRAW_CHART_HEIGHT_MAX : height;
    plot.canvas.dots_across = terminal->utf8 ? DOTS_ACROSS : 1;
    plot.canvas.dots_down = terminal->utf8 ? DOTS_DOWN : 1;
    choose_y_axis(&plot);
    if (!choose_widths(&plot, terminal->width == 0 ? WIDTH_DEFAULT : terminal->width)) {
        return;
    }
    plot_all(&plot);
    for (uint32_t row = 0; row < plot.canvas.height; row++) {
        write_row(&plot, row);
    }
    write_x_axis(&plot);
}
