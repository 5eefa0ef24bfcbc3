/* The programs and libraries that a profile names, opened to find names for its addresses. */
#ifndef CLI_SYMBOL_FILES_H
#define CLI_SYMBOL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct pprof_symbols;
struct slu_budget;
struct symbol_module;

#define MODULES_MAX 4096 /* that are opened; what others hold stays without names */

/*
 * A member is opened when it is first asked for, and stays open while the profiles that follow name
 * the same file in its place.
 */
struct symbol_files {
    struct slu_budget *budget;
    struct symbol_module *opened[MODULES_MAX];
    bool tried[MODULES_MAX];
    uint64_t identities[MODULES_MAX]; /* hash of path and build-id */
};

/* Who knows the names; `modules` is borrowed. Zeroed but for its budget, it is ready. */
struct pprof_symbols symbol_files_lookup(struct symbol_files *modules);

/* Forget all. */
void symbol_files_close(struct symbol_files *modules);

#endif
