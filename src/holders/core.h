/* ELF cores: what image_open_core does, for whoever has the file open already. */
#ifndef HOLDERS_CORE_H
#define HOLDERS_CORE_H

#include <sluice/api.h>

struct image;
struct slu_budget;
struct slu_diag;

/* As image_open_core; `fd` belongs to the image from now on, also on failure. */
SLU_MUST_USE int core_open_fd(struct slu_budget *budget, int fd, struct slu_diag *diag,
                              struct image **out);

#endif
