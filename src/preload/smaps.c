/*
 * A mapping is a line and the fields below it:
 *
 *   55d0c8a00000-55d0c8a21000 rw-p 00000000 00:00 0                          [heap]
 *   Rss:                  12 kB
 *   Anonymous:            12 kB
 *   VmFlags: rd wr mr mw me ac
 *
 * A line that begins with a hexadecimal digit and has a '-' after its number is a mapping's.
 */
#include "preload/smaps.h"

#include <string.h>

#define KIB 1024

void smaps_init(struct smaps *smaps, lines_read read, void *context, char *bytes)
{
    lines_init(&smaps->lines, read, context, bytes);
}

/* A line's text, taken from the left. */
struct text {
    const char *at;
    const char *end;
};

static void spaces_skip(struct text *text)
{
    while (text->at < text->end && *text->at == ' ') {
        text->at++;
    }
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : 16;
}

/* False if there is no number, or one above 64 bits. */
static bool number_take(struct text *text, unsigned base, uint64_t *value)
{
    uint64_t number = 0;
    const char *begin = text->at;
    for (; text->at < text->end && (unsigned)digit_value(*text->at) < base; text->at++) {
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, (uint64_t)digit_value(*text->at), &number)) {
            return false;
        }
    }
    *value = number;
    return text->at > begin;
}

static bool char_take(struct text *text, char wanted)
{
    if (text->at == text->end || *text->at != wanted) {
        return false;
    }
    text->at++;
    return true;
}

static bool permissions_take(struct text *text, struct smap *smap)
{
    spaces_skip(text);
    if (text->end - text->at < 5) {
        return false;
    }
    smap->is_readable = text->at[0] == 'r';
    smap->is_writable = text->at[1] == 'w';
    smap->is_executable = text->at[2] == 'x';
    smap->is_shared = text->at[3] == 's';
    text->at += 4;
    return true;
}

static bool mapping_read(struct slu_bytes line, struct smap *smap)
{
    struct text text = {(const char *)line.data, (const char *)line.data + line.len};
    uint64_t ignored = 0;
    *smap = (struct smap){0};
    if (!number_take(&text, 16, &smap->start) || !char_take(&text, '-') ||
        !number_take(&text, 16, &smap->limit) || smap->limit < smap->start ||
        !permissions_take(&text, smap)) {
        return false;
    }
    spaces_skip(&text);
    bool is_whole = number_take(&text, 16, &ignored);
    spaces_skip(&text);
    is_whole = is_whole && number_take(&text, 16, &ignored) && char_take(&text, ':') &&
               number_take(&text, 16, &ignored);
    spaces_skip(&text);
    if (!is_whole || !number_take(&text, 10, &smap->inode)) {
        return false;
    }
    spaces_skip(&text);
    smap->name = (struct slu_bytes){text.at, (size_t)(text.end - text.at)};
    return true;
}

static void field_read(struct slu_bytes line, struct smap *smap)
{
    const struct {
        const char *name;
        uint64_t *bytes;
    } fields[] = {{"Rss:", &smap->rss_bytes},
                  {"Anonymous:", &smap->anonymous_bytes},
                  {"Swap:", &smap->swapped_bytes}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        size_t len = strlen(fields[i].name);
        if (line.len > len && memcmp(line.data, fields[i].name, len) == 0) {
            struct text text = {(const char *)line.data + len, (const char *)line.data + line.len};
            uint64_t kib = 0;
            spaces_skip(&text);
            if (number_take(&text, 10, &kib) && kib <= UINT64_MAX / KIB) {
                *fields[i].bytes = kib * KIB;
            }
        }
    }
}

/* Fields up to the next mapping's line, which is left. */
static int fields_read(struct smaps *smaps, struct smap *smap)
{
    for (;;) {
        struct slu_bytes line;
        struct smap next;
        int got = lines_look(&smaps->lines, &line);
        if (got <= 0 || mapping_read(line, &next)) {
            return got < 0 ? got : 0;
        }
        field_read(line, smap);
        lines_take(&smaps->lines, line);
    }
}

/* Out of the buffer, which moves while fields are read. */
static void name_keep(struct smaps *smaps, struct smap *smap)
{
    size_t len = smap->name.len < SMAPS_NAME_MAX ? smap->name.len : SMAPS_NAME_MAX;
    if (len > 0) {
        memcpy(smaps->name, smap->name.data, len);
    }
    smap->name = (struct slu_bytes){smaps->name, len};
}

int smaps_next(struct smaps *smaps, struct smap *smap)
{
    for (;;) {
        struct slu_bytes line;
        int got = lines_look(&smaps->lines, &line);
        if (got <= 0) {
            return got;
        }
        bool is_mapping = mapping_read(line, smap);
        if (is_mapping) {
            name_keep(smaps, smap);
        }
        lines_take(&smaps->lines, line);
        if (is_mapping) {
            int err = fields_read(smaps, smap);
            return err != 0 ? err : 1;
        }
    }
}
