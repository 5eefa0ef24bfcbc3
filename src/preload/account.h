/*
 * One account of the process's resident memory: who holds it, in terms that are each measured on
 * their own and add up to what the kernel says.
 *
 *     in use and free         the allocator's chunks, walked, and the pages that they lie on
 *     sampled blocks          this profiler's ranges
 *     stacks                  of each thread, by its descriptor
 *     files                   by file: pages of it, and private copies and variables
 *     mapped                  what the program mapped itself, by the module that did
 *     unexplained             anonymous memory that none of them has claimed
 *
 * Nothing is taken from the program's heap: all tables are in one block, and /proc is read with
 * plain system calls.
 */
#ifndef PRELOAD_ACCOUNT_H
#define PRELOAD_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/allocator.h"
#include "preload/blocks.h"

struct json_writer;
struct sink;

#define ACCOUNT_FILES_MAX       1024 /* further ones are together in one */
#define ACCOUNT_NAMED_MAX       256
#define ACCOUNT_STACKS_MAX      4096
#define ACCOUNT_HOLES_MAX       16 /* the largest unexplained ones */
#define ACCOUNT_THREAD_NAME_MAX 16

/* Anonymous memory, each byte in one of them. */
enum account_term {
    ACCOUNT_HEAP_IN_USE,
    ACCOUNT_HEAP_FREE,
    ACCOUNT_HEAP_METADATA,
    ACCOUNT_SAMPLED_IN_USE,
    ACCOUNT_SAMPLED_FREE,
    ACCOUNT_PROFILER,
    ACCOUNT_STACKS,
    ACCOUNT_FILES,  /* private copies of files' pages, and their zero-initialised variables */
    ACCOUNT_NAMED,  /* by prctl(PR_SET_VMA) */
    ACCOUNT_MAPPED, /* by the program with mmap */
    ACCOUNT_TERM_COUNT,
};

/* Of a file, a name, or a module that maps: how much of it is resident. */
struct account_owner {
    uint32_t name; /* for account_name */
    uint32_t mapping_count;
    uint64_t text_bytes;      /* pages of the file that can be executed */
    uint64_t data_bytes;      /* other pages of the file */
    uint64_t anonymous_bytes; /* memory of this process alone */
};

struct account_stack {
    int32_t thread; /* the kernel's id; 0: of threads that have ended */
    char name[ACCOUNT_THREAD_NAME_MAX];
    uint64_t reserved_bytes;
    uint64_t resident_bytes;
};

struct account_hole {
    uint64_t start;
    uint64_t limit;
    uint64_t resident_bytes;
};

/* libc's chunks, walked. Bytes are of chunks, whether they are resident or not. */
struct account_walk {
    uint64_t in_use_bytes;
    uint64_t free_bytes; /* also `top_bytes` */
    uint64_t top_bytes;
    uint64_t thread_caches_bytes; /* of what is in use to libc: kept for the next malloc */
    uint64_t metadata_bytes;      /* arenas, and what ends their heaps */
    uint64_t mapped_bytes;        /* blocks in mappings of their own */
    uint64_t free_resident_bytes;
    uint64_t top_resident_bytes;
    uint64_t chunk_count;
    uint32_t heap_count;
    uint32_t lost_count; /* heaps that changed too fast: libc's own figures stand for them */
};

struct account_totals {
    uint64_t resident_bytes;
    uint64_t anonymous_bytes;
    uint64_t file_bytes;
    uint64_t shared_memory_bytes; /* of /dev/shm, memfd, System V and shared anonymous mappings */
    uint64_t swapped_bytes;
    uint64_t mapping_count;
    uint64_t kernel_anonymous_bytes; /* as /proc/self/status has it */
    uint64_t kernel_file_bytes;
    uint64_t kernel_shared_bytes;
};

/* Filled by account_take; tables are valid until the next one. */
struct account {
    int64_t time_ns; /* the wall clock */
    uint64_t took_ns;
    struct account_totals totals;
    uint64_t terms[ACCOUNT_TERM_COUNT];
    uint64_t unexplained_bytes; /* totals.anonymous_bytes without all terms */
    bool pages_known;           /* false: shares of a mapping are by length, not by its pages */
    bool tables_full;           /* more mappings or stacks than there is room for */
    bool allocator_told;
    struct allocator_stats allocator;
    struct blocks_stats sampled;
    struct account_walk walk;
    uint64_t stacks_ended_bytes;
    const struct account_stack *stacks; /* the largest first */
    const struct account_owner *files;  /* all of these too */
    const struct account_owner *named;
    const struct account_owner *modules; /* that mapped memory */
    const struct account_owner *shared;
    const struct account_hole *holes;
    uint32_t stack_count;
    uint32_t file_count;
    uint32_t named_count;
    uint32_t module_count;
    uint32_t shared_count;
    uint32_t hole_count;
    const char *names;
};

struct account_tables;

/* The bytes of the block that account_init takes. */
size_t account_bytes(void);

/* In `block`, zero pages; it becomes resident as far as it is used. */
struct account_tables *account_init(void *block);

struct account_options {
    uint64_t walk_ns;    /* for walking chunks; heaps that are left then are by statistics */
    bool asks_allocator; /* false within a hook: its locks may be this thread's own */
};

/*
 * Take an account of this moment.
 *
 * Returns  0; a negative errno if /proc cannot be read
 * Cost     the kernel walks the page tables; then 8 bytes for each page of anonymous memory, and
 *          each chunk of libc's heaps once
 * Threads  one at a time for one block
 */
int account_take(struct account_tables *tables, const struct account_options *options,
                 struct account *account);

/*
 * Let the allocator and the sampled blocks' cache give back what is free. What went was
 * fragmentation, what stayed is held.
 *
 * Cost  libc gives back the free pages of all arenas, each locked meanwhile
 */
void account_trim(void);

/* The text of an owner's name. */
static inline const char *account_name(const struct account *account, uint32_t name)
{
    return account->names + name;
}

/* As JSON, or the same within a larger value; as text, for people. Errors are the sink's. */
void account_write_json(const struct account *account, struct sink *sink);
void account_json(const struct account *account, struct json_writer *json);
void account_write_text(const struct account *account, struct sink *sink);

#endif
