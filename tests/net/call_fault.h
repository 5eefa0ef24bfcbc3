/* System calls that fail when they are told to: programs that link call_fault_dep have them wrapped
 * (accept4, epoll_create1, epoll_ctl, eventfd, recv, send, sendmsg, setsockopt, socket, listen). */
#ifndef TESTS_NET_CALL_FAULT_H
#define TESTS_NET_CALL_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Let the n-th wrapped call from now on fail with `err` (an errno value), on whatever thread. */
void call_fault_at(uint64_t nth, int err);

/* True if the failure has happened. */
bool call_fault_hit(void);

#endif
