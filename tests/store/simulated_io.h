/*
 * The simulated twin of the store's system calls: files in memory, of which each knows what is on
 * the disk and what only the kernel has. A crash keeps of the latter what it likes: each sector of
 * each write on its own, each new name, each unlink. Calls fail when they are told to.
 *
 * For one thread. File names have no directory but the one.
 */
#ifndef TESTS_STORE_SIMULATED_IO_H
#define TESTS_STORE_SIMULATED_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store_io.h"

struct simulated_disk;

struct simulated_disk *simulated_disk_make(uint64_t seed);
void simulated_disk_free(struct simulated_disk **disk);

/* Valid as long as the disk. */
const struct store_io *simulated_disk_io(struct simulated_disk *disk);

enum simulated_fault {
    SIMULATED_NONE,
    SIMULATED_ERROR,     /* the n-th changing call fails with the error, once */
    SIMULATED_ALWAYS,    /* and all after it */
    SIMULATED_CRASH,     /* the machine stops before it: all that follow fail, until the restart */
    SIMULATED_READ_ERROR /* the n-th read fails, once */
};

/* The n-th from now on, n from 1. */
void simulated_disk_fail(struct simulated_disk *disk, enum simulated_fault fault, uint64_t nth,
                         int err);

/* True if it happened. */
bool simulated_disk_hit(const struct simulated_disk *disk);

/* Let writes take at most so many bytes; 0: all. */
void simulated_disk_short_writes(struct simulated_disk *disk, size_t bytes_max);

/* The disk has no more than this for all files; 0: no limit. A write takes what fits. */
void simulated_disk_limit(struct simulated_disk *disk, uint64_t bytes);

/* Begin again with what the disk kept, at random, of what was not synced. */
void simulated_disk_restart(struct simulated_disk *disk);

/* Keep all that the kernel has, as when a process is killed. */
void simulated_disk_restart_kindly(struct simulated_disk *disk);

size_t simulated_disk_file_count(const struct simulated_disk *disk);

/* The bytes of the n-th file in the order of names, to be damaged. */
unsigned char *simulated_disk_bytes(struct simulated_disk *disk, size_t nth, size_t *len,
                                    const char **name);

/* A disk with the same files. */
struct simulated_disk *simulated_disk_copy(const struct simulated_disk *disk);

#endif
