#include "store/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/layout.h"
#include "store/queue_state.h"
#include "store/store_io.h"

#define LOCK_NAME        "LOCK"
#define QUEUE_PATH_MAX   3072 /* of the directory */
#define FILE_PATH_MAX    4096
#define LISTED_MAX       1000000
#define SEGMENT_SLACK    8
#define PENDING_BYTES    1024 /* of the ring for each record that may wait */
#define PENDING_MIN      64
#define TASK_STACK_BYTES ((size_t)128 * 1024)
#define PATH_SEPARATOR   '/'

/* What queue_open has worked out before there is a queue. */
struct plan {
    struct queue_options options; /* with the defaults put in */
    struct segment_directory directory;
    uint32_t segment_max;
    uint64_t pending_max;
    int lock_fd;
};

static uint64_t or_default(uint64_t value, uint64_t usual)
{
    return value == 0 ? usual : value;
}

static struct queue_options options_whole(const struct queue_options *given)
{
    struct queue_options options = *given;
    options.size_bytes_max = or_default(given->size_bytes_max, QUEUE_SIZE_DEFAULT);
    options.segment_bytes = or_default(given->segment_bytes, QUEUE_SEGMENT_DEFAULT);
    options.staging_bytes_max = or_default(given->staging_bytes_max, QUEUE_STAGING_DEFAULT);
    options.held_max = (uint32_t)or_default(given->held_max, QUEUE_HELD_DEFAULT);
    options.io = given->io == NULL ? &store_io_real : given->io;
    return options;
}

static int options_check(const struct queue_options *options, struct slu_diag *diag)
{
    if (options->budget == NULL || options->directory == NULL || options->directory[0] == '\0') {
        return diag_fail(diag, -EINVAL, "a queue needs a budget and a directory");
    }
    if (strlen(options->directory) >= QUEUE_PATH_MAX) {
        return diag_fail(diag, -EINVAL, "the queue's directory has more than %d bytes",
                         QUEUE_PATH_MAX - 1);
    }
    if (options->segment_bytes < QUEUE_SEGMENT_MIN || options->segment_bytes > QUEUE_SEGMENT_MAX) {
        return diag_fail(diag, -EINVAL, "a segment has %" PRIu64 " to %" PRIu64 " bytes",
                         QUEUE_SEGMENT_MIN, QUEUE_SEGMENT_MAX);
    }
    if (options->size_bytes_max / 4 < options->segment_bytes) {
        return diag_fail(diag, -EINVAL,
                         "the queue's size is at least four segments, %" PRIu64 " bytes",
                         4 * options->segment_bytes);
    }
    if (options->size_bytes_max / options->segment_bytes > LISTED_MAX) {
        return diag_fail(diag, -EINVAL, "the queue's size is at most %d segments", LISTED_MAX);
    }
    if (options->staging_bytes_max < QUEUE_STAGING_MIN ||
        options->staging_bytes_max > options->size_bytes_max) {
        return diag_fail(diag, -EINVAL, "the queue stages %" PRIu64 " bytes to its size",
                         QUEUE_STAGING_MIN);
    }
    if (options->held_max > QUEUE_HELD_MAX) {
        return diag_fail(diag, -EINVAL, "a queue has at most %d records given out", QUEUE_HELD_MAX);
    }
    return 0;
}

/* The name of a new directory has to survive too. */
static int directory_make(const struct segment_directory *directory, struct slu_diag *diag)
{
    const struct store_io *io = directory->io;
    int err = io->make_directory(io->context, directory->path);
    if (err == 0) {
        char parent[QUEUE_PATH_MAX] = ".";
        size_t len = strlen(directory->path);
        while (len > 1 && directory->path[len - 1] == PATH_SEPARATOR) {
            len--;
        }
        while (len > 0 && directory->path[len - 1] != PATH_SEPARATOR) {
            len--;
        }
        if (len > 0) {
            memcpy(parent, directory->path, len);
            parent[len] = '\0';
        }
        err = io->sync_directory(io->context, parent);
    }
    if (err != 0 && err != -EEXIST) {
        return diag_fail(diag, err, "the queue's directory %.120s cannot be made: %s",
                         directory->path, strerror(-err));
    }
    return 0;
}

