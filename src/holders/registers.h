/* A thread's registers, from the kernel's order into DWARF's. */
#ifndef HOLDERS_REGISTERS_H
#define HOLDERS_REGISTERS_H

#include <string.h>
#include <sys/user.h>

#include "holders/image.h"

#define REGISTERS_BYTES sizeof(struct user_regs_struct)

static inline void registers_read(const void *bytes, struct image_thread *thread)
{
    struct user_regs_struct from;
    memcpy(&from, bytes, sizeof(from));
    const uint64_t order[IMAGE_REGISTERS] = {
        from.rax, from.rdx, from.rcx, from.rbx, from.rsi, from.rdi, from.rbp, from.rsp, from.r8,
        from.r9,  from.r10, from.r11, from.r12, from.r13, from.r14, from.r15, from.rip,
    };
    memcpy(thread->registers, order, sizeof(order));
    thread->thread_base = from.fs_base;
}

#endif
