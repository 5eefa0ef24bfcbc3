#include "symbol/source_tokens.h"

#include <string.h>

#define ANGLE_TOKENS_MAX 64

struct reader {
    struct source_tokens *tokens;
    const char *at;
    const char *end;
    const char *line_start;
    uint32_t line;
    bool is_fresh; /* nothing but blanks so far in this line */
};

static bool is_letter(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           character == '_' || character == '$' || (unsigned char)character >= 0x80;
}

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static void line_end(struct reader *reader)
{
    reader->at++;
    reader->line++;
    reader->line_start = reader->at;
    reader->is_fresh = true;
}

static bool follows(const struct reader *reader, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(reader->end - reader->at) >= len && memcmp(reader->at, text, len) == 0;
}

/* To the end of the line, or of the lines that a backslash joins. */
static void line_skip(struct reader *reader)
{
    while (reader->at < reader->end && *reader->at != '\n') {
        if (*reader->at == '\\' && reader->end - reader->at > 1 && reader->at[1] == '\n') {
            reader->at++;
            line_end(reader);
        } else {
            reader->at++;
        }
    }
}

static void comment_skip(struct reader *reader)
{
    reader->at += 2;
    while (reader->at < reader->end && !follows(reader, "*/")) {
        if (*reader->at == '\n') {
            line_end(reader);
        } else {
            reader->at++;
        }
    }
    reader->at += reader->at < reader->end ? 2 : 0;
}

static void token_add(struct reader *reader, const char *start, enum source_token_kind kind)
{
    struct source_tokens *tokens = reader->tokens;
    tokens->rows[tokens->count++] = (struct source_token){
        .text = {start, (size_t)(reader->at - start)},
        .line = reader->line,
        .column = (uint32_t)(start - reader->line_start) + 1,
        .kind = kind,
    };
}

/* What is not closed ends with its line: it may be prose, in a comment that began before. */
static void quoted_take(struct reader *reader)
{
    const char *start = reader->at;
    char quote = *reader->at++;
    while (reader->at < reader->end && *reader->at != quote && *reader->at != '\n') {
        reader->at += *reader->at == '\\' && reader->end - reader->at > 1 && reader->at[1] != '\n';
        reader->at++;
    }
    reader->at += reader->at < reader->end && *reader->at == quote;
    token_add(reader, start, SOURCE_NUMBER);
}

static void mark_take(struct reader *reader)
{
    static const char *const wide[] = {"->", "::", "==", "!=", "<=", ">=", "&&", "||", "++", "--",
                                       "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<"};
    const char *start = reader->at;
    size_t len = 1;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        len = follows(reader, wide[i]) ? 2 : len;
    }
    reader->at += len;
    token_add(reader, start, SOURCE_MARK);
}

static void word_take(struct reader *reader)
{
    const char *start = reader->at;
    bool is_number = is_digit(*start);
    while (reader->at < reader->end &&
           (is_letter(*reader->at) || is_digit(*reader->at) ||
            (is_number && (*reader->at == '.' || *reader->at == '\'')))) {
        reader->at++;
    }
    token_add(reader, start, is_number ? SOURCE_NUMBER : SOURCE_WORD);
}

/* One token, or what stands between them. */
static void piece_take(struct reader *reader)
{
    char first = *reader->at;
    if (first == '\n') {
        line_end(reader);
        return;
    }
    if (first == ' ' || first == '\t' || first == '\r' || first == '\f') {
        reader->at++;
        return;
    }
    bool is_fresh = reader->is_fresh;
    reader->is_fresh = false;
    if ((first == '#' && is_fresh) || follows(reader, "//")) {
        line_skip(reader);
    } else if (follows(reader, "/*")) {
        comment_skip(reader);
    } else if (follows(reader, "*/")) {
        reader->tokens->count = 0; /* all before was in a comment */
        reader->at += 2;
    } else if (first == '"' || first == '\'') {
        quoted_take(reader);
    } else if (is_letter(first) || is_digit(first)) {
        word_take(reader);
    } else {
        mark_take(reader);
    }
}

void source_tokens_read(struct source_tokens *tokens, struct slu_bytes source, uint32_t line)
{
    struct reader reader = {.tokens = tokens, .at = source.data, .line = 1, .is_fresh = true};
    uint32_t first = line > SOURCE_LINES_BEFORE ? line - SOURCE_LINES_BEFORE : 1;
    uint64_t last = (uint64_t)line + SOURCE_LINES_AFTER;
    tokens->count = 0;
    if (source.len == 0) {
        return;
    }
    reader.end = reader.at + source.len;
    while (reader.line < first) {
        const char *end = memchr(reader.at, '\n', (size_t)(reader.end - reader.at));
        if (end == NULL) {
            return;
        }
        reader.at = end + 1;
        reader.line++;
    }
    reader.line_start = reader.at;
    while (reader.at < reader.end && reader.line <= last && tokens->count < SOURCE_TOKENS_MAX) {
        piece_take(&reader);
    }
}

bool source_bytes_are(struct slu_bytes bytes, const char *text)
{
    size_t len = strlen(text);
    return bytes.len == len && memcmp(bytes.data, text, len) == 0;
}

bool source_token_is(const struct source_tokens *tokens, size_t at, const char *text)
{
    return at < tokens->count && tokens->rows[at].kind != SOURCE_NUMBER &&
           source_bytes_are(tokens->rows[at].text, text);
}

bool source_token_is_word(const struct source_tokens *tokens, size_t at)
{
    return at < tokens->count && tokens->rows[at].kind == SOURCE_WORD;
}

/* How much deeper a token leads into brackets. */
static int depth_change(const struct source_token *token)
{
    char first = *(const char *)token->text.data;
    if (token->kind != SOURCE_MARK || token->text.len != 1) {
        return 0;
    }
    if (first == '(' || first == '[' || first == '{') {
        return 1;
    }
    return first == ')' || first == ']' || first == '}' ? -1 : 0;
}

size_t source_token_close(const struct source_tokens *tokens, size_t at)
{
    int depth = 0;
    for (size_t i = at; i < tokens->count; i++) {
        depth += depth_change(&tokens->rows[i]);
        if (depth <= 0) {
            return depth < 0 || i == at ? SOURCE_TOKEN_NONE : i;
        }
    }
    return SOURCE_TOKEN_NONE;
}

size_t source_token_open(const struct source_tokens *tokens, size_t at)
{
    int depth = 0;
    for (size_t i = at; i < tokens->count; i--) {
        depth -= depth_change(&tokens->rows[i]);
        if (depth <= 0) {
            return depth < 0 || i == at ? SOURCE_TOKEN_NONE : i;
        }
    }
    return SOURCE_TOKEN_NONE;
}

size_t source_token_close_angle(const struct source_tokens *tokens, size_t at)
{
    int depth = 0;
    for (size_t i = at; i < tokens->count && i - at < ANGLE_TOKENS_MAX; i++) {
        depth += source_token_is(tokens, i, "<");
        depth -= source_token_is(tokens, i, ">");
        if (depth == 0) {
            return i;
        }
        if (source_token_is(tokens, i, ";") || source_token_is(tokens, i, "{")) {
            break;
        }
    }
    return SOURCE_TOKEN_NONE;
}
