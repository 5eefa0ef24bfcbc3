#include "holders/modules.h"

#include <elf.h>
#include <stdio.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/image.h"
#include "symbol/symbol.h"
#include "symbol/types.h"
#include "symbol/variables.h"

#define FIRST_BYTES       ((size_t)16384)
#define HEADERS_MAX       64
#define NOTES_BYTES_MAX   4096
#define SEGMENT_BYTES_MAX ((uint64_t)1 << 40)
#define PAGE_BYTES        4096

static void build_id_read(const unsigned char *notes, size_t len, struct module *module)
{
    size_t at = 0;
    while (len - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr header;
        memcpy(&header, notes + at, sizeof(header));
        size_t name = at + sizeof(header);
        size_t content = name + ((header.n_namesz + (size_t)3) & ~(size_t)3);
        if (content > len || header.n_descsz > len - content) {
            return;
        }
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0 &&
            2 * (size_t)header.n_descsz < sizeof(module->build_id)) {
            for (size_t i = 0; i < header.n_descsz; i++) {
                snprintf(module->build_id + 2 * i, 3, "%02x", notes[content + i]);
            }
            return;
        }
        size_t next = content + ((header.n_descsz + (size_t)3) & ~(size_t)3);
        if (next >= len) {
            return;
        }
        at = next;
    }
}

static void notes_read(struct image *image, const Elf64_Phdr *header, struct module *module)
{
    unsigned char notes[NOTES_BYTES_MAX];
    size_t len = header->p_memsz < sizeof(notes) ? (size_t)header->p_memsz : sizeof(notes);
    if (module->build_id[0] == '\0' &&
        image_read(image, module->bias + header->p_vaddr, notes, len) == 0) {
        build_id_read(notes, len, module);
    }
}

static void segment_take(struct image *image, const Elf64_Phdr *header, struct module *module)
{
    uint64_t end = module->bias + header->p_vaddr + header->p_memsz;
    switch (header->p_type) {
    case PT_LOAD:
        if (header->p_memsz < SEGMENT_BYTES_MAX && end > module->end) {
            module->end = end;
        }
        break;
    case PT_TLS:
        module->thread_bytes = header->p_memsz;
        module->thread_align = header->p_align == 0 ? 1 : header->p_align;
        break;
    case PT_NOTE:
        notes_read(image, header, module);
        break;
    case PT_INTERP:
        module->is_program = true;
        break;
    default:
        break;
    }
}

static bool headers_read(struct image *image, uint64_t base, Elf64_Ehdr *header,
                         Elf64_Phdr *segments, size_t *count)
{
    if (image_read(image, base, header, sizeof(*header)) != 0 ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff > PAGE_BYTES) {
        return false;
    }
    *count = header->e_phnum < HEADERS_MAX ? header->e_phnum : HEADERS_MAX;
    return image_read(image, base + header->e_phoff, segments, *count * sizeof(*segments)) == 0;
}

/* What begins at `region`, if that is the beginning of an ELF file. */
static int module_take(struct modules *modules, const struct image_region *region)
{
    Elf64_Ehdr header;
    Elf64_Phdr segments[HEADERS_MAX];
    size_t count = 0;
    if (!headers_read(modules->image, region->start, &header, segments, &count)) {
        return 0;
    }
    struct module module = {.path = region->path, .start = region->start, .end = region->end};
    for (size_t i = 0; i < count; i++) {
        if (segments[i].p_type == PT_LOAD) {
            uint64_t page = segments[i].p_vaddr & ~(uint64_t)(PAGE_BYTES - 1);
            module.bias = region->start - page;
            break;
        }
    }
    for (size_t i = 0; i < count; i++) {
        segment_take(modules->image, &segments[i], &module);
    }
    module.is_program |= header.e_type == ET_EXEC;
    return block_append(modules->budget, &modules->rows, &module, sizeof(module));
}

int modules_open(struct modules *modules, struct image *image, struct slu_diag *diag)
{
    size_t count = 0;
    const struct image_region *regions = image_regions(image, &count);
    *modules = (struct modules){.budget = image->budget, .image = image};
    int err = block_begin(modules->budget, FIRST_BYTES, &modules->rows);
    if (err == 0) {
        err = symbol_types_create(modules->budget, &modules->types);
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        if (regions[i].path != NULL && regions[i].file_offset == 0 &&
            modules->rows.len / sizeof(struct module) < MODULES_MAX) {
            err = module_take(modules, &regions[i]);
        }
    }
    if (err != 0) {
        modules_close(modules);
        return diag_fail(diag, err, "no memory for the list of modules");
    }
    return 0;
}

void modules_close(struct modules *modules)
{
    struct module *rows = modules->rows.data;
    symbol_types_destroy(&modules->types);
    for (size_t i = 0; rows != NULL && i < modules->rows.len / sizeof(*rows); i++) {
        symbol_variables_free(&rows[i].variables);
        symbol_module_close(&rows[i].symbols);
    }
    if (rows != NULL) {
        block_free(modules->budget, &modules->rows);
    }
}

struct module *module_at(struct modules *modules, uint64_t address)
{
    struct module *rows = modules->rows.data;
    for (size_t i = 0; i < modules->rows.len / sizeof(*rows); i++) {
        if (address >= rows[i].start && address < rows[i].end) {
            return &rows[i];
        }
    }
    return NULL;
}

struct module *module_program(struct modules *modules)
{
    struct module *rows = modules->rows.data;
    for (size_t i = 0; i < modules->rows.len / sizeof(*rows); i++) {
        if (rows[i].is_program) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *module_name(const struct module *module)
{
    const char *slash = strrchr(module->path, '/');
    return slash == NULL ? module->path : slash + 1;
}

/* A live process may have another root than we. */
static int symbols_open(struct modules *modules, struct module *module)
{
    char path[PATH_MAX];
    struct slu_bytes build_id = {module->build_id, strlen(module->build_id)};
    if (modules->image->is_live) {
        int len = snprintf(path, sizeof(path), "/proc/%llu/root%s",
                           (unsigned long long)modules->image->process_id, module->path);
        if (len > 0 && (size_t)len < sizeof(path) && access(path, R_OK) == 0 &&
            symbol_module_open(modules->budget, path, build_id, NULL, &module->symbols) == 0) {
            return 0;
        }
    }
    return symbol_module_open(modules->budget, module->path, build_id, NULL, &module->symbols);
}

bool module_read(struct modules *modules, struct module *module)
{
    if (!module->is_tried) {
        module->is_tried = true;
        if (symbols_open(modules, module) != 0) {
            modules->unnamed_count++;
        } else if (symbol_variables_read(modules->budget, module->symbols, modules->types,
                                         &module->variables) != 0) {
            module->variables = NULL; /* no memory for names: places are shown */
        }
    }
    return module->variables != NULL;
}

void modules_read(struct modules *modules)
{
    struct module *rows = modules->rows.data;
    for (size_t i = 0; i < modules->rows.len / sizeof(*rows); i++) {
        (void)module_read(modules, &rows[i]);
    }
}
