/*
 * libdwfl finds units by .debug_aranges alone, which clang does not write. Of the units that lack
 * there, the ranges that they say themselves are read once, when something is not found.
 */
#include <stdlib.h>

#include "symbol/module.h"

#define FIRST_BYTES ((size_t)4096)

struct unit_range {
    Dwarf_Addr start;
    Dwarf_Addr end;
    Dwarf_Die unit;
};

static int range_order(const void *left, const void *right)
{
    const struct unit_range *first = left;
    const struct unit_range *second = right;
    return (first->start > second->start) - (first->start < second->start);
}

/* Unless the table has it. Without memory for it, a unit is not found. */
static void unit_read(struct symbol_module *module, Dwarf_Aranges *table, Dwarf_Die *unit)
{
    struct unit_range range = {.unit = *unit};
    Dwarf_Addr base = 0;
    ptrdiff_t at = 0;
    while ((at = dwarf_ranges(unit, at, &base, &range.start, &range.end)) > 0) {
        if (table != NULL && dwarf_getarange_addr(table, range.start) != NULL) {
            return;
        }
        if (range.start < range.end &&
            block_append(module->budget, &module->units, &range, sizeof(range)) != 0) {
            return;
        }
    }
}

static void units_read(struct symbol_module *module, Dwarf *dwarf)
{
    Dwarf_Aranges *table = NULL;
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    module->units_are_read = true;
    if (dwarf == NULL || block_begin(module->budget, FIRST_BYTES, &module->units) != 0) {
        return;
    }
    (void)dwarf_getaranges(dwarf, &table, NULL); /* else it stays NULL: there is none */
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        unit_read(module, table, &die);
    }
    if (module->units.len > 0) {
        qsort(module->units.data, module->units.len / sizeof(struct unit_range),
              sizeof(struct unit_range), range_order);
    }
}

/* The last range that begins at or before the address, if it reaches so far. */
static struct unit_range *range_at(struct symbol_module *module, Dwarf_Addr address)
{
    struct unit_range *ranges = module->units.data;
    size_t low = 0;
    size_t high = module->units.len / sizeof(*ranges);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && address < ranges[low - 1].end ? &ranges[low - 1] : NULL;
}

Dwarf_Die *unit_at(struct symbol_module *module, Dwarf_Addr address, Dwarf_Addr *bias)
{
    Dwarf_Die *unit = dwfl_module_addrdie(module->elf_module, address, bias);
    if (unit != NULL) {
        return unit;
    }
    Dwarf *dwarf = dwfl_module_getdwarf(module->elf_module, bias);
    if (!module->units_are_read) {
        units_read(module, dwarf);
    }
    struct unit_range *range = range_at(module, address - *bias);
    return range == NULL ? NULL : &range->unit;
}
