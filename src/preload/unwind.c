#include "preload/unwind.h"

#include "preload/unwind_module.h"
#include "preload/unwind_rule.h"
#include "preload/unwind_tables.h"

#define WORD_BYTES sizeof(uintptr_t)

/* The sanitizers keep marks between the variables of a stack, which a walk passes over. */
#define UNCHECKED __attribute__((no_sanitize("address", "thread"), always_inline)) static inline

struct walk {
    uintptr_t at; /* the address that the frame's rule is looked up for */
    uintptr_t sp; /* a multiple of 8; grows with each step, so that a walk ends */
    uintptr_t bp;
    uintptr_t low;
    uintptr_t high;
    uintptr_t shift; /* from an address of the stack to where its word is: 0, or to a copy */
    bool guessed;    /* `at` may be any number, or its module be unloaded meanwhile */
};

UNCHECKED uintptr_t load(uintptr_t address)
{
    return *(const volatile uintptr_t *)address;
}

UNCHECKED uintptr_t stack_word(const struct walk *walk, uintptr_t address)
{
    return load(address + walk->shift);
}

/* A whole word at an address that the walk has not passed yet. */
UNCHECKED bool is_ahead(const struct walk *walk, uintptr_t address)
{
    return address >= walk->sp && address <= walk->high - WORD_BYTES && address % WORD_BYTES == 0;
}

UNCHECKED bool step_frame_pointer(struct walk *walk)
{
    uintptr_t bp = walk->bp;
    if (!is_ahead(walk, bp) || bp > walk->high - 2 * WORD_BYTES) {
        return false;
    }
    walk->sp = bp + 2 * WORD_BYTES;
    walk->bp = stack_word(walk, bp);
    walk->at = stack_word(walk, bp + WORD_BYTES) - 1;
    return true;
}

/* To the caller whose sp is `cfa`; the return address lies below it. */
UNCHECKED bool step_to(struct walk *walk, uintptr_t cfa, unwind_rule rule)
{
    uintptr_t return_slot = cfa - WORD_BYTES;
    if (cfa == 0 || !is_ahead(walk, return_slot)) {
        return false;
    }
    uint32_t saved = rule_saved(rule);
    if (saved == RULE_BP_LOST) {
        walk->bp = 0;
    } else if (saved != 0) {
        uintptr_t slot = return_slot - saved * WORD_BYTES;
        bool is_far_below = slot < walk->sp && walk->sp - slot > UNWIND_RED_ZONE_BYTES;
        if (slot > return_slot || slot < walk->low || is_far_below) {
            return false;
        }
        walk->bp = stack_word(walk, slot);
    }
    walk->at = stack_word(walk, return_slot) - 1;
    walk->sp = cfa;
    return true;
}

UNCHECKED bool step_slot(struct walk *walk, unwind_rule rule)
{
    uintptr_t slot = walk->bp - rule_words(rule) * WORD_BYTES;
    if (!is_ahead(walk, slot) || !is_ahead(walk, walk->bp)) {
        return false;
    }
    uintptr_t bp = stack_word(walk, walk->bp);
    if (!step_to(walk, stack_word(walk, slot), RULE_MAKE(RULE_SLOT, 0, 0))) {
        return false;
    }
    walk->bp = bp;
    return true;
}

UNCHECKED bool step_signal(struct walk *walk)
{
    if (walk->high - walk->sp < RULE_SIGNAL_PC_BYTES + WORD_BYTES) {
        return false;
    }
    uintptr_t sp = stack_word(walk, walk->sp + RULE_SIGNAL_SP_BYTES);
    if (sp == walk->sp || !is_ahead(walk, sp)) {
        return false;
    }
    walk->at = stack_word(walk, walk->sp + RULE_SIGNAL_PC_BYTES);
    walk->bp = stack_word(walk, walk->sp + RULE_SIGNAL_BP_BYTES);
    walk->sp = sp;
    return true;
}

