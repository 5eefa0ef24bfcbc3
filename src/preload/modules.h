/*
 * The modules of the process, for the profile's mappings: each keeps its place, file and build-id,
 * also after it has been unloaded, because samples may still point into it.
 */
#ifndef PRELOAD_MODULES_H
#define PRELOAD_MODULES_H

#include <stddef.h>
#include <stdint.h>

struct profile;
struct profile_mapping;

#define MODULES_MAX            1024
#define MODULE_NAMES_BYTES_MAX ((size_t)128 << 10)

struct modules;

/* The bytes of the block that modules_init takes. */
size_t modules_bytes(void);

/* In `block`, zero pages: no modules. The stacks of `profile` follow modules that are replaced. */
struct modules *modules_init(void *block, struct profile *profile);

/*
 * Take in what is loaded now; what was known and is not there any more is kept as unloaded, at its
 * addresses until another module takes them, and then at addresses that no code has. When the table
 * is full, unloaded modules leave it first.
 *
 * Cost     O(loaded modules); once a replaced module, O(frames of all stacks)
 * Threads  any, never within a hook: it takes the dynamic loader's lock
 */
void modules_refresh(struct modules *modules);

/*
 * The mappings, ascending, without overlap. Their texts are valid for ever.
 *
 * mappings  room for MODULES_MAX
 * Returns   how many
 * Threads   any; also within a hook
 */
uint32_t modules_mappings(struct modules *modules, struct profile_mapping *mappings);

/* Around fork: nobody is changing the table; in the child the mutex begins anew. */
void modules_before_fork(struct modules *modules);
void modules_after_fork_parent(struct modules *modules);
void modules_after_fork_child(struct modules *modules);

#endif
