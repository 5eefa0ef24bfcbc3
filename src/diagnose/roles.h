/*
 * What functions of known libraries are there for: starting timers, putting into maps, making an
 * array larger, starting threads or goroutines. A program's own names mean nothing here, so that
 * renaming or stripping them changes nothing.
 */
#ifndef DIAGNOSE_ROLES_H
#define DIAGNOSE_ROLES_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

/* A set of bits: a stack may have several. */
enum role {
    ROLE_TIMER = 1,
    ROLE_MAP = 2,
    ROLE_GROWTH = 4,
    ROLE_TASK = 8,
    ROLE_OBSERVER = 16, /* what records profiles: not the program's own memory */
};

struct role_frame {
    struct slu_bytes function;
    struct slu_bytes file;   /* source; may be empty */
    struct slu_bytes module; /* binary; may be empty */
};

/* The roles of a function. */
uint32_t roles_of(const struct role_frame *frame);

/* Whether a frame was compiled by Go. */
bool role_is_go(const struct role_frame *frame);

/* Whether a frame is a library's or a runtime's, so that who is answerable stands above it. */
bool role_is_inner(const struct role_frame *frame);

#endif
