/*
 * The words and marks of a few lines of C or C++, without comments and what the preprocessor is
 * told. Any bytes will do: what is no source gives tokens without a meaning.
 */
#ifndef SYMBOL_SOURCE_TOKENS_H
#define SYMBOL_SOURCE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#define SOURCE_TOKENS_MAX   1024
#define SOURCE_LINES_BEFORE 12
#define SOURCE_LINES_AFTER  40
#define SOURCE_TOKEN_NONE   SIZE_MAX

enum source_token_kind {
    SOURCE_WORD,   /* names and keywords */
    SOURCE_NUMBER, /* and what is quoted */
    SOURCE_MARK,
};

struct source_token {
    struct slu_bytes text; /* in the source */
    uint32_t line;
    uint32_t column; /* from 1 on, in bytes */
    enum source_token_kind kind;
};

struct source_tokens {
    size_t count;
    struct source_token rows[SOURCE_TOKENS_MAX];
};

/* Take what stands from SOURCE_LINES_BEFORE lines before `line` to SOURCE_LINES_AFTER behind it. */
void source_tokens_read(struct source_tokens *tokens, struct slu_bytes source, uint32_t line);

/* Whether there is a token at a place and it is that word or mark. */
bool source_token_is(const struct source_tokens *tokens, size_t at, const char *text);
bool source_token_is_word(const struct source_tokens *tokens, size_t at);

/* The bracket that belongs to the one at `at`; SOURCE_TOKEN_NONE. */
size_t source_token_close(const struct source_tokens *tokens, size_t at);
size_t source_token_open(const struct source_tokens *tokens, size_t at);

/* The > of the template arguments that begin with the < at `at`; SOURCE_TOKEN_NONE. */
size_t source_token_close_angle(const struct source_tokens *tokens, size_t at);

bool source_bytes_are(struct slu_bytes bytes, const char *text);

#endif
