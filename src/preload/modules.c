#include "preload/modules.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "profile/profile.h"
#include "sys/mutex.h"

#define BUILD_ID_BYTES_MAX 32 /* SHA-1 has 20 */

/* Above every address that a process can have. */
#define REPLACED_START (UINT64_C(1) << 56)

struct module {
    uint64_t start;
    uint64_t limit;
    uint64_t file_offset;
    struct slu_bytes file; /* both in names, which are never taken back */
    struct slu_bytes build_id;
    uint32_t stack_end; /* of the profile, when it was found to be unloaded; 0 before */
    bool is_loaded;
};

struct modules {
    struct mutex mutex;
    struct profile *profile;
    uint32_t count;
    size_t names_len;
    struct slu_bytes program;         /* its path, in names */
    struct module table[MODULES_MAX]; /* ascending by start, without overlap */
    char names[MODULE_NAMES_BYTES_MAX];
};

size_t modules_bytes(void)
{
    return sizeof(struct modules);
}

static struct slu_bytes name_keep(struct modules *modules, const char *name, size_t len)
{
    /* A name that is there already, be it within another one, need not be kept twice. */
    const char *known = memmem(modules->names, modules->names_len, name, len);
    if (known != NULL) {
        return (struct slu_bytes){.data = known, .len = len};
    }
    if (len > MODULE_NAMES_BYTES_MAX - modules->names_len) {
        return (struct slu_bytes){0};
    }
    char *kept = modules->names + modules->names_len;
    memcpy(kept, name, len);
    modules->names_len += len;
    return (struct slu_bytes){.data = kept, .len = len};
}

/* Without /proc, as it was executed. */
static void program_name(struct modules *modules)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));
    if (len > 0) {
        modules->program = name_keep(modules, path, (size_t)len);
        return;
    }
    const char *executed = (const char *)getauxval(AT_EXECFN);
    if (executed != NULL) {
        modules->program = name_keep(modules, executed, strlen(executed));
    }
}

struct modules *modules_init(void *block, struct profile *profile)
{
    struct modules *modules = block;
    modules->profile = profile;
    mutex_init(&modules->mutex);
    program_name(modules);
    return modules;
}

/* The note that holds the build-id, among those of [at, end). */
static struct slu_bytes build_id_note(const char *at, const char *end)
{
    while ((size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, at, sizeof(note));
        const char *name = at + sizeof(note);
        size_t name_bytes = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        size_t id_bytes = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        if (name_bytes + id_bytes > (size_t)(end - name)) {
            break;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
            note.n_descsz <= BUILD_ID_BYTES_MAX) {
            return (struct slu_bytes){.data = name + name_bytes, .len = note.n_descsz};
        }
        at = name + name_bytes + id_bytes;
    }
    return (struct slu_bytes){0};
}

/* In hexadecimal; empty if the module has none. */
static struct slu_bytes build_id_read(struct modules *modules, const struct dl_phdr_info *info)
{
    static const char digits[] = "0123456789abcdef";
    struct slu_bytes id = {0};
    for (size_t i = 0; i < info->dlpi_phnum && id.len == 0; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE) {
            const char *notes = (const char *)(info->dlpi_addr + segment->p_vaddr);
            id = build_id_note(notes, notes + segment->p_memsz);
        }
    }
    char text[2 * BUILD_ID_BYTES_MAX];
    for (size_t i = 0; i < id.len; i++) {
        unsigned char byte = ((const unsigned char *)id.data)[i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
    return name_keep(modules, text, 2 * id.len);
}

/* The executable segments' span, which is what samples point into. */
static bool code_span(const struct dl_phdr_info *info, struct module *module)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) {
            continue;
        }
        uint64_t page_mask = (uint64_t)getauxval(AT_PAGESZ) - 1;
        uint64_t start = (info->dlpi_addr + segment->p_vaddr) & ~page_mask;
        if (module->limit == 0) {
            module->start = start;
            module->file_offset = segment->p_offset & ~page_mask;
        }
        module->limit =
            (info->dlpi_addr + segment->p_vaddr + segment->p_memsz + page_mask) & ~page_mask;
    }
    return module->limit > module->start;
}

static bool is_same_text(struct slu_bytes left, struct slu_bytes right)
{
    return left.len == right.len && (left.len == 0 || memcmp(left.data, right.data, left.len) == 0);
}

static bool is_same(const struct module *left, const struct module *right)
{
    return left->start == right->start && left->limit == right->limit &&
           is_same_text(left->build_id, right->build_id);
}

static void module_remove(struct modules *modules, uint32_t at)
{
    modules->count--;
    memmove(&modules->table[at], &modules->table[at + 1],
            (modules->count - at) * sizeof(modules->table[0]));
}

