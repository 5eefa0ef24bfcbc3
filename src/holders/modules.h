/* The program and its shared libraries, as they are mapped. */
#ifndef HOLDERS_MODULES_H
#define HOLDERS_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"

struct image;
struct slu_budget;
struct slu_diag;
struct symbol_module;
struct symbol_types;
struct symbol_variables;

#define MODULE_BUILD_ID_BYTES 129
#define MODULES_MAX           4096

struct module {
    const char *path;
    uint64_t start;        /* of its first mapping */
    uint64_t end;          /* of its last segment, .bss included */
    uint64_t bias;         /* what is added to the linker's addresses */
    uint64_t thread_bytes; /* of its thread-local variables */
    uint64_t thread_align;
    char build_id[MODULE_BUILD_ID_BYTES]; /* hexadecimal; empty if not known */
    bool is_program;                      /* and no library */
    bool is_tried;
    struct symbol_module *symbols;      /* NULL: not known */
    struct symbol_variables *variables; /* NULL: not known */
};

struct modules {
    struct slu_budget *budget;
    struct image *image;
    struct symbol_types *types;
    struct block rows;      /* of struct module, in the order of addresses */
    uint32_t unnamed_count; /* whose file is not there, or of another build */
};

/*
 * Find the modules of an image.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until modules_close; the image must outlive it
 */
SLU_MUST_USE int modules_open(struct modules *modules, struct image *image, struct slu_diag *diag);
void modules_close(struct modules *modules);

/* The module that `address` lies in, or NULL. */
struct module *module_at(struct modules *modules, uint64_t address);
struct module *module_program(struct modules *modules);

/* Its symbols and variables, opened when first asked for; false if there are none. */
bool module_read(struct modules *modules, struct module *module);

/* All of them. */
void modules_read(struct modules *modules);

/* The last part of its path. */
const char *module_name(const struct module *module);

#endif
