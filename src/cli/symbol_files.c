#include "cli/symbol_files.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/hash.h"
#include "readers/pprof_symbolize.h"
#include "symbol/symbol.h"

/* A profile may name anything: a pipe would be waited for. */
static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) != 0 ||
           S_ISREG(status.st_mode); /* what is gone has its debug file */
}

/* The place is another file's since the last profile. */
static void module_change(struct symbol_files *modules, const struct pprof_module *wanted)
{
    uint64_t identity = hash_bytes(wanted->file, hash_bytes(wanted->build_id, 0));
    if (modules->tried[wanted->index] && modules->identities[wanted->index] != identity) {
        symbol_module_close(&modules->opened[wanted->index]);
        modules->tried[wanted->index] = false;
    }
    modules->identities[wanted->index] = identity;
}

static struct symbol_module *module_of(struct symbol_files *modules,
                                       const struct pprof_module *wanted)
{
    if (wanted->index >= MODULES_MAX) {
        return NULL;
    }
    module_change(modules, wanted);
    if (!modules->tried[wanted->index]) {
        char path[PATH_MAX];
        modules->tried[wanted->index] = true;
        if (wanted->file.len < sizeof(path) && wanted->file.len > 0) {
            memcpy(path, wanted->file.data, wanted->file.len);
            path[wanted->file.len] = '\0';
            if (!is_file(path)) {
                return NULL;
            }
            /* Without its file a module stays without names; the result says how many do. */
            int err = symbol_module_open(modules->budget, path, wanted->build_id, NULL,
                                         &modules->opened[wanted->index]);
            SLU_ASSERT((err == 0) == (modules->opened[wanted->index] != NULL));
        }
    }
    return modules->opened[wanted->index];
}

static size_t frames_find(void *context, const struct pprof_module *wanted, uint64_t file_offset,
                          struct pprof_frame *frames, size_t frames_max)
{
    struct symbol_module *module = module_of(context, wanted);
    struct symbol_frame found[SYMBOL_FRAMES_MAX];
    if (module == NULL) {
        return 0;
    }
    size_t most = frames_max < SYMBOL_FRAMES_MAX ? frames_max : SYMBOL_FRAMES_MAX;
    size_t count = symbol_module_find(module, file_offset, found, most);
    for (size_t i = 0; i < count; i++) {
        frames[i] = (struct pprof_frame){
            .function = found[i].function,
            .linkage = found[i].linkage,
            .file = found[i].file,
            .line = found[i].line,
            .start_line = found[i].start_line,
        };
    }
    return count;
}

struct pprof_symbols symbol_files_lookup(struct symbol_files *modules)
{
    return (struct pprof_symbols){frames_find, modules};
}

void symbol_files_close(struct symbol_files *modules)
{
    for (size_t i = 0; i < MODULES_MAX; i++) {
        symbol_module_close(&modules->opened[i]);
        modules->tried[i] = false;
    }
}
