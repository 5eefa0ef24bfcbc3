/*
 * A cache (redis) in front of a slow store: what both forms share. Half of the items that are asked
 * for do not exist.
 */
#ifndef LAB_CACHE_PENETRATION_H
#define LAB_CACHE_PENETRATION_H

#include <pthread.h>
#include <stdint.h>

#define CONNECTIONS_MAX 8
#define ITEMS_THAT_ARE  100

struct redisContext;
struct slu_scope;

/* Connections to the cache, one for each thread that asks at a time; and the store. */
struct backend {
    pthread_mutex_t lock;
    struct slu_scope *scope;
    struct redisContext *free[CONNECTIONS_MAX];
    uint32_t free_count;
    _Atomic uint64_t store_calls;
    _Atomic uint64_t cache_calls;
};

/* `path` is the cache's socket; a query ends with `scope`. Returns 0; a negative errno. */
int backend_open(struct backend *backend, const char *path, struct slu_scope *scope);
void backend_close(struct backend *backend);

/* Ask the cache, then the store, whose answer is cached. Returns 0; -ENOENT; -EIO. */
int backend_ask(struct backend *backend, uint64_t item);

#endif
