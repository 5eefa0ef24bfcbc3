/* A server: what its loops share. Written before they start, and read by them. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/net.h"
#include "net/route.h"
#include "sys/mutex.h"

struct access_log;
struct measures;
struct net_request;
struct slu_gate;
struct tls;
struct workers;

struct net_server {
    struct net_server_options options; /* with the defaults filled in */
    struct routes routes;
    struct slu_budget *budget;
    struct slu_scope *scope;
    struct workers *workers;   /* NULL if no route needs them */
    struct slu_gate *gate;     /* of connections by address; NULL: unlimited */
    struct access_log *log;    /* NULL: none */
    struct measures *measures; /* NULL: none */
    struct tls *tls;           /* NULL in clear text */
    uint64_t arena_bytes_max;
    uint64_t cancel_handle; /* of the callback on the scope */
    size_t block_bytes;
    int listen_fd;
    bool owns_listen_fd;
    uint16_t port;

    struct mutex lock;
    struct condition ended; /* running_count has become 0 */
    uint32_t running_count; /* loops */
    uint64_t grace_ns;      /* of the drain that is going on */
    struct loop loops[];
};

/* Take the connections that wait, as far as the limits allow. */
void server_accept(struct net_server *server, struct loop *loop);

/* Whether the request says who it is, if that is asked for. */
bool server_allows(const struct net_server *server, const struct net_request *request);

/* WWW-Authenticate. */
const char *server_challenge(const struct net_server *server);

/* For log and metrics: the request is about to go. */
void server_request_ended(struct net_server *server, const struct net_request *request);

#endif
