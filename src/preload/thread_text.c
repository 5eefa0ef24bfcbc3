#include "preload/thread_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/sink.h"
#include "preload/blocking_call.h"
#include "preload/thread_stacks.h"
#include "profile/pprof_places.h"
#include "profile/profile.h"

static const char *activity_of(const struct thread_stack *stack)
{
    switch (stack->state.letter) {
    case 'R':
        return "running";
    case 'S':
        return "sleeping";
    case 'D':
        return "sleeping undisturbed";
    case 'T':
        return "stopped";
    case 'I':
        return "idle";
    default:
        return stack->state.letter == 't' ? "traced" : "ending";
    }
}

static const char *loss_of(const struct thread_stack *stack)
{
    switch (stack->err) {
    case -EPERM:
        return "may not be stopped: traced by a debugger, or forbidden here";
    case -ETIMEDOUT:
        return "did not answer in time";
    default:
        return "could not be stopped";
    }
}

void thread_state_text(const struct thread_stack *stack, char text[THREAD_TEXT_BYTES])
{
    struct sink sink;
    const struct thread_state *state = &stack->state;
    sink_init_fixed(&sink, text, THREAD_TEXT_BYTES);
    if (stack->answer == THREAD_ASKING) {
        sink_text(&sink, "running; serves this page while it allocates");
        return;
    }
    sink_text(&sink, activity_of(stack));
    if (state->is_blocked && state->block.call >= 0) {
        const char *name = blocking_call_name(state->block.call);
        sink_text(&sink, " in ");
        if (name != NULL) {
            sink_text(&sink, name);
        } else {
            sink_format(&sink, "call %lld", (long long)state->block.call);
        }
    }
    if (stack->answer == THREAD_UNANSWERED) {
        sink_text(&sink, "; ");
        sink_text(&sink, loss_of(stack));
    } else if (stack->answer == THREAD_LEFT_ALONE && stack->end == UNWIND_END_LOST) {
        sink_text(&sink, "; not disturbed: callers are missing");
    }
}

/* On one line, whatever it is. */
static void put_name(struct sink *sink, const struct thread_stack *stack)
{
    sink_char(sink, '"');
    for (const char *at = stack->state.name; *at != '\0'; at++) {
        sink_char(sink, (unsigned char)*at < ' ' || *at == '"' ? '?' : *at);
    }
    sink_char(sink, '"');
}

static void put_frames(struct sink *sink, const struct thread_stack *stack,
                       const struct thread_places *places, const char *indent)
{
    for (uint32_t i = 0; i < stack->pc_count; i++) {
        uintptr_t pc = stack->pcs[i];
        uint32_t number = profile_mapping_of(places->mappings, places->count, pc);
        sink_format(sink, "%s0x%zx", indent, pc);
        if (number > 0) {
            const struct profile_mapping *mapping = &places->mappings[number - 1];
            sink_char(sink, '\t');
            sink_put(sink, mapping->file.data, mapping->file.len);
            sink_format(sink, "+0x%zx", (size_t)(pc - mapping->start + mapping->file_offset));
        }
        sink_char(sink, '\n');
    }
}

/* By their frames, and those with the same by their numbers. */
static int stacks_compare(const struct thread_stack *left, const struct thread_stack *right)
{
    if (left->pc_count != right->pc_count) {
        return left->pc_count < right->pc_count ? -1 : 1;
    }
    for (uint32_t i = 0; i < left->pc_count; i++) {
        if (left->pcs[i] != right->pcs[i]) {
            return left->pcs[i] < right->pcs[i] ? -1 : 1;
        }
    }
    return (left->id > right->id) - (left->id < right->id);
}

static bool have_same_frames(const struct thread_stack *left, const struct thread_stack *right)
{
    return left->pc_count == right->pc_count &&
           (left->pc_count == 0 ||
            memcmp(left->pcs, right->pcs, left->pc_count * sizeof(left->pcs[0])) == 0);
}

static void swap(struct thread_stack *left, struct thread_stack *right)
{
    struct thread_stack kept = *left;
    *left = *right;
    *right = kept;
}

/* Let the row at `at` sink in the heap whose largest is on top. */
static void sift(struct thread_stack *table, uint32_t at, uint32_t count)
{
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && stacks_compare(&table[child], &table[child + 1]) < 0) {
            child++;
        }
        if (stacks_compare(&table[at], &table[child]) >= 0) {
            return;
        }
        swap(&table[at], &table[child]);
        at = child;
    }
}

/* Leave out what is not shown, and sort. libc's qsort may allocate. */
static void table_sort(struct thread_stacks *stacks)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < stacks->count; i++) {
        if (thread_is_shown(&stacks->table[i])) {
            stacks->table[count++] = stacks->table[i];
        }
    }
    stacks->count = count;
    for (uint32_t at = count / 2; at > 0; at--) {
        sift(stacks->table, at - 1, count);
    }
    for (uint32_t end = count; end > 1; end--) {
        swap(&stacks->table[0], &stacks->table[end - 1]);
        sift(stacks->table, 0, end - 1);
    }
}

/* How many from `first` on have its frames, of those sorted. */
static uint32_t group_len(const struct thread_stacks *stacks, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < stacks->count && have_same_frames(&stacks->table[first], &stacks->table[end])) {
        end++;
    }
    return end - first;
}

/* Readers take one off each address. */
static void put_group(struct sink *sink, const struct thread_stack *members, uint32_t count,
                      const struct thread_places *places)
{
    sink_format(sink, "%u @", count);
    for (uint32_t i = 0; i < members[0].pc_count; i++) {
        sink_format(sink, " 0x%zx", members[0].pcs[i] + 1);
    }
    sink_text(sink, members[0].pc_count == 0 ? " 0x1\n" : "\n");
    put_frames(sink, &members[0], places, "#\t");
    for (uint32_t i = 0; i < count; i++) {
        char state[THREAD_TEXT_BYTES];
        thread_state_text(&members[i], state);
        sink_format(sink, "# thread %d ", (int)members[i].id);
        put_name(sink, &members[i]);
        sink_format(sink, ": %s\n", state);
    }
    sink_char(sink, '\n');
}

void threads_write_grouped(struct thread_stacks *stacks, const struct thread_places *places,
                           struct sink *sink)
{
    table_sort(stacks);
    sink_format(sink, "threads profile: total %u\n", stacks->count + stacks->more);
    uint32_t len = 0;
    for (uint32_t first = 0; first < stacks->count; first += len) {
        len = group_len(stacks, first);
        put_group(sink, &stacks->table[first], len, places);
    }
    sink_text(sink, "--- Memory map: ---\n");
    profile_write_mappings(places->mappings, places->count, sink);
}

void threads_write_each(const struct thread_stacks *stacks, const struct thread_places *places,
                        struct sink *sink)
{
    for (uint32_t i = 0; i < stacks->count; i++) {
        const struct thread_stack *stack = &stacks->table[i];
        if (thread_is_shown(stack)) {
            char state[THREAD_TEXT_BYTES];
            thread_state_text(stack, state);
            sink_format(sink, "thread %d ", (int)stack->id);
            put_name(sink, stack);
            sink_format(sink, " [%s]:\n", state);
            put_frames(sink, stack, places, "  ");
            sink_char(sink, '\n');
        }
    }
    if (stacks->more > 0) {
        sink_format(sink, "%u more threads\n", stacks->more);
    }
}
