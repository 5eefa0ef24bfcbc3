/*
 * Tasks: a slot in the scope's block while they run, a stack that is charged until they are joined.
 *
 * A thread cannot give back the stack that it stands on, so somebody else has to. The slot is free
 * as soon as the task's function has returned; the thread itself moves to `ended`, and joins the
 * one that was there before. So at most one stack of a scope waits for slu_go or the close, and
 * joining that one thread means that all earlier ones have been joined, too.
 */
#include <sluice/scope.h>

#include <errno.h>
#include <stdatomic.h>

#include "scope/tree.h"

size_t slu_task_reserved_bytes(size_t task_stack_bytes)
{
    return thread_reserved_bytes(task_stack_bytes);
}

void tasks_init(struct slu_scope *scope, struct scope_task *slots,
                const struct slu_scope_options *options)
{
    struct scope_tasks *tasks = &scope->tasks;
    tasks->slots = slots;
    tasks->max = options->task_max;
    tasks->reserved_bytes =
        tasks->max == 0 ? 0 : slu_task_reserved_bytes(options->task_stack_bytes);
    tasks->first_free = tasks->max == 0 ? SLOT_NONE : 0;
    for (uint32_t i = 0; i < tasks->max; i++) {
        slots[i].scope = scope;
        slots[i].next_free = i + 1 < tasks->max ? i + 1 : SLOT_NONE;
    }
}

/* Locked. */
static struct scope_task *slot_take(struct scope_tasks *tasks)
{
    struct scope_task *task = &tasks->slots[tasks->first_free];
    tasks->first_free = task->next_free;
    task->in_use = true;
    atomic_store_explicit(&task->thread.id, 0, memory_order_relaxed);
    tasks->count++;
    tasks->high = tasks->count > tasks->high ? tasks->count : tasks->high;
    scope_busy_enter(task->scope);
    return task;
}

/* Locked; the scope may be gone when the lock is released. */
static void slot_return(struct scope_tasks *tasks, struct scope_task *task)
{
    task->in_use = false;
    task->next_free = tasks->first_free;
    tasks->first_free = (uint32_t)(task - tasks->slots);
    tasks->count--;
    scope_busy_leave(task->scope);
}

/* Locked: hand `next` in, and the thread that was there before out. */
static struct thread ended_swap(struct scope_tasks *tasks, struct thread next)
{
    struct thread previous = tasks->ended;
    tasks->ended = next;
    return previous;
}

static void ended_join(const struct thread *ended, struct slu_budget *budget)
{
    if (atomic_load_explicit(&ended->id, memory_order_relaxed) != 0) {
        thread_join(ended);
        slu_budget_release(budget, ended->reserved_bytes);
    }
}

void task_collect_ended(struct slu_scope *scope)
{
    mutex_lock(&scope->tree->lock);
    struct thread ended = ended_swap(&scope->tasks, (struct thread){0});
    mutex_unlock(&scope->tree->lock);
    ended_join(&ended, scope->budget);
}

static void *task_main(void *arg)
{
    struct scope_task *task = arg;
    struct slu_scope *scope = task->scope;
    thread_begin(&task->thread, task->name);
    task->run(scope, task->arg);

    struct scope_tree *tree = scope->tree;
    struct slu_budget *budget = scope->budget;
    mutex_lock(&tree->lock);
    struct thread previous = ended_swap(&scope->tasks, task->thread);
    slot_return(&scope->tasks, task);
    mutex_unlock(&tree->lock);
    ended_join(&previous, budget);
    return NULL;
}

static int task_reserve(struct slu_scope *scope, struct scope_task **task, struct thread *ended)
{
    struct scope_tasks *tasks = &scope->tasks;
    int err = slu_scope_error(scope);
    if (err != 0) {
        return err;
    }
    if (tasks->first_free == SLOT_NONE) {
        tasks->refused_count++;
        return -EDQUOT;
    }
    *task = slot_take(tasks);
    *ended = ended_swap(tasks, (struct thread){0});
    return 0;
}

static int task_start(struct scope_task *task)
{
    struct slu_budget *budget = task->scope->budget;
    size_t reserved_bytes = task->scope->tasks.reserved_bytes;
    int err = slu_budget_charge(budget, reserved_bytes);
    if (err != 0) {
        return err;
    }
    err = thread_start(&task->thread, reserved_bytes, task_main, task);
    if (err != 0) {
        slu_budget_release(budget, reserved_bytes);
    }
    return err;
}

int slu_go(struct slu_scope *scope, const char *name, slu_scope_fn *run, void *arg)
{
    if (run == NULL) {
        return -EINVAL;
    }
    struct scope_task *task = NULL;
    struct thread ended = {0};
    mutex_lock(&scope->tree->lock);
    int err = task_reserve(scope, &task, &ended);
    mutex_unlock(&scope->tree->lock);
    if (err != 0) {
        return err;
    }
    ended_join(&ended, scope->budget);
    task->run = run;
    task->arg = arg;
    name_copy(task->name, name == NULL ? scope->name : name);
    err = task_start(task); /* from success on, the task may have ended, and the scope with it */
    if (err != 0) {
        struct scope_tree *tree = scope->tree;
        mutex_lock(&tree->lock);
        scope->tasks.refused_count += err == -EDQUOT;
        slot_return(&scope->tasks, task);
        mutex_unlock(&tree->lock);
    }
    return err;
}
