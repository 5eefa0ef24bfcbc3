#include "store/shelf_view.h"

#include <errno.h>
#include <stdio.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#define ROWS_EACH_CHECK 1024 /* between looks at whether the client is there */

int store_query_check(const struct store_query *query)
{
    return query->scope == NULL ? 0 : slu_scope_error(query->scope);
}

int store_query_check_row(const struct store_query *query, uint32_t *row_count)
{
    return (*row_count)++ % ROWS_EACH_CHECK == 0 ? store_query_check(query) : 0;
}

static bool is_within(const struct part *part, const struct store_query *query)
{
    return part->facts.max_ns >= query->from_ns && part->facts.min_ns <= query->to_ns;
}

/* With the shelf's lock held. */
static int parts_keep(struct shelf_view *view, const struct store_query *query)
{
    const struct part_list *list = &view->shelf->parts;
    int err = block_begin(view->budget, list->count * sizeof(struct part *) + 1, &view->parts);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (is_within(list->parts[i], query)) {
            ((struct part **)view->parts.data)[view->part_count++] = part_keep(list->parts[i]);
        }
    }
    return 0;
}

static void head_keep(struct shelf_view *view)
{
    struct shelf *shelf = view->shelf;
    view->is_copying = true;
    shelf->copying_count++;
    if (shelf_has_samples(shelf)) {
        return;
    }
    struct row_generation *generations[2] = {shelf->head.rows.live, shelf->head.rows.sealed};
    for (size_t i = 0; i < 2; i++) {
        if (generations[i] != NULL) {
            view->generations[i] = row_generation_keep(generations[i]);
            view->marks[i] = row_generation_mark(generations[i]);
        }
    }
}

static int parts_open(struct shelf_view *view)
{
    for (uint32_t i = 0; i < view->part_count; i++) {
        int err = part_open(&view->shelf->parts, shelf_view_part(view, i));
        if (err != 0) {
            for (uint32_t opened = 0; opened < i; opened++) {
                part_close(&view->shelf->parts, shelf_view_part(view, opened));
            }
            return err;
        }
    }
    return 0;
}

static void all_give_back(struct shelf_view *view)
{
    struct shelf *shelf = view->shelf;
    mutex_lock(&shelf->lock);
    for (uint32_t i = 0; i < view->part_count; i++) {
        part_give_back(&shelf->parts, shelf_view_part(view, i));
    }
    for (size_t i = 0; i < 2; i++) {
        row_generation_drop(&view->generations[i]);
    }
    mutex_unlock(&shelf->lock);
    shelf_view_copied(view);
    block_free(view->budget, &view->parts);
}

int shelf_view_open(struct shelf_view *view, struct shelf *shelf, const struct store_query *query)
{
    *view = (struct shelf_view){.shelf = shelf, .budget = query->budget};
    mutex_lock(&shelf->lock);
    while (shelf->is_publishing) { /* else there may always be a reader, and no head is let go */
        (void)condition_wait_until(&shelf->changed, &shelf->lock, SLU_SCOPE_NEVER);
    }
    int err = parts_keep(view, query);
    if (err == 0) {
        head_keep(view);
    }
    mutex_unlock(&shelf->lock);
    if (err != 0) {
        return err;
    }
    err = parts_open(view);
    if (err != 0) {
        all_give_back(view);
    }
    return err;
}

/* Note it. Returns whether it is news. */
static bool damage_note(struct shelf_view *view, const struct part *part)
{
    bool is_news = false;
    mutex_lock(&view->shelf->lock);
    for (uint32_t i = 0; i < view->part_count; i++) {
        struct part *own = shelf_view_part(view, i);
        if (own == part && !own->is_damaged) {
            own->is_damaged = true;
            view->shelf->parts.damaged_count++;
            is_news = true;
        }
    }
    mutex_unlock(&view->shelf->lock);
    return is_news;
}

int shelf_view_forgive(struct shelf_view *view, const struct part *part,
                       const struct store_query *query, int err)
{
    char name[PART_NAME_MAX];
    char text[256];
    const struct store_options *options = view->shelf->options.store;
    if (err != -EBADMSG || query->damage == NULL) {
        return err;
    }
    *query->damage += 1;
    if (damage_note(view, part) && options->say != NULL) {
        part_name_write(&part->name, name);
        (void)snprintf(text, sizeof(text),
                       "store: %s/%s is damaged: what is wrong in it is left out of answers",
                       store_signal_name(view->shelf->options.signal), name);
        options->say(options->say_arg, text);
    }
    return 0;
}

void shelf_view_copied(struct shelf_view *view)
{
    struct shelf *shelf = view->shelf;
    if (view->is_copying) {
        view->is_copying = false;
        mutex_lock(&shelf->lock);
        shelf->copying_count--;
        condition_broadcast(&shelf->changed);
        mutex_unlock(&shelf->lock);
    }
}

void shelf_view_close(struct shelf_view *view)
{
    for (uint32_t i = 0; i < view->part_count; i++) {
        part_close(&view->shelf->parts, shelf_view_part(view, i));
    }
    all_give_back(view);
}
