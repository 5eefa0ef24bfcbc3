/*
 * How to go from a frame to its caller's, in 22 bits: what .eh_frame says for one address, as far
 * as code that compilers make needs it. CFA is the caller's sp; the return address lies below it.
 *
 *   bits 0-1    rule_kind
 *   bits 2-5    where the caller's rbp is: 0 in rbp still, n = 1 .. 14 at CFA - 8(n + 1), 15 lost
 *   bits 6-21   words of 8 bytes, by kind
 */
#ifndef PRELOAD_UNWIND_RULE_H
#define PRELOAD_UNWIND_RULE_H

#include <stdint.h>

#define RULE_BITS      22
#define RULE_WORDS_MAX 0xffff
#define RULE_SAVED_MAX 14
#define RULE_BP_LOST   15

/* The offsets of RULE_SIGNAL from sp: the kernel's struct ucontext on x86-64. */
#define RULE_SIGNAL_BP_BYTES 120
#define RULE_SIGNAL_SP_BYTES 160
#define RULE_SIGNAL_PC_BYTES 168

enum rule_kind {
    RULE_SP,      /* CFA = rsp + 8 words */
    RULE_BP,      /* CFA = rbp + 8 words */
    RULE_SLOT,    /* CFA is stored at rbp - 8 words, the caller's rbp at rbp: a realigned stack */
    RULE_SPECIAL, /* `words` is one of enum rule_special */
};

enum rule_special {
    RULE_UNKNOWN,       /* nothing is said of the address: a frame pointer is assumed */
    RULE_INEXPRESSIBLE, /* what is said needs other registers or larger offsets: the walk ends */
    RULE_OUTERMOST,     /* there is no caller */
    RULE_SIGNAL,  /* the return from a handler: the registers are in the kernel's signal frame */
    RULE_PLT,     /* CFA = rsp + 8, or + 16 once pc % 16 reaches `saved` */
    RULE_NO_CODE, /* never stored: no program has code at that address */
};

typedef uint32_t unwind_rule;

#define RULE_MAKE(kind, saved, words)                                                              \
    ((unwind_rule)(kind) | (unwind_rule)(saved) << 2 | (unwind_rule)(words) << 6)

/* The one rule of code with frame pointers. */
#define RULE_FRAME_POINTER RULE_MAKE(RULE_BP, 1, 2)

static inline enum rule_kind rule_kind(unwind_rule rule)
{
    return (enum rule_kind)(rule & 3);
}

static inline uint32_t rule_saved(unwind_rule rule)
{
    return rule >> 2 & 15;
}

static inline uint32_t rule_words(unwind_rule rule)
{
    return rule >> 6;
}

#endif