UNCHECKED bool step_special(struct walk *walk, unwind_rule rule)
{
    uintptr_t words = 0;
    switch (rule_words(rule)) {
    case RULE_INEXPRESSIBLE:
        return false;
    case RULE_SIGNAL:
        return step_signal(walk);
    case RULE_PLT:
        words = walk->at % 16 >= rule_saved(rule) ? 2 : 1;
        return step_to(walk, walk->sp + words * WORD_BYTES, RULE_MAKE(RULE_SP, 0, 0));
    default:
        walk->guessed = true;
        return step_frame_pointer(walk);
    }
}

UNCHECKED bool step(struct walk *walk, unwind_rule rule)
{
    uintptr_t bytes = rule_words(rule) * WORD_BYTES;
    switch (rule_kind(rule)) {
    case RULE_SP:
        return step_to(walk, walk->sp + bytes, rule);
    case RULE_BP:
        return step_to(walk, walk->bp + bytes, rule);
    case RULE_SLOT:
        return step_slot(walk, rule);
    default:
        return step_special(walk, rule);
    }
}

static bool is_permanent(const struct unwind_tables *tables, uintptr_t address)
{
    uint64_t count = atomic_load_explicit(&tables->permanent_count, memory_order_acquire);
    for (uint64_t i = 0; i < count; i++) {
        const struct stack_bounds *module = &tables->permanent[i];
        if (address - module->low < module->high - module->low) {
            return true;
        }
    }
    return false;
}

/*
 * The rule of an address that the table does not have. A module's tables are read only when it
 * cannot be unloaded meanwhile: because it has a frame on this stack, or because it never can.
 */
static __attribute__((noinline)) unwind_rule rule_find(struct unwind_tables *tables,
                                                       struct walk walk, uint64_t generation)
{
    if (walk.at + 1 == 0 || walk.at >> TABLE_ADDRESS_BITS != 0) {
        return RULE_MAKE(RULE_SPECIAL, 0, RULE_NO_CODE);
    }
    unwind_rule rule = RULE_MAKE(RULE_SPECIAL, 0, RULE_UNKNOWN);
    if ((!walk.guessed || is_permanent(tables, walk.at)) &&
        unwind_module_rule(walk.at, &rule) == 0) {
        atomic_store_explicit(&tables->slots[table_slot(walk.at)],
                              table_word(walk.at, generation) + rule, memory_order_relaxed);
        atomic_fetch_add_explicit(&tables->rules_compiled, 1, memory_order_relaxed);
    }
    if (rule == RULE_MAKE(RULE_SPECIAL, 0, RULE_UNKNOWN)) {
        atomic_fetch_add_explicit(&tables->pcs_unknown, 1, memory_order_relaxed);
    }
    return rule;
}

static bool is_outermost(unwind_rule rule)
{
    return rule == RULE_MAKE(RULE_SPECIAL, 0, RULE_OUTERMOST);
}

/* The rule and the generation of the frame; a larger number if the table does not have it. */
UNCHECKED uint64_t entry_of(const struct unwind_tables *tables, uintptr_t at)
{
    uint64_t word = atomic_load_explicit(&tables->slots[table_slot(at)], memory_order_relaxed);
    return word - table_word(at, 0);
}

/*
 * Frames that keep a frame pointer, from walk->at on. This loop is what most frames cost: it holds
 * everything in registers, and nothing of it but the load of the next bp waits for that load.
 */
UNCHECKED size_t walk_frame_pointers(const struct unwind_tables *tables, struct walk *walk,
                                     uint64_t generation, uintptr_t *pcs, size_t pcs_max)
{
    const uint64_t wanted = table_word(0, generation) + RULE_FRAME_POINTER;
    const uintptr_t bp_max = walk->high - 2 * WORD_BYTES;
    const uintptr_t shift = walk->shift;
    uintptr_t at = walk->at;
    uintptr_t bp_min = walk->sp;
    uintptr_t bp = walk->bp;
    size_t count = 0;
    while (count < pcs_max && bp >= bp_min) {
        if (entry_of(tables, at) != wanted || bp > bp_max) {
            break;
        }
        pcs[count++] = at;
        bp_min = bp + 2 * WORD_BYTES;
        at = load(bp + WORD_BYTES + shift) - 1;
        bp = load(bp + shift);
    }
    walk->at = at;
    walk->sp = bp_min;
    walk->bp = bp;
    return count;
}

