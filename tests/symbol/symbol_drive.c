/* symbol_drive PATH BUILD_ID OFFSET ...: what is known of each file offset, for symbol_test.py. */
#include "symbol/symbol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

static void show(struct symbol_module *module, const char *offset)
{
    struct symbol_frame frames[SYMBOL_FRAMES_MAX];
    size_t count =
        symbol_module_find(module, strtoull(offset, NULL, 16), frames, SYMBOL_FRAMES_MAX);
    printf("%s\n", offset);
    for (size_t i = 0; i < count; i++) {
        printf("\t%s\t%s\t%s\t%u\t%u\n", frames[i].function, frames[i].linkage,
               frames[i].file == NULL ? "" : frames[i].file, frames[i].line, frames[i].start_line);
    }
}

int main(int argc, char **argv)
{
    struct slu_budget *budget = NULL;
    struct symbol_module *module = NULL;
    struct slu_diag diag;
    if (argc < 3 || slu_budget_create(NULL, "drive", (uint64_t)1 << 30, &budget) != 0) {
        return 2;
    }
    struct slu_bytes build_id = {argv[2], strlen(argv[2])};
    int err = symbol_module_open(budget, argv[1], build_id, &diag, &module);
    if (err != 0) {
        printf("error %d %s\n", err, diag.message);
    } else {
        struct symbol_detail detail = symbol_module_detail(module);
        printf("symbols %d lines %d\n", detail.has_symbols, detail.has_lines);
        for (int i = 3; i < argc; i++) {
            show(module, argv[i]);
        }
    }
    symbol_module_close(&module);
    slu_budget_destroy(&budget);
    return 0;
}
