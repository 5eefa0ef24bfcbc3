#include "serve/profile_range.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "profile/model.h"
#include "profile/model_join.h"
#include "readers/profile_reader.h"
#include "serve/profile_rows.h"
#include "serve/web_query.h"

#define OPERATION_MAX 16

struct memory_source {
    struct slu_bytes rest;
};

static int memory_read(void *context, void *bytes, size_t room, size_t *got)
{
    struct memory_source *source = context;
    size_t len = source->rest.len < room ? source->rest.len : room;
    if (len > 0) {
        memcpy(bytes, source->rest.data, len);
        source->rest =
            (struct slu_bytes){(const char *)source->rest.data + len, source->rest.len - len};
    }
    *got = len;
    return 0;
}

int profile_pprof_add(struct web_query *query, struct slu_bytes pprof, struct model *model)
{
    struct memory_source memory = {.rest = pprof};
    struct profile_source source = {.read = memory_read, .context = &memory, .name = "profile"};
    struct profile_read_options options = {.symbols = NULL};
    int err = profile_read(model, &source, &options, &query->diag);
    return err == -EBADMSG ? -EINVAL : err;
}

int profile_range_read(struct profile_range *range, struct web_query *query)
{
    char operation[OPERATION_MAX] = "newest";
    *range = (struct profile_range){.query = query, .type = "heap"};
    int err = web_parameter(query, "type", range->type, sizeof(range->type));
    err =
        err == 0 || err == -ENOENT ? web_parameter(query, "op", operation, sizeof(operation)) : err;
    if (err != 0 && err != -ENOENT) {
        return err;
    }
    range->is_merged = strcmp(operation, "merge") == 0;
    if (!range->is_merged && strcmp(operation, "newest") != 0) {
        (void)snprintf(query->diag.message, sizeof(query->diag.message),
                       "op: newest or merge is expected");
        return -EINVAL;
    }
    return 0;
}

static struct slu_bytes type_of(const struct profile_range *range)
{
    return (struct slu_bytes){range->type, strlen(range->type)};
}

int profile_range_missing(const struct profile_range *range, const char *what)
{
    (void)snprintf(range->query->diag.message, sizeof(range->query->diag.message),
                   "there is no profile of that kind in the %s", what);
    return -ENOENT;
}

int profile_range_newest(const struct profile_range *range, const struct store_query *from,
                         struct profile_rows *rows, const char *what)
{
    int err = profile_rows_open(rows, range->query->web->store, from, type_of(range), 1);
    return err == 0 && rows->count == 0 ? profile_range_missing(range, what) : err;
}

/* It is chosen before it is read. */
static int newest_add(const struct profile_range *range, const struct store_query *from,
                      struct model *model, const char *what)
{
    struct profile_rows rows;
    int err = profile_range_newest(range, from, &rows, what);
    if (err == 0) {
        err = profile_pprof_add(range->query,
                                (struct slu_bytes){rows.rows[0].pprof.data, rows.rows[0].pprof.len},
                                model);
    }
    profile_rows_close(&rows);
    return err;
}

struct merging {
    const struct profile_range *range;
    struct model *model;
    uint32_t profile; /* the one that all become */
};

static int row_merge(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct merging *merging = arg;
    (void)labels;
    if (!bytes_equal(type_of(merging->range), row->text)) {
        return 0;
    }
    int err = profile_pprof_add(merging->range->query, profile_row_pprof(row), merging->model);
    return err != 0 ? err : model_join(merging->model, merging->profile);
}

/* One at a time, so that memory grows with the stacks alone. */
static int all_add(const struct profile_range *range, const struct store_query *from,
                   struct model *model, const char *what)
{
    struct merging merging = {.range = range, .model = model, .profile = model->profiles.count};
    struct store_row_query rows = {
        .query = *from, .columns = (1U << ROW_COLUMN_COUNT) - 1, .is_backward = true};
    int err = store_rows(range->query->web->store, STORE_PROFILES, &rows, row_merge, &merging);
    bool is_there = model->profiles.count > merging.profile;
    return err == 0 && !is_there ? profile_range_missing(range, what) : err;
}

int profile_range_add(const struct profile_range *range, const struct store_query *from,
                      struct model *model, const char *what)
{
    return range->is_merged ? all_add(range, from, model, what)
                            : newest_add(range, from, model, what);
}
