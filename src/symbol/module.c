#include "symbol/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "symbol/symbol.h"

#define NAMES_CHUNK_BYTES ((size_t)16 * 1024)
#define NAMES_LIMIT_BYTES ((size_t)64 * 1024 * 1024)
#define DEBUG_PATH_BYTES  (sizeof("/usr/lib/debug/.build-id/") + 2 * SYMBOL_BUILD_ID_MAX + 16)

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

static void dwfl_close(struct symbol_module *module)
{
    if (module->dwfl != NULL) {
        dwfl_end(module->dwfl);
    }
    module->dwfl = NULL;
    module->elf_module = NULL;
}

/* Let libdwfl open the file at `path`. */
static int dwfl_open(struct symbol_module *module, const char *path)
{
    if (access(path, R_OK) != 0) {
        return -errno;
    }
    module->dwfl = dwfl_begin(&callbacks);
    if (module->dwfl == NULL) {
        return -ENOMEM;
    }
    dwfl_report_begin(module->dwfl);
    module->elf_module = dwfl_report_offline(module->dwfl, path, path, -1);
    (void)dwfl_report_end(module->dwfl, NULL, NULL); /* fails only if a callback does */
    if (module->elf_module == NULL) {
        dwfl_close(module);
        return -EBADMSG;
    }
    return 0;
}

static bool has_build_id(struct symbol_module *module, struct slu_bytes wanted)
{
    const unsigned char *bits = NULL;
    GElf_Addr address = 0;
    int len = dwfl_module_build_id(module->elf_module, &bits, &address);
    if (len <= 0 || wanted.len != 2 * (size_t)len) {
        return false;
    }
    const char *text = wanted.data;
    for (int i = 0; i < len; i++) {
        char digits[3];
        snprintf(digits, sizeof(digits), "%02x", bits[i]);
        if (memcmp(digits, text + 2 * i, 2) != 0) {
            return false;
        }
    }
    return true;
}

/* The debug file of a build, which has its symbols even when the module itself is gone. */
static int debug_file_open(struct symbol_module *module, struct slu_bytes build_id)
{
    const char *text = build_id.data;
    char path[DEBUG_PATH_BYTES];
    if (build_id.len < 4 || build_id.len > 2 * SYMBOL_BUILD_ID_MAX ||
        memchr(text, '/', build_id.len) != NULL) {
        return -ENOENT;
    }
    snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%.*s.debug", text,
             (int)(build_id.len - 2), text + 2);
    int err = dwfl_open(module, path);
    return err == -EACCES ? -ENOENT : err;
}

static int elf_open(struct symbol_module *module, const char *path, struct slu_bytes build_id,
                    struct slu_diag *diag)
{
    int err = dwfl_open(module, path);
    if (err == 0 && (build_id.len == 0 || has_build_id(module, build_id))) {
        return 0;
    }
    dwfl_close(module);
    if (debug_file_open(module, build_id) == 0) {
        return 0;
    }
    if (err == 0) {
        return diag_fail(diag, -ESTALE, "%.160s is of another build than the one that ran", path);
    }
    if (err == -EBADMSG) {
        return diag_fail(diag, err, "%.160s is no ELF file", path);
    }
    return diag_fail(diag, err, "cannot read %.160s: %s", path, strerror(-err));
}

int symbol_module_open(struct slu_budget *budget, const char *path, struct slu_bytes build_id,
                       struct slu_diag *diag, struct symbol_module **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct symbol_module), &block);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the symbols of %.160s", path);
    }
    struct symbol_module *module = block;
    module->budget = budget;
    struct slu_arena_options options = {.chunk_bytes = NAMES_CHUNK_BYTES,
                                        .limit_bytes = NAMES_LIMIT_BYTES};
    err = slu_arena_create(budget, &options, diag, &module->names);
    if (err != 0) {
        slu_budget_free(budget, module, sizeof(*module));
        return err;
    }
    err = elf_open(module, path, build_id, diag);
    if (err != 0) {
        symbol_module_close(&module);
        return err;
    }
    demangler_open(&module->demangler);
    *out = module;
    return 0;
}

void symbol_module_close(struct symbol_module **module)
{
    if (module == NULL || *module == NULL) {
        return;
    }
    dwfl_close(*module);
    block_free((*module)->budget, &(*module)->units);
    demangler_close(&(*module)->demangler);
    slu_arena_destroy(&(*module)->names);
    slu_budget_free((*module)->budget, *module, sizeof(**module));
    *module = NULL;
}

struct symbol_detail symbol_module_detail(struct symbol_module *module)
{
    Dwarf_Addr bias = 0;
    return (struct symbol_detail){
        .has_symbols = dwfl_module_getsymtab(module->elf_module) > 1,
        .has_lines = dwfl_module_getdwarf(module->elf_module, &bias) != NULL,
    };
}
