/* Metrics: their names, and the labels that they have. */
#ifndef METER_METRIC_H
#define METER_METRIC_H

#include "meter/meter.h"

/*
 * The position of a label of a metric with open labels, added if need be. Under the lock.
 *
 * Returns  0; -EINVAL for a name that no label can have; -EDQUOT if there is no room
 */
int metric_label_add(struct slu_meter *meter, uint32_t metric, struct slu_bytes name,
                     uint32_t *position);

#endif
