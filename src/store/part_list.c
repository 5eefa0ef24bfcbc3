#include "store/part_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/diag.h"
#include "store/store_io.h"

#define ROOM_FIRST    16
#define PART_PATH_MAX 4096

static int path_write(const struct part_list *list, const struct part_name *name,
                      char path[PART_PATH_MAX])
{
    char text[PART_NAME_MAX];
    part_name_write(name, text);
    return segment_path(&list->directory, text, path, PART_PATH_MAX);
}

static int file_open(const struct part_list *list, const struct part_name *name, int *fd)
{
    char path[PART_PATH_MAX];
    int err = path_write(list, name, path);
    return err != 0
               ? err
               : list->directory.io->open(list->directory.io->context, path, STORE_OPEN_READ, fd);
}

static int file_unlink(const struct part_list *list, const struct part_name *name)
{
    char path[PART_PATH_MAX];
    int err = path_write(list, name, path);
    if (err == 0) {
        err = list->directory.io->unlink(list->directory.io->context, path);
    }
    return err == -ENOENT ? 0 : err;
}

static int name_order(const struct part_name *left, const struct part_name *right)
{
    if (left->day != right->day) {
        return left->day < right->day ? -1 : 1;
    }
    if (left->first_sequence != right->first_sequence) {
        return left->first_sequence < right->first_sequence ? -1 : 1;
    }
    return (left->last_sequence < right->last_sequence) -
           (left->last_sequence > right->last_sequence);
}

static int part_compare(const void *left, const void *right)
{
    return name_order(&(*(struct part *const *)left)->name, &(*(struct part *const *)right)->name);
}

static int room_make(struct part_list *list)
{
    void *memory = NULL;
    if (list->count + list->prepared_count < list->room) {
        return 0;
    }
    if (list->room == PARTS_MAX) {
        return -EFBIG;
    }
    uint32_t room = list->room == 0 ? ROOM_FIRST : list->room * 2;
    int err = slu_budget_alloc(list->budget, room * sizeof(struct part *), &memory);
    if (err != 0) {
        return err;
    }
    if (list->count > 0) {
        memcpy(memory, list->parts, list->count * sizeof(struct part *));
    }
    slu_budget_free(list->budget, list->parts, list->room * sizeof(struct part *));
    list->parts = memory;
    list->room = room;
    return 0;
}

static int part_create(struct part_list *list, const struct part_name *name, struct part **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(list->budget, sizeof(struct part), &memory);
    if (err == 0) {
        struct part *part = memory;
        *part = (struct part){.number = list->number_next++,
                              .name = *name,
                              .section = {.fd = -1},
                              .reference_count = 1};
        *out = part;
    }
    return err;
}

struct listing {
    struct part_list *list;
};

static int name_visit(void *arg, const char *text)
{
    struct part_list *list = ((struct listing *)arg)->list;
    struct part_name name;
    struct part *part = NULL;
    if (!part_name_parse(text, &name)) {
        return 0;
    }
    int err = room_make(list);
    if (err == 0) {
        err = part_create(list, &name, &part);
    }
    if (err == 0) {
        list->parts[list->count++] = part;
    }
    return err;
}

static int facts_recall(struct part_list *list, struct part *part)
{
    int fd = -1;
    int err = file_open(list, &part->name, &fd);
    if (err != 0) {
        return err;
    }
    err = part_facts_read(list->directory.io, fd, &part->section, &part->facts);
    list->directory.io->close(list->directory.io->context, fd);
    part->section.fd = -1;
    part->size_bytes = part->section.size_bytes + PART_FOOTER_BYTES;
    return err;
}

/* Whether another part that is left has all that this one has. */
static bool is_covered(const struct part_list *list, uint32_t at)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (i != at && list->parts[i] != NULL &&
            part_name_covers(&list->parts[i]->name, &list->parts[at]->name)) {
            return true;
        }
    }
    return false;
}

/* Whether a part that is left is a piece of what this one was to become. */
static bool has_pieces(const struct part_list *list, uint32_t at)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (i != at && list->parts[i] != NULL &&
            part_name_covers(&list->parts[at]->name, &list->parts[i]->name)) {
            return true;
        }
    }
    return false;
}

static int part_forget(struct part_list *list, uint32_t at, bool is_unlinked)
{
    struct part *part = list->parts[at];
    int err = is_unlinked ? file_unlink(list, &part->name) : 0;
    if (err == 0) {
        slu_budget_free(list->budget, part, sizeof(*part));
        list->parts[at] = NULL;
    }
    return err;
}

/*
 * What is not whole goes first: what the log has still, and merged parts whose pieces are there.
 * What is damaged and has neither is left where it is, and not read.
 */
static int part_settle(struct part_list *list, uint32_t at, uint32_t signal, uint64_t sequence_end)
{
    struct part *part = list->parts[at];
    if (part->name.last_sequence >= sequence_end) {
        return part_forget(list, at, true);
    }
    int err = facts_recall(list, part);
    if (err == 0 && part->facts.signal == signal) {
        return 0;
    }
    if (err != 0 && err != -EBADMSG) {
        return err;
    }
    bool is_unfinished = has_pieces(list, at);
    list->damaged_count += !is_unfinished;
    return part_forget(list, at, is_unfinished);
}

