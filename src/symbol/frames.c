#include <dwarf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>

#include "base/sink.h"
#include "symbol/module.h"
#include "symbol/symbol.h"

#define DECLARATION_STEPS_MAX 4 /* inlined code, its abstract form, its declaration in a class */
#define QUALIFIED_NAME_BYTES  1024

/* The module's own address of the byte at `file_offset`; false if no segment holds it. */
static bool address_of(const struct symbol_module *module, uint64_t file_offset,
                       Dwarf_Addr *address)
{
    GElf_Addr bias = 0;
    Elf *elf = dwfl_module_getelf(module->elf_module, &bias);
    size_t count = 0;
    if (elf == NULL || elf_getphdrnum(elf, &count) != 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf, (int)i, &header) != NULL && header.p_type == PT_LOAD &&
            file_offset >= header.p_offset && file_offset - header.p_offset < header.p_memsz) {
            *address = file_offset - header.p_offset + header.p_vaddr + bias;
            return true;
        }
    }
    return false;
}

static uint32_t number_of(Dwarf_Die *die, unsigned int name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_formudata(dwarf_attr_integrate(die, name, &attribute), &value) != 0) {
        return 0;
    }
    return value > UINT32_MAX ? 0 : (uint32_t)value;
}

static const char *linkage_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
    if (name == NULL) {
        name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
    }
    /* GCC writes the plain name here for members of types in anonymous namespaces. */
    const char *plain = dwarf_diename(die);
    return name != NULL && plain != NULL && strcmp(name, plain) == 0 ? NULL : name;
}

static bool is_function(Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_subprogram ||
           tag == DW_TAG_entry_point;
}

Dwarf_Die declaration_of(Dwarf_Die die)
{
    Dwarf_Attribute attribute;
    for (int steps = 0; steps < DECLARATION_STEPS_MAX; steps++) {
        Dwarf_Die next;
        if (dwarf_formref_die(dwarf_attr(&die, DW_AT_abstract_origin, &attribute), &next) == NULL &&
            dwarf_formref_die(dwarf_attr(&die, DW_AT_specification, &attribute), &next) == NULL) {
            break;
        }
        die = next;
    }
    return die;
}

static const char *scope_name(Dwarf_Die *scope)
{
    switch (dwarf_tag(scope)) {
    case DW_TAG_namespace:
        return dwarf_diename(scope) != NULL ? dwarf_diename(scope) : "(anonymous namespace)";
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
        return dwarf_diename(scope);
    default:
        return NULL;
    }
}

bool is_of_c(Dwarf_Die *die)
{
    Dwarf_Die unit;
    if (dwarf_diecu(die, &unit, NULL, NULL) == NULL) {
        return false;
    }
    int language = dwarf_srclang(&unit);
    return language == DW_LANG_C89 || language == DW_LANG_C || language == DW_LANG_C99 ||
           language == DW_LANG_C11;
}

/* The name with what stands around it, outermost first, for what the linker does not know. To find
 * that takes a walk through the unit; nothing in C stands in a scope that has a name. */
const char *qualified_name(struct symbol_module *module, Dwarf_Die *die, const char *name)
{
    if (is_of_c(die)) {
        return name;
    }
    Dwarf_Die declaration = declaration_of(*die);
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes_die(&declaration, &scopes);
    char text[QUALIFIED_NAME_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    for (int i = count - 1; i > 0; i--) {
        const char *around = scope_name(&scopes[i]);
        if (around != NULL) {
            sink_text(&sink, around);
            sink_text(&sink, "::");
        }
    }
    free(scopes);
    size_t len_around = sink.len;
    sink_text(&sink, name);
    char *kept = NULL;
    if (len_around == 0 || sink_end(&sink) != 0 ||
        slu_arena_copy(module->names, text, sink.len, &kept) != 0) {
        return name;
    }
    return kept;
}

/* `symbol` is what the symbol table has at the place of a function that is not inlined. */
static void set_name(struct symbol_module *module, Dwarf_Die *die, const char *symbol,
                     struct symbol_frame *frame)
{
    const char *plain = dwarf_diename(die);
    const char *linkage = linkage_name(die);
    if (linkage == NULL && symbol != NULL && strncmp(symbol, "_Z", 2) == 0) {
        linkage = symbol;
    }
    frame->start_line = number_of(die, DW_AT_decl_line);
    frame->linkage = linkage != NULL ? linkage : plain;
    frame->function = plain == NULL ? linkage : plain;
    if (linkage != NULL) {
        const char *readable = demangler_name(&module->demangler, module->names, linkage);
        frame->function = readable != linkage ? readable : frame->function;
    } else if (plain != NULL) {
        frame->function = qualified_name(module, die, plain);
    }
}

/* The path from the root, by the folder in which the compiler ran, if that is known. */
static const char *absolute_path(struct symbol_module *module, Dwarf_Die *unit, const char *file)
{
    Dwarf_Attribute attribute;
    const char *folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
    if (file == NULL || file[0] == '/' || folder == NULL) {
        return file;
    }
    char text[PATH_MAX];
    char *kept = NULL;
    int len = snprintf(text, sizeof(text), "%s/%s", folder, file);
    if (len < 0 || (size_t)len >= sizeof(text) ||
        slu_arena_copy(module->names, text, (size_t)len, &kept) != 0) {
        return file;
    }
    return kept;
}

/* Where an inlined function was called is where the code of the one around it stands. */
static void set_call(struct symbol_module *module, Dwarf_Die *unit, Dwarf_Die *inlined,
                     struct symbol_frame *outer)
{
    Dwarf_Files *files = NULL;
    size_t count = 0;
    uint32_t index = number_of(inlined, DW_AT_call_file);
    outer->line = number_of(inlined, DW_AT_call_line);
    outer->column = number_of(inlined, DW_AT_call_column);
    if (dwarf_getsrcfiles(unit, &files, &count) == 0 && index < count) {
        outer->file = absolute_path(module, unit, dwarf_filesrc(files, index, NULL, NULL));
    }
}

static void set_line(struct symbol_module *module, Dwarf_Addr address, struct symbol_frame *frame)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = unit_at(module, address, &bias);
    Dwarf_Line *line = unit == NULL ? NULL : dwarf_getsrc_die(unit, address - bias);
    int number = 0;
    int column = 0;
    if (line != NULL) {
        frame->file = absolute_path(module, unit, dwarf_linesrc(line, NULL, NULL));
        frame->line = dwarf_lineno(line, &number) == 0 && number > 0 ? (uint32_t)number : 0;
        frame->column = dwarf_linecol(line, &column) == 0 && column > 0 ? (uint32_t)column : 0;
    }
}

