/* The command line of sluice-serve. */
#ifndef SERVE_SERVE_OPTIONS_H
#define SERVE_SERVE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_diag;

struct serve_options {
    const char *config_path; /* NULL: the embedded configuration */
    const char *data_path;   /* NULL: as data_path_default */
    bool is_check;           /* look at the configuration, and do not run it */
    bool wants_help;
    bool wants_version;
};

/* Returns 0; -EINVAL, and `diag` says what is wrong. */
SLU_MUST_USE int serve_options_read(int argc, char **argv, struct serve_options *out,
                                    struct slu_diag *diag);

extern const char serve_help[];

#endif
