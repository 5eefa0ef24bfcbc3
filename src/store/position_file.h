/*
 * A small file that keeps how far a reader has come: two slots, written in turn, so that a write
 * that is torn leaves the one before it.
 */
#ifndef STORE_POSITION_FILE_H
#define STORE_POSITION_FILE_H

#include <stdint.h>

#include <sluice/api.h>

struct segment_directory;

#define POSITION_FILE_NAME "position"

/* Lives in its owner; members are private but for `sequence` and `damaged_count`. */
struct position_file {
    int fd;
    uint64_t generation;    /* of the newest slot; 0: none was ever written */
    uint64_t sequence;      /* what it says; 0 if there is none */
    uint32_t damaged_count; /* slots that were written and are not right */
};

/*
 * Open the file, made if it is not there, and read the newest slot that is right.
 *
 * Returns  0; a negative errno of the system
 * Owner    the caller, until position_file_close
 */
SLU_MUST_USE int position_file_open(const struct segment_directory *directory,
                                    struct position_file *file);

/*
 * Write the slot that is not the newest, and wait until it is on the disk.
 *
 * Returns  0; a negative errno of the system, and the newest slot is as it was
 */
SLU_MUST_USE int position_file_write(const struct segment_directory *directory,
                                     struct position_file *file, uint64_t sequence);

void position_file_close(const struct segment_directory *directory, struct position_file *file);

#endif
