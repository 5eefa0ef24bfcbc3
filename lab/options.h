/* Options of the laboratory's programs: --NAME NUMBER, all of them numbers but for texts. */
#ifndef LAB_OPTIONS_H
#define LAB_OPTIONS_H

#include <stddef.h>

struct lab_option {
    const char *name;
    double *number;    /* or */
    const char **text; /* one of the two */
};

/* Returns 0; -EINVAL after it has said on the error output what is wrong. */
int lab_options_read(const struct lab_option *options, size_t count, int argc, char **argv);

#endif
