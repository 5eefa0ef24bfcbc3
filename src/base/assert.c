#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *claim, const char *file, int line)
{
    fprintf(stderr, "sluice: %s:%d: assertion failed: %s\n", file, line, claim);
    abort();
}
