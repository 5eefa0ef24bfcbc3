#include "sys/thread.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"

/* The thread's descriptor, and the room that libc leaves for libraries that are loaded later. */
#define LIBC_BYTES ((size_t)8 * 1024)

_Static_assert(sizeof(pthread_t) <= sizeof(uint64_t), "a thread's identity fits its atomic");

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static int module_add_local(struct dl_phdr_info *module, size_t info_bytes, void *total)
{
    (void)info_bytes;
    size_t *total_bytes = total;
    for (size_t i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        if (segment->p_type == PT_TLS) {
            *total_bytes += segment->p_memsz + segment->p_align;
        }
    }
    return 0;
}

size_t thread_reserved_bytes(size_t stack_bytes)
{
    size_t page = page_bytes();
    size_t extra = LIBC_BYTES + 2 * page - 1;
    (void)dl_iterate_phdr(module_add_local, &extra); /* 0: what the callback returned last */
    size_t padded = 0;
    if (__builtin_add_overflow(stack_bytes, extra, &padded)) {
        return 0;
    }
    return padded & ~(page - 1);
}

/* MAP_STACK keeps transparent huge pages away: the stack becomes resident page by page. */
int thread_stack_map(size_t reserved_bytes, struct thread_stack *stack)
{
    void *mapping = mmap(NULL, reserved_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED) {
        return -ENOMEM;
    }
    struct thread_stack mapped = {.mapping = mapping, .reserved_bytes = reserved_bytes};
    if (mprotect(mapping, page_bytes(), PROT_NONE) != 0) {
        thread_stack_unmap(&mapped);
        return -ENOMEM;
    }
    *stack = mapped;
    return 0;
}

void thread_stack_unmap(const struct thread_stack *stack)
{
    int unmapped = munmap(stack->mapping, stack->reserved_bytes);
    SLU_ASSERT(unmapped == 0);
}

int thread_start(struct thread *thread, void *(*run)(void *), void *arg)
{
    size_t guard_bytes = page_bytes();
    atomic_store_explicit(&thread->id, 0, memory_order_relaxed);
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    SLU_ASSERT(failed == 0);
    pthread_t unused;
    int err = pthread_attr_setstack(&attributes, (char *)thread->stack.mapping + guard_bytes,
                                    thread->stack.reserved_bytes - guard_bytes);
    if (err == 0) {
        err = pthread_create(&unused, &attributes, run, arg);
    }
    failed = pthread_attr_destroy(&attributes);
    SLU_ASSERT(failed == 0);
    return -err;
}

void thread_begin(struct thread *thread, const char *name)
{
    /* Relaxed: who joins learns of it under a lock; who only compares it with itself wrote it. */
    atomic_store_explicit(&thread->id, thread_self(), memory_order_relaxed);
    char cut[THREAD_NAME_MAX] = "";
    strncat(cut, name, sizeof(cut) - 1);
    (void)pthread_setname_np(pthread_self(), cut); /* only a label: nothing depends on it */
}

void thread_join(const struct thread *thread)
{
    uint64_t id = atomic_load_explicit(&thread->id, memory_order_relaxed);
    SLU_ASSERT(id != 0);
    int failed = pthread_join((pthread_t)(uintptr_t)id, NULL);
    SLU_ASSERT(failed == 0);
}
