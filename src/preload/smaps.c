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

void smaps_init(struct smaps *smaps, smaps_read read, void *context, char *bytes)
{
    *smaps = (struct smaps){.read = read, .context = context, .bytes = bytes};
}

/* More bytes behind those that are there, which move to the front. */
static int refill(struct smaps *smaps)
{
    size_t kept = smaps->end - smaps->begin;
    memmove(smaps->bytes, smaps->bytes + smaps->begin, kept);
    smaps->begin = 0;
    smaps->end = kept;
    if (smaps->is_at_end || kept == SMAPS_BUFFER_BYTES) {
        return 0;
    }
    long got = smaps->read(smaps->context, smaps->bytes + kept, SMAPS_BUFFER_BYTES - kept);
    if (got < 0) {
        return (int)got;
    }
    smaps->is_at_end = got == 0;
    smaps->end += (size_t)got;
    return 0;
}

/* The next whole line, not taken yet; a longer one than the buffer is cut. 1, 0 at the end. */
static int line_look(struct smaps *smaps, struct slu_bytes *line)
{
    for (;;) {
        char *begin = smaps->bytes + smaps->begin;
        size_t len = smaps->end - smaps->begin;
        char *newline = len == 0 ? NULL : memchr(begin, '\n', len);
        bool is_full = len == SMAPS_BUFFER_BYTES;
        if (newline != NULL || is_full || (smaps->is_at_end && len > 0)) {
            *line = (struct slu_bytes){begin, newline == NULL ? len : (size_t)(newline - begin)};
            return 1;
        }
        if (smaps->is_at_end) {
            return 0;
        }
        int err = refill(smaps);
        if (err != 0) {
            return err;
        }
    }
}

static void line_take(struct smaps *smaps, struct slu_bytes line)
{
    bool has_newline = smaps->begin + line.len < smaps->end;
    smaps->begin += line.len + (has_newline ? 1 : 0);
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
        int got = line_look(smaps, &line);
        if (got <= 0 || mapping_read(line, &next)) {
            return got < 0 ? got : 0;
        }
        field_read(line, smap);
        line_take(smaps, line);
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
        int got = line_look(smaps, &line);
        if (got <= 0) {
            return got;
        }
        bool is_mapping = mapping_read(line, smap);
        if (is_mapping) {
            name_keep(smaps, smap);
        }
        line_take(smaps, line);
        if (is_mapping) {
            int err = fields_read(smaps, smap);
            return err != 0 ? err : 1;
        }
    }
}
