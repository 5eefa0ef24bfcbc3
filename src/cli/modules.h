/* The programs and libraries that a profile names, opened to find names for its addresses. */
#ifndef CLI_MODULES_H
#define CLI_MODULES_H

#include <stdbool.h>
#include <stddef.h>

#include <sluice/api.h>

struct pprof_symbols;
struct slu_budget;
struct symbol_module;

#define MODULES_MAX 4096 /* that are opened; what others hold stays without names */

/* A member is opened when it is first asked for. */
struct modules {
    struct slu_budget *budget;
    struct symbol_module *opened[MODULES_MAX];
    bool tried[MODULES_MAX];
};

/* Who knows the names; `modules` is borrowed. Zeroed but for its budget, it is ready. */
struct pprof_symbols modules_symbols(struct modules *modules);

/* Forget all, so that another profile's modules may be asked for. */
void modules_close(struct modules *modules);

#endif
