#include "serve/row_ranking.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

/* `order` makes rows of one time keep the order that they came in. */
struct ranked {
    int64_t time_ns;
    uint64_t order;
    char *text;
    size_t len;
};

/* A heap whose root is the row that goes first. */
struct row_ranking {
    struct slu_budget *budget;
    struct ranked *rows;
    size_t limit;
    size_t count;
    uint64_t next_order;
    bool is_newest;
};

int row_ranking_create(struct slu_budget *budget, size_t limit, bool is_newest,
                       struct row_ranking **out)
{
    void *memory = NULL;
    void *rows = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct row_ranking), &memory);
    if (err != 0) {
        return err;
    }
    err = slu_budget_alloc(budget, limit * sizeof(struct ranked), &rows);
    if (err != 0) {
        slu_budget_free(budget, memory, sizeof(struct row_ranking));
        return err;
    }
    struct row_ranking *ranking = memory;
    *ranking = (struct row_ranking){
        .budget = budget, .rows = rows, .limit = limit, .is_newest = is_newest};
    *out = ranking;
    return 0;
}

static void text_free(struct row_ranking *ranking, struct ranked *row)
{
    slu_budget_free(ranking->budget, row->text, row->len + 1);
}

void row_ranking_destroy(struct row_ranking **out)
{
    struct row_ranking *ranking = *out;
    *out = NULL;
    if (ranking != NULL) {
        for (size_t i = 0; i < ranking->count; i++) {
            text_free(ranking, &ranking->rows[i]);
        }
        slu_budget_free(ranking->budget, ranking->rows, ranking->limit * sizeof(struct ranked));
        slu_budget_free(ranking->budget, ranking, sizeof(*ranking));
    }
}

/* Whether `left` goes before `right` when there are too many. */
static bool goes_first(const struct row_ranking *ranking, const struct ranked *left,
                       const struct ranked *right)
{
    if (left->time_ns != right->time_ns) {
        return ranking->is_newest ? left->time_ns < right->time_ns : left->time_ns > right->time_ns;
    }
    return left->order > right->order;
}

static void swap(struct ranked *left, struct ranked *right)
{
    struct ranked kept = *left;
    *left = *right;
    *right = kept;
}

static void sift_up(struct row_ranking *ranking, size_t at)
{
    struct ranked *rows = ranking->rows;
    while (at > 0 && goes_first(ranking, &rows[at], &rows[(at - 1) / 2])) {
        swap(&rows[at], &rows[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct row_ranking *ranking, size_t at)
{
    struct ranked *rows = ranking->rows;
    for (;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < ranking->count; child++) {
            first = goes_first(ranking, &rows[child], &rows[first]) ? child : first;
        }
        if (first == at) {
            return;
        }
        swap(&rows[at], &rows[first]);
        at = first;
    }
}

bool row_ranking_wants(const struct row_ranking *ranking, int64_t time_ns)
{
    if (ranking->count < ranking->limit) {
        return ranking->limit > 0;
    }
    return ranking->limit > 0 && (ranking->is_newest ? time_ns > ranking->rows[0].time_ns
                                                     : time_ns < ranking->rows[0].time_ns);
}

int row_ranking_add(struct row_ranking *ranking, int64_t time_ns, struct slu_bytes text)
{
    void *memory = NULL;
    int err = slu_budget_alloc(ranking->budget, text.len + 1, &memory);
    if (err != 0) {
        return err;
    }
    memcpy(memory, text.data, text.len);
    struct ranked row = {
        .time_ns = time_ns, .order = ranking->next_order++, .text = memory, .len = text.len};
    if (ranking->count < ranking->limit) {
        ranking->rows[ranking->count] = row;
        sift_up(ranking, ranking->count++);
    } else {
        text_free(ranking, &ranking->rows[0]);
        ranking->rows[0] = row;
        sift_down(ranking, 0);
    }
    return 0;
}

bool row_ranking_bound(const struct row_ranking *ranking, int64_t *time_ns)
{
    if (ranking->count < ranking->limit || ranking->limit == 0) {
        return false;
    }
    *time_ns = ranking->rows[0].time_ns;
    return true;
}

static int rank_compare(const void *left, const void *right, void *arg)
{
    const struct row_ranking *ranking = arg;
    return goes_first(ranking, left, right) ? 1 : goes_first(ranking, right, left) ? -1 : 0;
}

size_t row_ranking_sort(struct row_ranking *ranking)
{
    qsort_r(ranking->rows, ranking->count, sizeof(struct ranked), rank_compare, ranking);
    return ranking->count;
}

struct slu_bytes row_ranking_text(const struct row_ranking *ranking, size_t index)
{
    return (struct slu_bytes){ranking->rows[index].text, ranking->rows[index].len};
}
