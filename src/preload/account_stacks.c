/*
 * Which mapping is which thread's stack. libc keeps a thread's descriptor at the upper end of its
 * stack, and the kernel knows one address in it of every thread: that of its list of robust
 * mutexes (get_robust_list(2)). Below are a guard page, or another mapping.
 */
#include "preload/account_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/digits.h"

#define DESCRIPTOR_BYTES 2304 /* glibc's struct pthread; the end of the stack is near */
#define DESCRIPTOR_ALIGN 64
#define ENTRY_BYTES      24 /* of struct linux_dirent64 before the name: see getdents64(2) */
#define ENTRY_LEN_AT     16
#define ENTRY_NAME_AT    19

static bool robust_list_of(int thread, uint64_t *address)
{
    struct robust_list_head *head = NULL;
    size_t len = 0;
    if (syscall(SYS_get_robust_list, thread, &head, &len) != 0 || head == NULL) {
        return false;
    }
    *address = (uint64_t)(uintptr_t)head;
    return true;
}

static void thread_name(int thread, char name[ACCOUNT_THREAD_NAME_MAX])
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/comm", thread); /* it fits */
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, name, ACCOUNT_THREAD_NAME_MAX - 1);
    got = got < 0 ? 0 : got;
    name[got] = '\0';
    name[strcspn(name, "\n")] = '\0';
    if (file >= 0) {
        close(file);
    }
}

static struct account_stack *stack_new(struct account_tables *tables, int thread)
{
    if (tables->stack_count == ACCOUNT_STACKS_MAX) {
        tables->account->tables_full = true;
        return NULL;
    }
    struct account_stack *stack = &tables->stacks[tables->stack_count++];
    *stack = (struct account_stack){.thread = thread};
    thread_name(thread, stack->name);
    return stack;
}

static void loader_place_add(struct account_tables *tables, uint64_t address)
{
    if (tables->loader_place_count < ACCOUNT_LOADER_PLACES) {
        tables->loader_places[tables->loader_place_count++] = address;
    }
}

/* What the loader allocates before there is a malloc: its list of modules lies there, too. */
static void loader_places_find(struct account_tables *tables)
{
    uint64_t at = (uint64_t)(uintptr_t)_r_debug.r_map;
    struct link_map module;
    tables->loader_place_count = 0;
    for (int i = 0; i < ACCOUNT_LOADER_PLACES - 1 && at != 0 &&
                    residency_read(&tables->residency, at, &module, sizeof(module));
         i++) {
        loader_place_add(tables, at);
        at = (uint64_t)(uintptr_t)module.l_next;
    }
}

static void thread_claim(struct account_tables *tables, int thread)
{
    uint64_t descriptor = 0;
    if (!robust_list_of(thread, &descriptor)) {
        return;
    }
    if (thread == getpid()) {
        loader_place_add(tables, descriptor);
        return;
    }
    const struct area *area = account_area(tables, descriptor);
    uint32_t claim = account_claim_after(tables, descriptor);
    bool is_claimed = claim < tables->claim_count && tables->claims[claim].start <= descriptor;
    if (area == NULL || area->kind != AREA_UNNAMED || is_claimed) {
        return; /* one that the program made of other memory, or one of ours */
    }
    uint64_t limit = (descriptor + DESCRIPTOR_BYTES) & ~(RESIDENCY_PAGE_BYTES - 1);
    limit = limit < area->limit ? limit : area->limit;
    struct account_stack *stack = stack_new(tables, thread);
    if (stack != NULL) {
        uint64_t below = claim == 0 ? 0 : tables->claims[claim - 1].limit;
        uint64_t start = below > area->start ? below : area->start;
        stack->reserved_bytes = limit - start;
        account_claim(tables, start, limit, CLAIM_STACK, tables->stack_count - 1);
    }
}

/* One piece of the folder's listing. */
static void entries_claim(struct account_tables *tables, const char *entries, size_t len)
{
    for (size_t at = 0; at + ENTRY_BYTES <= len;) {
        uint16_t entry_len = 0;
        memcpy(&entry_len, entries + at + ENTRY_LEN_AT, sizeof(entry_len));
        uint64_t thread = 0;
        if (digits_read(entries + at + ENTRY_NAME_AT, &thread) != NULL && thread <= INT32_MAX) {
            thread_claim(tables, (int)thread);
        }
        at += entry_len < ENTRY_BYTES ? ENTRY_BYTES : entry_len;
    }
}

void account_stacks_claim(struct account_tables *tables)
{
    int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    loader_places_find(tables);
    if (folder < 0) {
        return;
    }
    long got = 0;
    while ((got = syscall(SYS_getdents64, folder, tables->text, sizeof(tables->text))) > 0) {
        entries_claim(tables, tables->text, (size_t)got);
    }
    close(folder);
}

void account_first_stack_add(struct account_tables *tables, const struct area *area)
{
    struct account_stack *stack = stack_new(tables, getpid());
    if (stack != NULL) {
        stack->reserved_bytes = area->limit - area->start;
        stack->resident_bytes = area->anonymous_bytes;
    }
}

/*
 * The stacks of threads that have ended are kept for new ones, and the descriptor stays as it was:
 * it begins with its own address, and has it again two words later (tcb and self of the x86-64
 * ABI's thread control block).
 */
bool account_is_ended_stack(struct account_tables *tables, uint64_t start, uint64_t limit)
{
#ifdef __x86_64__
    uint64_t page = limit - RESIDENCY_PAGE_BYTES;
    for (uint64_t at = limit - DESCRIPTOR_ALIGN; at >= page && at >= start;
         at -= DESCRIPTOR_ALIGN) {
        uint64_t words[3];
        if (!residency_read(&tables->residency, at, words, sizeof(words))) {
            return false;
        }
        if (words[0] == at && words[2] == at) {
            return true;
        }
    }
#else
    (void)tables;
    (void)start;
    (void)limit;
#endif
    return false;
}
