/* What comes, as it comes: the live generation of a head, and the one that takes its place. */
#include <errno.h>

#include <sluice/budget.h>

#include "store/row_match.h"
#include "store/shelf_view.h"
#include "store/store_state.h"

struct store_tail {
    struct shelf *shelf;
    struct slu_budget *budget;
    struct row_generation *generation;
    struct row_mark mark;  /* up to where it was read */
    uint64_t missed_count; /* by the last look */
};

struct tail_reading {
    struct row_match match;
    const struct store_row_query *query;
    store_row_fn *visit;
    void *arg;
    uint32_t entry_count;
};

int store_tail_open(struct store *store, enum store_signal signal, struct slu_budget *budget,
                    struct store_tail **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct store_tail), &memory);
    if (err != 0) {
        return err;
    }
    struct store_tail *tail = memory;
    *tail = (struct store_tail){.shelf = &store->shelves[signal], .budget = budget};
    mutex_lock(&tail->shelf->lock);
    tail->generation = row_generation_keep(tail->shelf->head.rows.live);
    tail->mark = row_generation_mark(tail->generation);
    mutex_unlock(&tail->shelf->lock);
    *out = tail;
    return 0;
}

void store_tail_close(struct store_tail **out)
{
    struct store_tail *tail = *out;
    *out = NULL;
    if (tail != NULL) {
        mutex_lock(&tail->shelf->lock);
        row_generation_drop(&tail->generation);
        mutex_unlock(&tail->shelf->lock);
        slu_budget_free(tail->budget, tail, sizeof(*tail));
    }
}

static int entry_visit(void *arg, const struct row_entry *entry)
{
    struct tail_reading *reading = arg;
    const struct store_query *query = &reading->query->query;
    int err = store_query_check_row(query, &reading->entry_count);
    if (err != 0) {
        return err;
    }
    struct row row = row_entry_row(entry);
    if (!row_match_takes(&reading->match, &row) ||
        !matchers_take(query->matchers, query->matcher_count, entry->stream->labels)) {
        return 0;
    }
    return reading->visit(reading->arg, entry->stream->labels, &row);
}

static int generation_read(struct store_tail *tail, struct row_mark to,
                           struct tail_reading *reading)
{
    int err = row_generation_walk(tail->generation, tail->mark, to, entry_visit, reading);
    tail->mark = to;
    return err;
}

/* With the lock held: where the tail goes on after its generation; NULL: it is there. */
static struct row_generation *next_keep(struct store_tail *tail)
{
    uint64_t missed = 0;
    struct row_generation *next = row_head_next(&tail->shelf->head.rows, tail->generation, &missed);
    tail->missed_count += missed;
    return next == NULL ? NULL : row_generation_keep(next);
}

/* Ends with the generation that is live at its begin: what comes behind it is for the next look. */
int store_tail_read(struct store_tail *tail, struct store_row_query *query, store_row_fn *visit,
                    void *arg)
{
    struct tail_reading reading = {.query = query, .visit = visit, .arg = arg};
    struct shelf *shelf = tail->shelf;
    struct row_generation *next = NULL;
    int err = 0;
    row_match_init(&reading.match, query);
    tail->missed_count = 0;
    mutex_lock(&shelf->lock);
    uint64_t last_number = shelf->head.rows.live->number;
    do {
        if (next != NULL) {
            row_generation_drop(&tail->generation);
            tail->generation = next;
            tail->mark = (struct row_mark){0};
        }
        bool is_last = tail->generation->number >= last_number;
        struct row_mark end = row_generation_mark(tail->generation);
        next = is_last ? NULL : next_keep(tail);
        mutex_unlock(&shelf->lock);
        err = err != 0 ? err : generation_read(tail, end, &reading);
        mutex_lock(&shelf->lock);
    } while (next != NULL);
    mutex_unlock(&shelf->lock);
    return err;
}

uint64_t store_tail_missed(const struct store_tail *tail)
{
    return tail->missed_count;
}
