#include "draw/chart.h"

#include <math.h>
#include <string.h>

#include "base/sink.h"
#include "draw/text.h"

#include "harness.h"

#define ROOM        65536
#define POINT_COUNT 101

/* A line from 0 to 256 MiB in ten seconds, and one at 32 MiB with a gap from 4 to 6 s. */
struct sample {
    struct draw_point growing[POINT_COUNT];
    struct draw_point flat[POINT_COUNT];
    struct draw_series series[2];
    struct draw_chart chart;
};

static void sample_init(struct sample *sample)
{
    for (int i = 0; i < POINT_COUNT; i++) {
        double x = i * 1e8;
        sample->growing[i] = (struct draw_point){x, i * 2.56 * 1048576};
        sample->flat[i] = (struct draw_point){x, i > 40 && i < 60 ? NAN : 32 * 1048576};
    }
    sample->series[0] =
        (struct draw_series){"growing array", sample->growing, POINT_COUNT, DRAW_MAGENTA};
    sample->series[1] = (struct draw_series){"ring", sample->flat, POINT_COUNT, DRAW_CYAN};
    sample->chart = (struct draw_chart){
        .series = sample->series,
        .series_count = 2,
        .x_max = 10e9,
        .x_unit = DRAW_NANOSECONDS,
        .y_unit = DRAW_BYTES,
        .height = 8,
    };
}

static const char *draw(const struct draw_chart *chart, const struct draw_terminal *terminal,
                        char text[ROOM])
{
    struct sink sink;
    sink_init_fixed(&sink, text, ROOM);
    draw_chart(chart, terminal, &sink);
    assert_int_equal(sink.err, 0);
    return text;
}

static void braille_shows_both_series_with_their_names(void **state)
{
    (void)state;
    char text[ROOM];
    struct sample sample;
    sample_init(&sample);
    struct draw_terminal terminal = {.width = 72, .utf8 = true};
    assert_string_equal(draw(&sample.chart, &terminal, text),
                        "256 MiB ┤                                           ⣀⡠⠤⠔⠒⠉ growing array\n"
                        "        │                                     ⣀⣀⠤⠔⠊⠉\n"
                        "192 MiB ┤                              ⢀⣀⡠⠤⠒⠊⠉\n"
                        "        │                        ⢀⣀⠤⠔⠒⠉⠁\n"
                        "128 MiB ┤                  ⢀⣀⠤⠔⠒⠉⠉\n"
                        " 64 MiB ┤            ⣀⡠⠤⠒⠊⠉⠁\n"
                        "        │⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀         ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀ ring\n"
                        "      0 ┤⣀⠤⠔⠒⠊⠉\n"
                        "        └┬────────┬─────────┬─────────┬─────────┬────────┬\n"
                        "         0        2 s       4 s       6 s       8 s      10 s\n");
}

static void ascii_has_a_mark_for_each_series(void **state)
{
    (void)state;
    char text[ROOM];
    struct sample sample;
    sample_init(&sample);
    struct draw_terminal terminal = {.width = 60};
    assert_string_equal(draw(&sample.chart, &terminal, text),
                        "256 MiB +                                 **** growing array\n"
                        "        |                            ******\n"
                        "192 MiB +                       ******\n"
                        "        |                  ******\n"
                        "128 MiB +             ******\n"
                        " 64 MiB +        ******\n"
                        "        |ooooooooooooooo       ooooooooooooooo ring\n"
                        "      0 +****\n"
                        "        ++------+------+-------+------+------+\n"
                        "         0      2 s    4 s     6 s    8 s    10 s\n");
}

static void series_have_their_colours(void **state)
{
    (void)state;
    char text[ROOM];
    struct sample sample;
    sample_init(&sample);
    struct draw_terminal terminal = {.width = 60, .colour = true, .utf8 = true};
    draw(&sample.chart, &terminal, text);
    assert_non_null(strstr(text, "\x1b[35mgrowing array\x1b[0m"));
    assert_non_null(strstr(text, "\x1b[36mring\x1b[0m"));
}

