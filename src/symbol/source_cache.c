#include "symbol/source_cache.h"

#include <string.h>
#include <sys/stat.h>

#include <sluice/diag.h>

#include "symbol/module.h"
#include "sys/file.h"

#define SOURCE_BYTES_MAX ((uint64_t)4 << 20)

static bool is_newer(const struct stat *source, const struct stat *module)
{
    const struct timespec *first = &source->st_mtim;
    const struct timespec *second = &module->st_mtim;
    return first->tv_sec != second->tv_sec ? first->tv_sec > second->tv_sec
                                           : first->tv_nsec > second->tv_nsec;
}

/* A pipe would be waited for. */
static bool is_usable(struct symbol_module *module, const char *path)
{
    struct stat source;
    struct stat built;
    const char *main_path = NULL;
    const char *debug_path = NULL;
    (void)dwfl_module_info(module->elf_module, NULL, NULL, NULL, NULL, NULL, &main_path,
                           &debug_path);
    const char *module_path = main_path != NULL ? main_path : debug_path;
    return stat(path, &source) == 0 && S_ISREG(source.st_mode) && module_path != NULL &&
           stat(module_path, &built) == 0 && !is_newer(&source, &built);
}

/* What could not be read is kept as well, as nothing. */
struct slu_bytes source_cache_find(struct source_cache *cache, struct symbol_module *module,
                                   const char *path)
{
    for (size_t i = 0; i < SOURCE_CACHE_FILES; i++) {
        const struct source_file *file = &cache->files[i];
        if (file->path != NULL && strcmp(file->path, path) == 0) {
            return (struct slu_bytes){file->bytes.data, file->bytes.len};
        }
    }
    struct source_file *file = &cache->files[cache->next];
    struct slu_diag diag;
    cache->next = (cache->next + 1) % SOURCE_CACHE_FILES;
    block_free(cache->budget, &file->bytes);
    *file = (struct source_file){.path = path};
    if (is_usable(module, path) &&
        file_read_all(cache->budget, path, SOURCE_BYTES_MAX, &file->bytes, &diag) != 0) {
        file->bytes = (struct block){.len = 0};
    }
    return (struct slu_bytes){file->bytes.data, file->bytes.len};
}

void source_cache_free(struct source_cache *cache)
{
    for (size_t i = 0; i < SOURCE_CACHE_FILES; i++) {
        block_free(cache->budget, &cache->files[i].bytes);
        cache->files[i].path = NULL;
    }
}
