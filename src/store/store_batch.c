/* What an apply function adds goes to the head, or is refused and counted; the lock is held. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/label_census.h"
#include "store/labels.h"
#include "store/shelf.h"

#define MS_NS INT64_C(1000000)

static const char *refusal(int err)
{
    switch (err) {
    case -ESTALE:
        return "too old: behind the out-of-order window, or the retention";
    case -ETIME:
        return "too far ahead of this machine's clock";
    case -ENOBUFS:
        return "no memory for it; send smaller messages";
    case -E2BIG:
        return "larger than the store takes, or more than 128 labels or 16 KiB of them";
    default:
        return "labels that are not right: a name is empty or comes twice";
    }
}

static void refuse(struct store_batch *batch, int err)
{
    struct store_signal_stats *counted = &batch->shelf->counted;
    struct store_outcome *outcome = batch->outcome;
    counted->late_count += err == -ESTALE;
    counted->future_count += err == -ETIME;
    counted->streams_refused_count += err == -EDQUOT;
    counted->invalid_count += err != -ESTALE && err != -ETIME && err != -EDQUOT;
    if (outcome->refused_count++ == 0) {
        if (err == -EDQUOT) {
            label_census_say(batch->shelf, outcome->reason, sizeof(outcome->reason));
        } else {
            (void)snprintf(outcome->reason, sizeof(outcome->reason), "%s: %s",
                           store_signal_name(batch->shelf->options.signal), refusal(err));
        }
    }
}

/* Whether a time may be kept: not older than what is kept at all, and on one of the head's days. */
static int time_admit(struct store_batch *batch, int64_t time_ns)
{
    struct shelf *shelf = batch->shelf;
    uint64_t retention_ns = shelf->options.store->retention_ns;
    if (retention_ns != 0 && time_ns < batch->now_ns &&
        (uint64_t)batch->now_ns - (uint64_t)time_ns > retention_ns) {
        return -ESTALE;
    }
    if (!day_set_takes(&shelf->days, part_day(time_ns))) {
        shelf_want_flush(shelf);
        return -ESTALE;
    }
    return 0;
}

/* A day is the head's when it has a record of it: one that was refused takes no place. */
static void note_added(struct store_batch *batch, int64_t time_ns)
{
    struct shelf *shelf = batch->shelf;
    day_set_add(&shelf->days, part_day(time_ns));
    shelf->counted.record_count++;
    if (shelf->live_since_ns == 0) {
        shelf->live_since_ns = batch->now_ns;
    }
}

static int sample_add(struct store_batch *batch, const struct store_sample *sample)
{
    unsigned char key[LABELS_BYTES_MAX + SAMPLE_KEY_KIND_BYTES];
    size_t len = 0;
    int64_t time_ns = 0;
    if (sample->kind != STORE_NUMBER && sample->message.len > STORE_MESSAGE_SAMPLE_MAX) {
        return -E2BIG;
    }
    if (__builtin_mul_overflow(sample->time_ms, MS_NS, &time_ns)) {
        return sample->time_ms < 0 ? -ESTALE : -ETIME;
    }
    int err = labels_encode(sample->labels, sample->label_count, key, &len);
    if (err != 0) {
        return err;
    }
    key[len++] = (unsigned char)sample->kind;
    err = time_admit(batch, time_ns);
    if (err != 0) {
        return err;
    }
    struct slu_bytes whole = {key, len};
    return sample_head_add(&batch->shelf->head.samples, whole, labels_hash(whole),
                           batch->now_ns / MS_NS, sample->time_ms, sample->number, sample->message);
}

int store_add_sample(struct store_batch *batch, const struct store_sample *sample)
{
    int err = sample_add(batch, sample);
    if (err == 0) {
        note_added(batch, sample->time_ms * MS_NS);
    } else {
        refuse(batch, err);
    }
    return batch->shelf->is_closing ? -ECANCELED : 0;
}

int store_add_row(struct store_batch *batch, struct label *labels, size_t label_count,
                  const struct row *row)
{
    unsigned char encoded[LABELS_BYTES_MAX];
    size_t len = 0;
    int err = labels_encode(labels, label_count, encoded, &len);
    if (err == 0) {
        err = time_admit(batch, row->time_ns);
    }
    if (err == 0) {
        struct slu_bytes whole = {encoded, len};
        err = row_head_add(&batch->shelf->head.rows, whole, labels_hash(whole), batch->now_ns, row);
    }
    if (err == 0) {
        note_added(batch, row->time_ns);
    } else {
        refuse(batch, err);
    }
    return batch->shelf->is_closing ? -ECANCELED : 0;
}

void store_refuse(struct store_batch *batch, uint64_t count, const char *reason)
{
    struct store_outcome *outcome = batch->outcome;
    batch->shelf->counted.invalid_count += count;
    if (outcome->refused_count == 0) {
        (void)snprintf(outcome->reason, sizeof(outcome->reason), "%s: %s",
                       store_signal_name(batch->shelf->options.signal), reason);
    }
    outcome->refused_count += count;
}

void store_add_metadata(struct store_batch *batch, struct slu_bytes name, struct slu_bytes text)
{
    metadata_put(&batch->shelf->metadata, name, text);
}
