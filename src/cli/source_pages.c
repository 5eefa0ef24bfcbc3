#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/pages_client.h"
#include "cli/source.h"

#define TIMEOUT_NS UINT64_C(60000000000)

/* The answer is gathered where nobody else sees it; pages_fetch bounds it. */
int source_pages_open(const char *name, int *fd, struct slu_diag *diag)
{
    const struct pages_wanted wanted = {.source = name, .page = "heap", .timeout_ns = TIMEOUT_NS};
    int gathered = memfd_create("profile", MFD_CLOEXEC);
    if (gathered < 0) {
        return diag_fail(diag, -errno, "no place for a profile: %s", strerror(errno));
    }
    int err = pages_fetch(&wanted, gathered, diag);
    if (err == 0 && lseek(gathered, 0, SEEK_SET) != 0) {
        err = diag_fail(diag, -errno, "%.160s: %s", name, strerror(errno));
    }
    if (err != 0) {
        close(gathered);
        return err;
    }
    *fd = gathered;
    return 0;
}
