/*
 * A store that is too simple to be wrong: an array of all records that were ever sent, in the order
 * they came, and what became of each. It knows the rules of store/store.h, and no files.
 */
#ifndef TESTS_STORE_MODEL_H
#define TESTS_STORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness.h"
#include "store/store.h"

#define MODEL_STREAMS      12
#define MODEL_RECORDS_MAX  3000
#define MODEL_MESSAGES_MAX 400
#define MODEL_LABELS_MAX   3
#define MODEL_TEXT_MAX     128
#define MODEL_BYTES_MAX    512
#define MODEL_METADATA     255 /* a record's kind: it is the text of a metric */

/* As it goes through the log, too: a message is an array of these. */
struct model_record {
    int64_t time_ns;
    uint64_t bits; /* of a number */
    uint64_t sequence;
    uint32_t number; /* of all records; what else it has follows from it */
    uint8_t signal;
    uint8_t kind; /* of samples */
    uint8_t stream;
    bool is_kept;
    bool is_in_head;
    bool is_doubtful; /* older than the retention: it may be there or not */
};

struct model_message {
    uint64_t sequence;
    int64_t now_ns;
    size_t first;
    size_t count;
    uint8_t signal;
};

struct model {
    int64_t out_of_order_ns;
    int64_t future_ns;
    int64_t retention_ns; /* 0: none is too old */
    struct model_record records[MODEL_RECORDS_MAX];
    struct model_message messages[MODEL_MESSAGES_MAX];
    size_t record_count;
    size_t message_count;
    uint64_t released[STORE_SIGNAL_COUNT]; /* sequences that the log has let go */
    int64_t newest_ns[STORE_SIGNAL_COUNT][STORE_SAMPLE_KINDS][MODEL_STREAMS];
    bool is_open[STORE_SIGNAL_COUNT][STORE_SAMPLE_KINDS][MODEL_STREAMS];
    bool was_open[STORE_SIGNAL_COUNT][MODEL_STREAMS];
    bool is_text_new;              /* the log alone has some of them */
    uint32_t texts[MODEL_STREAMS]; /* of metadata: numbers of records; 0: none */
};

/* Labels of a stream: some have one that others have not. Returns how many */
size_t model_labels(uint32_t stream, char text[16], struct label labels[MODEL_LABELS_MAX]);

/* What a record has, by its number, in `bytes`. */
struct row model_row(const struct model_record *record, char bytes[MODEL_BYTES_MAX]);
struct slu_bytes model_message_of(const struct model_record *record, char bytes[MODEL_BYTES_MAX]);

/* A record for a signal, about now. */
struct model_record model_record_make(struct test_random *random, enum store_signal signal,
                                      int64_t now_ns);

/* Take the last message's records, which are there already. Returns how many are refused */
uint64_t model_apply(struct model *model, const struct model_message *message);

/* A head was written; the clock was at `now_ns`. */
void model_flush(struct model *model, enum store_signal signal, int64_t now_ns);

/* Begin again with what the logs have. */
void model_reopen(struct model *model);

/* All that is in no head and older is forgotten, or will be. */
void model_age(struct model *model, int64_t from_ns);

/* The records of one day and of some messages are gone. */
void model_drop(struct model *model, enum store_signal signal, int64_t day, uint64_t first_sequence,
                uint64_t last_sequence);

#endif
