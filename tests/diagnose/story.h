/*
 * Stories: what the sites of a process do over time, told as functions of time, and turned into the
 * evidence that profiles of it would give.
 */
#ifndef TESTS_STORY_H
#define TESTS_STORY_H

#include <stdbool.h>
#include <stdint.h>

#include "harness.h"

struct evidence;
struct slu_budget;

#define STORY_SITES_MAX 8

struct story_site {
    const char *library;  /* the frame that allocates: time.NewTimer; NULL: none */
    const char *function; /* NULL: stripped */
    double (*objects)(double seconds);
    double (*allocated)(double seconds); /* since the program began; NULL: those in use */
    double (*size)(double seconds);      /* of an object */
};

struct story {
    struct story_site sites[STORY_SITES_MAX]; /* up to the first without `objects` */
    /* By site: of those in use then, how many are `from` to `to` seconds old; NULL: not told. */
    double (*aged[STORY_SITES_MAX])(double seconds, double from, double to);
    double (*tasks)(double seconds);    /* NULL: not observed */
    double (*resident)(double seconds); /* NULL: not observed */
    double (*requests)(double seconds); /* since the beginning; NULL: not observed */
    bool is_stripped;                   /* the program's own functions have no names */
    const char *renamed;                /* what all of them are called, or NULL */
    uint32_t moments;
    double step_seconds;
    double period; /* mean distance of samples; 0: exact */
};

/* Tell a story to empty evidence, with the noise of sampling if it has a period. */
void story_tell(const struct story *story, struct test_random *random, struct evidence *evidence);

#endif