static int directory_lock(const struct segment_directory *directory, int *lock_fd,
                          struct slu_diag *diag)
{
    const struct store_io *io = directory->io;
    char path[FILE_PATH_MAX];
    int fd = -1;
    int err = segment_path(directory, LOCK_NAME, path, sizeof(path));
    if (err == 0) {
        err = io->open(io->context, path, STORE_OPEN_CREATE, &fd);
    }
    if (err != 0) {
        return diag_fail(diag, err, "the queue's directory %.120s: %s: %s", directory->path,
                         LOCK_NAME, strerror(-err));
    }
    err = io->lock(io->context, fd);
    if (err == 0) {
        *lock_fd = fd;
        return 0;
    }
    io->close(io->context, fd);
    if (err == -EWOULDBLOCK) {
        return diag_fail(diag, -EBUSY,
                         "the queue's directory %.120s is in use by another process or queue",
                         directory->path);
    }
    return diag_fail(diag, err, "the queue's directory %.120s cannot be locked: %s",
                     directory->path, strerror(-err));
}

static int segment_count_one(void *arg, const char *name)
{
    uint32_t *count = arg;
    uint64_t unused = 0;
    *count += segment_name_parse(name, &unused);
    return *count > LISTED_MAX ? -EFBIG : 0;
}

static int plan_make(const struct queue_options *given, struct slu_diag *diag, struct plan *plan)
{
    *plan = (struct plan){.options = options_whole(given)};
    int err = options_check(&plan->options, diag);
    if (err != 0) {
        return err;
    }
    const struct store_io *io = plan->options.io;
    plan->directory = (struct segment_directory){.io = io, .path = plan->options.directory};
    err = directory_make(&plan->directory, diag);
    if (err == 0) {
        err = directory_lock(&plan->directory, &plan->lock_fd, diag);
    }
    if (err != 0) {
        return err;
    }
    uint32_t found = 0;
    err = io->list(io->context, plan->directory.path, segment_count_one, &found);
    if (err != 0) {
        io->close(io->context, plan->lock_fd);
        return diag_fail(diag, err, "the queue's directory %.120s: %s", plan->directory.path,
                         strerror(-err));
    }
    /* A segment may be half empty where a large record did not fit. */
    plan->segment_max = found +
                        2 * (uint32_t)(plan->options.size_bytes_max / plan->options.segment_bytes) +
                        SEGMENT_SLACK;
    plan->pending_max = plan->options.staging_bytes_max / PENDING_BYTES;
    plan->pending_max = plan->pending_max < PENDING_MIN ? PENDING_MIN : plan->pending_max;
    return 0;
}

/* One block with everything but the ring, whose pages become resident as they are used. */
static int block_alloc(const struct plan *plan, struct queue **out)
{
    struct layout layout = {0};
    size_t path_bytes = strlen(plan->directory.path) + 1;
    (void)layout_add(&layout, 1, sizeof(struct queue), 64);
    size_t segments = layout_add(&layout, plan->segment_max, sizeof(struct segment), 8);
    size_t pendings = layout_add(&layout, plan->pending_max, sizeof(struct pending), 8);
    size_t held = layout_add(&layout, plan->options.held_max, sizeof(struct held), 8);
    size_t scratch = layout_add(&layout, 1, SEGMENT_SCRATCH_BYTES, 64);
    size_t path = layout_add(&layout, 1, path_bytes, 1);
    size_t block_bytes = 0;
    void *block = NULL;
    int err = layout_alloc(&layout, plan->options.budget, &block_bytes, &block);
    if (err != 0) {
        return err;
    }
    unsigned char *bytes = block;
    struct queue *queue = block;
    queue->block_bytes = block_bytes;
    queue->segments = (struct segment *)(void *)(bytes + segments);
    queue->pendings = (struct pending *)(void *)(bytes + pendings);
    queue->held = (struct held *)(void *)(bytes + held);
    queue->scratch = bytes + scratch;
    memcpy(bytes + path, plan->directory.path, path_bytes);
    queue->directory =
        (struct segment_directory){.io = plan->directory.io, .path = (char *)bytes + path};
    *out = queue;
    return 0;
}

static int queue_alloc(const struct plan *plan, struct slu_diag *diag, struct queue **out)
{
    struct queue *queue = NULL;
    struct slu_budget *budget = plan->options.budget;
    void *ring = NULL;
    int err = block_alloc(plan, &queue);
    if (err == 0) {
        err = slu_budget_alloc(budget, plan->options.staging_bytes_max, &ring);
        if (err != 0) {
            slu_budget_free(budget, queue, queue->block_bytes);
        }
    }
    if (err != 0) {
        return diag_fail(diag, err, "the queue in %.120s does not fit its budget",
                         plan->directory.path);
    }
    queue->ring = ring;
    *out = queue;
    return 0;
}

