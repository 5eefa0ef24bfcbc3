/*
 * A line for each request, written by a thread of its own. Loops push records into a bounded ring
 * and never wait: when it is full, a record is dropped and counted.
 */
#ifndef NET_ACCESS_LOG_H
#define NET_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct access_log;
struct net_request;
struct slu_budget;
struct slu_scope;

struct access_log_options {
    struct slu_budget *budget;
    struct slu_scope *scope; /* has room for a task */
    int fd;                  /* borrowed */
    bool is_combined;        /* Apache's combined form in place of JSON */
};

/* Start its thread. Returns 0; -EDQUOT; -ENOMEM; -EAGAIN. */
SLU_MUST_USE int access_log_start(const struct access_log_options *options,
                                  struct access_log **out);

/* Threads: any number. */
void access_log_add(struct access_log *log, const struct net_request *request, uint64_t now_ns);

/* Let the thread end when all is written. */
void access_log_stop(struct access_log *log);

/* After the scope has been closed. */
void access_log_destroy(struct access_log **log);

uint64_t access_log_dropped(const struct access_log *log);

#endif
