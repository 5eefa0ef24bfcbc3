#include "cli/lab_cases.h"

#include <string.h>

static const struct lab_case_row rows[] = {
    {.name = "gateway",
     .pattern = "timer-pileup",
     .title = "a ticker for each request of an API gateway, never stopped",
     .rate = 2000,
     .connections = 32,
     .load = {"--path", "/order/{id}?client={client}", "--clients", "1000"}},
};

const struct lab_case_row *lab_cases(size_t *count)
{
    *count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

const struct lab_case_row *lab_case_find(const char *name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}