static void queue_init(struct queue *queue, const struct plan *plan)
{
    const struct queue_options *options = &plan->options;
    queue->budget = options->budget;
    queue->size_bytes_max = options->size_bytes_max;
    queue->segment_bytes = options->segment_bytes;
    queue->policy = options->policy;
    queue->sequence_min = options->sequence_min;
    queue->ring_bytes = options->staging_bytes_max;
    queue->pending_max = plan->pending_max;
    queue->segment_max = plan->segment_max;
    queue->held_max = options->held_max;
    queue->lock_fd = plan->lock_fd;
    queue->active_fd = -1;
    queue->read_fd = -1;
    queue->position.fd = -1;
    queue->sync_due_ns = UINT64_MAX;
    queue->position_due_ns = UINT64_MAX;
    mutex_init(&queue->position_lock);
    mutex_init(&queue->lock);
    mutex_init(&queue->read_lock);
    condition_init(&queue->commit_wanted);
    condition_init(&queue->idle);
}

static void fd_close(const struct queue *queue, int fd)
{
    if (fd >= 0) {
        queue->directory.io->close(queue->directory.io->context, fd);
    }
}

static void queue_free(struct queue *queue)
{
    fd_close(queue, queue->active_fd);
    fd_close(queue, queue->read_fd);
    fd_close(queue, queue->position.fd);
    fd_close(queue, queue->lock_fd);
    condition_deinit(&queue->idle);
    condition_deinit(&queue->commit_wanted);
    mutex_deinit(&queue->read_lock);
    mutex_deinit(&queue->lock);
    mutex_deinit(&queue->position_lock);
    slu_budget_free(queue->budget, queue->ring, queue->ring_bytes);
    slu_budget_free(queue->budget, queue, queue->block_bytes);
}

static void scope_ended(struct slu_scope *scope, void *arg)
{
    struct queue *queue = arg;
    (void)scope;
    mutex_lock(&queue->lock);
    queue->is_ending = true;
    condition_signal(&queue->commit_wanted);
    mutex_unlock(&queue->lock);
}

static int task_start(struct queue *queue, const struct queue_options *options,
                      struct slu_diag *diag)
{
    const struct slu_scope_options below = {.name = "queue",
                                            .budget = options->budget,
                                            .task_max = 1,
                                            .callback_max = 1,
                                            .task_stack_bytes = TASK_STACK_BYTES};
    int err = slu_scope_create(options->scope, &below, diag, &queue->task_scope);
    if (err != 0) {
        return err;
    }
    err = slu_scope_callback_add(queue->task_scope, scope_ended, queue, &queue->cancel_handle);
    if (err == 0) {
        err = slu_go(queue->task_scope, "queue", queue_commit_run, queue);
    }
    if (err != 0) {
        int closed = slu_scope_close(&queue->task_scope);
        SLU_ASSERT(closed == 0);
        return diag_fail(diag, err, "the queue's commit task cannot be started: %s",
                         strerror(-err));
    }
    return 0;
}

static int queue_begin(struct queue *queue, const struct plan *plan, struct slu_diag *diag)
{
    int err = position_file_open(&queue->directory, &queue->position);
    if (err != 0) {
        return diag_fail(diag, err, "the queue's directory %.120s: %s: %s", queue->directory.path,
                         POSITION_FILE_NAME, strerror(-err));
    }
    queue->has_position = queue->position.generation != 0;
    err = queue_recover(queue, diag);
    if (err == 0 && plan->options.scope != NULL) {
        err = task_start(queue, &plan->options, diag);
    }
    return err;
}

int queue_open(const struct queue_options *options, struct slu_diag *diag, struct queue **out)
{
    struct plan plan;
    struct queue *queue = NULL;
    int err = plan_make(options, diag, &plan);
    if (err != 0) {
        return err;
    }
    err = queue_alloc(&plan, diag, &queue);
    if (err != 0) {
        plan.directory.io->close(plan.directory.io->context, plan.lock_fd);
        return err;
    }
    queue_init(queue, &plan);
    err = queue_begin(queue, &plan, diag);
    if (err != 0) {
        queue_free(queue);
        return err;
    }
    *out = queue;
    return 0;
}

void queue_close(struct queue **queue_at)
{
    if (queue_at == NULL || *queue_at == NULL) {
        return;
    }
    struct queue *queue = *queue_at;
    *queue_at = NULL;
    mutex_lock(&queue->lock);
    queue->is_ending = true;
    queue->is_closing = true;
    queue_wake_consumers(queue);
    while (queue->consumer_count > 0) {
        (void)condition_wait_until(&queue->idle, &queue->lock, UINT64_MAX);
    }
    condition_signal(&queue->commit_wanted);
    mutex_unlock(&queue->lock);
    if (queue->task_scope != NULL) {
        int err = slu_scope_close(&queue->task_scope);
        SLU_ASSERT(err == 0);
    }
    queue_commit_last(queue);
    queue_free(queue);
}
