/*
 * The newest samples of all open series, in memory: the live ones, and those that are being written
 * to parts (sealed).
 *
 * Not locked: the owner does. Sealed samples may be read without the lock, while their owner adds
 * to the live ones.
 */
#ifndef STORE_SAMPLE_HEAD_H
#define STORE_SAMPLE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "store/byte_chain.h"
#include "store/sample_block.h"
#include "store/stream_table.h"

struct block;
struct slu_budget;

#define SAMPLE_KEY_KIND_BYTES 1 /* a series' key is its labels and the kind of its samples */

/* Of a series; private. */
struct sample_run {
    struct byte_chain chain;
    uint32_t count;
};

struct sample_head_options {
    uint32_t series_max;
    uint64_t key_bytes_max;
    uint64_t sample_bytes_max;
    int64_t out_of_order_ms;
    int64_t future_ms;
};

struct sample_head {
    struct stream_table table;
    struct byte_pool pool;
    int64_t out_of_order_ms;
    int64_t future_ms;
    uint32_t idle_hand; /* where the search for an idle series goes on */
    uint64_t live_count;
    uint64_t sealed_count;
    int64_t live_min_ms; /* of live_count samples, if there are any */
    int64_t live_max_ms;
    int64_t sealed_min_ms;
    int64_t sealed_max_ms;
};

/* Returns 0; -EOVERFLOW; -EDQUOT; -ENOMEM */
SLU_MUST_USE int sample_head_init(struct sample_head *head, struct slu_budget *budget,
                                  const struct sample_head_options *options);
void sample_head_deinit(struct sample_head *head);

/*
 * Add a sample.
 *
 * key      labels and kind; of messages, the kind is not 0
 * value    of kind 0; else `message` is added
 * Returns  0; -ESTALE, -ETIME: its time is too far behind the series' newest sample, or ahead of
 *          now; -EDQUOT: one series too many; -ENOBUFS: the samples have no room, and would have
 *          after a flush
 */
SLU_MUST_USE int sample_head_add(struct sample_head *head, struct slu_bytes key, uint64_t hash,
                                 int64_t now_ms, int64_t time_ms, double value,
                                 struct slu_bytes message);

/* How many sealed samples a series has. */
uint32_t sample_head_sealed_count(const struct sample_head *head, uint32_t series);

/* Whether it should be written to parts: it is over half full. */
bool sample_head_is_full(const struct sample_head *head);

/* All live samples become sealed: there are no sealed ones. */
void sample_head_seal(struct sample_head *head);

/* Forget the sealed samples, and close series that have been idle since `idle_before_ms`. */
void sample_head_release(struct sample_head *head, int64_t idle_before_ms);

/* The time of a series' newest sample; INT64_MIN: it has never had one. */
int64_t sample_head_newest(const struct sample_head *head, uint32_t series);

/* What a series has, as bytes (sample_coding.h): of the sealed samples, then of the live ones. */
struct sample_runs {
    uint32_t counts[2];
    size_t lens[2];
};

struct sample_runs sample_head_runs(const struct sample_head *head, uint32_t series,
                                    bool wants_live, bool wants_sealed);

/* Copy them, as they were told just now. */
void sample_head_copy(const struct sample_head *head, uint32_t series,
                      const struct sample_runs *runs, unsigned char *bytes);

/* All of them as struct sample or sample_message, views into `bytes`, in the order they came. */
void sample_runs_decode(const struct sample_runs *runs, bool is_number, const unsigned char *bytes,
                        void *out);

/*
 * The samples of a series, sorted by time, of the same time the last that came: in `out` as struct
 * sample; of messages, as struct sample_message whose bytes lie in `bytes`.
 *
 * is_number    as the series' key says: apart, because keys are read under the lock alone
 * out, bytes   empty, or from an earlier call, whose content goes; the caller frees them, also
 *              after an error
 * Returns      0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int sample_head_read(const struct sample_head *head, uint32_t series, bool is_number,
                                  bool wants_live, bool wants_sealed, struct slu_budget *budget,
                                  struct block *out, struct block *bytes);

#endif