/* The scopes in which the code at `address` stands, innermost first; NULL if there are none. */
static Dwarf_Die *scopes_at(Dwarf_Die *unit, Dwarf_Addr address, int *count)
{
    Dwarf_Die *found = NULL;
    *count = dwarf_getscopes(unit, address, &found);
    if (*count <= 0) {
        return NULL;
    }
    bool has_inlined = false;
    for (int i = 0; i < *count; i++) {
        has_inlined = has_inlined || dwarf_tag(&found[i]) == DW_TAG_inlined_subroutine;
    }
    if (!has_inlined) {
        return found;
    }
    /* Behind an inlined function these go on where it was defined; wanted is where it stands. */
    Dwarf_Die *scopes = NULL;
    *count = dwarf_getscopes_die(&found[0], &scopes);
    free(found);
    return *count > 0 ? scopes : NULL;
}

static const char *symbol_at(struct symbol_module *module, Dwarf_Addr address)
{
    GElf_Off offset = 0;
    GElf_Sym symbol;
    return dwfl_module_addrinfo(module->elf_module, address, &offset, &symbol, NULL, NULL, NULL);
}

/* `functions` gets the place of each frame among the scopes, unless it is NULL. */
static size_t frames_in_scopes(struct symbol_module *module, Dwarf_Addr address, Dwarf_Die *unit,
                               Dwarf_Die *scopes, int scope_count, struct symbol_frame *frames,
                               int *functions, size_t frames_max)
{
    size_t count = 0;
    struct symbol_frame next = {0};
    set_line(module, address, &next);
    for (int i = 0; i < scope_count; i++) {
        if (!is_function(&scopes[i])) {
            continue;
        }
        bool inlined = dwarf_tag(&scopes[i]) == DW_TAG_inlined_subroutine;
        set_name(module, &scopes[i], inlined ? NULL : symbol_at(module, address), &next);
        if (next.function != NULL && (count + 1 < frames_max || !inlined)) {
            if (functions != NULL) {
                functions[count] = i;
            }
            frames[count++] = next;
        }
        if (!inlined || count == frames_max) {
            break;
        }
        next = (struct symbol_frame){0};
        set_call(module, unit, &scopes[i], &next);
    }
    return count;
}

static size_t frames_from_debug(struct symbol_module *module, Dwarf_Addr address,
                                struct symbol_frame *frames, size_t frames_max)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = unit_at(module, address, &bias);
    int scope_count = 0;
    Dwarf_Die *scopes = unit == NULL ? NULL : scopes_at(unit, address - bias, &scope_count);
    size_t count =
        frames_in_scopes(module, address, unit, scopes, scope_count, frames, NULL, frames_max);
    free(scopes);
    return count;
}

bool code_scopes_find(struct symbol_module *module, uint64_t file_offset, struct code_scopes *found)
{
    Dwarf_Addr address = 0;
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = NULL;
    int scope_count = 0;
    if (!address_of(module, file_offset, &address) ||
        (unit = unit_at(module, address, &bias)) == NULL ||
        (found->scopes = scopes_at(unit, address - bias, &scope_count)) == NULL) {
        return false;
    }
    found->unit = *unit;
    found->frame_count = frames_in_scopes(module, address, unit, found->scopes, scope_count,
                                          found->frames, found->functions, SYMBOL_FRAMES_MAX);
    return true;
}

void code_scopes_end(struct code_scopes *found)
{
    free(found->scopes);
    found->scopes = NULL;
}

static size_t frame_from_symbols(struct symbol_module *module, Dwarf_Addr address,
                                 struct symbol_frame *frame)
{
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char *name =
        dwfl_module_addrinfo(module->elf_module, address, &offset, &symbol, NULL, NULL, NULL);
    if (name == NULL) {
        return 0;
    }
    *frame = (struct symbol_frame){
        .function = demangler_name(&module->demangler, module->names, name),
        .linkage = name,
    };
    return 1;
}

size_t symbol_module_find(struct symbol_module *module, uint64_t file_offset,
                          struct symbol_frame *frames, size_t frames_max)
{
    Dwarf_Addr address = 0;
    if (frames_max == 0 || !address_of(module, file_offset, &address)) {
        return 0;
    }
    size_t count = frames_from_debug(module, address, frames, frames_max);
    return count > 0 ? count : frame_from_symbols(module, address, frames);
}
