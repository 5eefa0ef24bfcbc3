#include "cli/symbolize.h"

#include <errno.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "base/diag.h"
#include "base/sink.h"
#include "cli/host.h"
#include "cli/symbol_files.h"
#include "codec/gunzip.h"
#include "profile/gzip_writer.h"
#include "readers/pprof_symbolize.h"
#include "sys/file.h"

#define MEMORY_BYTES_MAX  ((uint64_t)2 << 30)
#define PROFILE_BYTES_MAX ((uint64_t)512 << 20) /* also of what is in a compressed one */
#define ARENA_CHUNK_BYTES ((size_t)256 * 1024)
#define STAGE_BYTES       16384
#define STANDARD_OUTPUT   1

/* Where the result goes, from the inside out: a descriptor, compression, what is written. */
struct output {
    int fd;
    struct sink file;
    struct gzip_writer gzip;
    struct sink text;
    char file_stage[STAGE_BYTES];
    char text_stage[STAGE_BYTES];
};

struct work {
    struct slu_budget *budget;
    struct slu_arena *arena;
    struct symbol_files modules;
    struct output output;
};

static int profile_write(struct work *work, struct slu_bytes profile, int fd,
                         struct pprof_symbolized *result, struct slu_diag *diag)
{
    struct output *output = &work->output;
    output->fd = fd;
    sink_init(&output->file, host_write, &output->fd, output->file_stage, STAGE_BYTES);
    gzip_writer_init(&output->gzip, &output->file);
    sink_init(&output->text, gzip_write, &output->gzip, output->text_stage, STAGE_BYTES);
    struct pprof_symbols symbols = symbol_files_lookup(&work->modules);
    int err = pprof_symbolize(profile, &symbols, work->arena, &output->text, diag, result);
    if (err != 0) {
        return err;
    }
    err = sink_end(&output->text);
    gzip_writer_end(&output->gzip);
    err = err != 0 ? err : sink_end(&output->file);
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write: %s", strerror(-err));
}

static int profile_replace(struct work *work, struct slu_bytes profile, const char *to,
                           struct pprof_symbolized *result, struct slu_diag *diag)
{
    if (strcmp(to, "-") == 0) {
        return profile_write(work, profile, STANDARD_OUTPUT, result, diag);
    }
    struct file_replacement file;
    int err = file_replace_begin(&file, to);
    if (err != 0) {
        return diag_fail(diag, err, "cannot write %.160s: %s", to, strerror(-err));
    }
    err = profile_write(work, profile, file.fd, result, diag);
    if (err != 0) {
        file_replace_cancel(&file);
        return err;
    }
    err = file_replace_end(&file);
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write %.160s: %s", to, strerror(-err));
}

static int profile_unpack(struct work *work, const struct block *file, const char *from,
                          struct block *text, struct slu_diag *diag)
{
    struct slu_bytes bytes = {file->data, file->len};
    if (!gunzip_is_gzip(bytes)) {
        return 0;
    }
    int err = gunzip_all(work->budget, bytes, PROFILE_BYTES_MAX, text);
    if (err == -EBADMSG) {
        return diag_fail(diag, err, "%.160s: damaged or cut off: it does not unpack", from);
    }
    return err == 0 ? 0 : diag_fail(diag, err, "%.160s: too large when it is unpacked", from);
}

static int work_run(struct work *work, const char *from, const char *to,
                    struct pprof_symbolized *result, struct slu_diag *diag)
{
    struct block file = {0};
    struct block text = {0};
    struct slu_diag inner;
    int err = file_read_all(work->budget, from, PROFILE_BYTES_MAX, &file, diag);
    if (err != 0) {
        return err;
    }
    err = profile_unpack(work, &file, from, &text, diag);
    if (err == 0) {
        struct slu_bytes profile = {text.data, text.len};
        if (text.data == NULL) {
            profile = (struct slu_bytes){file.data, file.len};
        }
        err = profile_replace(work, profile, to, result, &inner);
        if (err != 0) {
            (void)diag_fail(diag, err, "%.80s: %.160s", from, inner.message);
        }
        block_free(work->budget, &text);
    }
    block_free(work->budget, &file);
    return err;
}

int symbolize_file(const char *from, const char *to, struct pprof_symbolized *result,
                   struct slu_diag *diag)
{
    struct slu_budget *budget = NULL;
    int err = slu_budget_create(NULL, "symbolize", MEMORY_BYTES_MAX, &budget);
    if (err != 0) {
        return diag_fail(diag, err, "no memory");
    }
    struct slu_arena_options options = {.chunk_bytes = ARENA_CHUNK_BYTES,
                                        .limit_bytes = MEMORY_BYTES_MAX};
    void *block = NULL;
    err = slu_budget_alloc(budget, sizeof(struct work), &block);
    if (err != 0) {
        slu_budget_destroy(&budget);
        return diag_fail(diag, err, "no memory");
    }
    struct work *work = block;
    work->budget = budget;
    work->modules.budget = budget;
    err = slu_arena_create(budget, &options, diag, &work->arena);
    if (err == 0) {
        err = work_run(work, from, to, result, diag);
        symbol_files_close(&work->modules);
        slu_arena_destroy(&work->arena);
    }
    slu_budget_free(budget, work, sizeof(*work));
    slu_budget_destroy(&budget);
    return err;
}
