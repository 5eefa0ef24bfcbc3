#include "cli/capsule_chains.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "base/diag.h"
#include "base/sink.h"
#include "base/sink_block.h"
#include "cli/capsule_file.h"
#include "cli/diagnosis.h"
#include "diagnose/capsule.h"
#include "diagnose/evidence.h"
#include "holders/holders.h"
#include "holders/report.h"
#include "holders/sampled.h"
#include "holders/who_json.h"

#define PART         "who.json"
#define MEMORY_BYTES ((uint64_t)4 << 30)
#define TOP          50 /* rows of each table */
#define STAGE_BYTES  4096
#define PIECE_BYTES  16384
#define NAME_BYTES   24

#define REPORTS_BYTES (2 * sizeof(struct report))
#define PATTERN_BYTES 640 /* twice a function's name */

/* A pattern that matches the name and no other. */
static void pattern_of(const char *name, char pattern[PATTERN_BYTES])
{
    struct sink sink;
    sink_init_fixed(&sink, pattern, PATTERN_BYTES);
    sink_char(&sink, '^');
    for (; *name != '\0'; name++) {
        if (strchr(".[]()*+?{}|^$\\", *name) != NULL) {
            sink_char(&sink, '\\');
        }
        sink_char(&sink, *name);
    }
    sink_char(&sink, '$');
}

static int answer_write(struct sink_block *answer, const struct report *report,
                        const struct report *growing, const struct capsule_asked *asked,
                        struct slu_diag *diag)
{
    struct sink sink;
    char stage[STAGE_BYTES];
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%u", asked->pid);
    sink_init(&sink, sink_block_append, answer, stage, sizeof(stage));
    who_json_write_growing(report, growing, asked->site, name, &sink);
    int err = sink_end(&sink);
    return err == 0 ? 0 : diag_fail(diag, err, "no memory for an answer");
}

/* What grows is asked for where our profiler is inside: others do not know who allocated it. */
static int answer_make(struct sink_block *answer, struct report reports[2],
                       const struct capsule_asked *asked, struct slu_diag *diag)
{
    char pattern[PATTERN_BYTES];
    const struct report_query all = {.top = TOP};
    const struct report_query some = {.top = TOP, .site = pattern};
    struct who *who = NULL;
    int err = who_open_process(answer->budget, asked->pid, true, diag, &who);
    err = err != 0 ? err : report_make(&reports[0], who, &all, diag);
    bool has_site = err == 0 && asked->site != NULL && sampled_count(&who->sampled) > 0;
    if (has_site) {
        pattern_of(asked->site, pattern);
        err = report_make(&reports[1], who, &some, diag);
    }
    if (err == 0) {
        err = answer_write(answer, &reports[0], has_site ? &reports[1] : NULL, asked, diag);
    }
    report_free(&reports[1]);
    report_free(&reports[0]);
    who_close(&who);
    return err;
}

int capsule_chains_add(struct capsule_file *capsule, const struct capsule_asked *asked,
                       struct diagnosis *diagnosis, struct slu_diag *diag)
{
    struct sink_block answer = {0};
    void *reports = NULL;
    int err = slu_budget_create(NULL, "heap who", MEMORY_BYTES, &answer.budget);
    err = err != 0 ? err : slu_budget_alloc(answer.budget, REPORTS_BYTES, &reports);
    err = err != 0 ? err : block_begin(answer.budget, STAGE_BYTES, &answer.bytes);
    if (err != 0) {
        err = diag_fail(diag, err, "no memory");
    } else {
        memset(reports, 0, REPORTS_BYTES);
        err = answer_make(&answer, reports, asked, diag);
    }
    if (err == 0) {
        struct evidence_input input = {
            .bytes = {answer.bytes.data, answer.bytes.len},
            .name = PART,
            .seconds = asked->seconds,
        };
        capsule_file_add(capsule, PART, asked->seconds, input.bytes);
        err = diagnosis_add_bytes(diagnosis, &input, diag);
    }
    block_free(answer.budget, &answer.bytes);
    slu_budget_free(answer.budget, reports, REPORTS_BYTES);
    slu_budget_destroy(&answer.budget);
    return err;
}

static bool block_read(int fd, uint64_t at, char block[CAPSULE_BLOCK_BYTES])
{
    return pread(fd, block, CAPSULE_BLOCK_BYTES, (off_t)at) == CAPSULE_BLOCK_BYTES;
}

static int part_copy(int fd, uint64_t at, uint64_t len, struct sink *out)
{
    char piece[PIECE_BYTES];
    while (len > 0) {
        size_t wanted = len < sizeof(piece) ? (size_t)len : sizeof(piece);
        ssize_t got = pread(fd, piece, wanted, (off_t)at);
        if (got <= 0) {
            return got == 0 ? -EBADMSG : -errno;
        }
        sink_put(out, piece, (size_t)got);
        at += (uint64_t)got;
        len -= (uint64_t)got;
    }
    return 0;
}

/* Where the newest answer is. Returns 0; -ENODATA; -EBADMSG */
static int part_find(int fd, uint64_t *found_at, uint64_t *found_len)
{
    char block[CAPSULE_BLOCK_BYTES];
    struct capsule_part part;
    double newest = -1;
    uint64_t at = 0;
    while (block_read(fd, at, block) && !capsule_block_is_end(block)) {
        if (!capsule_part_read(block, &part)) {
            return -EBADMSG;
        }
        if (strstr(part.name, PART) != NULL && part.seconds >= newest) {
            newest = part.seconds;
            *found_at = at + CAPSULE_BLOCK_BYTES;
            *found_len = part.bytes.len;
        }
        at += CAPSULE_BLOCK_BYTES + ustar_padded(part.bytes.len);
    }
    return newest >= 0 ? 0 : -ENODATA;
}

int capsule_chains_write(const char *path, struct sink *out, bool *is_capsule,
                         struct slu_diag *diag)
{
    char block[CAPSULE_BLOCK_BYTES];
    uint64_t at = 0;
    uint64_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *is_capsule =
        fd >= 0 && block_read(fd, 0, block) && capsule_is((struct slu_bytes){block, sizeof(block)});
    if (!*is_capsule) {
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    int err = part_find(fd, &at, &len);
    err = err != 0 ? err : part_copy(fd, at, len, out);
    close(fd);
    if (err == -ENODATA) {
        return diag_fail(diag, err,
                         "%.160s: no chains in the capsule: it is of no process of its machine, or "
                         "was made with --no-chains",
                         path);
    }
    return err == 0 ? 0
                    : diag_fail(diag, err, "%.160s: %s", path,
                                err == -EBADMSG ? "the capsule is damaged" : strerror(-err));
}
