/* The whole meter checked, for tests and fuzz targets. */
#ifndef METER_VALIDATE_H
#define METER_VALIDATE_H

struct slu_meter;

/* Abort unless table, lists, strings, cells and counters agree. Nobody may use the meter. */
void meter_validate(struct slu_meter *meter);

#endif
