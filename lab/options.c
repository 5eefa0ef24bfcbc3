#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct lab_option *option_find(const struct lab_option *options, size_t count,
                                            const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, options[i].name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

int lab_options_read(const struct lab_option *options, size_t count, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const struct lab_option *option = option_find(options, count, argv[i]);
        if (option == NULL || i + 1 == argc) {
            fprintf(stderr, "%s: %s: %s\n", argv[0], argv[i],
                    option == NULL ? "no such option" : "its value is missing");
            return -EINVAL;
        }
        if (option->text != NULL) {
            *option->text = argv[i + 1];
            continue;
        }
        char *end = NULL;
        *option->number = strtod(argv[i + 1], &end);
        if (end == argv[i + 1] || *end != '\0' || !isfinite(*option->number) ||
            *option->number < 0) {
            fprintf(stderr, "%s: %s %s: a number from 0 on is allowed\n", argv[0], argv[i],
                    argv[i + 1]);
            return -EINVAL;
        }
    }
    return 0;
}
