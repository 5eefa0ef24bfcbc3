/* A row of logs as JSON, and what of it others write too. */
#ifndef SERVE_WEB_ROW_H
#define SERVE_WEB_ROW_H

#include <stddef.h>

#include <sluice/bytes.h>

#include "store/row_block.h"

struct json_writer;

/* An event has 16 KiB: a line, and then attributes, that do not fit are cut. */
#define WEB_ROW_TEXT_MAX ((size_t)16 * 1024)
#define WEB_ROW_LINE_MAX ((size_t)8 * 1024)

struct slu_bytes web_row_text(struct slu_bytes labels, const struct row *row, char *room,
                              size_t size_bytes);

/* An attribute, a KeyValue, as a member: its value as text, long ones cut. */
void web_attribute_write(struct json_writer *json, struct slu_bytes attribute);

#define WEB_TRACE_ID_BYTES 16

/*
 * Read a trace's id in hex; one of fewer digits has zeros in front, as Jaeger writes them.
 *
 * Returns  0; -EINVAL
 */
int web_trace_id_read(struct slu_bytes text, unsigned char id[WEB_TRACE_ID_BYTES]);

/* Bytes in hex. Returns the length */
size_t web_hex_write(struct slu_bytes bytes, char *text, size_t size_bytes);

/* A member of bytes in hex, the first 40 of them. */
void web_hex_member_write(struct json_writer *json, const char *key, struct slu_bytes bytes);

#endif
