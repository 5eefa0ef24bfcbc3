#include "cli/pages_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/diag.h"
#include "cli/process_facts.h"
#include "profile/control_name.h"

static int socket_connect(const struct sockaddr *address, socklen_t len, int *connected)
{
    int made = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0) {
        return -errno;
    }
    if (connect(made, address, len) != 0) {
        int err = -errno;
        close(made);
        return err;
    }
    *connected = made;
    return 0;
}

static int control_connect(const struct process_facts *facts, int *connected)
{
    union {
        struct sockaddr any;
        struct sockaddr_un named;
    } address;
    socklen_t len = control_address(facts->inner_id, facts->start_ticks, &address.named);
    return socket_connect(&address.any, len, connected);
}

static int network_enter(pid_t process)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -errno;
    }
    int err = setns(file, CLONE_NEWNET) == 0 ? 0 : -errno;
    close(file);
    return err;
}

static int refused(pid_t process, const struct process_facts *facts, struct slu_diag *diag)
{
    int id = (int)process;
    if (facts->user != geteuid() && geteuid() != 0) {
        return diag_fail(diag, -EACCES,
                         "process %d belongs to another user (%u): ask as that one or as root", id,
                         facts->user);
    }
    if (facts->is_other_network) {
        return diag_fail(diag, -EACCES,
                         "process %d is in another network namespace, which only root may enter: "
                         "run this there, or with sudo",
                         id);
    }
    if (!facts->has_profiler) {
        return diag_fail(diag, -ECONNREFUSED,
                         "there is no profiler in process %d: start the program with 'sluice heap "
                         "run -- PROGRAM'",
                         id);
    }
    return diag_fail(diag, -ECONNREFUSED,
                     "the profiler in process %d does not listen: SLUICE_HEAP_CONTROL is 0, or it "
                     "has not begun, or this child of fork has not allocated much yet",
                     id);
}

/* Anybody may take the name of a process that does not listen. */
static bool peer_is(int connected, pid_t process)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(connected, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == process;
}

int pages_connect_process(pid_t process, int *connected, struct slu_diag *diag)
{
    struct process_facts facts;
    int made = -1;
    int err = process_facts_read(process, &facts);
    if (err == -ESRCH) {
        return diag_fail(diag, err, "there is no process %d", (int)process);
    }
    if (err != 0) {
        return diag_fail(diag, err, "cannot look at process %d: %s", (int)process, strerror(-err));
    }
    if (facts.is_other_network && network_enter(process) == 0) {
        facts.is_other_network = false;
    }
    if (control_connect(&facts, &made) != 0) {
        return refused(process, &facts, diag);
    }
    if (!peer_is(made, process)) {
        close(made);
        return diag_fail(diag, -EACCES, "somebody else answers in place of process %d",
                         (int)process);
    }
    *connected = made;
    return 0;
}

int pages_connect_host(const char *host, const char *port, int *connected, struct slu_diag *diag)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0) {
        return diag_fail(diag, -EHOSTUNREACH, "%.80s: %s", host, gai_strerror(failed));
    }
    int err = -EHOSTUNREACH;
    for (struct addrinfo *at = found; at != NULL && err != 0; at = at->ai_next) {
        err = socket_connect(at->ai_addr, at->ai_addrlen, connected);
    }
    freeaddrinfo(found);
    return err == 0 ? 0
                    : diag_fail(diag, err, "cannot connect to %.80s port %.10s: %s", host, port,
                                strerror(-err));
}
