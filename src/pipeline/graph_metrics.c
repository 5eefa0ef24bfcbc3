#include "pipeline/graph.h"
#include "pipeline/self_metrics.h"

static void receiver_metrics(const char *name, const struct receiver_stats *stats,
                             self_metric_fn *visit, void *arg)
{
    const struct self_metric metrics[] = {
        {.name = "sluice_receiver_accepted_records",
         .help = "Records that a receiver has handed on.",
         .value = stats->accepted_count},
        {.name = "sluice_receiver_refused_requests",
         .help = "Requests that were told to come later.",
         .value = stats->refused_count},
        {.name = "sluice_receiver_invalid_requests",
         .help = "Requests that cannot be read.",
         .value = stats->invalid_count},
    };
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        struct self_metric metric = metrics[i];
        metric.unit = i == 0 ? "{record}" : "{request}";
        metric.label_name = "receiver";
        metric.label = name;
        metric.is_counter = true;
        visit(arg, &metric);
    }
}

static void exporter_metrics(const char *name, const struct exporter_stats *stats,
                             self_metric_fn *visit, void *arg)
{
    const struct self_metric metrics[] = {
        {.name = "sluice_exporter_sent_records",
         .help = "Records that the other side took.",
         .unit = "{record}",
         .value = stats->sent_count,
         .is_counter = true},
        {.name = "sluice_exporter_failed_sends",
         .help = "Tries that failed and are repeated.",
         .unit = "{try}",
         .value = stats->failed_count,
         .is_counter = true},
        {.name = "sluice_exporter_lost_records",
         .help = "Records that the other side refused for good, or that were given up.",
         .unit = "{record}",
         .value = stats->lost_count,
         .is_counter = true},
        {.name = "sluice_exporter_refused_records",
         .help = "Records that the queue had no room for: their senders were told.",
         .unit = "{record}",
         .value = stats->refused_count,
         .is_counter = true},
        {.name = "sluice_exporter_queue_messages",
         .help = "Messages that wait in the queue.",
         .unit = "{message}",
         .value = stats->waiting_count},
        {.name = "sluice_exporter_queue_bytes",
         .help = "Bytes that wait in the queue.",
         .unit = "By",
         .value = stats->waiting_bytes},
    };
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        struct self_metric metric = metrics[i];
        metric.label_name = "exporter";
        metric.label = name;
        visit(arg, &metric);
    }
}

void graph_metrics(struct graph *graph, self_metric_fn *visit, void *arg)
{
    struct receiver_stats received;
    struct exporter_stats exported;
    const char *name = NULL;
    for (size_t i = 0; (name = graph_receiver(graph, i, &received)) != NULL; i++) {
        receiver_metrics(name, &received, visit, arg);
    }
    for (size_t i = 0; (name = graph_exporter(graph, i, &exported)) != NULL; i++) {
        exporter_metrics(name, &exported, visit, arg);
    }
    graph_process_metrics(graph, visit, arg);
}
