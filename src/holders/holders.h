/*
 * Who holds a program's memory: its heap, the pointers in it, and what they can be reached from.
 *
 *     err = who_open_core(budget, "core.4711", &diag, &who);
 *     ... chains, dominators: holders/chain.h, holders/dominators.h
 *     who_close(&who);
 */
#ifndef HOLDERS_HOLDERS_H
#define HOLDERS_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "holders/modules.h"
#include "holders/reach.h"
#include "holders/roots.h"
#include "holders/sampled.h"
#include "holders/typing.h"

struct graph;
struct heap;
struct image;
struct slu_budget;
struct slu_diag;

struct who {
    struct slu_budget *budget;
    struct image *image;
    struct modules modules;
    struct sampled sampled;
    struct heap *heap;
    struct graph *graph;
    struct roots roots;
    struct typing typing;
    struct reach reach;
};

/*
 * Read a core, or a live process, which stands still meanwhile and goes on before this returns.
 *
 * may_fork the process may be made to fork, and then goes on at once: a copy of it is read
 * Returns  0; -ENOENT if there is no glibc heap; -EBADMSG for what is no core; -EPERM and -ESRCH of
 *          processes; -EFBIG; -EDQUOT; -ENOMEM. `diag` says it for people.
 * Owner    the caller, until who_close
 */
SLU_MUST_USE int who_open_core(struct slu_budget *budget, const char *path, struct slu_diag *diag,
                               struct who **out);
SLU_MUST_USE int who_open_process(struct slu_budget *budget, uint64_t process_id, bool may_fork,
                                  struct slu_diag *diag, struct who **out);
void who_close(struct who **who);

#endif
