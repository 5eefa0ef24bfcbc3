/* The names of labels, and the values of one: told from the postings alone. */
#include <errno.h>
#include <string.h>

#include "store/label_index.h"
#include "store/label_posting.h"

/* Above all values but those that begin with it, which are walked over. */
static const struct slu_bytes value_high = {"\xff\xff\xff\xff", 4};

static int names_tell(struct posting_walk *walk, label_index_text_fn *visit, void *arg)
{
    char name[LABELS_BYTES_MAX];
    struct label last = {.name = {name, 0}, .value = value_high};
    struct posting posting;
    int err = posting_walk_next(walk, &posting);
    while (err == 0) {
        if (labels_compare(posting.label.name, last.name) != 0) {
            memcpy(name, posting.label.name.data, posting.label.name.len);
            last.name.len = posting.label.name.len;
            err = visit(arg, last.name, 0);
            if (err == 0) {
                err = posting_walk_skip(walk, &last);
            }
            if (err != 0) {
                return err;
            }
        }
        err = posting_walk_next(walk, &posting);
    }
    return err == -ENODATA ? 0 : err;
}

int label_index_names(const struct label_index *index, struct slu_budget *budget,
                      label_index_text_fn *visit, void *arg)
{
    struct posting_walk walk;
    int err = posting_walk_open(&walk, index, budget);
    if (err == 0) {
        err = names_tell(&walk, visit, arg);
    }
    posting_walk_close(&walk);
    return err;
}

static int values_tell(struct posting_walk *walk, struct slu_bytes name, label_index_text_fn *visit,
                       void *arg)
{
    struct label from = {.name = name};
    struct posting posting;
    int err = posting_walk_seek(walk, &from);
    if (err == 0) {
        err = posting_walk_next(walk, &posting);
    }
    while (err == 0) {
        int order = labels_compare(posting.label.name, name);
        if (order > 0) {
            return 0;
        }
        if (order == 0) {
            err = visit(arg, posting.label.value, posting.stream_count);
        }
        if (err != 0) {
            return err;
        }
        err = posting_walk_next(walk, &posting);
    }
    return err == -ENODATA ? 0 : err;
}

int label_index_values(const struct label_index *index, struct slu_bytes name,
                       struct slu_budget *budget, label_index_text_fn *visit, void *arg)
{
    struct posting_walk walk;
    int err = posting_walk_open(&walk, index, budget);
    if (err == 0) {
        err = values_tell(&walk, name, visit, arg);
    }
    posting_walk_close(&walk);
    return err;
}
