/* Random questions to a store, whose answers the model (store_model.h) knows. */
#ifndef TESTS_STORE_QUESTIONS_H
#define TESTS_STORE_QUESTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "store_model.h"

#define QUESTION_PATTERNS 7

struct regex;
struct slu_budget;

struct questions {
    const struct model *model;
    struct slu_budget *budget;
    struct regex *regexes[QUESTION_PATTERNS];
    struct test_random random;
    struct store *const *store;
    const int64_t *now_ns;
    bool is_metadata_sure; /* no part that had some was dropped */
};

void questions_init(struct questions *questions, struct slu_budget *budget);
void questions_deinit(struct questions *questions);

/* Ask one of each sort; fails where an answer is another. */
void questions_ask(struct questions *questions);

#endif
