#include "symbol/variables.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "symbol/module.h"
#include "symbol/types.h"
#include "symbol/types_state.h"

#define FIRST_BYTES    ((size_t)4096)
#define DEPTH_MAX      32
#define OPERATIONS_MAX 3

struct symbol_variables {
    struct slu_budget *budget;
    struct block places[2]; /* of struct symbol_variable: others, thread-local */
};

struct reading {
    struct symbol_variables *variables;
    struct symbol_module *module;
    struct symbol_types *types;
    int err;
};

/* DW_OP_addr, or a constant and the operation that makes it a place of the thread. */
static bool place_of(Dwarf_Die *die, uint64_t *address, bool *is_thread_local)
{
    Dwarf_Attribute attribute;
    Dwarf_Op *operations = NULL;
    size_t count = 0;
    if (dwarf_attr(die, DW_AT_location, &attribute) == NULL ||
        dwarf_getlocation(&attribute, &operations, &count) != 0 || count == 0 ||
        count > OPERATIONS_MAX) {
        return false;
    }
    Dwarf_Attribute indexed;
    *address = operations[0].number;
    switch (operations[count - 1].atom) {
    case DW_OP_addr:
        *is_thread_local = false;
        return count == 1;
    case DW_OP_addrx: /* in a table, as clang writes it */
        *is_thread_local = false;
        return count == 1 && dwarf_getlocation_attr(&attribute, &operations[0], &indexed) == 0 &&
               dwarf_formaddr(&indexed, address) == 0;
    case DW_OP_form_tls_address:
    case DW_OP_GNU_push_tls_address:
        *is_thread_local = true;
        return count == 2;
    default:
        return false;
    }
}

static const char *name_of(struct symbol_module *module, Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Die declaration = *die;
    (void)dwarf_formref_die(dwarf_attr(die, DW_AT_specification, &attribute), &declaration);
    const char *plain = dwarf_diename(&declaration);
    return plain == NULL ? NULL : qualified_name(module, &declaration, plain);
}

static void variable_keep(struct reading *reading, Dwarf_Die *die)
{
    bool is_thread_local = false;
    struct symbol_variable variable = {0};
    if (!place_of(die, &variable.address, &is_thread_local)) {
        return;
    }
    variable.name = name_of(reading->module, die);
    variable.type = type_named_by(reading->types, reading->module, die);
    variable.size_bytes = symbol_type_bytes(reading->types, variable.type);
    if (variable.name != NULL && reading->err == 0) {
        reading->err =
            block_append(reading->variables->budget, &reading->variables->places[is_thread_local],
                         &variable, sizeof(variable));
    }
}

/* Statics of a function stand in it, or in its blocks. Recursion is bounded by DEPTH_MAX. */
static void function_read(struct reading *reading, Dwarf_Die *function, unsigned depth)
{
    Dwarf_Die child;
    if (depth >= DEPTH_MAX || dwarf_child(function, &child) != 0) {
        return;
    }
    do {
        switch (dwarf_tag(&child)) {
        case DW_TAG_variable:
            variable_keep(reading, &child);
            break;
        case DW_TAG_subprogram:
        case DW_TAG_lexical_block:
        case DW_TAG_inlined_subroutine:
            function_read(reading, &child, depth + 1);
            break;
        default:
            break;
        }
    } while (reading->err == 0 && dwarf_siblingof(&child, &child) == 0);
}

static bool entry_read(void *context, Dwarf_Die *die)
{
    struct reading *reading = context;
    if (dwarf_tag(die) == DW_TAG_variable) {
        variable_keep(reading, die);
    } else if (dwarf_tag(die) == DW_TAG_subprogram) {
        function_read(reading, die, 0);
    }
    return reading->err == 0;
}

static int variable_order(const void *left, const void *right)
{
    const struct symbol_variable *first = left;
    const struct symbol_variable *second = right;
    return (first->address > second->address) - (first->address < second->address);
}

static void places_sort(struct symbol_variables *variables)
{
    for (size_t i = 0; i < 2; i++) {
        struct block *places = &variables->places[i];
        if (places->len > 0) {
            qsort(places->data, places->len / sizeof(struct symbol_variable),
                  sizeof(struct symbol_variable), variable_order);
        }
    }
}

