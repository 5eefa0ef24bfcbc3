/* A module as libdwfl sees it: shared by the files of this folder. */
#ifndef SYMBOL_MODULE_H
#define SYMBOL_MODULE_H

#include <elfutils/libdwfl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block.h"
#include "symbol/demangle.h"
#include "symbol/symbol.h"

struct slu_arena;
struct slu_budget;

struct symbol_module {
    Dwfl *dwfl; /* one a module, so that each has addresses of its own */
    Dwfl_Module *elf_module;
    struct slu_budget *budget;
    struct slu_arena *names;
    struct demangler demangler;
    struct block units; /* of ranges of code, in their order: see units.c */
    bool units_are_read;
};

/* The unit of an address as libdwfl counts, and what it counts more than the unit; or NULL. */
Dwarf_Die *unit_at(struct symbol_module *module, Dwarf_Addr address, Dwarf_Addr *bias);

/* `name` with the namespaces and classes around `die`, in the module's arena; or `name` itself. */
const char *qualified_name(struct symbol_module *module, Dwarf_Die *die, const char *name);

/* What symbol_module_find finds, and where it stands in debug information. */
struct code_scopes {
    Dwarf_Die unit;
    Dwarf_Die *scopes; /* around the code, innermost first */
    size_t frame_count;
    struct symbol_frame frames[SYMBOL_FRAMES_MAX];
    int functions[SYMBOL_FRAMES_MAX]; /* the place of each frame's function among the scopes */
};

/* Returns false without debug information of the code. Owner: the caller, until code_scopes_end. */
bool code_scopes_find(struct symbol_module *module, uint64_t file_offset,
                      struct code_scopes *found);
void code_scopes_end(struct code_scopes *found);

/* Whether the entry's unit is written in C. */
bool is_of_c(Dwarf_Die *die);

/* The declaration that a piece of code goes back to: it stands in its namespace or class. */
Dwarf_Die declaration_of(Dwarf_Die die);

#endif
