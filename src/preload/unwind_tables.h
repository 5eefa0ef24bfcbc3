/*
 * The rules found so far: a direct-mapped table of 64-bit words that are read and written whole, so
 * that hooks share it without a lock. An address has 47 bits, of which the lower 13 are the slot.
 * The word is the sum of the address, moved to the top of it, and
 *
 *   bits 22-29   the generation
 *   bits 0-21    the rule
 *
 * so that subtracting the address leaves these 30 bits, or a larger number for any other address of
 * the slot. A new generation invalidates all words at once. A look-up that was overtaken by 256
 * generations between its reading and its writing could leave a wrong rule: a wrong stack then,
 * never a fault.
 */
#ifndef PRELOAD_UNWIND_TABLES_H
#define PRELOAD_UNWIND_TABLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/unwind.h"
#include "preload/unwind_rule.h"

#define TABLE_SLOT_BITS     13
#define TABLE_SLOTS         ((size_t)1 << TABLE_SLOT_BITS)
#define TABLE_ADDRESS_BITS  47 /* what a program on x86-64 has without asking for more */
#define TABLE_GENERATIONS   256
#define TABLE_PERMANENT_MAX 126

struct unwind_tables {
    _Atomic uint64_t slots[TABLE_SLOTS];
    _Atomic uint64_t generation;
    _Atomic uint64_t unloaded_count; /* modules, as the dynamic loader counts them */
    _Atomic uint64_t rules_compiled;
    _Atomic uint64_t pcs_unknown;
    struct stack_bounds main_stack;
    uintptr_t main_thread; /* its pthread_self; 0 if the tables were made in another */
    uintptr_t page_bytes;
    bool can_probe;                   /* unwind_page_is_readable tells the truth here */
    _Atomic uint64_t permanent_count; /* released when the bounds below are there */
    struct stack_bounds permanent[TABLE_PERMANENT_MAX];
};

_Static_assert(64 - RULE_BITS - 8 == TABLE_ADDRESS_BITS - TABLE_SLOT_BITS, "bits of a word");

/* Whether a load from the page would not fault. errno is kept. */
bool unwind_page_is_readable(uintptr_t address);

static inline size_t table_slot(uintptr_t address)
{
    return address % TABLE_SLOTS;
}

/* The word of an address but for its rule. */
static inline uint64_t table_word(uintptr_t address, uint64_t generation)
{
    return ((uint64_t)address << (64 - TABLE_ADDRESS_BITS)) +
           (generation % TABLE_GENERATIONS << RULE_BITS);
}

#endif
