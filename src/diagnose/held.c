#include "diagnose/held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_reader.h"

#define BEGINNING_BYTES 512
#define NUMBER_BYTES    32
#define ESCAPE_BYTES    6 /* the longest way to write a byte */

bool held_is(struct slu_bytes text)
{
    size_t len = text.len < BEGINNING_BYTES ? text.len : BEGINNING_BYTES;
    return len > 0 && *(const char *)text.data == '{' &&
           memmem(text.data, len, "\"process_id\"", 12) != NULL &&
           memmem(text.data, len, "\"modules_without_names\"", 23) != NULL;
}

static bool key_is(const struct json_reader *reader, const char *key)
{
    return reader->text.len == strlen(key) && memcmp(reader->text.data, key, strlen(key)) == 0;
}

static double number_of(const struct json_reader *reader)
{
    char digits[NUMBER_BYTES] = "";
    size_t len = reader->text.len < sizeof(digits) - 1 ? reader->text.len : sizeof(digits) - 1;
    memcpy(digits, reader->text.data, len);
    return strtod(digits, NULL);
}

/* As much of it as there is room for, without what would be half a character. */
static void text_take(const struct json_reader *reader, char *out, size_t room)
{
    char whole[ESCAPE_BYTES * HELD_CHAIN_BYTES + 1] = "";
    struct slu_bytes text = reader->text;
    text.len = text.len < sizeof(whole) - 1 ? text.len : sizeof(whole) - 1;
    size_t len = json_unescape(text, whole);
    bool is_cut = len > room - 1;
    len = is_cut ? room - 1 : len;
    while (is_cut && len > 0 && ((unsigned char)whole[len] & 0xc0) == 0x80) {
        len--; /* it is not the first byte of a character */
    }
    memcpy(out, whole, len);
    out[len] = '\0';
}

static int chain_read(struct json_reader *reader, struct held_chain *chain)
{
    enum json_token token;
    while ((token = json_next(reader)) == JSON_KEY) {
        bool is_text = key_is(reader, "chain");
        bool is_count = key_is(reader, "blocks");
        token = json_next(reader);
        if (is_text && token == JSON_STRING) {
            text_take(reader, chain->text, sizeof(chain->text));
        } else if (is_count && token == JSON_NUMBER) {
            chain->blocks = number_of(reader);
        } else if (json_skip(reader, token) != 0) {
            return -EBADMSG;
        }
    }
    return token == JSON_OBJECT_END ? 0 : -EBADMSG;
}

static int chains_read(struct json_reader *reader, struct held *held)
{
    enum json_token token;
    while ((token = json_next(reader)) == JSON_OBJECT) {
        struct held_chain chain = {0};
        if (chain_read(reader, &chain) != 0) {
            return -EBADMSG;
        }
        if (held->chain_count < HELD_CHAINS_MAX && chain.text[0] != '\0') {
            held->chains[held->chain_count++] = chain;
        }
    }
    return token == JSON_ARRAY_END ? 0 : -EBADMSG;
}

static int growing_read(struct json_reader *reader, struct held *held)
{
    enum json_token token;
    *held = (struct held){0};
    while ((token = json_next(reader)) == JSON_KEY) {
        double *number = key_is(reader, "blocks")          ? &held->blocks
                         : key_is(reader, "leaked_blocks") ? &held->leaked_blocks
                                                           : NULL;
        bool is_site = key_is(reader, "site");
        bool is_chains = key_is(reader, "chains");
        int err = 0;
        token = json_next(reader);
        if (number != NULL && token == JSON_NUMBER) {
            *number = number_of(reader);
        } else if (is_site && token == JSON_STRING) {
            text_take(reader, held->site, sizeof(held->site));
        } else if (is_chains && token == JSON_ARRAY) {
            err = chains_read(reader, held);
        } else {
            err = json_skip(reader, token);
        }
        if (err != 0) {
            return err;
        }
    }
    return token == JSON_OBJECT_END ? 0 : -EBADMSG;
}

int held_read(struct slu_bytes text, struct held *held)
{
    struct json_reader reader;
    struct held found = *held;
    json_reader_init(&reader, text);
    enum json_token token = json_next(&reader);
    if (token != JSON_OBJECT) {
        return -EBADMSG;
    }
    while ((token = json_next(&reader)) == JSON_KEY) {
        bool is_growing = key_is(&reader, "growing");
        token = json_next(&reader);
        int err = is_growing && token == JSON_OBJECT ? growing_read(&reader, &found)
                                                     : json_skip(&reader, token);
        if (err != 0) {
            return -EBADMSG;
        }
    }
    if (token != JSON_OBJECT_END || json_next(&reader) != JSON_END) {
        return -EBADMSG;
    }
    *held = found;
    return 0;
}
