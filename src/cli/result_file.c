#include "cli/result_file.h"

#include <errno.h>
#include <string.h>

#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/host.h"
#include "sys/file.h"

#define STAGE_BYTES 16384

static int told(struct slu_diag *diag, const char *path, int err)
{
    const char *reason = err == -EDQUOT ? slu_error_text(err) : strerror(-err);
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write %.160s: %s", path, reason);
}

int result_file_write(struct cli *cli, const char *path, result_write write, void *context,
                      struct slu_diag *diag)
{
    char stage[STAGE_BYTES];
    struct file_replacement file;
    struct sink out;
    if (path == NULL || strcmp(path, "-") == 0) {
        return told(diag, "the result", write(context, cli->out));
    }
    int err = file_replace_begin(&file, path);
    if (err != 0) {
        return told(diag, path, err);
    }
    sink_init(&out, host_write, &file.fd, stage, sizeof(stage));
    err = write(context, &out);
    int write_err = sink_end(&out);
    err = err != 0 ? err : write_err;
    if (err != 0) {
        file_replace_cancel(&file);
        return told(diag, path, err);
    }
    return told(diag, path, file_replace_end(&file));
}
