/* The subject's store: bodies that outlive their requests, in a budget of their own. */
#ifndef TESTS_NET_STORED_H
#define TESTS_NET_STORED_H

#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

/* Handlers: keep the body and answer with it; refuse before the body, where a header asks for it,
 * or where memory ends. */
void stored_take(struct net_request *request, void *arg);
void stored_take_call(struct net_request *request, void *arg);
void stored_admit(struct net_request *request, void *arg);
void stored_admit_call(struct net_request *request, void *arg);
void stored_shed(struct net_request *request, void *arg);
void stored_shed_call(struct net_request *request, void *arg);

/* Before the first body. */
void stored_begin(const struct slu_budget *budget);

/* Print how much the store's budget is charged with, and for how many bodies; then free these. */
void stored_drop(const struct slu_budget *budget);

#endif
