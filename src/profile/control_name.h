/* The socket by which a profiled process is found: who listens and who connects agree on it. */
#ifndef PROFILE_CONTROL_NAME_H
#define PROFILE_CONTROL_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * An abstract name of the process and its start, so that a number that is used again leads nowhere.
 *
 * process      its number where it runs itself (another one may be seen from outside its namespace)
 * start_ticks  process_start_ticks()
 * Returns      the length of the address
 */
static inline socklen_t control_address(int process, uint64_t start_ticks,
                                        struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    int len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "sluice-heap.%d.%llu",
                       process, (unsigned long long)start_ticks); /* it fits */
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

#endif
