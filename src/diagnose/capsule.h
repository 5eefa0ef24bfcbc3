/*
 * The capsule: all evidence of one process in one file, a tar archive whose parts are what they
 * would be as files of their own. docs/formats/capsule.md describes it.
 *
 * Source  POSIX.1-2017, pax, "ustar Interchange Format"
 */
#ifndef DIAGNOSE_CAPSULE_H
#define DIAGNOSE_CAPSULE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "codec/ustar.h"

struct sink;

#define CAPSULE_BLOCK_BYTES USTAR_BLOCK_BYTES
#define CAPSULE_NAME_BYTES  101
#define CAPSULE_PART_MAX    ((uint64_t)1 << 33) /* bytes of one part, which eleven digits hold */

/* Members are private but for `at`: where it stands in the file, after a fault too. */
struct capsule_reader {
    struct slu_bytes file;
    uint64_t at;
    bool has_ended; /* the archive's end was there */
};

/* Valid as long as the file's bytes are. */
struct capsule_part {
    char name[CAPSULE_NAME_BYTES];
    double seconds; /* since 1970: when it was seen */
    struct slu_bytes bytes;
};

/* Whether `bytes` begin as a capsule, or any tar archive, does. */
bool capsule_is(struct slu_bytes bytes);

void capsule_reader_init(struct capsule_reader *reader, struct slu_bytes file);

/* The next part; false at the end and at the first fault. What is no file is passed over. */
bool capsule_next(struct capsule_reader *reader, struct capsule_part *part);

/* Returns 0 if the whole archive was there; otherwise -EBADMSG. */
int capsule_end(const struct capsule_reader *reader);

/*
 * The same block by block, for a file that is not in memory. capsule_part_read reads the block
 * before a part; of `bytes` only the length says something.
 */
bool capsule_part_read(const char block[CAPSULE_BLOCK_BYTES], struct capsule_part *part);
bool capsule_block_is_end(const char block[CAPSULE_BLOCK_BYTES]);

/*
 * Write a part.
 *
 * name     what it is, at most CAPSULE_NAME_BYTES - 32 bytes, no path; the time is put before it
 * seconds  since 1970, from 0 on; kept to a millisecond
 */
void capsule_write(struct sink *out, const char *name, double seconds, struct slu_bytes bytes);

/* Write the archive's end. */
void capsule_write_end(struct sink *out);

#endif