static void parts_close_up(struct part_list *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->parts[i] != NULL) {
            list->parts[kept++] = list->parts[i];
        }
    }
    list->count = kept;
}

static int parts_settle(struct part_list *list, uint32_t signal, uint64_t sequence_end)
{
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < list->count; i++) {
        err = part_settle(list, i, signal, sequence_end);
    }
    for (uint32_t i = 0; err == 0 && i < list->count; i++) {
        if (list->parts[i] != NULL && is_covered(list, i)) {
            err = part_forget(list, i, true);
        }
    }
    parts_close_up(list);
    for (uint32_t i = 0; i < list->count; i++) {
        list->disk_bytes += list->parts[i]->size_bytes;
    }
    return err;
}

int part_list_init(struct part_list *list, struct slu_budget *budget,
                   const struct segment_directory *directory, uint32_t signal,
                   uint64_t sequence_end, struct slu_diag *diag)
{
    struct listing listing = {.list = list};
    *list = (struct part_list){.budget = budget, .directory = *directory};
    mutex_init(&list->lock);
    int err = directory->io->list(directory->io->context, directory->path, name_visit, &listing);
    if (err == 0 && list->count > 0) {
        qsort(list->parts, list->count, sizeof(struct part *), part_compare);
        err = parts_settle(list, signal, sequence_end);
    }
    if (err != 0) {
        part_list_deinit(list);
        return diag_fail(diag, err, "the parts in %.120s: %s", directory->path, strerror(-err));
    }
    return 0;
}

void part_list_deinit(struct part_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        SLU_ASSERT(list->parts[i]->reference_count == 1);
        slu_budget_free(list->budget, list->parts[i], sizeof(struct part));
    }
    slu_budget_free(list->budget, list->parts, list->room * sizeof(struct part *));
    list->parts = NULL;
    list->count = 0;
    list->room = 0;
    mutex_deinit(&list->lock);
}

uint64_t part_list_sequence(const struct part_list *list)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t last = list->parts[i]->name.last_sequence;
        most = last > most ? last : most;
    }
    return most;
}

struct part *part_keep(struct part *part)
{
    part->reference_count++;
    return part;
}

void part_give_back(struct part_list *list, struct part *part)
{
    SLU_ASSERT(part->reference_count > 0);
    if (--part->reference_count == 0) {
        if (part->is_gone && part->open_count > 0) {
            part_close(list, part); /* part_unlink opened it */
        }
        SLU_ASSERT(part->open_count == 0);
        slu_budget_free(list->budget, part, sizeof(*part));
    }
}

/* A file whose reader may have not opened it yet is opened before its name goes. */
static int part_unlink(struct part_list *list, struct part *part)
{
    bool is_read = part->reference_count > 1;
    if (is_read) {
        int err = part_open(list, part);
        if (err != 0) {
            return err;
        }
    }
    int err = file_unlink(list, &part->name);
    if (is_read && err != 0) {
        part_close(list, part);
    }
    return err;
}

static void part_remove(struct part_list *list, uint32_t at)
{
    struct part *part = list->parts[at];
    memmove(list->parts + at, list->parts + at + 1, (list->count - at - 1) * sizeof(struct part *));
    list->count--;
    list->disk_bytes -= part->size_bytes;
    mutex_lock(&list->lock);
    part->is_gone = true;
    mutex_unlock(&list->lock);
    part_give_back(list, part);
}

int part_list_drop(struct part_list *list, uint32_t at)
{
    int err = part_unlink(list, list->parts[at]);
    if (err == 0) {
        part_remove(list, at);
    }
    return err;
}

int part_list_prepare(struct part_list *list, const struct part_name *name, struct part **out)
{
    int err = room_make(list);
    if (err == 0) {
        err = part_create(list, name, out);
    }
    list->prepared_count += err == 0;
    return err;
}

void part_list_forget(struct part_list *list, struct part *part)
{
    list->prepared_count--;
    slu_budget_free(list->budget, part, sizeof(*part));
}

void part_list_put(struct part_list *list, struct part *part)
{
    for (uint32_t i = list->count; i > 0; i--) {
        if (part_name_covers(&part->name, &list->parts[i - 1]->name)) {
            list->unlink_failed_count += part_unlink(list, list->parts[i - 1]) != 0;
            part_remove(list, i - 1); /* a file that stays goes at the next start */
        }
    }
    uint32_t at = list->count;
    for (; at > 0 && name_order(&list->parts[at - 1]->name, &part->name) > 0; at--) {
        list->parts[at] = list->parts[at - 1];
    }
    list->parts[at] = part;
    list->count++;
    list->prepared_count--;
    list->disk_bytes += part->size_bytes;
}

int part_open(struct part_list *list, struct part *part)
{
    int err = 0;
    mutex_lock(&list->lock);
    if (part->open_count == 0) {
        err = file_open(list, &part->name, &part->section.fd);
    }
    part->open_count += err == 0;
    mutex_unlock(&list->lock);
    return err;
}

void part_close(struct part_list *list, struct part *part)
{
    mutex_lock(&list->lock);
    SLU_ASSERT(part->open_count > 0);
    if (--part->open_count == 0) {
        list->directory.io->close(list->directory.io->context, part->section.fd);
        part->section.fd = -1;
    }
    mutex_unlock(&list->lock);
}
