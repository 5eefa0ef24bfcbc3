/*
 * Which pages of this process are resident, by /proc/self/pagemap, and memory read in a way that
 * cannot fault: what belongs to the program may be unmapped at any moment.
 */
#ifndef PRELOAD_RESIDENCY_H
#define PRELOAD_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESIDENCY_PAGE_BYTES   ((uint64_t)4096)
#define RESIDENCY_WINDOW_PAGES 8192 /* 32 MiB of addresses at a time */
#define RESIDENCY_MEMORY_BYTES ((size_t)64 << 10)

/* 130 KiB: it belongs into pages of the profiler. One thread at a time. */
struct residency {
    int pagemap; /* -1: this system has none */
    int process;
    uint64_t window_start;
    uint64_t window_pages;
    uint64_t memory_start;
    size_t memory_bytes; /* of it */
    uint64_t window[RESIDENCY_WINDOW_PAGES];
    char memory[RESIDENCY_MEMORY_BYTES];
};

/* Begin; what was known of pages before is forgotten. */
void residency_open(struct residency *residency);
void residency_close(struct residency *residency);

/* True if pages can be asked about. */
bool residency_is_known(const struct residency *residency);

/* Forget what was read, before looking again at what changes. */
void residency_forget(struct residency *residency);

/* True if the page of `address` is in memory, the zero page included. */
bool residency_page(struct residency *residency, uint64_t address);

/* The resident bytes of [start, limit). Cost: a system call for each 32 MiB */
uint64_t residency_count(struct residency *residency, uint64_t start, uint64_t limit);

/*
 * Copy `bytes` bytes at `address`, of pages that are resident: nothing is faulted in.
 *
 * Returns  false if they cannot be read
 * Cost     a system call for up to 64 KiB of addresses, mostly none for the next ones
 */
bool residency_read(struct residency *residency, uint64_t address, void *into, size_t bytes);

#endif
