#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/pages_client.h"
#include "cli/source.h"

#define TIMEOUT_NS UINT64_C(60000000000) /* a program of one thread answers when it allocates */

int source_process_open(const char *number, int *fd, struct slu_diag *diag)
{
    struct pages_wanted wanted = {.source = number, .page = "heap", .timeout_ns = TIMEOUT_NS};
    *fd = -1;
    int file = memfd_create("sluice-source", MFD_CLOEXEC);
    if (file < 0) {
        return diag_fail(diag, -errno, "cannot make a file in memory: %s", strerror(errno));
    }
    int err = pages_fetch(&wanted, file, diag);
    if (err == 0 && lseek(file, 0, SEEK_SET) != 0) {
        err = diag_fail(diag, -EIO, "cannot go back in a file in memory");
    }
    if (err != 0) {
        close(file);
        return err;
    }
    *fd = file;
    return 0;
}
