/* What the parts of the account share while it is taken. */
#ifndef PRELOAD_ACCOUNT_TABLES_H
#define PRELOAD_ACCOUNT_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/account.h"
#include "preload/mapped.h"
#include "preload/residency.h"
#include "preload/smaps.h"

#define ACCOUNT_AREAS_MAX     65536 /* the system's usual bound on mappings */
#define ACCOUNT_CLAIMS_MAX    16384
#define ACCOUNT_NAMES_MAX     ((size_t)256 << 10)
#define ACCOUNT_LOADER_PLACES 16
#define ACCOUNT_NAME_PLACES   16384
#define ACCOUNT_NO_NAME       0 /* where the names begin there is an empty one */

enum area_kind {
    AREA_UNNAMED,
    AREA_HEAP, /* the break */
    AREA_STACK,
    AREA_NAMED,
    AREA_FILE,
    AREA_SHARED,
};

/* A mapping, as the kernel lists it. */
struct area {
    uint64_t start;
    uint64_t limit;
    uint64_t rss_bytes;
    uint64_t anonymous_bytes;
    uint32_t name;
    uint8_t kind; /* enum area_kind */
    bool is_writable;
    bool is_executable;
};

enum claim_kind {
    CLAIM_PROFILER,
    CLAIM_SAMPLED,
    CLAIM_STACK,
    CLAIM_HEAP,   /* libc's, or that of the allocator that the program brings */
    CLAIM_MAPPED, /* by a module: `index` is its place in `mapped` */
};

/* Whose a part of an unnamed mapping is. */
struct claim {
    uint64_t start;
    uint64_t limit;
    uint32_t index;
    uint8_t kind; /* enum claim_kind */
};

struct owners {
    struct account_owner *owners;
    uint32_t count;
    uint32_t max;
};

struct account_tables {
    struct account *account;
    uint32_t area_count;
    uint32_t claim_count;
    uint32_t stack_count;
    uint32_t hole_count;
    uint32_t own_file;     /* the name of the profiler's library, or none that is kept */
    uint32_t search_pages; /* in which blocks of libc's may still be looked for */
    size_t names_len;
    uint32_t loader_place_count;
    uint64_t loader_places[ACCOUNT_LOADER_PLACES]; /* within memory of the dynamic loader's */
    uint64_t area_left_bytes;                      /* of the mapping that is being divided */
    uint64_t walk_end_ns;                          /* monotonic: no chunk is walked after it */
    uint64_t heap_unwalked_bytes; /* resident; whether in use or free is for statistics to say */
    struct owners files;
    struct owners named;
    struct owners modules;
    struct owners shared;
    struct account_hole holes[ACCOUNT_HOLES_MAX];
    struct smaps smaps;
    char text[LINES_BUFFER_BYTES];
    struct residency residency;
    struct mapped mapped[MAPPED_MAX];
    struct account_stack stacks[ACCOUNT_STACKS_MAX];
    struct account_owner owner_room[2 * ACCOUNT_FILES_MAX + 2 * ACCOUNT_NAMED_MAX];
    uint32_t name_places[ACCOUNT_NAME_PLACES];
    char names[ACCOUNT_NAMES_MAX];
    struct claim claims[ACCOUNT_CLAIMS_MAX];
    struct area areas[ACCOUNT_AREAS_MAX];
};

/* The place of a text, the same for equal ones; ACCOUNT_NO_NAME when there is no room. */
uint32_t account_name_keep(struct account_tables *tables, struct slu_bytes text);

/* The owner of that name, made if it is new; the last one when there is no room. */
struct account_owner *account_owner(struct owners *owners, uint32_t name);

/* The mapping that holds the address, or NULL. */
struct area *account_area(struct account_tables *tables, uint64_t address);

/* Claim what nobody has claimed of [start, limit); claims are kept ascending. */
void account_claim(struct account_tables *tables, uint64_t start, uint64_t limit,
                   enum claim_kind kind, uint32_t index);

/* The place of the first claim that ends after `address`. */
uint32_t account_claim_after(const struct account_tables *tables, uint64_t address);

/* account_terms.c: count all that is mapped. */
void account_terms_add(struct account_tables *tables);

/* The resident bytes of a part of an area; by its length where pages are not known. */
uint64_t account_resident(struct account_tables *tables, const struct area *area, uint64_t start,
                          uint64_t limit);

/* account_stacks.c: find and claim the stacks of all threads. */
void account_stacks_claim(struct account_tables *tables);

/* The mapping of the first thread's stack. */
void account_first_stack_add(struct account_tables *tables, const struct area *area);

/* True if a thread that has ended left its descriptor at the end of what is at `limit`. */
bool account_is_ended_stack(struct account_tables *tables, uint64_t start, uint64_t limit);

/* account_heap.c: find and claim libc's arenas. */
void account_arenas_claim(struct account_tables *tables);

/* A part of the heap with so many resident bytes: walk its chunks. */
void account_heap_add(struct account_tables *tables, uint64_t start, uint64_t limit,
                      uint64_t resident_bytes);

/*
 * The block of libc's that is a mapping of its own and has its header on the page, within what is
 * free to be claimed from `start` to `limit`: where it begins, and its length; 0 if there is none.
 */
uint64_t account_mapped_block(struct account_tables *tables, uint64_t page, uint64_t start,
                              uint64_t limit, uint64_t *block);

#endif
