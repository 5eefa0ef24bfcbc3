/* P95 over the last minute: the slowest twentieth of a service's requests, in 16 KiB. */
#include <stdio.h>

#include <sluice/quantile.h>

#define SECOND 1000000000ull

/* Every request takes 20 to 119 ms; from the 200th second on, one in ten waits for a lock. */
static double latency_of(unsigned request, unsigned long long now_ns)
{
    double latency_ms = 20 + request * 37 % 100;
    return now_ns >= 200 * SECOND && request % 10 == 0 ? latency_ms + 800 : latency_ms;
}

static int report(struct slu_quantile_window *window, unsigned long long now_ns)
{
    static const double asked[] = {0.5, 0.95, 0.99};
    double ms[3];
    int err = slu_quantile_window_get(window, now_ns, asked, 3, ms);
    if (err == 0) {
        printf("after %3llu s: P50 %3.0f ms, P95 %3.0f ms, P99 %3.0f ms\n", now_ns / SECOND, ms[0],
               ms[1], ms[2]);
    }
    return err;
}

int main(void)
{
    struct slu_quantile_window_options options = {
        .span_ns = 60 * SECOND, .slot_count = 60, .size_bytes = 16384};
    struct slu_diag diag = {0};
    struct slu_budget *budget = NULL;
    struct slu_quantile_window *window = NULL;
    if (slu_budget_create(NULL, "example", 32 * 1024, &budget) != 0 ||
        slu_quantile_window_create(budget, &options, &diag, &window) != 0) {
        fprintf(stderr, "no window: %s\n", diag.message);
        return 3;
    }
    int err = 0;
    for (unsigned request = 0; err == 0 && request < 300 * 100; request++) {
        unsigned long long now_ns = request * (SECOND / 100); /* a service would ask its clock */
        err = slu_quantile_window_add(window, now_ns, latency_of(request, now_ns));
        if (err == 0 && request % 6000 == 5999) {
            err = report(window, now_ns);
        }
    }
    slu_quantile_window_destroy(&window);
    slu_budget_destroy(&budget);
    return err == 0 ? 0 : 3;
}
