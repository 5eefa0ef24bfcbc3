/* A listening socket, made or handed over. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_diag;

struct listener {
    int fd;
    uint16_t port;
    bool is_loopback;
};

/*
 * Listen on an address (sys/address.h).
 *
 * allow_others  also where others than this machine reach it
 * Returns       0; -EINVAL for the text, or an address that is not allowed; a negative errno of the
 *               system; `diag` says it for people
 */
SLU_MUST_USE int listener_open(const char *address, bool allow_others, struct slu_diag *diag,
                               struct listener *listener);

/* Take over a socket that listens already; as listener_open. */
SLU_MUST_USE int listener_adopt(int fd, bool allow_others, struct slu_diag *diag,
                                struct listener *listener);

#endif
