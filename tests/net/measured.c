#include "measured.h"

#include <stdio.h>
#include <stdlib.h>

#include <sluice/clock.h>
#include <sluice/meter.h>

#include "net/net.h"

struct slu_meter *measured_create(struct slu_budget *budget, uint32_t loops)
{
    struct slu_meter *meter = NULL;
    struct slu_meter_options options = {.metrics_max = 32,
                                        .series_max = 1000,
                                        .labels_max = 4,
                                        .value_bytes_max = 256,
                                        .names_bytes_max = 4096,
                                        .writer_count = loops,
                                        .values_bytes_max = 1 << 16,
                                        .seed = 1};
    if (slu_meter_create(budget, &options, NULL, &meter) != 0) {
        abort();
    }
    return meter;
}

static int print(void *context, const char *bytes, size_t len)
{
    (void)context;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : -1;
}

void measured_print(struct slu_meter *meter, struct net_server *server)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    if (net_server_measure(server, now_ns) != 0 ||
        slu_meter_expose(meter, now_ns, SLU_METER_PROMETHEUS, print, NULL) != 0) {
        printf("cannot measure\n");
    }
    printf("measured\n");
    fflush(stdout);
}
