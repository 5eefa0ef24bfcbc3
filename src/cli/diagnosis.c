#include "cli/diagnosis.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/block.h"
#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/source.h"
#include "diagnose/evidence.h"
#include "draw/text.h"
#include "readers/pprof_symbolize.h"

#define INTAKE_BYTES_FIRST ((size_t)64 << 10)
#define PEEK_BYTES         ((size_t)512)

int diagnosis_open(struct diagnosis *diagnosis, struct cli *cli,
                   const struct invocation *invocation, uint64_t memory_bytes,
                   struct slu_diag *diag)
{
    void *block = NULL;
    *diagnosis = (struct diagnosis){.cli = cli, .invocation = invocation};
    int err = slu_budget_create(NULL, "evidence", memory_bytes, &diagnosis->budget);
    if (err == 0) {
        err = slu_budget_alloc(diagnosis->budget, sizeof(*diagnosis->modules), &block);
    }
    if (err == 0) {
        diagnosis->modules = block;
        diagnosis->modules->budget = diagnosis->budget;
        err = evidence_create(diagnosis->budget, &diagnosis->evidence);
    }
    return err == 0 ? 0 : diag_fail(diag, err, "no memory for the evidence");
}

void diagnosis_close(struct diagnosis *diagnosis)
{
    evidence_destroy(&diagnosis->evidence);
    if (diagnosis->modules != NULL) {
        symbol_files_close(diagnosis->modules);
        slu_budget_free(diagnosis->budget, diagnosis->modules, sizeof(*diagnosis->modules));
    }
    slu_budget_destroy(&diagnosis->budget);
}

int diagnosis_failed(const struct diagnosis *diagnosis, const struct slu_diag *diag)
{
    return cli_could_not(diagnosis->cli, diagnosis->invocation->command->name, diag);
}

static int source_drain(struct slu_budget *budget, struct source *source, size_t bytes_max,
                        struct block *bytes)
{
    size_t got = 1;
    int err = 0;
    while (err == 0 && got > 0 && bytes->len < bytes_max) {
        if (bytes->len == bytes->size_bytes) {
            err = block_grow(budget, bytes, DIAGNOSIS_INPUT_BYTES_MAX * 2);
        }
        if (err == 0) {
            size_t room = bytes->size_bytes - bytes->len;
            err = source_read(source, (char *)bytes->data + bytes->len, room, &got);
            bytes->len += err == 0 ? got : 0;
        }
    }
    return err;
}

static int drain_open(struct slu_budget *budget, const char *name, size_t bytes_max,
                      struct block *bytes, struct slu_diag *diag)
{
    struct source source;
    int err = source_open_whole(&source, name, diag);
    if (err != 0) {
        return err;
    }
    err = block_begin(budget, INTAKE_BYTES_FIRST, bytes);
    if (err == 0) {
        err = source_drain(budget, &source, bytes_max, bytes);
        if (err != 0) {
            block_free(budget, bytes);
        }
    }
    source_close(&source);
    if (err != 0) {
        const char *reason = err == -EDQUOT ? slu_error_text(err) : strerror(-err);
        return diag_fail(diag, err, "%.160s: %s", name, reason);
    }
    return 0;
}

int intake_read(struct slu_budget *budget, const char *name, struct block *bytes,
                struct slu_diag *diag)
{
    int err = drain_open(budget, name, DIAGNOSIS_INPUT_BYTES_MAX + 1, bytes, diag);
    if (err == 0 && bytes->len > DIAGNOSIS_INPUT_BYTES_MAX) {
        block_free(budget, bytes);
        return diag_fail(diag, -EFBIG, "%.160s: more than 256 MiB", name);
    }
    return err;
}

int diagnosis_add_bytes(struct diagnosis *diagnosis, const struct evidence_input *input,
                        struct slu_diag *diag)
{
    struct pprof_symbols symbols = symbol_files_lookup(diagnosis->modules);
    struct evidence_input named = *input;
    enum evidence_kind kind = EVIDENCE_NOTHING;
    named.symbols = &symbols;
    return evidence_add(diagnosis->evidence, &named, &kind, diag);
}

static double written_seconds(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return 0;
    }
    return (double)status.st_mtim.tv_sec + (double)status.st_mtim.tv_nsec / 1e9;
}

static int file_add(struct diagnosis *diagnosis, const char *path, struct slu_diag *diag)
{
    struct block bytes;
    int err = intake_read(diagnosis->budget, path, &bytes, diag);
    if (err != 0) {
        return err;
    }
    struct evidence_input input = {
        .bytes = {bytes.data, bytes.len},
        .name = path,
        .seconds = written_seconds(path),
    };
    err = diagnosis_add_bytes(diagnosis, &input, diag);
    block_free(diagnosis->budget, &bytes);
    return err;
}

/* Whether the first bytes of a file promise something. */
static bool is_promising(struct diagnosis *diagnosis, const char *path)
{
    struct block bytes;
    struct stat status;
    struct slu_diag diag;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    if (drain_open(diagnosis->budget, path, PEEK_BYTES, &bytes, &diag) != 0) {
        return true; /* the error is told when it is read */
    }
    bool promises = evidence_kind_of((struct slu_bytes){bytes.data, bytes.len}) != EVIDENCE_NOTHING;
    block_free(diagnosis->budget, &bytes);
    return promises;
}

static void tell_skipped(const struct diagnosis *diagnosis, const struct slu_diag *diag)
{
    const struct cli *cli = diagnosis->cli;
    sink_format(cli->err, "sluice %s: left out: ", diagnosis->invocation->command->name);
    draw_text_escape(cli->err, diag->message, strlen(diag->message), cli->err_terminal.utf8);
    sink_char(cli->err, '\n');
    sink_flush(cli->err);
}

static int entry_add(struct diagnosis *diagnosis, const char *folder, const char *name,
                     struct slu_diag *diag)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (name[0] == '.' || len < 0 || (size_t)len >= sizeof(path) ||
        !is_promising(diagnosis, path)) {
        return 0;
    }
    int err = file_add(diagnosis, path, diag);
    if (err == -EDQUOT || err == -ENOMEM) {
        return err;
    }
    if (err != 0) {
        tell_skipped(diagnosis, diag);
    }
    return 0;
}

/* sluice-heap.9.pb.gz before sluice-heap.10.pb.gz */
static int by_version(const struct dirent **left, const struct dirent **right)
{
    return versionsort(left, right);
}

static int folder_add(struct diagnosis *diagnosis, const char *folder, struct slu_diag *diag)
{
    struct dirent **entries = NULL;
    int err = 0;
    int count = scandir(folder, &entries, NULL, by_version);
    if (count < 0) {
        return diag_fail(diag, -errno, "%.160s: %s", folder, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        err = err == 0 ? entry_add(diagnosis, folder, entries[i]->d_name, diag) : err;
        free(entries[i]);
    }
    free(entries);
    return err;
}

int diagnosis_add(struct diagnosis *diagnosis, const char *name, struct slu_diag *diag)
{
    if (source_kind_of(name) == SOURCE_FOLDER) {
        return folder_add(diagnosis, name, diag);
    }
    return file_add(diagnosis, name, diag);
}
