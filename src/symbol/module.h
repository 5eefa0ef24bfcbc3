/* A module as libdwfl sees it: shared by the files of this folder. */
#ifndef SYMBOL_MODULE_H
#define SYMBOL_MODULE_H

#include <elfutils/libdwfl.h>

#include "symbol/demangle.h"

struct slu_arena;
struct slu_budget;

struct symbol_module {
    Dwfl *dwfl; /* one a module, so that each has addresses of its own */
    Dwfl_Module *elf_module;
    struct slu_budget *budget;
    struct slu_arena *names;
    struct demangler demangler;
};

/* `name` with the namespaces and classes around `die`, in the module's arena; or `name` itself. */
const char *qualified_name(struct symbol_module *module, Dwarf_Die *die, const char *name);

#endif
