/*
 * Names as Prometheus allows them, of names as OpenTelemetry has them.
 *
 * Source  opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics
 */
#ifndef WIRE_PROMETHEUS_NAME_H
#define WIRE_PROMETHEUS_NAME_H

#include <stddef.h>

#include <sluice/bytes.h>

#define PROMETHEUS_NAME_MAX ((size_t)512) /* of a metric's name, with unit and suffix */

/*
 * The name of a label: other characters than letters, digits and '_' become a '_' each; before a
 * digit in front stands "key_", before a single '_' "key".
 *
 * key      UTF-8; of other bytes, only the name's length is less sure
 * Returns  its length; 0 if it has no room, or the key is empty
 */
size_t prometheus_label_name(struct slu_bytes key, char *name, size_t size_bytes);

enum prometheus_kind {
    PROMETHEUS_GAUGE,
    PROMETHEUS_COUNTER, /* a monotonic, cumulative sum */
    PROMETHEUS_OTHER,
};

/*
 * The name of a metric, with the words of its unit and, of counters, "_total" behind it, each once:
 * "total" goes from where it was. A gauge of unit "1" ends in "_ratio". Annotations in braces are
 * no units.
 *
 * Returns  its length; 0 if it has no room, or the name is empty
 */
size_t prometheus_metric_name(struct slu_bytes metric, struct slu_bytes unit,
                              enum prometheus_kind kind, char *name, size_t size_bytes);

#endif
