#include "readers/scan.h"

#include <string.h>

struct scan scan_begin(struct slu_bytes line)
{
    const char *bytes = line.data;
    return (struct scan){bytes, line.len == 0 ? bytes : bytes + line.len};
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\r';
}

void scan_blanks(struct scan *scan)
{
    while (scan->at < scan->end && is_blank(*scan->at)) {
        scan->at++;
    }
}

bool scan_text(struct scan *scan, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, text, len) != 0) {
        return false;
    }
    scan->at += len;
    return true;
}

bool scan_number(struct scan *scan, int64_t *value)
{
    struct scan tried = *scan;
    bool negative = scan_text(&tried, "-");
    const char *begin = tried.at;
    int64_t read = 0;
    while (tried.at < tried.end && *tried.at >= '0' && *tried.at <= '9') {
        if (__builtin_mul_overflow(read, 10, &read) ||
            __builtin_add_overflow(read, *tried.at - '0', &read)) {
            return false;
        }
        tried.at++;
    }
    if (tried.at == begin) {
        return false;
    }
    *value = negative ? -read : read;
    *scan = tried;
    return true;
}

static int digit_of(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

bool scan_hexadecimal(struct scan *scan, uint64_t *value)
{
    struct scan tried = *scan;
    uint64_t read = 0;
    (void)scan_text(&tried, "0x"); /* or it is not there */
    const char *begin = tried.at;
    while (tried.at < tried.end && digit_of(*tried.at) >= 0) {
        if (read >> 60 != 0) {
            return false;
        }
        read = read << 4 | (uint64_t)digit_of(*tried.at);
        tried.at++;
    }
    if (tried.at == begin) {
        return false;
    }
    *value = read;
    *scan = tried;
    return true;
}

struct slu_bytes scan_word(struct scan *scan)
{
    const char *begin = scan->at;
    while (scan->at < scan->end && !is_blank(*scan->at)) {
        scan->at++;
    }
    return (struct slu_bytes){begin, (size_t)(scan->at - begin)};
}

struct slu_bytes scan_rest(const struct scan *scan)
{
    const char *end = scan->end;
    while (end > scan->at && is_blank(end[-1])) {
        end--;
    }
    return (struct slu_bytes){scan->at, (size_t)(end - scan->at)};
}
