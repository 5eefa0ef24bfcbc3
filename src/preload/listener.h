/* A listening socket in somebody else's program. */
#ifndef PRELOAD_LISTENER_H
#define PRELOAD_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The program may close the socket, and get its number for a file of its own. */
struct listener {
    int socket; /* -1: none */
    dev_t device;
    ino_t inode;
};

/* Listen with a number that programs seldom use. Returns 0; a negative errno. */
int listener_open(const struct sockaddr *address, socklen_t len, struct listener *listener);

/*
 * Listen where this process is found by its number and the time of its start (control_name.h).
 * Returns 0; a negative errno.
 */
int listener_open_control(struct listener *listener);

/* Whether its number is still its own. */
bool listener_is_ours(const struct listener *listener);

/* Close it, if its number is its own. */
void listener_close(struct listener *listener);

/* Whether who has connected to a control socket is this process's user, or root. */
bool listener_peer_may(int socket);

#endif
