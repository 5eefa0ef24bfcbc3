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
#include "cli/capsule_file.h"
#include "diagnose/capsule.h"
#include "holders/holders.h"
#include "holders/report.h"
#include "holders/who_json.h"

#define PART         "who.json"
#define MEMORY_BYTES ((uint64_t)4 << 30)
#define TOP          50 /* rows of each table */
#define STAGE_BYTES  4096
#define PIECE_BYTES  16384
#define NAME_BYTES   24

/* An answer that grows. */
struct answer {
    struct slu_budget *budget;
    struct block bytes;
};

static int answer_append(void *context, const char *bytes, size_t len)
{
    struct answer *answer = context;
    return block_append(answer->budget, &answer->bytes, bytes, len);
}

static int answer_make(struct answer *answer, uint32_t pid, struct report *report,
                       struct slu_diag *diag)
{
    const struct report_query query = {.top = TOP};
    struct who *who = NULL;
    struct sink sink;
    char stage[STAGE_BYTES];
    char name[NAME_BYTES];
    int err = who_open_process(answer->budget, pid, true, diag, &who);
    err = err != 0 ? err : report_make(report, who, &query, diag);
    if (err == 0) {
        (void)snprintf(name, sizeof(name), "%u", pid);
        sink_init(&sink, answer_append, answer, stage, sizeof(stage));
        who_json_write(report, name, &sink);
        err = sink_end(&sink);
        err = err == 0 ? 0 : diag_fail(diag, err, "no memory for an answer");
    }
    report_free(report);
    who_close(&who);
    return err;
}

int capsule_chains_add(struct capsule_file *capsule, uint32_t pid, double seconds,
                       struct slu_diag *diag)
{
    struct answer answer = {0};
    void *report = NULL;
    int err = slu_budget_create(NULL, "heap who", MEMORY_BYTES, &answer.budget);
    err = err != 0 ? err : slu_budget_alloc(answer.budget, sizeof(struct report), &report);
    err = err != 0 ? err : block_begin(answer.budget, STAGE_BYTES, &answer.bytes);
    if (err != 0) {
        err = diag_fail(diag, err, "no memory");
    } else {
        memset(report, 0, sizeof(struct report));
        err = answer_make(&answer, pid, report, diag);
    }
    if (err == 0) {
        capsule_file_add(capsule, PART, seconds,
                         (struct slu_bytes){answer.bytes.data, answer.bytes.len});
    }
    block_free(answer.budget, &answer.bytes);
    slu_budget_free(answer.budget, report, sizeof(struct report));
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
        at += CAPSULE_BLOCK_BYTES + capsule_padded(part.bytes.len);
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
