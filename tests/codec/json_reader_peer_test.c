/* The JSON reader beside the writer that it reads back, and beside libjansson. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

#include "harness.h"
#include "json_peer.h"

#define TEXT_BYTES_MAX  ((size_t)1 << 20)
#define TOKENS_MAX      20000
#define STRING_MAX      48
#define DEPTH_MAX       12
#define CONTAINER_COUNT 4

struct expected {
    enum json_token token;
    size_t len;
    char bytes[STRING_MAX]; /* of a string or a key */
    double number;
};

/* A document, and what is to be read from it. */
struct document {
    struct test_random *random;
    struct json_writer json;
    struct sink sink;
    char text[TEXT_BYTES_MAX];
    struct expected tokens[TOKENS_MAX];
    size_t token_count;
};

static struct document document;

static struct expected *expect(enum json_token token)
{
    assert_true(document.token_count < TOKENS_MAX);
    struct expected *expected = &document.tokens[document.token_count++];
    *expected = (struct expected){.token = token};
    return expected;
}

static uint64_t below(uint64_t bound)
{
    return test_random_below(document.random, bound);
}

static struct expected *make_string(enum json_token token)
{
    static const char *const pieces[] = {"a",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\n",
                                         "\x1f",
                                         "\x7f",
                                         "0123456789",
                                         "\xc2\x80",
                                         "\xc3\xa4",
                                         "\xe2\x80\xa8",
                                         "\xef\xbf\xbf",
                                         "\xf0\x9f\x92\xa7",
                                         "\xf4\x8f\xbf\xbf",
                                         " ",
                                         "\\u0000"};
    struct expected *expected = expect(token);
    for (uint64_t count = below(5); count > 0; count--) {
        const char *piece = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];
        size_t len = below(20) == 0 && token == JSON_STRING ? 1 : strlen(piece);
        memcpy(expected->bytes + expected->len, len == strlen(piece) ? piece : "", len);
        expected->len += len;
    }
    return expected;
}

static void make_number(void)
{
    struct expected *expected = expect(JSON_NUMBER);
    uint64_t bits = test_random_next(document.random);
    double number = 0;
    switch (below(3)) {
    case 0:
        expected->number = (double)((int64_t)bits >> below(64));
        json_write_int(&document.json, (int64_t)expected->number);
        break;
    case 1:
        expected->number = (double)(uint32_t)bits;
        json_write_uint(&document.json, (uint32_t)bits);
        break;
    default:
        bits = (bits >> 52 & 0x7ff) == 0x7ff ? bits >> 2 : bits;
        memcpy(&number, &bits, sizeof(number));
        expected->number = number;
        json_write_double(&document.json, number);
    }
}

static void make_value(uint32_t depth);

static void make_container(uint32_t depth, bool is_object)
{
    (void)expect(is_object ? JSON_OBJECT : JSON_ARRAY);
    (is_object ? json_begin_object : json_begin_array)(&document.json);
    uint64_t count = below(CONTAINER_COUNT + 1);
    for (uint64_t i = 0; i < count; i++) {
        if (is_object) {
            struct expected *key = make_string(JSON_KEY);
            key->bytes[key->len++] = (char)('A' + i); /* each another */
            json_write_key_bytes(&document.json, key->bytes, key->len);
        }
        make_value(depth + 1);
    }
    (is_object ? json_end_object : json_end_array)(&document.json);
    (void)expect(is_object ? JSON_OBJECT_END : JSON_ARRAY_END);
}

static void make_value(uint32_t depth)
{
    struct expected *string = NULL;
    switch (below(depth < DEPTH_MAX ? 9 : 5)) {
    case 0:
        json_write_bool(&document.json, true);
        (void)expect(JSON_TRUE);
        break;
    case 1:
        json_write_bool(&document.json, false);
        (void)expect(JSON_FALSE);
        break;
    case 2:
        json_write_null(&document.json);
        (void)expect(JSON_NULL);
        break;
    case 3:
        make_number();
        break;
    case 4:
        string = make_string(JSON_STRING);
        json_write_string_bytes(&document.json, string->bytes, string->len);
        break;
    default:
        make_container(depth, below(2) == 0);
    }
}

static struct slu_bytes make_document(struct test_random *random)
{
    document.random = random;
    document.token_count = 0;
    sink_init_fixed(&document.sink, document.text, sizeof(document.text));
    json_writer_init(&document.json, &document.sink, below(2) == 0 ? JSON_COMPACT : JSON_PRETTY);
    if (below(4) == 0) {
        make_value(0);
    } else {
        make_container(0, true);
    }
    json_writer_end(&document.json);
    (void)expect(JSON_END);
    assert_int_equal(sink_end(&document.sink), 0);
    return (struct slu_bytes){document.text, document.sink.len};
}

static double number_of(const struct json_reader *reader)
{
    char text[512];
    assert_true(reader->text.len < sizeof(text));
    memcpy(text, reader->text.data, reader->text.len);
    text[reader->text.len] = '\0';
    return strtod(text, NULL);
}

