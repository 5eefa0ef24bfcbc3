/* The text of a program's source file, line by line. */
#ifndef CLI_SOURCE_TEXT_H
#define CLI_SOURCE_TEXT_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"

struct slu_budget;
struct slu_diag;

struct source_text {
    struct slu_budget *budget;
    struct block file;
    uint32_t line; /* the number of the line that begins at `at` */
    size_t at;
};

/*
 * Read the file at `path`, or, if it is not there, the one below `folder` (NULL: none) whose path
 * ends as this one does, as far as it can.
 *
 * Returns  0; a negative errno, and `diag` says it. source_text_close follows in any case.
 */
SLU_MUST_USE int source_text_open(struct source_text *text, struct slu_budget *budget,
                                  struct slu_bytes path, const char *folder, struct slu_diag *diag);
void source_text_close(struct source_text *text);

/* A line by its number, from 1; quickest in ascending order. Empty past the end. */
struct slu_bytes source_text_line(struct source_text *text, uint32_t line);

/* How many lines there are. */
uint32_t source_text_line_count(const struct source_text *text);

#endif
