/*
 * Property: whatever stands in a module's unwind tables, a look-up reads nothing beside them and
 * answers with a rule; whatever stands on a stack, and whatever the rules are, a walk reads nothing
 * outside the stack's bounds, ends, and goes only outwards.
 *
 * The first byte chooses: bytes as they are for the tables, a well-formed function whose
 * instructions are the bytes, or a stack with rules for what looks like addresses on it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "preload/unwind_cfi.h"
#include "preload/unwind_tables.h"

#define STACK_BYTES   4096
#define PCS_MAX       64
#define ADDRESSES_MAX 256

static void check_rule(unwind_rule rule)
{
    SLU_ASSERT(rule >> RULE_BITS == 0);
    SLU_ASSERT(rule_kind(rule) != RULE_SPECIAL || rule_words(rule) <= RULE_PLT);
}

/* The image lies in a block of just its size, so that the sanitizer sees each byte beside it. */
static void look_up(const uint8_t *data, size_t size, int64_t distance)
{
    uint8_t *block = malloc(size != 0 ? size : 1);
    SLU_ASSERT(block != NULL);
    memcpy(block, data, size);
    struct cfi_image image = {.start = block, .end = block + size};
    uintptr_t address = (uintptr_t)block + (uintptr_t)distance;
    unwind_rule rule = cfi_rule(&image, block, address);
    check_rule(rule);
    SLU_ASSERT(cfi_rule(&image, block, address) == rule);
    free(block);
}

static void look_up_raw(const uint8_t *data, size_t size)
{
    int32_t distance = 0;
    if (size >= sizeof(distance)) {
        memcpy(&distance, data, sizeof(distance));
        look_up(data + sizeof(distance), size - sizeof(distance), distance);
    }
}

/* An index of one function, its CIE and its FDE, which ends with the given instructions. */
static void look_up_program(const uint8_t *data, size_t size)
{
    /* clang-format off */
    static const uint8_t frame[] = {
        1, 0x1b, 0x03, 0x3b,    /* version and encodings */
        16, 0, 0, 0,            /* .eh_frame, from here */
        1, 0, 0, 0,             /* functions */
        0, 16, 0, 0,            /* begins 4096 from the index */
        44, 0, 0, 0,            /* its FDE */
        20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
        0, 0, 0, 0, 28, 0, 0, 0, /* FDE: its length is filled in, as is where it begins */
        0, 0, 0, 0, 0, 4, 0, 0, 0,
    };
    /* clang-format on */
    const size_t length_at = 44;
    uint8_t block[512];
    if (size == 0 || size > sizeof(block) - sizeof(frame)) {
        return;
    }
    memcpy(block, frame, sizeof(frame));
    memcpy(block + sizeof(frame), data + 1, size - 1);
    uint32_t length = (uint32_t)(sizeof(frame) - length_at - 4 + size - 1);
    uint32_t begin = (uint32_t)(4096 - (length_at + 8));
    memcpy(block + length_at, &length, sizeof(length));
    memcpy(block + length_at + 8, &begin, sizeof(begin));
    look_up(block, sizeof(frame) + size - 1, 4096 + data[0]);
}

/* A page between two that cannot be touched. */
static uint8_t *stack_page(void)
{
    static uint8_t *page;
    if (page == NULL) {
        size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
        uint8_t *pages = mmap(NULL, 3 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        SLU_ASSERT(pages != MAP_FAILED);
        page = pages + page_bytes;
        int failed = mprotect(page, page_bytes, PROT_READ | PROT_WRITE);
        SLU_ASSERT(failed == 0);
    }
    return page;
}

/* Words of the input become addresses in the stack or of code, which has rules of the input. */
static void walk(const uint8_t *data, size_t size)
{
    static struct unwind_tables tables;
    uint8_t *stack = stack_page();
    memset(stack, 0, STACK_BYTES);
    memset(tables.slots, 0, sizeof(tables.slots));
    uintptr_t words[STACK_BYTES / 8] = {0};
    for (size_t i = 0; i < STACK_BYTES / 8 && 4 * i + 4 <= size; i++) {
        uint32_t word = 0;
        memcpy(&word, data + 4 * i, sizeof(word));
        uintptr_t pc = 0x400000 + word % ADDRESSES_MAX;
        unwind_rule rule = word >> 8 & ((1u << RULE_BITS) - 1);
        if (rule_kind(rule) == RULE_SPECIAL) {
            rule = RULE_MAKE(RULE_SPECIAL, rule_saved(rule), rule_words(rule) % (RULE_PLT + 1));
        }
        bool is_address = word >> 31 != 0;
        words[i] = is_address ? (uintptr_t)stack + (word & 0x1fff) : pc + 1;
        if (!is_address) {
            tables.slots[table_slot(pc)] = table_word(pc, 0) + rule;
        }
    }
    memcpy(stack, words, sizeof(words));
    struct unwind_frame start = {.pc = words[0], .sp = words[1], .bp = words[2]};
    struct stack_bounds bounds = {(uintptr_t)stack, (uintptr_t)stack + STACK_BYTES};
    uintptr_t pcs[PCS_MAX];
    enum unwind_end end = UNWIND_END_LOST;
    size_t count = unwind_capture(&tables, &start, &bounds, pcs, PCS_MAX, &end);
    SLU_ASSERT(count <= PCS_MAX);
    SLU_ASSERT(end != UNWIND_END_TRUNCATED || count == PCS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 3) {
    case 0:
        look_up_raw(data + 1, size - 1);
        break;
    case 1:
        look_up_program(data + 1, size - 1);
        break;
    default:
        walk(data + 1, size - 1);
    }
    return 0;
}
