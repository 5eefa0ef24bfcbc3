/* Programmers' mistakes stop the program, in release builds too. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/* Print the claim that did not hold, with its place, and abort. */
_Noreturn void assert_fail(const char *claim, const char *file, int line);

#define SLU_ASSERT(claim)                                                                          \
    (__builtin_expect(!!(claim), 1) ? (void)0 : assert_fail(#claim, __FILE__, __LINE__))

/* Only in debug and fuzz builds: for measured hot loops and whole-structure validators. */
#ifdef SLU_VALIDATE
#define SLU_DEBUG_ASSERT(claim) SLU_ASSERT(claim)
#else
#define SLU_DEBUG_ASSERT(claim) ((void)sizeof(claim))
#endif

#endif
