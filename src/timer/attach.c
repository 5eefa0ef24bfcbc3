#include "timer/attach.h"

#include <errno.h>

#include <sluice/scope.h>

#include "base/assert.h"
#include "scope/guest.h"
#include "timer/wheel.h"

#define INDEX_NONE UINT32_MAX
#define ATTACHMENT_KEPT                                                                            \
    (ATTACHMENT_BOUND | ATTACHMENT_IN_SCOPE | ATTACHMENT_RUNNING | ATTACHMENT_QUEUED)

void attachments_init(struct slu_wheel *wheel, struct attachment *slots, uint32_t max)
{
    struct attachments *attachments = &wheel->attachments;
    mutex_init(&attachments->lock);
    condition_init(&attachments->settled);
    attachments->slots = slots;
    attachments->max = max;
    attachments->first_free = max == 0 ? INDEX_NONE : 0;
    attachments->first_queued = INDEX_NONE;
    for (uint32_t i = 0; i < max; i++) {
        slots[i].wheel = wheel;
        slots[i].index = i;
        slots[i].next = i + 1 < max ? i + 1 : INDEX_NONE;
    }
}

/* Functions marked "locked" are called with the wheel's lock held, all others without it. */

/* Locked: free what nobody keeps any more. */
static void attachment_settle(struct attachments *attachments, struct attachment *attachment)
{
    if ((attachment->state & ATTACHMENT_KEPT) != 0) {
        return;
    }
    attachment->next = attachments->first_free;
    attachments->first_free = attachment->index;
    if (--attachments->count == 0) {
        condition_broadcast(&attachments->settled);
    }
}

/* Locked. */
static void attachment_queue(struct attachments *attachments, struct attachment *attachment)
{
    attachment->state |= ATTACHMENT_CANCELLED | ATTACHMENT_QUEUED;
    attachment->next = attachments->first_queued;
    attachments->first_queued = attachment->index;
    atomic_fetch_add_explicit(&attachments->queued_count, 1, memory_order_relaxed);
}

/* The scope's callback, on the thread that cancels it. */
static void attachment_cancel(struct slu_scope *scope, void *arg)
{
    (void)scope;
    struct attachment *attachment = arg;
    struct attachments *attachments = &attachment->wheel->attachments;
    mutex_lock(&attachments->lock);
    attachment->state &= ~(uint32_t)ATTACHMENT_IN_SCOPE;
    if ((attachment->state & ATTACHMENT_BOUND) != 0) {
        attachment_queue(attachments, attachment);
    }
    attachment_settle(attachments, attachment);
    mutex_unlock(&attachments->lock);
}

/* Locked: whether the timer may run, which is then a guest of its scope. */
static bool attachment_enter(struct attachment *attachment, struct scope_guest *guest)
{
    bool lives = (attachment->state & ATTACHMENT_CANCELLED) == 0 &&
                 scope_guest_enter(attachment->scope, "timer callback", guest) == 0;
    attachment->state |= lives ? ATTACHMENT_RUNNING : 0;
    return lives;
}

static void attached_run(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct attachment *attachment = arg;
    struct attachments *attachments = &wheel->attachments;
    struct scope_guest guest;
    mutex_lock(&attachments->lock);
    bool lives = attachment_enter(attachment, &guest);
    mutex_unlock(&attachments->lock);
    if (!lives) {
        return;
    }
    attachment->run(wheel, timer, now_ns, attachment->arg);
    scope_guest_leave(&guest);
    mutex_lock(&attachments->lock);
    attachment->state &= ~(uint32_t)ATTACHMENT_RUNNING;
    attachment_settle(attachments, attachment);
    mutex_unlock(&attachments->lock);
}

bool call_is_attached(const struct timer_call *call)
{
    return call->run == attached_run;
}

struct timer_call call_own(const struct timer_call *call)
{
    const struct attachment *attachment = call->arg;
    return call_is_attached(call) ? (struct timer_call){attachment->run, attachment->arg} : *call;
}

bool attached_is_cancelled(struct slu_wheel *wheel, const struct timer_call *call)
{
    const struct attachment *attachment = call->arg;
    mutex_lock(&wheel->attachments.lock);
    bool cancelled = (attachment->state & ATTACHMENT_CANCELLED) != 0;
    mutex_unlock(&wheel->attachments.lock);
    return cancelled;
}

