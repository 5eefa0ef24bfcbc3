/* Three questions about a sequence, each answered in one pass by a window of variable length. */
#include <stdio.h>
#include <string.h>

#include "span_rules.h"

static void shortest_covering(const char *text, const char *set)
{
    struct cover cover = {.text = text, .missing = strlen(set)};
    struct slu_span_run run;
    for (const char *byte = set; *byte != '\0'; byte++) {
        cover.wanted[(uint8_t)*byte]++;
    }
    if (slu_span_shortest(&cover_rules, &cover, strlen(text), &run) == 0) {
        printf("shortest part of %s that covers %s: %.*s\n", text, set, (int)(run.end - run.start),
               text + run.start);
    }
}

static void longest_of_few(const char *text, uint32_t distinct_max)
{
    struct distinct distinct = {.text = text, .distinct_max = distinct_max};
    struct slu_span_run run;
    if (slu_span_longest(&distinct_rules, &distinct, strlen(text), &run) == 0) {
        printf("longest part of %s with %u distinct letters: %.*s\n", text, distinct_max,
               (int)(run.end - run.start), text + run.start);
    }
}

static void shortest_reaching(const uint32_t *values, size_t count, uint64_t sum_min)
{
    struct reach reach = {.values = values, .sum_min = sum_min};
    struct slu_span_run run;
    if (slu_span_shortest(&reach_rules, &reach, count, &run) == 0) {
        printf("shortest run with a sum of %llu: elements %zu to %zu\n",
               (unsigned long long)sum_min, run.start, run.end - 1);
    }
}

int main(void)
{
    static const uint32_t values[] = {2, 3, 1, 2, 4, 3};
    shortest_covering("ADOBECODEBANC", "ABC");
    longest_of_few("abaccdcdcab", 2);
    shortest_reaching(values, sizeof(values) / sizeof(values[0]), 7);
    return 0;
}
