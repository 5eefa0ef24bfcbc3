/*
 * Texts by names, bounded: what metrics are. What has no room is left out, and counted.
 *
 * Not locked: the owner does.
 */
#ifndef STORE_METADATA_H
#define STORE_METADATA_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "store/stream_table.h"

#define METADATA_NAMES_MIN 1024
#define METADATA_NAMES_MAX 16384
#define METADATA_TEXT_MAX  ((size_t)4096) /* of a name with its text; longer texts are cut */

struct metadata {
    struct stream_table names; /* a name's record is the place of its text */
    struct byte_log texts;
    void *block;
    size_t block_bytes;
    uint64_t text_bytes;
    uint64_t text_bytes_max;
    uint64_t refused_count;
    uint64_t change_count;
    struct slu_budget *budget;
};

/*
 * Make one without any.
 *
 * names_max  from METADATA_NAMES_MIN to METADATA_NAMES_MAX; each has 64 bytes of room for its name
 *            and 192 for its text, on average
 * Returns    0; -EOVERFLOW; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int metadata_init(struct metadata *metadata, uint32_t names_max,
                               struct slu_budget *budget);
void metadata_deinit(struct metadata *metadata);

/* Keep the text of a name, in place of the one it had. */
void metadata_put(struct metadata *metadata, struct slu_bytes name, struct slu_bytes text);

/* Visit all in no order, or the one of a name. Returns 0, or what `visit` returned */
typedef int metadata_fn(void *arg, struct slu_bytes name, struct slu_bytes text);
SLU_MUST_USE int metadata_walk(const struct metadata *metadata, struct slu_bytes name,
                               metadata_fn *visit, void *arg);

/* All as bytes, appended to `out`; and put back. Returns 0; -EDQUOT; -ENOMEM; -EBADMSG */
SLU_MUST_USE int metadata_write(const struct metadata *metadata, struct slu_budget *budget,
                                struct block *out);
SLU_MUST_USE int metadata_read(struct metadata *metadata, struct slu_bytes bytes);

#endif
