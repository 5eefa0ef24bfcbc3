#include "cache_penetration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#define STORE_NS UINT64_C(4000000) /* a query */

int backend_open(struct backend *backend, const char *path, struct slu_scope *scope)
{
    backend->scope = scope;
    pthread_mutex_init(&backend->lock, NULL);
    for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
        redisContext *connection = redisConnectUnix(path);
        if (connection == NULL || connection->err != 0) {
            redisFree(connection);
            return -ECONNREFUSED;
        }
        backend->free[backend->free_count++] = connection;
    }
    return 0;
}

void backend_close(struct backend *backend)
{
    while (backend->free_count > 0) {
        redisFree(backend->free[--backend->free_count]);
    }
    pthread_mutex_destroy(&backend->lock);
}

static redisContext *connection_take(struct backend *backend)
{
    pthread_mutex_lock(&backend->lock);
    redisContext *connection =
        backend->free_count == 0 ? NULL : backend->free[--backend->free_count];
    pthread_mutex_unlock(&backend->lock);
    return connection;
}

static void connection_give(struct backend *backend, redisContext *connection)
{
    pthread_mutex_lock(&backend->lock);
    backend->free[backend->free_count++] = connection;
    pthread_mutex_unlock(&backend->lock);
}

/* Returns 1 if the cache has it; 0; -EIO. */
static int cache_get(redisContext *connection, uint64_t item)
{
    redisReply *reply = redisCommand(connection, "GET item:%" PRIu64, item);
    int found =
        reply == NULL || reply->type == REDIS_REPLY_ERROR ? -EIO : reply->type != REDIS_REPLY_NIL;
    freeReplyObject(reply);
    return found;
}

static int cache_put(redisContext *connection, uint64_t item)
{
    redisReply *reply = redisCommand(connection, "SET item:%" PRIu64 " there", item);
    int err = reply == NULL || reply->type == REDIS_REPLY_ERROR ? -EIO : 0;
    freeReplyObject(reply);
    return err;
}

/* Slow: this is what the cache is for. */
static int store_query(struct backend *backend, uint64_t item)
{
    atomic_fetch_add(&backend->store_calls, 1);
    int err = slu_scope_sleep_until(backend->scope, slu_clock_monotonic_ns() + STORE_NS);
    if (err == 0) {
        err = item < ITEMS_THAT_ARE ? 0 : -ENOENT;
    }
    return err;
}

int backend_ask(struct backend *backend, uint64_t item)
{
    redisContext *connection = connection_take(backend);
    if (connection == NULL) {
        return -EIO;
    }
    atomic_fetch_add(&backend->cache_calls, 1);
    int found = cache_get(connection, item);
    int err = found < 0 ? found : 0;
    if (found == 0) {
        err = store_query(backend, item);
        err = err == 0 ? cache_put(connection, item) : err;
    }
    connection_give(backend, connection);
    return err;
}
