#include "profile/stack_table.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

#define NO_ROOM UINT32_MAX

/* A stack that is being added: not yet reserved, or a record that no slot names yet. */
struct addition {
    const uint64_t *pcs;
    uint32_t count;
    uint32_t tag;
    uint32_t number; /* NO_ROOM until it is reserved */
    uint32_t pcs_start;
};

/* At most half of the slots are ever used. */
static uint32_t slot_count(uint32_t stacks_max)
{
    uint32_t count = 2;
    while (count / 2 < stacks_max) {
        count *= 2;
    }
    return count;
}

void stack_table_plan(struct layout *layout, uint32_t stacks_max, uint32_t pcs_max,
                      struct stack_table_plan *plan)
{
    plan->slots = layout_add(layout, slot_count(stacks_max), sizeof(_Atomic uint32_t), 64);
    /* One more for STACK_TABLE_FULL. */
    plan->stacks = layout_add(layout, (size_t)stacks_max + 1, sizeof(struct stack), 64);
    plan->pcs = layout_add(layout, pcs_max, sizeof(uint64_t), 64);
}

void stack_table_init(struct stack_table *table, char *block, const struct stack_table_plan *plan,
                      uint32_t stacks_max, uint32_t pcs_max)
{
    table->slots = (void *)(block + plan->slots);
    table->stacks = (void *)(block + plan->stacks);
    table->pcs = (void *)(block + plan->pcs);
    table->slot_mask = slot_count(stacks_max) - 1;
    table->stacks_max = stacks_max + 1;
    table->pcs_max = pcs_max;
    atomic_store_explicit(&table->stack_count, 1, memory_order_relaxed);
}

/* Take `count` of what `used` counts. Acquires what a loser of a race gave back. */
static uint32_t take(_Atomic uint32_t *used, uint32_t count, uint32_t max)
{
    uint32_t start = atomic_load_explicit(used, memory_order_relaxed);
    do {
        if (count > max - start) {
            return NO_ROOM;
        }
    } while (!atomic_compare_exchange_weak_explicit(used, &start, start + count,
                                                    memory_order_acquire, memory_order_relaxed));
    return start;
}

/* Possible as long as nobody has taken more since. */
static bool give_back(_Atomic uint32_t *used, uint32_t start, uint32_t count)
{
    uint32_t end = start + count;
    return atomic_compare_exchange_strong_explicit(used, &end, start, memory_order_release,
                                                   memory_order_relaxed);
}

static bool reserve(struct stack_table *table, struct addition *addition)
{
    uint32_t number = take(&table->stack_count, 1, table->stacks_max);
    if (number == NO_ROOM) {
        return false;
    }
    uint32_t start = take(&table->pcs_used, addition->count, table->pcs_max);
    if (start == NO_ROOM) {
        (void)give_back(&table->stack_count, number, 1); /* else it stays unused */
        return false;
    }
    struct stack *stack = &table->stacks[number];
    stack->pcs_start = start;
    stack->frame_count = addition->count;
    stack->tag = addition->tag;
    if (addition->count > 0) {
        memcpy(table->pcs + start, addition->pcs, addition->count * sizeof(uint64_t));
    }
    addition->pcs_start = start;
    addition->number = number;
    return true;
}

/* Another thread added the same stack first. */
static void release(struct stack_table *table, const struct addition *addition)
{
    if (addition->number == NO_ROOM) {
        return;
    }
    bool whole = give_back(&table->pcs_used, addition->pcs_start, addition->count);
    whole &= give_back(&table->stack_count, addition->number, 1);
    if (!whole) {
        atomic_fetch_add_explicit(&table->unused, 1, memory_order_relaxed);
    }
}

/* Relaxed: stack_table_move_code may change an address meanwhile, and then no stack is the same. */
static bool is_same_pcs(const uint64_t *known, const uint64_t *pcs, uint32_t count)
{
    uint64_t difference = 0;
    for (uint32_t i = 0; i < count; i++) {
        difference |= __atomic_load_n(&known[i], __ATOMIC_RELAXED) ^ pcs[i];
    }
    return difference == 0;
}

