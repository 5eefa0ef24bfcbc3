/*
 * What is kept near a limit of memory: capsules, OUT.PID.flight.NUMBER.capsule, each with the
 * profiles of one rise towards the limit, from half of it on, and the account of memory.
 */
#ifndef PRELOAD_FLIGHT_RECORD_H
#define PRELOAD_FLIGHT_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/account.h"
#include "preload/output.h"

struct account_tables;
struct memory_limit;

#define FLIGHT_PAST_MAX    8 /* moments below RECORD that are remembered */
#define FLIGHT_STAGE_BYTES 16384

/* Members are private but for the first three. */
struct flight_record {
    struct output *output;
    bool is_thread;      /* of our own: it may wait, and ask the allocator */
    bool can_ask_loader; /* for new modules, within this hook */
    struct account_tables *tables;
    uint64_t record_count;
    uint64_t past_count;
    void *past_blocks[FLIGHT_PAST_MAX]; /* NULL: no memory for them */
    struct output_moment past[FLIGHT_PAST_MAX];
    const struct memory_limit *limit; /* of the record that is being written */
    struct account account;
    char path[PATH_MAX];
    char number[24];
    char stage[FLIGHT_STAGE_BYTES];
};

/* Returns 0; -ENOMEM. The record is zeroed before. */
int flight_record_init(struct flight_record *record, struct output *output);

/* Remember the moment, for the record that may come. */
void flight_record_remember(struct flight_record *record);

/*
 * Write a record, or add to it.
 *
 * number  out and in: of the limit's record; 0: begin one
 * tells   also take the account, and say so
 */
void flight_record_write(struct flight_record *record, const struct memory_limit *limit,
                         uint64_t *number, bool tells);

/* Write to nowhere what will be written: what fails now will be told when it counts. */
void flight_record_rehearse(struct flight_record *record, const struct memory_limit *limit);

void flight_record_after_fork_child(struct flight_record *record);

#endif