/* Locked. */
static bool attachment_end(struct attachments *attachments, struct attachment *attachment)
{
    attachment->state &= ~(uint32_t)ATTACHMENT_BOUND;
    if ((attachment->state & ATTACHMENT_IN_SCOPE) != 0 &&
        scope_callback_try_remove(attachment->scope, attachment->callback) == 0) {
        attachment->state &= ~(uint32_t)ATTACHMENT_IN_SCOPE;
    }
    bool cancelled = (attachment->state & ATTACHMENT_CANCELLED) != 0;
    attachment_settle(attachments, attachment);
    return cancelled;
}

bool attached_end(struct slu_wheel *wheel, const struct timer_call *call)
{
    mutex_lock(&wheel->attachments.lock);
    bool cancelled = attachment_end(&wheel->attachments, call->arg);
    mutex_unlock(&wheel->attachments.lock);
    return cancelled;
}

/* Locked. */
static struct attachment *queue_take(struct attachments *attachments)
{
    if (attachments->first_queued == INDEX_NONE) {
        return NULL;
    }
    struct attachment *attachment = &attachments->slots[attachments->first_queued];
    attachments->first_queued = attachment->next;
    atomic_fetch_sub_explicit(&attachments->queued_count, 1, memory_order_relaxed);
    attachment->state &= ~(uint32_t)ATTACHMENT_QUEUED;
    return attachment;
}

bool attachments_reclaim(struct slu_wheel *wheel)
{
    struct attachments *attachments = &wheel->attachments;
    if (!attachments_are_queued(attachments)) {
        return false;
    }
    mutex_lock(&attachments->lock);
    struct attachment *attachment = queue_take(attachments);
    if (attachment != NULL && (attachment->state & ATTACHMENT_BOUND) != 0) {
        attachment->state &= ~(uint32_t)ATTACHMENT_BOUND;
        timer_give(wheel, attachment->timer);
    }
    if (attachment != NULL) {
        attachment_settle(attachments, attachment);
    }
    mutex_unlock(&attachments->lock);
    return attachment != NULL;
}

void attachments_deinit(struct slu_wheel *wheel)
{
    struct attachments *attachments = &wheel->attachments;
    mutex_lock(&attachments->lock);
    for (uint32_t i = 0; i < attachments->max && attachments->count > 0; i++) {
        if ((attachments->slots[i].state & ATTACHMENT_BOUND) != 0) {
            (void)attachment_end(attachments, &attachments->slots[i]); /* all timers are over */
        }
    }
    for (struct attachment *left = queue_take(attachments); left != NULL;
         left = queue_take(attachments)) {
        attachment_settle(attachments, left);
    }
    while (attachments->count > 0) {
        (void)condition_wait_until(&attachments->settled, &attachments->lock, SLU_SCOPE_NEVER);
    }
    mutex_unlock(&attachments->lock);
    condition_deinit(&attachments->settled);
    mutex_deinit(&attachments->lock);
}

/* Locked. */
static int attachment_begin(struct attachments *attachments, struct slu_scope *scope,
                            struct attachment **begun)
{
    if (attachments->first_free == INDEX_NONE) {
        attachments->refused_count++;
        return -EDQUOT;
    }
    struct attachment *attachment = &attachments->slots[attachments->first_free];
    int err = slu_scope_callback_add(scope, attachment_cancel, attachment, &attachment->callback);
    if (err != 0) {
        return err;
    }
    attachments->first_free = attachment->next;
    attachments->count++;
    attachment->scope = scope;
    attachment->state = ATTACHMENT_BOUND | ATTACHMENT_IN_SCOPE;
    *begun = attachment;
    return 0;
}

int slu_wheel_attach(struct slu_wheel *wheel, slu_timer_id id, struct slu_scope *scope)
{
    uint32_t timer = 0;
    if (!pool_find(&wheel->pool, id, &timer)) {
        return -ESTALE;
    }
    struct timer_call *call = timer_call(wheel, timer);
    if (call_is_attached(call)) {
        return attached_is_cancelled(wheel, call) ? -ESTALE : -EBUSY;
    }
    struct attachments *attachments = &wheel->attachments;
    (void)attachments_reclaim(wheel); /* or a full house may be one of the dead */
    struct attachment *attachment = NULL;
    mutex_lock(&attachments->lock);
    int err = attachment_begin(attachments, scope, &attachment);
    if (err == 0) {
        attachment->run = call->run;
        attachment->arg = call->arg;
        attachment->timer = timer;
        *call = (struct timer_call){attached_run, attachment};
    }
    mutex_unlock(&attachments->lock);
    return err;
}
