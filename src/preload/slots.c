#include "preload/slots.h"

#include "base/golden.h"

GOLDEN_LAYOUT(struct slot_page, 144, 0, 0, free_slots, next, previous, slot_class, used_count,
              unused, samples);

/* Multiples of 16, as malloc's alignment asks, that fill a page with little left over. */
static const uint16_t class_bytes[SLOT_CLASS_COUNT] = {128, 192, 256, 336, 400, 512};

#define TABLE_STEP_BYTES ((size_t)64 << 10)
#define PAGES_STEP_BYTES ((size_t)256 << 10)

size_t slots_table_bytes(uint32_t page_max)
{
    size_t bytes = (size_t)page_max * sizeof(struct slot_page);
    return (bytes + RANGE_PAGE_BYTES - 1) & -RANGE_PAGE_BYTES;
}

void slots_init(struct slots *slots, char *pages, char *table, uint32_t page_max, uint32_t warm_max)
{
    *slots = (struct slots){
        .page_max = page_max, .warm = SLOT_NONE, .cold = SLOT_NONE, .warm_max = warm_max};
    range_init(&slots->pages, pages, (size_t)page_max << RANGE_PAGE_SHIFT, PAGES_STEP_BYTES, false);
    range_init(&slots->table, table, slots_table_bytes(page_max), TABLE_STEP_BYTES, false);
    for (uint32_t i = 0; i < SLOT_CLASS_COUNT; i++) {
        slots->partial[i] = SLOT_NONE;
    }
}

static struct slot_page *page_at(const struct slots *slots, uint32_t page)
{
    return (struct slot_page *)(void *)slots->table.base + page;
}

static char *page_memory(const struct slots *slots, uint32_t page)
{
    return slots->pages.base + ((size_t)page << RANGE_PAGE_SHIFT);
}

/* Slots of a power of two, in a page, are aligned to it. */
static uint32_t class_of(size_t size, size_t align)
{
    if (align > 16) {
        size_t larger = size > align ? size : align;
        size = larger <= 1 ? 1 : (size_t)1 << (64 - __builtin_clzl(larger - 1));
    }
    uint32_t slot_class = 0;
    while (class_bytes[slot_class] < size) {
        slot_class++;
    }
    return slot_class;
}

static void partial_push(struct slots *slots, uint32_t page)
{
    struct slot_page *entry = page_at(slots, page);
    uint32_t *head = &slots->partial[entry->slot_class];
    entry->previous = SLOT_NONE;
    entry->next = *head;
    if (*head != SLOT_NONE) {
        page_at(slots, *head)->previous = page;
    }
    *head = page;
}

static void partial_remove(struct slots *slots, uint32_t page)
{
    struct slot_page *entry = page_at(slots, page);
    if (entry->previous == SLOT_NONE) {
        slots->partial[entry->slot_class] = entry->next;
    } else {
        page_at(slots, entry->previous)->next = entry->next;
    }
    if (entry->next != SLOT_NONE) {
        page_at(slots, entry->next)->previous = entry->previous;
    }
}

static uint32_t stack_pop(struct slots *slots, uint32_t *head)
{
    uint32_t page = *head;
    *head = page_at(slots, page)->next;
    return page;
}

static void stack_push(struct slots *slots, uint32_t *head, uint32_t page)
{
    page_at(slots, page)->next = *head;
    *head = page;
}

static uint32_t page_fresh(struct slots *slots)
{
    uint32_t page = slots->page_end;
    if (page == slots->page_max ||
        range_open(&slots->table, ((size_t)page + 1) * sizeof(struct slot_page)) != 0 ||
        range_open(&slots->pages, ((size_t)page + 1) << RANGE_PAGE_SHIFT) != 0) {
        return SLOT_NONE;
    }
    slots->page_end++;
    return page;
}

static uint32_t page_take(struct slots *slots)
{
    if (slots->warm != SLOT_NONE) {
        slots->warm_count--;
        return stack_pop(slots, &slots->warm);
    }
    return slots->cold != SLOT_NONE ? stack_pop(slots, &slots->cold) : page_fresh(slots);
}

