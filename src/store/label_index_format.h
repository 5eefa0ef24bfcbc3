/* What the writer and the reader of the index agree on. */
#ifndef STORE_LABEL_INDEX_FORMAT_H
#define STORE_LABEL_INDEX_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/label_index.h"
#include "store/labels.h"
#include "store/varint.h"

#define LABEL_PAGE_BYTES  ((size_t)32 * 1024) /* plain, after which a page is ended */
#define STREAM_ROW_BYTES  ((size_t)20)        /* of the directory of streams' pages */
#define STREAM_VALUE_MAX  ((size_t)1 << 20)
#define LABEL_STREAMS_MAX ((uint32_t)1 << 23) /* steps take about a byte for each at most */

/* The order of labels: by name, then by value. */
int label_order(const struct label *left, const struct label *right);

#endif
