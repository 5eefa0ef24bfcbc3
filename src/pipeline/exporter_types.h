/* The exporters that there are; exporter_types.c has the table. */
#ifndef PIPELINE_EXPORTER_TYPES_H
#define PIPELINE_EXPORTER_TYPES_H

struct exporter_type;

extern const struct exporter_type debug_exporter;
extern const struct exporter_type file_exporter;
extern const struct exporter_type nop_exporter;
extern const struct exporter_type otlp_exporter;
extern const struct exporter_type otlphttp_exporter;
extern const struct exporter_type store_exporter;

#endif
