/* C++ names as people write them, if the C++ library is on this machine; it is not linked. */
#ifndef SYMBOL_DEMANGLE_H
#define SYMBOL_DEMANGLE_H

struct slu_arena;

struct demangler {
    void *library;
    char *(*demangle)(const char *mangled, char *buf, unsigned long *len, int *status);
};

/* Find the library. Without it, names stay as they are. */
void demangler_open(struct demangler *demangler);
void demangler_close(struct demangler *demangler);

/* The demangled name in `arena`, or `name` itself if it is not mangled or there is no room. */
const char *demangler_name(const struct demangler *demangler, struct slu_arena *arena,
                           const char *name);

#endif
