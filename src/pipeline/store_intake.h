/*
 * Between OTLP's messages and the store: taken apart when they come, put together when rows are
 * read back.
 */
#ifndef PIPELINE_STORE_INTAKE_H
#define PIPELINE_STORE_INTAKE_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "store/store.h"
#include "wire/otlp.h"

struct block;
struct slu_budget;
struct store_intake;

/* Readers for all signals. Returns 0; -EDQUOT; -ENOMEM. Owner: the caller; outlives the store */
SLU_MUST_USE int store_intake_create(struct slu_budget *budget, struct store_intake **out);
void store_intake_destroy(struct store_intake **intake);

/* A store_apply_fn, whose `arg` is the intake. */
SLU_MUST_USE int store_intake_apply(void *intake, enum store_signal signal,
                                    struct slu_bytes message, int64_t now_ns,
                                    struct store_batch *batch);

/* The same signal, here and there. */
enum store_signal store_signal_of(enum otlp_signal signal);
enum otlp_signal store_signal_otlp(enum store_signal signal);

/* The Resource and the scope around a row's record: otlp_rows.h has what they are. */
void store_row_around(const struct row *row, struct slu_bytes *resource, struct slu_bytes *scope);

/* A stored row as a request, behind what `out` has. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int store_row_write(struct slu_budget *budget, enum otlp_signal signal,
                                 const struct row *row, struct block *out);

#endif
