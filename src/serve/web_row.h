/* A row of logs as JSON. */
#ifndef SERVE_WEB_ROW_H
#define SERVE_WEB_ROW_H

#include <stddef.h>

#include <sluice/bytes.h>

#include "store/row_block.h"

/* An event has 16 KiB: a line, and then attributes, that do not fit are cut. */
#define WEB_ROW_TEXT_MAX ((size_t)16 * 1024)
#define WEB_ROW_LINE_MAX ((size_t)8 * 1024)

struct slu_bytes web_row_text(struct slu_bytes labels, const struct row *row, char *room,
                              size_t size_bytes);

#define WEB_TRACE_ID_BYTES 16

/*
 * Read a trace's id in hex; one of fewer digits has zeros in front, as Jaeger writes them.
 *
 * Returns  0; -EINVAL
 */
int web_trace_id_read(struct slu_bytes text, unsigned char id[WEB_TRACE_ID_BYTES]);

/* Bytes in hex. Returns the length */
size_t web_hex_write(struct slu_bytes bytes, char *text, size_t size_bytes);

#endif
