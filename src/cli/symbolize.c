#include "cli/symbolize.h"

#include <errno.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "base/diag.h"
#include "base/sink.h"
#include "base/sink_block.h"
#include "cli/host.h"
#include "cli/symbol_files.h"
#include "codec/gunzip.h"
#include "diagnose/capsule.h"
#include "profile/gzip_writer.h"
#include "readers/pprof_symbolize.h"
#include "sys/file.h"

#define MEMORY_BYTES_MAX  ((uint64_t)2 << 30)
#define PROFILE_BYTES_MAX ((uint64_t)512 << 20) /* also of what is in a compressed one */
#define ARENA_CHUNK_BYTES ((size_t)256 * 1024)
#define STAGE_BYTES       16384
#define STANDARD_OUTPUT   1
#define PROFILE_ENDING    ".pb.gz"

/* Where the result goes, from the inside out: a file or memory, compression, what is written. */
struct output {
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

static int profile_write(struct work *work, struct slu_bytes profile, sink_write write,
                         void *context, struct pprof_symbolized *result, struct slu_diag *diag)
{
    struct output *output = &work->output;
    sink_init(&output->file, write, context, output->file_stage, STAGE_BYTES);
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

/* Names for the profile in `packed`, compressed or not, and out to `write`. */
static int profile_name(struct work *work, const char *from, const struct block *packed,
                        sink_write write, void *context, struct pprof_symbolized *result,
                        struct slu_diag *diag)
{
    struct block text = {0};
    struct slu_diag inner;
    int err = profile_unpack(work, packed, from, &text, diag);
    if (err != 0) {
        return err;
    }
    struct slu_bytes profile = {text.data, text.len};
    if (text.data == NULL) {
        profile = (struct slu_bytes){packed->data, packed->len};
    }
    err = profile_write(work, profile, write, context, result, &inner);
    block_free(work->budget, &text);
    return err == 0 ? 0 : diag_fail(diag, err, "%.80s: %.160s", from, inner.message);
}

/* A part that is a profile gets names, the others stay; one that cannot be read stays as well. */
static int part_name(struct work *work, const struct capsule_part *part, struct sink *out,
                     struct pprof_symbolized *result)
{
    struct sink_block kept = {.budget = work->budget};
    struct slu_diag diag;
    struct pprof_symbolized one = {0};
    struct block packed = {.data = (void *)(uintptr_t)part->bytes.data, .len = part->bytes.len};
    const char *dot = strchr(part->name, '.');
    const char *name = dot == NULL ? part->name : dot + 1;
    struct slu_bytes bytes = part->bytes;
    size_t ending = sizeof(PROFILE_ENDING) - 1;
    size_t len = strlen(name);
    int err = 0;
    if (len > ending && strcmp(name + len - ending, PROFILE_ENDING) == 0) {
        err = block_begin(work->budget, STAGE_BYTES, &kept.bytes);
        if (err == 0 &&
            profile_name(work, part->name, &packed, sink_block_append, &kept, &one, &diag) == 0) {
            bytes = (struct slu_bytes){kept.bytes.data, kept.bytes.len};
            *result = one;
        }
    }
    if (err == 0) {
        capsule_write(out, name, part->seconds, bytes);
    }
    block_free(work->budget, &kept.bytes);
    return err;
}

static int capsule_name(struct work *work, const char *from, const struct block *file,
                        sink_write write, void *context, struct pprof_symbolized *result,
                        struct slu_diag *diag)
{
    struct capsule_reader reader;
    struct capsule_part part;
    struct sink out;
    char stage[STAGE_BYTES];
    int err = 0;
    sink_init(&out, write, context, stage, sizeof(stage));
    capsule_reader_init(&reader, (struct slu_bytes){file->data, file->len});
    while (err == 0 && capsule_next(&reader, &part)) {
        err = part_name(work, &part, &out, result);
    }
    capsule_write_end(&out);
    err = err == 0 ? sink_end(&out) : err;
    if (err == 0 && capsule_end(&reader) != 0) {
        return diag_fail(diag, -EBADMSG, "%.160s: byte %llu: the capsule is damaged or cut off",
                         from, (unsigned long long)reader.at);
    }
    return err == 0 ? 0 : diag_fail(diag, err, "%.80s: %s", from, strerror(-err));
}

static int file_name(struct work *work, const char *from, const struct block *file, int fd,
                     struct pprof_symbolized *result, struct slu_diag *diag)
{
    bool is_capsule = capsule_is((struct slu_bytes){file->data, file->len});
    return (is_capsule ? capsule_name : profile_name)(work, from, file, host_write, &fd, result,
                                                      diag);
}

static int result_replace(struct work *work, const char *from, const struct block *read,
                          const char *to, struct pprof_symbolized *result, struct slu_diag *diag)
{
    if (strcmp(to, "-") == 0) {
        return file_name(work, from, read, STANDARD_OUTPUT, result, diag);
    }
    struct file_replacement file;
    int err = file_replace_begin(&file, to);
    if (err != 0) {
        return diag_fail(diag, err, "cannot write %.160s: %s", to, strerror(-err));
    }
    err = file_name(work, from, read, file.fd, result, diag);
    if (err != 0) {
        file_replace_cancel(&file);
        return err;
    }
    err = file_replace_end(&file);
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write %.160s: %s", to, strerror(-err));
}

static int work_run(struct work *work, const char *from, const char *to,
                    struct pprof_symbolized *result, struct slu_diag *diag)
{
    struct block file = {0};
    int err = file_read_all(work->budget, from, PROFILE_BYTES_MAX, &file, diag);
    if (err == 0) {
        err = result_replace(work, from, &file, to, result, diag);
        block_free(work->budget, &file);
    }
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