static void what_the_writer_wrote_is_read_back(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint64_t round = 0; round < test_rounds(2000); round++) {
        struct json_reader reader;
        char plain[STRING_MAX * 6];
        json_reader_init(&reader, make_document(&random));
        for (size_t i = 0; i < document.token_count; i++) {
            const struct expected *expected = &document.tokens[i];
            assert_int_equal(json_next(&reader), expected->token);
            if (expected->token == JSON_STRING || expected->token == JSON_KEY) {
                assert_int_equal(json_unescape(reader.text, plain), expected->len);
                assert_memory_equal(plain, expected->bytes, expected->len);
            } else if (expected->token == JSON_NUMBER) {
                assert_true(number_of(&reader) == expected->number);
            }
        }
    }
}

/* A piece of what the peer has read is the next token. */
static void compare(void *context, const struct json_piece *piece)
{
    static const char kinds[] = {
        [JSON_OBJECT] = '{', [JSON_OBJECT_END] = '}', [JSON_ARRAY] = '[',  [JSON_ARRAY_END] = ']',
        [JSON_KEY] = 'k',    [JSON_STRING] = 's',     [JSON_NUMBER] = 'n', [JSON_TRUE] = 't',
        [JSON_FALSE] = 'f',  [JSON_NULL] = '0',
    };
    struct json_reader *reader = context;
    enum json_token token = json_next(reader);
    assert_int_not_equal(token, JSON_FAULT);
    assert_int_not_equal(token, JSON_END);
    assert_int_equal(kinds[token], piece->kind);
    if (token == JSON_KEY || token == JSON_STRING) {
        char *plain = malloc(reader->text.len + 1);
        assert_non_null(plain);
        assert_int_equal(json_unescape(reader->text, plain), piece->len);
        assert_memory_equal(plain, piece->bytes, piece->len);
        free(plain);
    } else if (token == JSON_NUMBER) {
        assert_true(number_of(reader) == piece->number);
    }
}

/* The reader takes what the peer takes, and reads the same there. Returns the peer's answer. */
static int expect_agreement(struct slu_bytes text)
{
    struct json_reader reader;
    enum json_token token = JSON_NULL;
    json_reader_init(&reader, text);
    int err = json_peer_read(text.data, text.len, compare, &reader);
    if (err == 0) {
        assert_int_equal(json_next(&reader), JSON_END);
    } else if (err == -EBADMSG) {
        while (token != JSON_END && token != JSON_FAULT) {
            token = json_next(&reader);
        }
        assert_int_equal(token, JSON_FAULT);
    }
    return err;
}

static void documents_are_read_as_the_peer_reads_them(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    uint64_t taken_count = 0;
    for (uint64_t round = 0; round < test_rounds(1000); round++) {
        taken_count += expect_agreement(make_document(&random)) == 0;
    }
    assert_true(taken_count > 900); /* it takes no numbers above 1e308 */
}

/* Change a document in a few places. No zeros: the peer passes over one behind a number. */
static size_t mutate(char *text, size_t len)
{
    static const char characters[] = "{}[]:,\"\\/ \n\t019-+.eEtrufalsn\x01\x80\xc3\xa4\xed\xff";
    for (uint64_t count = 1 + below(3); count > 0 && len > 0; count--) {
        size_t at = below(len);
        size_t piece = 1 + below(len - at < 8 ? len - at : 8);
        switch (below(4)) {
        case 0:
            text[at] = characters[below(sizeof(characters) - 1)];
            break;
        case 1: /* leave something out */
            memmove(text + at, text + at + piece, len - at - piece);
            len -= piece;
            break;
        case 2: /* say something twice */
            memmove(text + at + piece, text + at, len - at);
            len += piece;
            break;
        default:
            memmove(text + at + 1, text + at, len - at);
            text[at] = characters[below(sizeof(characters) - 1)];
            len++;
        }
    }
    return len;
}

static void changed_documents_are_judged_as_the_peer_does(void **state)
{
    (void)state;
    static char text[TEXT_BYTES_MAX + 64];
    struct test_random random = test_random_start(3);
    uint64_t counts[3] = {0};
    for (uint64_t round = 0; round < test_rounds(3000); round++) {
        struct slu_bytes whole = make_document(&random);
        for (int turn = 0; turn < 4; turn++) {
            memcpy(text, whole.data, whole.len);
            size_t len = mutate(text, whole.len);
            char *exact = malloc(len > 0 ? len : 1);
            assert_non_null(exact);
            memcpy(exact, text, len);
            int err = expect_agreement((struct slu_bytes){exact, len});
            counts[err == 0 ? 0 : err == -EBADMSG ? 1 : 2]++;
            free(exact);
        }
    }
    print_message("# %llu taken, %llu refused, %llu beyond the peer\n",
                  (unsigned long long)counts[0], (unsigned long long)counts[1],
                  (unsigned long long)counts[2]);
    assert_true(counts[0] > 500 && counts[1] > 2000 && counts[2] < counts[0] + counts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_writer_wrote_is_read_back),
        cmocka_unit_test(documents_are_read_as_the_peer_reads_them),
        cmocka_unit_test(changed_documents_are_judged_as_the_peer_does),
    };
    return TEST_RUN("json_reader_peer", tests);
}