static void axes_have_round_numbers_of_their_unit(void **state)
{
    (void)state;
    static const struct {
        double y;
        enum draw_unit unit;
        const char *top;
    } cases[] = {
        {0, DRAW_BYTES, "  1 B \u2524"},         {1000, DRAW_BYTES, "   1 KiB \u2524"},
        {1025, DRAW_BYTES, "1.5 KiB \u2524"},    {9.1e6, DRAW_COUNT, "10 M \u2524"},
        {0.7, DRAW_PER_SECOND, "0.80/s \u2524"}, {95, DRAW_PERCENT, "100.0% \u2524"},
        {2.2e9, DRAW_NANOSECONDS, "3 s \u2524"}, {100e9, DRAW_NANOSECONDS, "2 min \u2524"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[ROOM];
        struct draw_point point = {5, cases[i].y};
        struct draw_series series = {"s", &point, 1, DRAW_PLAIN};
        struct draw_chart chart = {.series = &series,
                                   .series_count = 1,
                                   .x_max = 10,
                                   .x_unit = DRAW_COUNT,
                                   .y_unit = cases[i].unit,
                                   .height = 8};
        struct draw_terminal terminal = {.width = 60, .utf8 = true};
        draw(&chart, &terminal, text);
        const char *top = cases[i].top + strspn(cases[i].top, " ");
        const char *shown = text + strspn(text, " ");
        assert_int_equal(strncmp(shown, top, strlen(top)), 0);
    }
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    for (uint32_t width = 1; width < 260; width++) {
        for (int utf8 = 0; utf8 < 2; utf8++) {
            char text[ROOM];
            struct draw_terminal terminal = {.width = width, .utf8 = utf8 == 1};
            const char *line = draw(&sample.chart, &terminal, text);
            assert_true(width >= 21 || *line == '\0');
            while (*line != '\0') {
                size_t len = strcspn(line, "\n");
                assert_true(draw_text_width(line, len) <= width);
                assert_true(len == 0 || line[len - 1] != ' ');
                line += len + 1;
            }
        }
    }
}

static void any_points_stay_inside(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (int round = 0; round < 2000; round++) {
        char text[ROOM];
        struct draw_point points[3][20];
        struct draw_series series[3];
        for (int s = 0; s < 3; s++) {
            for (int i = 0; i < 20; i++) {
                double size = exp2(test_random_unit(&random) * 200 - 100);
                double special[] = {NAN, INFINITY, -INFINITY, 0, -size, 1e308};
                uint64_t kind = test_random_below(&random, 12);
                points[s][i].x = test_random_unit(&random) * 14 - 2;
                points[s][i].y = kind < 6 ? special[kind] : size;
            }
            series[s] = (struct draw_series){"\x1b[31m\u7a97\u53e3", points[s], 20, DRAW_PLAIN};
        }
        struct draw_chart chart = {.series = series,
                                   .series_count = 1 + (uint32_t)test_random_below(&random, 3),
                                   .x_max = 10,
                                   .x_unit = (enum draw_unit)test_random_below(&random, 6),
                                   .y_unit = (enum draw_unit)test_random_below(&random, 6),
                                   .height = (uint32_t)test_random_below(&random, 60)};
        struct draw_terminal terminal = {.width = (uint32_t)test_random_below(&random, 220),
                                         .utf8 = round % 2 == 0};
        draw(&chart, &terminal, text);
        assert_null(strchr(text, '\x1b'));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(braille_shows_both_series_with_their_names),
        cmocka_unit_test(ascii_has_a_mark_for_each_series),
        cmocka_unit_test(series_have_their_colours),
        cmocka_unit_test(axes_have_round_numbers_of_their_unit),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(any_points_stay_inside),
    };
    return TEST_RUN("chart", tests);
}
