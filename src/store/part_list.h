/*
 * The parts of one signal: found when it is opened, added, replaced by what they were merged to,
 * dropped when they are old. Readers keep parts by references: a file that was unlinked stays until
 * the last one is given back.
 *
 * Not locked: the owner does, but for part_open and part_close, which have a lock of their own.
 */
#ifndef STORE_PART_LIST_H
#define STORE_PART_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "store/part_file.h"
#include "sys/mutex.h"

struct slu_budget;
struct slu_diag;

#define PARTS_MAX 65536

struct part {
    struct part *next; /* its writer's */
    uint64_t number;   /* of no other part of the list, ever */
    struct part_name name;
    struct part_facts facts;
    struct section_reader section; /* its fd is right between part_open and part_close */
    uint64_t size_bytes;
    uint32_t reference_count; /* under the owner's lock */
    uint32_t open_count;      /* under the list's */
    bool is_gone;             /* unlinked */
    bool is_damaged;          /* and told; under the owner's lock */
};

struct part_list {
    struct slu_budget *budget;
    struct segment_directory directory;
    struct part **parts; /* in the order of days, then of sequences */
    uint32_t count;
    uint32_t prepared_count;
    uint32_t room;
    uint64_t disk_bytes;
    uint64_t number_next;
    uint32_t damaged_count;
    uint32_t unlink_failed_count;
    struct mutex lock; /* of open_count and fds */
};

/*
 * Find the parts of a directory. Files that were not written to their end, whose messages are in
 * the log still, and parts that were merged, go.
 *
 * sequence_end  parts with messages from here on are not whole: their messages are read again.
 *               UINT64_MAX: not known, all are whole
 * Returns       0; -EFBIG; -EDQUOT; -ENOMEM; an error of the system; `diag` says more
 */
SLU_MUST_USE int part_list_init(struct part_list *list, struct slu_budget *budget,
                                const struct segment_directory *directory, uint32_t signal,
                                uint64_t sequence_end, struct slu_diag *diag);
void part_list_deinit(struct part_list *list);

/* The highest sequence of all; 0: there is no part. */
uint64_t part_list_sequence(const struct part_list *list);

/*
 * Make a place for a part that is to be written: nothing that follows can fail for want of memory.
 *
 * Returns  0; -EFBIG; -EDQUOT; -ENOMEM
 * Owner    the caller, until part_list_put or part_list_forget
 */
SLU_MUST_USE int part_list_prepare(struct part_list *list, const struct part_name *name,
                                   struct part **out);

/*
 * Add a part that was prepared and written, its facts filled in. In place of those that it covers,
 * which are unlinked.
 */
void part_list_put(struct part_list *list, struct part *part);

/* The part was not written. */
void part_list_forget(struct part_list *list, struct part *part);

/* Unlink a part, by its place. Returns 0; an error of the system, and then it stays. */
SLU_MUST_USE int part_list_drop(struct part_list *list, uint32_t at);

/* Keep a part for a reader, and give it back. */
struct part *part_keep(struct part *part);
void part_give_back(struct part_list *list, struct part *part);

/* Open the file of a part that is kept. Returns 0; an error of the system. Any thread */
SLU_MUST_USE int part_open(struct part_list *list, struct part *part);
void part_close(struct part_list *list, struct part *part);

/* The index of an open part. */
static inline struct label_index part_index(const struct part *part)
{
    return (struct label_index){.section = part->section, .root = part->facts.index};
}

#endif