static bool is_same(const struct stack_table *table, uint32_t number,
                    const struct addition *addition)
{
    const struct stack *stack = &table->stacks[number];
    return stack->tag == addition->tag && stack->frame_count == addition->count &&
           is_same_pcs(table->pcs + stack->pcs_start, addition->pcs, addition->count);
}

/* Publish the addition in an empty slot; if another came first, `*next` is what it put there. */
static bool publish(_Atomic uint32_t *slot, const struct addition *addition, uint32_t *next)
{
    *next = 0;
    /* Release: whoever finds the number in the slot sees the record. */
    return atomic_compare_exchange_strong_explicit(slot, next, addition->number + 1,
                                                   memory_order_release, memory_order_acquire);
}

uint32_t stack_table_find_or_add(struct stack_table *table, const uint64_t *pcs, uint32_t count)
{
    uint64_t hash = hash_bytes((struct slu_bytes){pcs, count * sizeof(*pcs)}, 0);
    struct addition addition = {
        .pcs = pcs, .count = count, .tag = (uint32_t)(hash >> 32), .number = NO_ROOM};
    for (uint32_t probe = 0; probe < STACK_TABLE_PROBES; probe++) {
        _Atomic uint32_t *slot = &table->slots[((uint32_t)hash + probe) & table->slot_mask];
        uint32_t next = atomic_load_explicit(slot, memory_order_acquire);
        if (next == 0) {
            if (addition.number == NO_ROOM && !reserve(table, &addition)) {
                return STACK_TABLE_FULL;
            }
            if (publish(slot, &addition, &next)) {
                return addition.number;
            }
        }
        if (is_same(table, next - 1, &addition)) {
            release(table, &addition);
            return next - 1;
        }
    }
    release(table, &addition);
    return STACK_TABLE_FULL;
}

/* A return address belongs to the code of the call before it. */
static void stack_move_code(uint64_t *pcs, uint32_t count, const struct stack_code_move *move)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pcs[i] > move->start && pcs[i] <= move->limit) {
            __atomic_store_n(&pcs[i], pcs[i] - move->start + move->to, __ATOMIC_RELAXED);
        }
    }
}

void stack_table_move_code(struct stack_table *table, const struct stack_code_move *move)
{
    for (uint32_t slot = 0; slot <= table->slot_mask; slot++) {
        uint32_t number = stack_table_in_slot(table, slot);
        if (number != 0 && number < move->stack_end) {
            const struct stack *stack = &table->stacks[number];
            stack_move_code(table->pcs + stack->pcs_start, stack->frame_count, move);
        }
    }
}

/* Frees are counted after the allocation that they undo, and read before it. */
void stack_count_alloc(struct stack *stack, uint64_t objects, uint64_t bytes)
{
    atomic_fetch_add_explicit(&stack->alloc_objects, objects, memory_order_relaxed);
    atomic_fetch_add_explicit(&stack->alloc_bytes, bytes, memory_order_relaxed);
}

void stack_count_free(struct stack *stack, uint64_t objects, uint64_t bytes)
{
    atomic_fetch_add_explicit(&stack->free_objects, objects, memory_order_release);
    atomic_fetch_add_explicit(&stack->free_bytes, bytes, memory_order_release);
}

struct stack_counts stack_counts_read(const struct stack *stack)
{
    struct stack_counts counts;
    counts.free_bytes = atomic_load_explicit(&stack->free_bytes, memory_order_acquire);
    counts.free_objects = atomic_load_explicit(&stack->free_objects, memory_order_acquire);
    counts.alloc_bytes = atomic_load_explicit(&stack->alloc_bytes, memory_order_relaxed);
    counts.alloc_objects = atomic_load_explicit(&stack->alloc_objects, memory_order_relaxed);
    return counts;
}