UNCHECKED size_t capture(struct unwind_tables *tables, const struct unwind_frame *start,
                         const struct stack_bounds *bounds, uintptr_t shift, bool guessed,
                         uintptr_t *pcs, size_t pcs_max, enum unwind_end *end)
{
    uint64_t generation = atomic_load_explicit(&tables->generation, memory_order_relaxed);
    struct walk walk = {
        .at = start->pc - !start->interrupted,
        .sp = start->sp,
        .bp = start->bp,
        .low = bounds->low,
        .high = bounds->high & ~(WORD_BYTES - 1),
        .shift = shift,
        .guessed = guessed,
    };
    if (walk.sp < bounds->low || walk.sp >= walk.high || walk.sp % WORD_BYTES != 0 ||
        walk.high < 2 * WORD_BYTES) {
        walk.low = walk.high = walk.sp = 2 * WORD_BYTES; /* nothing is ahead */
    }
    enum unwind_end why = UNWIND_END_TRUNCATED;
    size_t count = 0;
    while (count < pcs_max) {
        count += walk_frame_pointers(tables, &walk, generation, pcs + count, pcs_max - count);
        if (count == pcs_max) {
            break;
        }
        uint64_t found = entry_of(tables, walk.at) - table_word(0, generation);
        unwind_rule rule =
            found >> RULE_BITS == 0 ? (unwind_rule)found : rule_find(tables, walk, generation);
        if (rule == RULE_MAKE(RULE_SPECIAL, 0, RULE_NO_CODE)) {
            why = walk.at + 1 == 0 ? UNWIND_END_OUTERMOST : UNWIND_END_LOST;
            break;
        }
        pcs[count++] = walk.at;
        if (is_outermost(rule) || !step(&walk, rule)) {
            why = is_outermost(rule) ? UNWIND_END_OUTERMOST : UNWIND_END_LOST;
            break;
        }
    }
    if (end != NULL) {
        *end = why;
    }
    return count;
}

size_t unwind_capture(struct unwind_tables *tables, const struct unwind_frame *start,
                      const struct stack_bounds *bounds, uintptr_t *pcs, size_t pcs_max,
                      enum unwind_end *end)
{
    return capture(tables, start, bounds, 0, false, pcs, pcs_max, end);
}

size_t unwind_capture_copy(struct unwind_tables *tables, const struct unwind_frame *start,
                           const struct unwind_copy *copy, uintptr_t *pcs, size_t pcs_max,
                           enum unwind_end *end)
{
    struct stack_bounds bounds = {.low = copy->low, .high = copy->low + copy->len};
    uintptr_t shift = (uintptr_t)copy->bytes - copy->low;
    return capture(tables, start, &bounds, shift, !copy->is_held, pcs, pcs_max, end);
}

void unwind_stats(const struct unwind_tables *tables, struct unwind_stats *stats)
{
    *stats = (struct unwind_stats){
        .rules_compiled = atomic_load_explicit(&tables->rules_compiled, memory_order_relaxed),
        .pcs_unknown = atomic_load_explicit(&tables->pcs_unknown, memory_order_relaxed),
        .generation = atomic_load_explicit(&tables->generation, memory_order_relaxed),
    };
}

struct unwind_frame unwind_interrupted(const ucontext_t *context)
{
    const mcontext_t *registers = &context->uc_mcontext;
#ifdef __x86_64__
    return (struct unwind_frame){
        .pc = (uintptr_t)registers->gregs[REG_RIP],
        .sp = (uintptr_t)registers->gregs[REG_RSP],
        .bp = (uintptr_t)registers->gregs[REG_RBP],
        .interrupted = true,
    };
#else
    return (struct unwind_frame){
        .pc = (uintptr_t)registers->pc,
        .sp = (uintptr_t)registers->sp,
        .bp = (uintptr_t)registers->regs[29],
        .interrupted = true,
    };
#endif
}
