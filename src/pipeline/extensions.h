/*
 * Extensions: what stands beside the pipelines. file_storage says where queues lie; health_check
 * answers whether the daemon runs, and shows its metrics; web has the pages, and reads the store.
 */
#ifndef PIPELINE_EXTENSIONS_H
#define PIPELINE_EXTENSIONS_H

#include <stddef.h>

#include <sluice/api.h>

struct config;
struct config_components;
struct config_node;

/*
 * The directory of the file_storage extension of that id.
 *
 * node     where it is named, for mistakes
 * Returns  0; -EINVAL if a mistake was told; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int file_storage_find(struct config *config,
                                   const struct config_components *extensions,
                                   const struct config_node *node, const char *name,
                                   const char **directory);

/* Where a health_check listens; NULL without one. Returns as file_storage_find */
SLU_MUST_USE int health_check_find(struct config *config,
                                   const struct config_components *extensions,
                                   const char **endpoint);

/* Where `web` listens; NULL without one. Returns as file_storage_find */
SLU_MUST_USE int web_find(struct config *config, const struct config_components *extensions,
                          const char **endpoint);

/*
 * The index-th extension that the configuration names and that does nothing here: pprof, zpages.
 * NULL behind the last.
 */
const char *extension_ignored(const struct config_components *extensions, size_t index);

/* Tell mistakes in all of them. Returns 0; -EINVAL; -EDQUOT; -ENOMEM */
SLU_MUST_USE int extensions_check(struct config *config,
                                  const struct config_components *extensions);

#endif