static bool make_room(struct modules *modules)
{
    for (uint32_t i = 0; modules->count == MODULES_MAX && i < modules->count; i++) {
        if (!modules->table[i].is_loaded) {
            module_remove(modules, i);
        }
    }
    return modules->count < MODULES_MAX;
}

/* Where the samples of a replaced module are, or are to be if it has not been replaced before. */
static uint64_t replaced_place(const struct modules *modules, const struct module *module,
                               bool *is_new)
{
    uint64_t end = REPLACED_START;
    *is_new = false;
    for (uint32_t i = 0; i < modules->count; i++) {
        const struct module *other = &modules->table[i];
        if (other->start < REPLACED_START) {
            continue;
        }
        if (other->limit - other->start == module->limit - module->start &&
            is_same_text(other->build_id, module->build_id) &&
            is_same_text(other->file, module->file)) {
            return other->start;
        }
        end = other->limit;
    }
    *is_new = true;
    return end;
}

/*
 * The module at `at` is gone and another is in its place: it gets a place of its own, behind all
 * others, and the samples that were taken in it follow.
 */
static void module_replace(struct modules *modules, uint32_t at)
{
    struct module module = modules->table[at];
    module_remove(modules, at);
    if (module.stack_end == 0) { /* it went without dlclose */
        module.stack_end = profile_stack_end(modules->profile);
    }
    bool is_new = false;
    uint64_t place = replaced_place(modules, &module, &is_new);
    profile_move_code(modules->profile, module.start, module.limit, place, module.stack_end);
    if (is_new) {
        module.limit = place + (module.limit - module.start);
        module.start = place;
        modules->table[modules->count++] = module;
    }
}

static void module_insert(struct modules *modules, const struct module *module,
                          const struct dl_phdr_info *info)
{
    uint32_t at = 0;
    while (at < modules->count) {
        struct module *other = &modules->table[at];
        if (other->limit <= module->start) {
            at++;
        } else if (other->start < module->limit) {
            module_replace(modules, at);
        } else {
            break;
        }
    }
    struct module *place = &modules->table[at];
    memmove(place + 1, place, (modules->count - at) * sizeof(*place));
    modules->count++;
    *place = *module;
    place->file = info->dlpi_name == NULL || info->dlpi_name[0] == '\0'
                      ? modules->program
                      : name_keep(modules, info->dlpi_name, strlen(info->dlpi_name));
}

static int module_take(struct dl_phdr_info *info, size_t info_bytes, void *context)
{
    (void)info_bytes;
    struct modules *modules = context;
    struct module module = {.is_loaded = true};
    if (!code_span(info, &module)) {
        return 0;
    }
    module.build_id = build_id_read(modules, info);
    for (uint32_t i = 0; i < modules->count; i++) {
        if (is_same(&modules->table[i], &module)) {
            modules->table[i].is_loaded = true;
            return 0;
        }
    }
    if (make_room(modules)) { /* for one: a replaced module leaves the place that it needs */
        module_insert(modules, &module, info);
    }
    return 0;
}

/* Which stacks may have passed through a module is known by when it went. */
static void modules_see_unloaded(struct modules *modules)
{
    for (uint32_t i = 0; i < modules->count; i++) {
        struct module *module = &modules->table[i];
        if (module->is_loaded) {
            module->stack_end = 0;
        } else if (module->stack_end == 0) {
            module->stack_end = profile_stack_end(modules->profile);
        }
    }
}

void modules_refresh(struct modules *modules)
{
    mutex_lock(&modules->mutex);
    for (uint32_t i = 0; i < modules->count; i++) {
        modules->table[i].is_loaded = false;
    }
    (void)dl_iterate_phdr(module_take, modules); /* 0: what module_take returned last */
    modules_see_unloaded(modules);
    mutex_unlock(&modules->mutex);
}

uint32_t modules_mappings(struct modules *modules, struct profile_mapping *mappings)
{
    mutex_lock(&modules->mutex);
    uint32_t count = modules->count;
    for (uint32_t i = 0; i < count; i++) {
        const struct module *module = &modules->table[i];
        mappings[i] = (struct profile_mapping){.start = module->start,
                                               .limit = module->limit,
                                               .file_offset = module->file_offset,
                                               .file = module->file,
                                               .build_id = module->build_id};
    }
    mutex_unlock(&modules->mutex);
    return count;
}

void modules_before_fork(struct modules *modules)
{
    mutex_lock(&modules->mutex);
}

void modules_after_fork_parent(struct modules *modules)
{
    mutex_unlock(&modules->mutex);
}

void modules_after_fork_child(struct modules *modules)
{
    mutex_init(&modules->mutex);
}
