#include "view/listing.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model.h"
#include "view/pattern.h"
#include "view/view.h"

static int text_order(const struct model *model, uint32_t left, uint32_t right)
{
    struct slu_bytes left_text = model_text(model, left);
    struct slu_bytes right_text = model_text(model, right);
    size_t len = left_text.len < right_text.len ? left_text.len : right_text.len;
    int order = memcmp(left_text.data, right_text.data, len);
    return order != 0 ? order : (left_text.len > right_text.len) - (left_text.len < right_text.len);
}

static int line_order(const void *left, const void *right, void *context)
{
    const struct model *model = context;
    const struct listing_line *left_line = left;
    const struct listing_line *right_line = right;
    int order = text_order(model, left_line->name, right_line->name);
    if (order == 0) {
        order = text_order(model, left_line->file, right_line->file);
    }
    return order != 0 ? order
                      : (left_line->line > right_line->line) - (left_line->line < right_line->line);
}

int listing_init(struct listing *listing, const struct view *view, const struct view_count *count,
                 const struct pattern *pattern)
{
    void *block = NULL;
    *listing = (struct listing){.budget = view->model->budget, .room = count->entry_count + 1};
    int err =
        slu_budget_alloc(listing->budget, listing->room * sizeof(struct listing_line), &block);
    if (err != 0) {
        return err;
    }
    listing->lines = block;
    for (uint32_t i = 0; i < count->entry_count; i++) {
        const struct view_entry *entry = view_entry_at(view, i);
        const struct view_value *value = &count->values[i];
        if (entry->name != 0 && (value->cum != 0 || value->flat != 0) &&
            pattern_matches_bytes(pattern, model_text(view->model, entry->name))) {
            listing->lines[listing->line_count++] =
                (struct listing_line){entry->name, entry->file, entry->line, *value};
        }
    }
    qsort_r(listing->lines, listing->line_count, sizeof(struct listing_line), line_order,
            view->model);
    return 0;
}

void listing_deinit(struct listing *listing)
{
    slu_budget_free(listing->budget, listing->lines, listing->room * sizeof(struct listing_line));
    *listing = (struct listing){0};
}

uint32_t listing_end_of(const struct listing *listing, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < listing->line_count && listing->lines[end].name == listing->lines[first].name &&
           listing->lines[end].file == listing->lines[first].file) {
        end++;
    }
    return end;
}

struct view_value listing_sum(const struct listing *listing, uint32_t first, uint32_t end)
{
    struct view_value sum = {0};
    for (uint32_t i = first; i < end; i++) {
        sum.flat += listing->lines[i].value.flat;
        sum.cum += listing->lines[i].value.cum;
    }
    return sum;
}
