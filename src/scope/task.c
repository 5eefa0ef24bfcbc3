/*
 * Tasks: a slot in the scope's block while they run, a stack that is charged until they are joined.
 *
 * A thread cannot give back the stack that it stands on, so somebody else has to. The slot is free
 * as soon as the task's function has returned; the thread itself moves to `ended`, and joins the
 * one that was there before. So at most one stack of a scope waits, and joining that one thread
 * means that all earlier ones have been joined, too. slu_go takes the waiting stack for its own
 * task.
 *
 * Once a close has begun there will be no further task, and the threads stay in their slots for the
 * close to join: unmapping all stacks at once, when the threads are gone, costs half as much as
 * unmapping each while others start and end.
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
    tasks->first_left = SLOT_NONE;
    tasks->first_free = tasks->max == 0 ? SLOT_NONE : 0;
    for (uint32_t i = 0; i < tasks->max; i++) {
        slots[i].scope = scope;
        slots[i].next = i + 1 < tasks->max ? i + 1 : SLOT_NONE;
    }
}

/* Locked. */
static struct scope_task *slot_take(struct scope_tasks *tasks)
{
    struct scope_task *task = &tasks->slots[tasks->first_free];
    tasks->first_free = task->next;
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
    task->next = tasks->first_free;
    tasks->first_free = (uint32_t)(task - tasks->slots);
    tasks->count--;
    scope_busy_leave(task->scope);
}

/* Locked: the same for a task whose slot nobody will use again. */
static void slot_leave(struct scope_tasks *tasks, struct scope_task *task)
{
    task->in_use = false;
    task->next = tasks->first_left;
    tasks->first_left = (uint32_t)(task - tasks->slots);
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

static bool is_there(const struct thread *thread)
{
    return atomic_load_explicit(&thread->id, memory_order_relaxed) != 0;
}

static void stack_return(const struct thread_stack *stack, struct slu_budget *budget)
{
    thread_stack_unmap(stack);
    slu_budget_release(budget, stack->reserved_bytes);
}

static void *task_main(void *arg)
{
    struct scope_task *task = arg;
    struct slu_scope *scope = task->scope;
    thread_begin(&task->thread, task->name);
    task->run(scope, task->arg);

    struct scope_tree *tree = scope->tree;
    struct slu_budget *budget = scope->budget;
    struct thread previous = {0};
    mutex_lock(&tree->lock);
    if (scope->tasks.closing) {
        slot_leave(&scope->tasks, task);
    } else {
        previous = ended_swap(&scope->tasks, task->thread);
        slot_return(&scope->tasks, task);
    }
    mutex_unlock(&tree->lock);
    if (is_there(&previous)) {
        thread_join(&previous);
        stack_return(&previous.stack, budget);
    }
    return NULL;
}

/* No lock: the close that calls this has seen under the lock that all of them have ended. */
void tasks_collect(struct slu_scope *scope)
{
    struct scope_tasks *tasks = &scope->tasks;
    if (is_there(&tasks->ended)) {
        thread_join(&tasks->ended);
        stack_return(&tasks->ended.stack, scope->budget);
    }
    for (uint32_t i = tasks->first_left; i != SLOT_NONE; i = tasks->slots[i].next) {
        thread_join(&tasks->slots[i].thread);
    }
    for (uint32_t i = tasks->first_left; i != SLOT_NONE; i = tasks->slots[i].next) {
        stack_return(&tasks->slots[i].thread.stack, scope->budget);
    }
}

static int task_reserve(struct slu_scope *scope, struct scope_task **task, struct thread *ended)
{
    struct scope_tasks *tasks = &scope->tasks;
    int err = scope_error(scope);
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

/* The stack of a thread that has ended, charged already, or a new one. */
static int stack_take(struct slu_scope *scope, const struct thread *ended,
                      struct thread_stack *stack)
{
    if (is_there(ended)) {
        thread_join(ended);
        *stack = ended->stack;
        return 0;
    }
    size_t reserved_bytes = scope->tasks.reserved_bytes;
    int err = slu_budget_charge(scope->budget, reserved_bytes);
    if (err != 0) {
        return err;
    }
    err = thread_stack_map(reserved_bytes, stack);
    if (err != 0) {
        slu_budget_release(scope->budget, reserved_bytes);
    }
    return err;
}

/* From success on, the task may have ended, and the scope with it. */
static int task_start(struct scope_task *task, const struct thread *ended)
{
    struct slu_scope *scope = task->scope;
    int err = stack_take(scope, ended, &task->thread.stack);
    if (err != 0) {
        return err;
    }
    err = thread_start(&task->thread, task_main, task);
    if (err != 0) {
        stack_return(&task->thread.stack, scope->budget);
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
    task->run = run;
    task->arg = arg;
    name_copy(task->name, name == NULL ? scope->name : name);
    err = task_start(task, &ended);
    if (err != 0) {
        struct scope_tree *tree = scope->tree;
        mutex_lock(&tree->lock);
        scope->tasks.refused_count += err == -EDQUOT;
        slot_return(&scope->tasks, task);
        mutex_unlock(&tree->lock);
    }
    return err;
}