/* A page of the class with a free slot, at the head of its list. */
static uint32_t page_for(struct slots *slots, uint32_t slot_class)
{
    if (slots->partial[slot_class] != SLOT_NONE) {
        return slots->partial[slot_class];
    }
    uint32_t page = page_take(slots);
    if (page == SLOT_NONE) {
        return SLOT_NONE;
    }
    uint32_t slot_count = (uint32_t)(RANGE_PAGE_BYTES / class_bytes[slot_class]);
    struct slot_page *entry = page_at(slots, page);
    entry->slot_class = (uint8_t)slot_class;
    entry->free_slots = UINT32_MAX >> (SLOTS_IN_PAGE_MAX - slot_count);
    entry->used_count = 0;
    partial_push(slots, page);
    slots->used_pages++;
    return page;
}

void *slots_take(struct slots *slots, size_t size, size_t align)
{
    uint32_t slot_class = class_of(size, align);
    uint32_t page = page_for(slots, slot_class);
    if (page == SLOT_NONE) {
        return NULL;
    }
    struct slot_page *entry = page_at(slots, page);
    uint32_t slot = (uint32_t)__builtin_ctz(entry->free_slots);
    entry->free_slots &= entry->free_slots - 1;
    entry->used_count++;
    entry->samples[slot] = SLOT_NONE;
    if (entry->free_slots == 0) {
        partial_remove(slots, page);
    }
    slots->block_bytes += class_bytes[slot_class];
    return page_memory(slots, page) + (size_t)slot * class_bytes[slot_class];
}

/* Where an address is: the slot's number, or SLOT_NONE if it is no used slot's start. */
static uint32_t slot_of(const struct slots *slots, const void *address, uint32_t *page)
{
    size_t offset = (uintptr_t)address - (uintptr_t)slots->pages.base;
    size_t at = offset >> RANGE_PAGE_SHIFT;
    if (at >= slots->page_end) {
        return SLOT_NONE;
    }
    const struct slot_page *entry = page_at(slots, (uint32_t)at);
    uint32_t bytes = class_bytes[entry->slot_class];
    uint32_t within = (uint32_t)(offset & (RANGE_PAGE_BYTES - 1));
    uint32_t slot = within / bytes;
    *page = (uint32_t)at;
    bool used = entry->used_count > 0 && within % bytes == 0 && slot < RANGE_PAGE_BYTES / bytes &&
                (entry->free_slots >> slot & 1) == 0;
    return used ? slot : SLOT_NONE;
}

bool slots_find(struct slots *slots, const void *address, uint32_t **sample, size_t *bytes)
{
    uint32_t page = 0;
    uint32_t slot = slot_of(slots, address, &page);
    if (slot == SLOT_NONE) {
        return false;
    }
    struct slot_page *entry = page_at(slots, page);
    *sample = &entry->samples[slot];
    *bytes = class_bytes[entry->slot_class];
    return true;
}

static void page_give(struct slots *slots, uint32_t page)
{
    partial_remove(slots, page);
    slots->used_pages--;
    if (slots->warm_count < slots->warm_max ||
        range_clean(page_memory(slots, page), RANGE_PAGE_BYTES) != 0) {
        slots->warm_count++;
        stack_push(slots, &slots->warm, page);
    } else {
        stack_push(slots, &slots->cold, page);
    }
}

void slots_give(struct slots *slots, void *address)
{
    uint32_t page = 0;
    uint32_t slot = slot_of(slots, address, &page);
    struct slot_page *entry = page_at(slots, page);
    bool was_full = entry->free_slots == 0;
    entry->free_slots |= (uint32_t)1 << slot;
    entry->used_count--;
    slots->block_bytes -= class_bytes[entry->slot_class];
    if (was_full) {
        partial_push(slots, page);
    }
    if (entry->used_count == 0) {
        page_give(slots, page);
    }
}

void slots_trim(struct slots *slots)
{
    while (slots->warm != SLOT_NONE &&
           range_clean(page_memory(slots, slots->warm), RANGE_PAGE_BYTES) == 0) {
        uint32_t page = stack_pop(slots, &slots->warm);
        slots->warm_count--;
        stack_push(slots, &slots->cold, page);
    }
}
