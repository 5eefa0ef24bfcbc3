#include <errno.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/source.h"

int source_process_open(const char *number, int *fd, struct slu_diag *diag)
{
    *fd = -1;
    return diag_fail(diag, -EOPNOTSUPP,
                     "%.20s: no such file, and processes are not asked by their number; start "
                     "the program with 'sluice heap run --listen 127.0.0.1:6070' and name "
                     "http://127.0.0.1:6070",
                     number);
}
