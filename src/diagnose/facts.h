/*
 * What the evidence says, as questions with an answer and the numbers that it rests on. The table
 * of verdicts (verdict_table.h) weighs the answers and knows nothing else.
 */
#ifndef DIAGNOSE_FACTS_H
#define DIAGNOSE_FACTS_H

#include <stdbool.h>

struct process_view;
struct site;
struct trend;

#define FACT_TEXT_BYTES 200

enum fact {
    /* of one site */
    FACT_GROWS,      /* what it holds grows beyond chance, its lowest values too, and goes on */
    FACT_LEADS,      /* it has more than 40 % of what is in use */
    FACT_SURVIVES,   /* more than half of what it allocates stays */
    FACT_STAYS,      /* by ages: so does more than half of what it allocated long ago */
    FACT_PASSES,     /* by ages: what is young stays, and what is old has gone */
    FACT_SMALL,      /* what was added is at most 1 KiB an object */
    FACT_LARGE,      /* what was added is at least 2 KiB an object */
    FACT_ONE_SIZE,   /* objects are as large as they were */
    FACT_TABLE,      /* somewhere an array that doubles grows along */
    FACT_WINDOW,     /* what is in use is what was allocated in the last so many seconds */
    FACT_WITH_LOAD,  /* it grows as requests come */
    FACT_WITH_TASKS, /* it grows as the number of tasks does */
    /* its libraries' names */
    FACT_NAME_TIMER,
    FACT_NAME_MAP,
    FACT_NAME_GROWTH,
    FACT_NAME_TASK,
    /* of the process */
    FACT_TASKS_GROW,
    FACT_HEAP_GROWS,
    FACT_HEAP_FLAT, /* it does not grow, by the same measure as resident memory */
    FACT_LEVELS_OFF,
    FACT_RESIDENT_GROWS,
    FACT_HELD, /* the cross-check of collector and operating system says so */
    FACT_NOT_RETURNED,
    FACT_RETURNING,
    FACT_COUNT,
};

enum answer {
    ANSWER_UNKNOWN,
    ANSWER_NO,
    ANSWER_YES,
};

struct fact_value {
    enum answer answer;
    char text[FACT_TEXT_BYTES]; /* the numbers, in words; empty while unknown */
};

struct facts {
    struct fact_value values[FACT_COUNT];
};

/*
 * Answer all questions.
 *
 * site     of memory or, if `is_task`, of tasks; NULL: of the process alone
 * trend    of the site's bytes or tasks; untouched without a site
 */
void facts_find(const struct process_view *view, const struct site *site, bool is_task,
                struct facts *facts, struct trend *trend);

#endif
