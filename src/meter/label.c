#include <sluice/label.h>

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "meter/identifier.h"
#include "meter/label_key.h"
#include "meter/label_rules.h"
#include "meter/path.h"

#define OTHER_TEXT     "_OTHER"
#define STATUS_LEN     3
#define METHOD_LEN_MAX 7

static size_t text_write(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return len;
}

static size_t other_write(char *out)
{
    return text_write(out, OTHER_TEXT, sizeof(OTHER_TEXT) - 1);
}

static size_t text_normalise(struct slu_bytes raw, char *out, size_t size_bytes)
{
    const char *at = raw.data;
    const char *end = at + raw.len;
    size_t len = 0;
    while (at < end) {
        uint32_t code = 0;
        size_t read = utf8_decode(at, (size_t)(end - at), &code);
        bool keep = code != UTF8_INVALID && code != 0;
        const char *piece = keep ? at : UTF8_REPLACEMENT;
        size_t piece_len = keep ? read : sizeof(UTF8_REPLACEMENT) - 1;
        if (piece_len > size_bytes - len) {
            break;
        }
        len += text_write(out + len, piece, piece_len);
        at += read;
    }
    return len;
}

static size_t token_normalise(struct slu_bytes raw, char *out, size_t size_bytes)
{
    size_t len = text_normalise(raw, out, size_bytes);
    bool replaced = identifier_likely(out, len, bytes_classes(out, len));
    return replaced ? text_write(out, IDENTIFIER_TEXT, IDENTIFIER_LEN) : len;
}

static size_t path_normalise(const struct slu_label_rules *rules, struct slu_bytes raw, char *out,
                             size_t size_bytes)
{
    if (rules == NULL || rules->templates.count == 0) {
        return path_clean(raw, true, out, size_bytes);
    }
    char clean[SLU_LABEL_BYTES_MAX];
    size_t len = path_clean(raw, false, clean, sizeof(clean));
    return path_identify(&rules->templates, (struct slu_bytes){clean, len}, out, size_bytes);
}

/* The method that a word is, filled up with zeros. */
static bool method_find(uint64_t wanted, const char **method)
{
    static const char methods[][METHOD_LEN_MAX + 1] = {
        "GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        uint64_t word = 0;
        memcpy(&word, methods[i], sizeof(word));
        if (word == wanted) {
            *method = methods[i];
            return true;
        }
    }
    return false;
}

static uint64_t upper_word(uint64_t word)
{
    char bytes[METHOD_LEN_MAX + 1];
    memcpy(bytes, &word, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bool is_lower = bytes[i] >= 'a' && bytes[i] <= 'z';
        bytes[i] = (char)(is_lower ? bytes[i] - 'a' + 'A' : bytes[i]);
    }
    memcpy(&word, bytes, sizeof(word));
    return word;
}

static size_t method_normalise(struct slu_bytes raw, char *out)
{
    if (raw.len > METHOD_LEN_MAX) {
        return other_write(out);
    }
    const char *method = NULL;
    uint64_t word = short_load(raw.data, raw.len);
    if (method_find(word, &method) || method_find(upper_word(word), &method)) {
        return text_write(out, method, raw.len);
    }
    return other_write(out);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static size_t status_normalise(struct slu_bytes raw, char *out)
{
    const char *bytes = raw.data;
    if (raw.len != STATUS_LEN || bytes[0] < '1' || bytes[0] > '5') {
        return other_write(out);
    }
    bool is_class = bytes[1] == 'x' && bytes[2] == 'x';
    if (!is_class && !(is_digit(bytes[1]) && is_digit(bytes[2]))) {
        return other_write(out);
    }
    char class[STATUS_LEN] = {bytes[0], 'x', 'x'};
    return text_write(out, class, sizeof(class));
}

size_t slu_label_normalise(const struct slu_label_rules *rules, enum slu_label_form form,
                           struct slu_bytes raw, char *out, size_t size_bytes)
{
    SLU_ASSERT(size_bytes >= SLU_LABEL_BYTES_MIN);
    size_bytes = size_bytes < SLU_LABEL_BYTES_MAX ? size_bytes : SLU_LABEL_BYTES_MAX;
    if (raw.len == 0) {
        return 0;
    }
    switch (form) {
    case SLU_LABEL_PATH:
        return path_normalise(rules, raw, out, size_bytes);
    case SLU_LABEL_TOKEN:
        return token_normalise(raw, out, size_bytes);
    case SLU_LABEL_METHOD:
        return method_normalise(raw, out);
    case SLU_LABEL_STATUS:
        return status_normalise(raw, out);
    case SLU_LABEL_DROP:
        return 0;
    case SLU_LABEL_TEXT:
    default:
        return text_normalise(raw, out, size_bytes);
    }
}
