/*
 * The subject's other thread: requests that handlers keep are answered from there, at once or when
 * they are released.
 */
#ifndef TESTS_NET_HELD_H
#define TESTS_NET_HELD_H

#include "net/net.h"

/* The argument of the routes: what answers, on the loop. */
struct held_answer {
    net_request_fn *run;
};

void held_start(void);

/* Handlers: keep the request until it is released; have it answered at once. */
void held_keep(struct net_request *request, void *arg);
void held_pass(struct net_request *request, void *arg);

void held_release(void);

/* Release what is kept and whatever comes; end the thread when the server has ended. */
void held_stop(void);
void held_end(void);

#endif
