/*
 * Names and lines of machine addresses, from the symbol tables and debug information of modules
 * (programs and shared libraries). This is for programs that look at another process from outside:
 * it allocates as libdw does, in proportion to the debug information that is read.
 *
 * Debug information is found in the module itself, behind .gnu_debuglink, and by build-id below
 * /usr/lib/debug; through debuginfod if DEBUGINFOD_URLS is set, as in other tools.
 */
#ifndef SYMBOL_SYMBOL_H
#define SYMBOL_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct slu_budget;
struct slu_diag;
struct symbol_module;

#define SYMBOL_FRAMES_MAX   64
#define SYMBOL_BUILD_ID_MAX 64 /* bytes of a build-id; 20 are usual */

/* Strings are valid until the module is closed. */
struct symbol_frame {
    const char *function; /* as people write it: demangled */
    const char *linkage;  /* as the linker knows it */
    const char *file;     /* absolute where the compiler said so; NULL if not known */
    uint32_t line;        /* 0 if not known */
    uint32_t column;      /* in bytes, from 1 on; 0 if not known */
    uint32_t start_line;  /* where the function begins; 0 if not known */
};

/* What is known of a symbol's details. */
struct symbol_detail {
    bool has_symbols; /* names at all */
    bool has_lines;   /* and files, lines, inlined functions */
};

/*
 * Open the module at `path`.
 *
 * build_id  lower-case hexadecimal; a file with another one is not taken, but its debug file is
 *           looked for by the id alone. Empty: any file will do.
 * budget    for demangled names; must outlive the module
 * Returns   0; -ENOENT if neither is there; -ESTALE if only another build's file is; -EBADMSG if it
 *           is no ELF file; -EDQUOT; -ENOMEM. `diag` says it for people.
 * Owner     the caller, until symbol_module_close
 */
SLU_MUST_USE int symbol_module_open(struct slu_budget *budget, const char *path,
                                    struct slu_bytes build_id, struct slu_diag *diag,
                                    struct symbol_module **out);

void symbol_module_close(struct symbol_module **module);

struct symbol_detail symbol_module_detail(struct symbol_module *module);

/*
 * The functions whose code stands at `file_offset`: what was inlined there first, and the function
 * that it was inlined into last.
 *
 * file_offset  of the byte in the module's file, as mappings count
 * frames_max   outer frames beyond it are left out, except the outermost
 * Returns      how many; 0 if nothing is known
 */
size_t symbol_module_find(struct symbol_module *module, uint64_t file_offset,
                          struct symbol_frame *frames, size_t frames_max);

#endif
