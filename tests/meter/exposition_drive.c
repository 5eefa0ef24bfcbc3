/*
 * exposition_drive prometheus|openmetrics: records what it reads, and writes the exposition.
 *
 *   c HEX N      count N in the counter's series whose label has the bytes HEX
 *   s HEX N      shift the sum's
 *   g HEX BITS   set the gauge's to the double of these bits, in hexadecimal
 *   q HEX BITS   record it in the summary's
 */
#include <sluice/meter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET_BYTES (16 << 20)
#define LINE_MAX     4096

static const struct slu_metric_options metrics[] = {
    {.name = "drive_counted",
     .help = "Counted, with \"quotes\", \\ and\na second line",
     .kind = SLU_METRIC_COUNTER,
     .label_count = 1,
     .series_max = 1000},
    {.name = "drive_shifted", .kind = SLU_METRIC_SUM, .label_count = 1},
    {.name = "drive_set", .help = "A gauge.", .kind = SLU_METRIC_GAUGE, .label_count = 1},
    {.name = "drive_observed", .help = "", .kind = SLU_METRIC_SUMMARY, .label_count = 1},
};

static int print(void *context, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, context) == len ? 0 : -1;
}

static size_t hex_read(const char *hex, char *bytes)
{
    size_t len = 0;
    for (; hex[2 * len] != '\0'; len++) {
        char digits[3] = {hex[2 * len], hex[2 * len + 1], '\0'};
        bytes[len] = (char)strtoul(digits, NULL, 16);
    }
    return len;
}

static int record(struct slu_meter *meter, char kind, struct slu_bytes value, const char *number)
{
    struct slu_meter_key key = {.label_count = 1, .values = &value};
    if (kind == 'c') {
        return slu_meter_count_key(meter, 0, &key, 1, strtoull(number, NULL, 10));
    }
    if (kind == 's') {
        key.metric = 1;
        return slu_meter_shift_key(meter, 0, &key, 1, strtoll(number, NULL, 10));
    }
    key.metric = kind == 'g' ? 2 : 3;
    uint64_t bits = strtoull(number, NULL, 16);
    double gauge = 0;
    memcpy(&gauge, &bits, sizeof(gauge));
    return kind == 'g' ? slu_meter_set_key(meter, 0, &key, 1, gauge)
                       : slu_meter_observe_key(meter, 0, &key, 1, gauge);
}

static int drive(struct slu_meter *meter, enum slu_meter_format format)
{
    static char line[LINE_MAX];
    static char hex[LINE_MAX];
    static char bytes[LINE_MAX];
    char number[32];
    char kind = 0;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        /* an empty value is written as - */
        if (sscanf(line, "%c %4095s %31s", &kind, hex, number) != 3) {
            return 2;
        }
        size_t len = hex[0] == '-' ? 0 : hex_read(hex, bytes);
        if (record(meter, kind, (struct slu_bytes){bytes, len}, number) != 0) {
            return 1;
        }
    }
    return slu_meter_expose(meter, 1, format, print, stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const char *const labels[] = {"key"};
    struct slu_meter_options options = {
        .metrics_max = 4,
        .series_max = 10000,
        .labels_max = 1,
        .value_bytes_max = SLU_LABEL_BYTES_MIN,
        .names_bytes_max = 1024,
        .writer_count = 1,
        .values_bytes_max = 1 << 20,
        .windows_max = 64,
        .window = {.span_ns = 1000, .slot_count = 10, .size_bytes = 4096},
    };
    struct slu_budget *budget = NULL;
    struct slu_meter *meter = NULL;
    if (argc != 2 || slu_budget_create(NULL, "drive", BUDGET_BYTES, &budget) != 0 ||
        slu_meter_create(budget, &options, NULL, &meter) != 0) {
        return 2;
    }
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        struct slu_metric_options metric = metrics[i];
        uint32_t number = 0;
        metric.labels = labels;
        if (slu_meter_register(meter, &metric, NULL, &number) != 0 || number != i) {
            return 2;
        }
    }
    int status = drive(meter, strcmp(argv[1], "openmetrics") == 0 ? SLU_METER_OPENMETRICS
                                                                  : SLU_METER_PROMETHEUS);
    slu_meter_destroy(&meter);
    slu_budget_destroy(&budget);
    return status;
}
