#include "store/row_head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "store/labels.h"

#define SLAB_BYTES       ((size_t)256 * 1024)
#define ALIGN_BYTES      ((size_t)8)
#define IDLE_SEARCH_MAX  64
#define IDLE_AFTER_STEPS 2
#define KEPT_GENERATIONS 2 /* of the largest: more are not kept for who follows */

/* Memory that is filled from the front. */
struct row_slab {
    struct row_slab *next;
    size_t size_bytes; /* with this head */
    size_t len;        /* in use, of `bytes` */
    unsigned char bytes[];
};

/* Of a stream in the table. */
struct stream {
    int64_t newest_ns;
    uint64_t generation;      /* of `shown`; 0: none */
    struct row_stream *shown; /* in the live generation */
    uint32_t row_count[2];    /* in the live and the sealed generation */
};

static struct stream *stream_at(const struct row_head *head, uint32_t index)
{
    return stream_table_record(&head->table, index);
}

static size_t aligned(size_t len)
{
    return (len + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
}

static int generation_create(struct row_head *head, struct row_generation **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(head->budget, sizeof(struct row_generation), &memory);
    if (err == 0) {
        struct row_generation *generation = memory;
        *generation = (struct row_generation){.budget = head->budget,
                                              .kept_bytes = &head->kept_bytes,
                                              .number = head->next_number++,
                                              .reference_count = 1};
        *out = generation;
    }
    return err;
}

static void slabs_free(struct slu_budget *budget, struct row_slab *slab)
{
    while (slab != NULL) {
        struct row_slab *next = slab->next;
        slu_budget_free(budget, slab, slab->size_bytes);
        slab = next;
    }
}

struct row_generation *row_generation_keep(struct row_generation *generation)
{
    generation->reference_count++;
    return generation;
}

void row_generation_drop(struct row_generation **out)
{
    struct row_generation *generation = *out;
    *out = NULL;
    while (generation != NULL && --generation->reference_count == 0) {
        struct row_generation *next = generation->next;
        *generation->kept_bytes -= generation->bytes;
        slabs_free(generation->budget, generation->first);
        slabs_free(generation->budget, generation->stream_first);
        slu_budget_free(generation->budget, generation, sizeof(*generation));
        generation = next;
    }
}

struct row_generation *row_head_next(const struct row_head *head,
                                     const struct row_generation *generation, uint64_t *missed)
{
    if (generation == head->live) {
        *missed = 0;
        return NULL;
    }
    struct row_generation *next = generation->next != NULL ? generation->next : head->live;
    *missed = next->first_row - generation->first_row - generation->row_count;
    return next;
}

int row_head_init(struct row_head *head, struct slu_budget *budget,
                  const struct row_head_options *options)
{
    struct stream_table_options table = {.stream_max = options->stream_max,
                                         .key_bytes_max = options->key_bytes_max,
                                         .record_bytes = sizeof(struct stream)};
    *head = (struct row_head){.budget = budget,
                              .generation_bytes_max = options->generation_bytes_max,
                              .next_number = 1,
                              .out_of_order_ns = options->out_of_order_ns,
                              .future_ns = options->future_ns};
    int err = stream_table_init(&head->table, budget, &table);
    if (err != 0) {
        return err;
    }
    err = generation_create(head, &head->live);
    if (err != 0) {
        stream_table_deinit(&head->table);
    }
    return err;
}

void row_head_deinit(struct row_head *head)
{
    row_generation_drop(&head->sealed);
    row_generation_drop(&head->live);
    stream_table_deinit(&head->table);
}

/* `len` bytes at the end of a list of slabs. */
static int slab_take(struct row_generation *generation, struct row_slab **first,
                     struct row_slab **last, size_t len, void **out)
{
    size_t wanted = aligned(len);
    struct row_slab *slab = *last;
    if (slab == NULL || slab->size_bytes - sizeof(*slab) - slab->len < wanted) {
        void *memory = NULL;
        size_t size_bytes = sizeof(*slab) + wanted;
        size_bytes = size_bytes < SLAB_BYTES ? SLAB_BYTES : size_bytes;
        int err = slu_budget_alloc(generation->budget, size_bytes, &memory);
        if (err != 0) {
            return err;
        }
        slab = memory;
        *slab = (struct row_slab){.size_bytes = size_bytes};
        generation->bytes += size_bytes;
        *generation->kept_bytes += size_bytes;
        if (*last == NULL) {
            *first = slab;
        } else {
            (*last)->next = slab;
        }
        *last = slab;
    }
    *out = slab->bytes + slab->len;
    slab->len += wanted;
    return 0;
}

static int stream_show(struct row_head *head, uint32_t index, struct slu_bytes labels)
{
    struct row_generation *live = head->live;
    struct stream *stream = stream_at(head, index);
    void *memory = NULL;
    if (stream->generation == live->number) {
        return 0;
    }
    int err = slab_take(live, &live->stream_first, &live->stream_last,
                        sizeof(struct row_stream) + labels.len, &memory);
    if (err == 0) {
        struct row_stream *shown = memory;
        unsigned char *bytes = (unsigned char *)memory + sizeof(*shown);
        memcpy(bytes, labels.data, labels.len);
        *shown = (struct row_stream){.labels = {bytes, labels.len}, .stream = index};
        stream->shown = shown;
        stream->generation = live->number;
        live->stream_count++;
    }
    return err;
}

static bool stream_is_idle(const struct stream *stream, int64_t before_ns)
{
    return stream->row_count[0] == 0 && stream->row_count[1] == 0 && stream->newest_ns < before_ns;
}

static void room_make(struct row_head *head, int64_t now_ns)
{
    int64_t before_ns = now_ns - IDLE_AFTER_STEPS * head->out_of_order_ns;
    for (uint32_t i = 0; i < IDLE_SEARCH_MAX && head->table.slot_count > 0; i++) {
        uint32_t index = head->idle_hand++ % head->table.slot_count;
        if (stream_table_has(&head->table, index) &&
            stream_is_idle(stream_at(head, index), before_ns)) {
            stream_table_drop(&head->table, index);
            return;
        }
    }
}

static int stream_open(struct row_head *head, struct slu_bytes labels, uint64_t hash,
                       int64_t now_ns, uint32_t *index)
{
    int err = stream_table_add(&head->table, labels, hash, index);
    if (err == -EDQUOT) {
        room_make(head, now_ns);
        err = stream_table_add(&head->table, labels, hash, index);
    }
    if (err == 0) {
        stream_at(head, *index)->newest_ns = INT64_MIN;
    }
    return err;
}

static int time_check(const struct row_head *head, const struct stream *stream, int64_t now_ns,
                      int64_t time_ns)
{
    if (time_ns > now_ns && time_ns - now_ns > head->future_ns) {
        return -ETIME;
    }
    if (stream == NULL || stream->newest_ns == INT64_MIN) {
        return 0;
    }
    /* What a clock that was ahead has left behind makes nothing late. */
    int64_t newest_ns = stream->newest_ns < now_ns ? stream->newest_ns : now_ns;
    bool is_late = time_ns < newest_ns &&
                   (uint64_t)newest_ns - (uint64_t)time_ns > (uint64_t)head->out_of_order_ns;
    return is_late ? -ESTALE : 0;
}

/* The scope is mostly the last row's. */
static int scope_keep(struct row_generation *generation, struct slu_bytes scope)
{
    struct slu_bytes last = {generation->scope, generation->scope_len};
    void *memory = NULL;
    if (bytes_equal(last, scope)) {
        return 0;
    }
    int err = slab_take(generation, &generation->stream_first, &generation->stream_last,
                        scope.len + 1, &memory);
    if (err == 0) {
        if (scope.len > 0) {
            memcpy(memory, scope.data, scope.len);
        }
        generation->scope = memory;
        generation->scope_len = (uint32_t)scope.len;
    }
    return err;
}

static unsigned char *text_put(unsigned char *at, struct slu_bytes text)
{
    if (text.len > 0) {
        memcpy(at, text.data, text.len);
    }
    return at + text.len;
}

static int entry_add(struct row_generation *live, const struct row_stream *stream,
                     const struct row *row)
{
    void *memory = NULL;
    size_t len = sizeof(struct row_entry) + row->key.len + row->text.len + row->rest.len;
    int err = scope_keep(live, row->scope);
    if (err == 0) {
        err = slab_take(live, &live->first, &live->last, len, &memory);
    }
    if (err != 0) {
        return err;
    }
    struct row_entry *entry = memory;
    *entry = (struct row_entry){.stream = stream,
                                .scope = live->scope,
                                .time_ns = row->time_ns,
                                .duration_ns = row->duration_ns,
                                .scope_len = live->scope_len,
                                .key_len = (uint32_t)row->key.len,
                                .text_len = (uint32_t)row->text.len,
                                .rest_len = (uint32_t)row->rest.len};
    unsigned char *at = (unsigned char *)memory + sizeof(*entry);
    text_put(text_put(text_put(at, row->key), row->text), row->rest);
    live->min_ns =
        live->row_count == 0 || row->time_ns < live->min_ns ? row->time_ns : live->min_ns;
    live->max_ns =
        live->row_count == 0 || row->time_ns > live->max_ns ? row->time_ns : live->max_ns;
    live->row_count++;
    return 0;
}

int row_head_add(struct row_head *head, struct slu_bytes labels, uint64_t hash, int64_t now_ns,
                 const struct row *row)
{
    size_t len = row->key.len + row->text.len + row->rest.len + row->scope.len;
    if (len > ROW_BLOCK_BYTES_MAX / 2) {
        return -E2BIG;
    }
    uint32_t index = stream_table_find(&head->table, labels, hash);
    int err = time_check(head, index == STREAM_NONE ? NULL : stream_at(head, index), now_ns,
                         row->time_ns);
    if (err == 0 && index == STREAM_NONE) {
        err = stream_open(head, labels, hash, now_ns, &index);
    }
    if (err != 0) {
        return err;
    }
    struct stream *stream = stream_at(head, index);
    err = stream_show(head, index, labels);
    if (err == 0) {
        err = entry_add(head->live, stream->shown, row);
    }
    if (err != 0) { /* of memory */
        return -ENOBUFS;
    }
    stream->row_count[0]++;
    stream->newest_ns = row->time_ns > stream->newest_ns ? row->time_ns : stream->newest_ns;
    return 0;
}

bool row_head_is_full(const struct row_head *head)
{
    return head->live->bytes > head->generation_bytes_max / 4 * 3;
}

int row_head_seal(struct row_head *head)
{
    struct row_generation *next = NULL;
    SLU_ASSERT(head->sealed == NULL);
    int err = generation_create(head, &next);
    if (err != 0) {
        return err;
    }
    head->sealed = head->live;
    head->live = next;
    next->first_row = head->sealed->first_row + head->sealed->row_count;
    if (head->kept_bytes <= KEPT_GENERATIONS * head->generation_bytes_max) {
        head->sealed->next = row_generation_keep(next);
    }
    for (uint32_t i = 0; i < head->table.slot_count; i++) {
        if (stream_table_has(&head->table, i)) {
            struct stream *stream = stream_at(head, i);
            stream->row_count[1] = stream->row_count[0];
            stream->row_count[0] = 0;
        }
    }
    return 0;
}

void row_head_release(struct row_head *head, int64_t idle_before_ns)
{
    row_generation_drop(&head->sealed);
    for (uint32_t i = 0; i < head->table.slot_count; i++) {
        if (stream_table_has(&head->table, i)) {
            struct stream *stream = stream_at(head, i);
            stream->row_count[1] = 0;
            if (stream_is_idle(stream, idle_before_ns)) {
                stream_table_drop(&head->table, i);
            }
        }
    }
}

struct row_mark row_generation_mark(const struct row_generation *generation)
{
    const struct row_slab *last = generation->last;
    return (struct row_mark){last, last == NULL ? 0 : last->len};
}

static size_t entry_bytes(const struct row_entry *entry)
{
    return aligned(sizeof(*entry) + entry->key_len + entry->text_len + entry->rest_len);
}

int row_generation_walk(const struct row_generation *generation, struct row_mark from,
                        struct row_mark to, row_entry_fn *visit, void *arg)
{
    const struct row_slab *slab = NULL;
    if (to.slab != NULL) { /* else the first one may be coming just now */
        slab = from.slab != NULL ? from.slab : generation->first;
    }
    while (slab != NULL) {
        size_t len = slab == to.slab ? to.len : slab->len;
        for (size_t at = slab == from.slab ? from.len : 0; at < len;) {
            const struct row_entry *entry = (const void *)(slab->bytes + at);
            int err = visit(arg, entry);
            if (err != 0) {
                return err;
            }
            at += entry_bytes(entry);
        }
        slab = slab == to.slab ? NULL : slab->next;
    }
    return 0;
}

struct row row_entry_row(const struct row_entry *entry)
{
    const unsigned char *at = (const unsigned char *)entry + sizeof(*entry);
    return (struct row){.time_ns = entry->time_ns,
                        .duration_ns = entry->duration_ns,
                        .key = {at, entry->key_len},
                        .text = {at + entry->key_len, entry->text_len},
                        .scope = {entry->scope, entry->scope_len},
                        .rest = {at + entry->key_len + entry->text_len, entry->rest_len}};
}

static int rank_compare(const void *left, const void *right)
{
    const struct row_entry *first = *(const struct row_entry *const *)left;
    const struct row_entry *second = *(const struct row_entry *const *)right;
    if (first->stream->rank != second->stream->rank) {
        return first->stream->rank < second->stream->rank ? -1 : 1;
    }
    return (first->time_ns > second->time_ns) - (first->time_ns < second->time_ns);
}

static int label_compare(const void *left, const void *right)
{
    const struct row_stream *first = *(struct row_stream *const *)left;
    const struct row_stream *second = *(struct row_stream *const *)right;
    return labels_compare(first->labels, second->labels);
}

struct collected {
    const struct row_entry **entries;
    struct row_stream **streams;
    size_t entry_count;
    uint32_t stream_count;
};

/* Streams are taken from their first row on: rank 0 is none yet. */
static int entry_collect(void *arg, const struct row_entry *entry)
{
    struct collected *collected = arg;
    struct row_stream *stream = (struct row_stream *)(uintptr_t)entry->stream;
    if (stream->rank == 0) {
        stream->rank = 1;
        collected->streams[collected->stream_count++] = stream;
    }
    collected->entries[collected->entry_count++] = entry;
    return 0;
}

int row_generation_sort(struct row_generation *generation, struct slu_budget *budget,
                        const struct row_entry ***out)
{
    struct collected collected = {.entry_count = 0};
    void *entries = NULL;
    void *streams = NULL;
    size_t entries_bytes = generation->row_count * sizeof(struct row_entry *);
    size_t streams_bytes = generation->stream_count * sizeof(struct row_stream *);
    int err = slu_budget_alloc(budget, entries_bytes, &entries);
    if (err != 0) {
        return err;
    }
    err = slu_budget_alloc(budget, streams_bytes, &streams);
    if (err != 0) {
        slu_budget_free(budget, entries, entries_bytes);
        return err;
    }
    collected.entries = entries;
    collected.streams = streams;
    for (struct row_slab *slab = generation->first; slab != NULL; slab = slab->next) {
        for (size_t at = 0; at < slab->len;) {
            const struct row_entry *entry = (const void *)(slab->bytes + at);
            ((struct row_stream *)(uintptr_t)entry->stream)->rank = 0;
            at += entry_bytes(entry);
        }
    }
    err = row_generation_walk(generation, (struct row_mark){0}, row_generation_mark(generation),
                              entry_collect, &collected);
    SLU_ASSERT(err == 0 && collected.stream_count <= generation->stream_count);
    qsort(collected.streams, collected.stream_count, sizeof(void *), label_compare);
    for (uint32_t i = 0; i < collected.stream_count; i++) {
        collected.streams[i]->rank = i + 1;
    }
    slu_budget_free(budget, streams, streams_bytes);
    qsort(collected.entries, collected.entry_count, sizeof(void *), rank_compare);
    *out = collected.entries;
    return 0;
}