/* What debug information has told already is left out; `count` of those are in order. */
static bool is_known(const struct symbol_variables *variables, bool is_thread_local, size_t count,
                     uint64_t address)
{
    struct symbol_variable wanted = {.address = address};
    return count > 0 && bsearch(&wanted, variables->places[is_thread_local].data, count,
                                sizeof(wanted), variable_order) != NULL;
}

/* dwfl adds the module's place to all values, even to those of thread-local ones. */
static int symbols_read(struct reading *reading)
{
    struct symbol_variables *variables = reading->variables;
    struct symbol_module *module = reading->module;
    GElf_Addr bias = 0;
    int count = dwfl_module_getsymtab(module->elf_module);
    size_t known[2] = {variables->places[0].len / sizeof(struct symbol_variable),
                       variables->places[1].len / sizeof(struct symbol_variable)};
    if (dwfl_module_getelf(module->elf_module, &bias) == NULL) {
        return 0;
    }
    for (int i = 0; i < count; i++) {
        GElf_Sym symbol;
        GElf_Word section = 0;
        const char *name = dwfl_module_getsym(module->elf_module, i, &symbol, &section);
        int kind = GELF_ST_TYPE(symbol.st_info);
        bool is_thread_local = kind == STT_TLS;
        if (name == NULL || (kind != STT_OBJECT && !is_thread_local) || symbol.st_size == 0 ||
            symbol.st_shndx == SHN_UNDEF) {
            continue;
        }
        struct symbol_variable variable = {
            .name = demangler_name(&module->demangler, module->names, name),
            .address = symbol.st_value - bias,
            .size_bytes = symbol.st_size,
            .type = SYMBOL_TYPE_NONE,
        };
        if (is_known(variables, is_thread_local, known[is_thread_local], variable.address)) {
            continue;
        }
        int err = block_append(variables->budget, &variables->places[is_thread_local], &variable,
                               sizeof(variable));
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int symbol_variables_read(struct slu_budget *budget, struct symbol_module *module,
                          struct symbol_types *types, struct symbol_variables **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct symbol_variables), &block);
    if (err != 0) {
        return err;
    }
    struct symbol_variables *variables = block;
    variables->budget = budget;
    for (size_t i = 0; err == 0 && i < 2; i++) {
        err = block_begin(budget, FIRST_BYTES, &variables->places[i]);
    }
    struct reading reading = {variables, module, types, err};
    if (err == 0) {
        /* Without debug information there are still symbols. */
        int without = dies_each(module, entry_read, &reading);
        places_sort(variables);
        err = without == -ENODATA ? 0 : reading.err;
    }
    if (err == 0) {
        err = symbols_read(&reading);
        places_sort(variables);
    }
    if (err != 0) {
        symbol_variables_free(&variables);
        return err;
    }
    *out = variables;
    return 0;
}

void symbol_variables_free(struct symbol_variables **variables)
{
    if (variables == NULL || *variables == NULL) {
        return;
    }
    struct symbol_variables *gone = *variables;
    block_free(gone->budget, &gone->places[1]);
    block_free(gone->budget, &gone->places[0]);
    slu_budget_free(gone->budget, gone, sizeof(*gone));
    *variables = NULL;
}

const struct symbol_variable *symbol_variables_all(const struct symbol_variables *variables,
                                                   bool is_thread_local, size_t *count)
{
    *count = variables->places[is_thread_local].len / sizeof(struct symbol_variable);
    return variables->places[is_thread_local].data;
}

const struct symbol_variable *symbol_variable_at(const struct symbol_variables *variables,
                                                 bool is_thread_local, uint64_t address)
{
    size_t high = 0;
    const struct symbol_variable *all = symbol_variables_all(variables, is_thread_local, &high);
    size_t low = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (low > 0 && all[low - 1].size_bytes == 0) {
        low--; /* of unknown size: nothing lies in it */
    }
    return low > 0 && address - all[low - 1].address < all[low - 1].size_bytes ? &all[low - 1]
                                                                               : NULL;
}
