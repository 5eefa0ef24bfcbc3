/*
 * who_drive SOURCE [stop]: each block's address, bytes, confidence, what it retains and its chain,
 * apart by tabs; then what is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/sink.h"
#include "holders/chain.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/report.h"

#define CHAIN_BYTES 16384

static void show(const struct report *report, uint32_t block)
{
    char text[CHAIN_BYTES];
    struct sink sink;
    struct chain chain;
    struct who *who = report->who;
    sink_init_fixed(&sink, text, sizeof(text));
    report_write_block_chain(report, block, &sink);
    bool held = chain_find(who, block, &chain);
    printf("%#llx\t%llu\t%s\t%llu\t%s\n", (unsigned long long)heap_block_address(who->heap, block),
           (unsigned long long)heap_block_bytes(who->heap, block),
           held ? edge_kind_name(chain.kind) : "leaked",
           (unsigned long long)dominators_retained(&report->dominators, block), text);
}

int main(int argc, char **argv)
{
    static struct report report;
    struct slu_budget *budget = NULL;
    struct who *who = NULL;
    struct slu_diag diag = {0};
    struct report_query query = {.top = 10};
    if (argc < 2 || slu_budget_create(NULL, "drive", (uint64_t)1 << 30, &budget) != 0) {
        return 2;
    }
    int err = strspn(argv[1], "0123456789") == strlen(argv[1])
                  ? who_open_process(budget, strtoull(argv[1], NULL, 10), argc < 3, &diag, &who)
                  : who_open_core(budget, argv[1], &diag, &who);
    err = err != 0 ? err : report_make(&report, who, &query, &diag);
    if (err != 0) {
        printf("error %d %s\n", err, diag.message);
    } else {
        for (uint32_t i = 0; i < who->heap->block_count; i++) {
            show(&report, i);
        }
        for (uint32_t i = 0; i < who->heap->damage_count && i < HEAP_DAMAGES_MAX; i++) {
            printf("damage %#llx %s\n", (unsigned long long)who->heap->damages[i].address,
                   who->heap->damages[i].what);
        }
        printf("unseen %llu\n", (unsigned long long)who->heap->unseen_bytes);
        report_free(&report);
    }
    who_close(&who);
    slu_budget_destroy(&budget);
    return 0;
}
