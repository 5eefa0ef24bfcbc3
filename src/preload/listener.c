#include "preload/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include "profile/control_name.h"
#include "sys/process.h"

#define BACKLOG      16
#define OWN_FILE_MIN 500 /* what programs do with low numbers, close them or count on them */

static int identity_take(int socket, struct listener *listener)
{
    struct stat found;
    if (fstat(socket, &found) != 0) {
        return -errno;
    }
    *listener = (struct listener){.socket = socket, .device = found.st_dev, .inode = found.st_ino};
    return 0;
}

int listener_open(const struct sockaddr *address, socklen_t len, struct listener *listener)
{
    int low = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (low < 0) {
        return -errno;
    }
    int high = fcntl(low, F_DUPFD_CLOEXEC, OWN_FILE_MIN);
    int made = high >= 0 ? high : low;
    int reuse = 1;
    if (high >= 0) {
        close(low);
    }
    (void)setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)); /* or bind fails */
    int err = bind(made, address, len) != 0 || listen(made, BACKLOG) != 0 ? -errno : 0;
    err = err != 0 ? err : identity_take(made, listener);
    if (err != 0) {
        close(made);
    }
    return err;
}

int listener_open_control(struct listener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_un named;
    } address;
    uint64_t start_ticks = 0;
    int err = process_start_ticks(getpid(), &start_ticks);
    if (err != 0) {
        return err;
    }
    socklen_t len = control_address(getpid(), start_ticks, &address.named);
    return listener_open(&address.any, len, listener);
}

bool listener_is_ours(const struct listener *listener)
{
    struct stat now;
    return listener->socket >= 0 && fstat(listener->socket, &now) == 0 &&
           now.st_dev == listener->device && now.st_ino == listener->inode;
}

void listener_close(struct listener *listener)
{
    if (listener_is_ours(listener)) {
        close(listener->socket);
    }
    listener->socket = -1;
}

bool listener_peer_may(int socket)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}
