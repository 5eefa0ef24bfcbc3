/*
 * One export request: read, checked, handed to the pipelines, and answered when they have taken it.
 */
#ifndef PIPELINE_OTLP_CALL_H
#define PIPELINE_OTLP_CALL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/otlp.h"

struct net_request;
struct refusals;
struct slu_budget;
struct stage;

/* Where the requests of one signal go. */
struct otlp_intake {
    enum otlp_signal signal;
    struct slu_budget *budget;   /* of calls */
    struct slu_budget *payloads; /* of bodies: under pressure none is taken */
    struct stage *next;
    struct refusals *refusals;        /* NULL: they are not kept */
    const char *const *metadata_keys; /* headers whose values go with the payload */
    size_t metadata_count;
    _Atomic uint64_t accepted_count; /* records */
    _Atomic uint64_t refused_count;  /* requests told to come later */
    _Atomic uint64_t invalid_count;  /* requests that cannot be read */
};

/* Handlers of routes whose `arg` is the intake, for HTTP and for gRPC. */
void otlp_http_handle(struct net_request *request, void *intake);
void otlp_grpc_handle(struct net_request *request, void *intake);

/* The routes' `admit`: nothing is read while memory is short. */
void otlp_http_admit(struct net_request *request, void *intake);
void otlp_grpc_admit(struct net_request *request, void *intake);

/* The routes' `shed`: there is no memory for the body. */
void otlp_http_shed(struct net_request *request, void *intake);
void otlp_grpc_shed(struct net_request *request, void *intake);

#endif
