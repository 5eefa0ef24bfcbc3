#include "store/label_index.h"

#include "label_index_fixture.h"
#include "store/label_set.h"
#include "store/varint.h"

#define READ_BUDGET_BYTES ((uint64_t)64 << 20)
#define FORGED_MAX        ((size_t)1 << 16)

/* Two names, several pages of neither. */
static void few_streams(struct test_streams *streams, size_t count)
{
    streams_init(streams, count);
    for (size_t i = 0; i < count; i++) {
        char value[16];
        assert_true(snprintf(value, sizeof(value), "v%zu", i) > 0);
        struct label labels[] = {{text_of("a"), text_of(value)},
                                 {text_of("b"), text_of(i % 3 == 0 ? "x" : "y")},
                                 {text_of("c"), text_of("z")}};
        streams_put(streams, labels, 3);
    }
    streams_sort_once(streams);
}

/* What was told, as one number. */
struct sum {
    uint64_t hash;
    uint64_t count;
};

static void sum_add(struct sum *sum, struct slu_bytes text, uint64_t number)
{
    const unsigned char *bytes = text.data;
    sum->count++;
    sum->hash = (sum->hash ^ number) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < text.len; i++) {
        sum->hash = (sum->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
}

static int stream_sum(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    sum_add(arg, labels, stream);
    sum_add(arg, value, value.len);
    return 0;
}

static int text_sum(void *arg, struct slu_bytes text, uint32_t stream_count)
{
    sum_add(arg, text, stream_count);
    return 0;
}

#define QUESTIONS 6

static int question_ask(const struct label_index *index, size_t question, struct slu_budget *budget,
                        struct sum *sum)
{
    const struct matcher matchers[] = {
        {.kind = MATCH_EQUAL, .name = text_of("b"), .value = text_of("x")},
        {.kind = MATCH_NOT_EQUAL, .name = text_of("a"), .value = text_of("")},
        {.kind = MATCH_NOT_EQUAL, .name = text_of("c"), .value = text_of("z")},
    };
    *sum = (struct sum){0};
    switch (question) {
    case 0:
        return label_index_select(index, NULL, 0, budget, stream_sum, sum);
    case 1:
        return label_index_names(index, budget, text_sum, sum);
    case 2:
        return label_index_values(index, text_of("a"), budget, text_sum, sum);
    default:
        return label_index_select(index, &matchers[question - 3], 1, budget, stream_sum, sum);
    }
}

static void answers_take(const struct label_index *index, struct slu_budget *budget,
                         struct sum answers[QUESTIONS])
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        assert_int_equal(question_ask(index, i, budget, &answers[i]), 0);
    }
}

/* Each answer is right, or says that the file is damaged. Returns how many said so. */
static size_t answers_check(const struct label_index *index, struct slu_budget *budget,
                            const struct sum answers[QUESTIONS])
{
    size_t told_count = 0;
    uint64_t used = budget_used(budget);
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct sum sum;
        int err = question_ask(index, i, budget, &sum);
        assert_true(err == 0 || err == -EBADMSG);
        assert_true(err != 0 || (sum.hash == answers[i].hash && sum.count == answers[i].count));
        assert_int_equal(budget_used(budget), used);
        told_count += err != 0;
    }
    return told_count;
}

static void a_flipped_byte_is_told_by_who_reads_it(void **state)
{
    struct index_file file;
    struct test_streams streams;
    struct sum answers[QUESTIONS];
    struct slu_budget *budget = budget_of(READ_BUDGET_BYTES);
    size_t len = 0;
    size_t told_count = 0;
    const char *name = NULL;
    (void)state;
    few_streams(&streams, 12);
    index_file_open(&file);
    index_write_all(&file, &streams);
    answers_take(&file.index, budget, answers);
    unsigned char *bytes = simulated_disk_bytes(file.disk, 0, &len, &name);
    assert_int_equal(len, file.index.section.size_bytes);
    for (size_t at = INDEX_BEGIN; at < len; at++) {
        static const unsigned char masks[] = {1, 0x80, 0xff};
        for (size_t i = 0; i < sizeof(masks); i++) {
            bytes[at] ^= masks[i];
            size_t told = answers_check(&file.index, budget, answers);
            assert_true(told > 0);
            told_count += told;
            bytes[at] ^= masks[i];
        }
    }
    assert_true(told_count > len);
    assert_int_equal(answers_check(&file.index, budget, answers), 0);
    index_file_close(&file);
    streams_deinit(&streams);
    slu_budget_destroy(&budget);
}

static void a_flipped_byte_of_the_root_never_harms(void **state)
{
    struct index_file file;
    struct test_streams streams;
    struct slu_budget *budget = budget_of(READ_BUDGET_BYTES);
    unsigned char root[LABEL_INDEX_ROOT_BYTES];
    (void)state;
    few_streams(&streams, 12);
    index_file_open(&file);
    index_write_all(&file, &streams);
    label_index_root_encode(&file.index.root, root);
    uint64_t used = budget_used(budget);
    for (size_t bit = 0; bit < sizeof(root) * 8; bit++) {
        struct sum sum;
        root[bit / 8] ^= (unsigned char)(1 << bit % 8);
        label_index_root_decode(root, &file.index.root);
        for (size_t i = 0; i < QUESTIONS; i++) {
            int err = question_ask(&file.index, i, budget, &sum);
            assert_true(err == 0 || err == -EBADMSG);
            assert_int_equal(budget_used(budget), used);
        }
        root[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    index_file_close(&file);
    streams_deinit(&streams);
    slu_budget_destroy(&budget);
}

static void a_file_that_is_cut_short_is_told(void **state)
{
    struct index_file file;
    struct test_streams streams;
    struct sum answers[QUESTIONS];
    struct slu_budget *budget = budget_of(READ_BUDGET_BYTES);
    (void)state;
    few_streams(&streams, 12);
    index_file_open(&file);
    index_write_all(&file, &streams);
    answers_take(&file.index, budget, answers);
    for (uint64_t len = 0; len < file.section.offset; len++) {
        file.index.section.size_bytes = len;
        assert_true(answers_check(&file.index, budget, answers) > 0);
    }
    index_file_close(&file);
    streams_deinit(&streams);
    slu_budget_destroy(&budget);
}

/* Pieces that are made up here, with checks that are right. */
struct forger {
    struct index_file file;
    unsigned char bytes[FORGED_MAX];
    size_t len;
};

static void forge_text(struct forger *forger, const void *bytes, size_t len)
{
    assert_true(len <= FORGED_MAX - forger->len);
    memcpy(forger->bytes + forger->len, bytes, len);
    forger->len += len;
}

static void forge_number(struct forger *forger, uint64_t number)
{
    unsigned char bytes[VARINT_BYTES_MAX];
    forge_text(forger, bytes, varint_put(bytes, number));
}

static struct piece forge_piece(struct forger *forger)
{
    struct piece piece;
    assert_int_equal(section_append(&forger->file.section,
                                    (struct slu_bytes){forger->bytes, forger->len}, 0, &piece),
                     0);
    forger->len = 0;
    return piece;
}

/* A posting of a label "a" with the value "v", of `count` streams; then the bytes. */
static void forge_posting(struct forger *forger, uint64_t count, uint64_t len, const char *steps,
                          size_t steps_len)
{
    forge_text(forger, "\1a\1v", 4);
    forge_number(forger, count);
    forge_number(forger, len);
    forge_text(forger, steps, steps_len);
}

/* A directory of postings with the one page that was made. */
static struct piece forge_directory(struct forger *forger)
{
    unsigned char code[PIECE_BYTES];
    struct piece page = forge_piece(forger);
    piece_encode(&page, code);
    forge_text(forger, "\1a\1v", 4);
    forge_text(forger, code, sizeof(code));
    return forge_piece(forger);
}

static void postings_are_refused(struct forger *forger, uint32_t stream_count)
{
    struct matcher matcher = {.kind = MATCH_EQUAL, .name = text_of("a"), .value = text_of("v")};
    struct label_index_root root = {
        .postings = forge_directory(forger), .stream_count = stream_count, .label_count = 1};
    struct block set;
    index_file_read(&forger->file, &root);
    uint64_t used = budget_used(forger->file.budget);
    assert_int_equal(label_set_make(&forger->file.index, &matcher, 1, forger->file.budget, &set),
                     -EBADMSG);
    assert_int_equal(budget_used(forger->file.budget), used);
}

static void forged_postings_are_told(void **state)
{
    static const struct {
        uint64_t count;
        uint64_t len;
        const char *steps;
        size_t steps_len;
    } rows[] = {
        {1, 0, "", 0},            /* no steps, and not of all streams */
        {1, 2, "\1", 1},          /* steps behind the end */
        {1, UINT64_MAX, "\1", 1}, /* far behind it */
        {2, 1, "\1", 1},          /* fewer steps than streams */
        {1, 2, "\1\1", 2},        /* more of them */
        {2, 2, "\1\0", 2},        /* one stream twice */
        {1, 1, "\5", 1},          /* above the last */
        {2, 2, "\4\1", 2},        /* the same, by a step */
        {2, 11, "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11}, /* back, by overflow */
        {UINT64_MAX, 1, "\1", 1},                                /* more than there may be */
        {0, 0, "", 0},                                           /* no stream */
    };
    static struct forger forger;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        index_file_open(&forger.file);
        forge_posting(&forger, rows[i].count, rows[i].len, rows[i].steps, rows[i].steps_len);
        postings_are_refused(&forger, 5);
        index_file_close(&forger.file);
    }
}

static void names_are_refused(struct forger *forger, const char *name, uint64_t first,
                              uint64_t second)
{
    struct label_index_root root = {.stream_count = 1, .label_count = 2};
    struct sum sum = {0};
    const uint64_t lens[] = {first, second};
    for (size_t i = 0; i < 2; i++) {
        forge_number(forger, lens[i]);
        forge_text(forger, name, lens[i]);
        forge_text(forger, "\1v\1\0", 4);
    }
    root.postings = forge_directory(forger);
    root.streams = forge_piece(forger);
    index_file_read(&forger->file, &root);
    assert_int_equal(label_index_names(&forger->file.index, forger->file.budget, text_sum, &sum),
                     -EBADMSG);
}

static void names_longer_than_labels_and_names_out_of_order_are_told(void **state)
{
    static struct forger forger;
    static char name[LABELS_BYTES_MAX * 2];
    static const size_t lens[][2] = {
        {1, LABELS_BYTES_MAX * 2}, {LABELS_BYTES_MAX + 1, 1}, {3, 2}, {2, 2}, {0, 1}};
    (void)state;
    memset(name, 'n', sizeof(name));
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        index_file_open(&forger.file);
        names_are_refused(&forger, name, lens[i][0], lens[i][1]);
        index_file_close(&forger.file);
    }
}

/* All rows, in turn, of a page of streams that has `stream_count` empty ones. */
static int streams_forged_select(struct forger *forger, const uint32_t *firsts, size_t count,
                                 uint32_t stream_count)
{
    struct label_index_root root = {.stream_count = stream_count};
    struct sum sum = {0};
    unsigned char code[PIECE_BYTES];
    for (uint32_t i = 0; i < 4; i++) {
        forge_text(forger, "\0\0", 2);
    }
    struct piece page = forge_piece(forger);
    piece_encode(&page, code);
    for (size_t i = 0; i < count; i++) {
        unsigned char first[4] = {(unsigned char)firsts[i], (unsigned char)(firsts[i] >> 8),
                                  (unsigned char)(firsts[i] >> 16),
                                  (unsigned char)(firsts[i] >> 24)};
        forge_text(forger, first, 4);
        forge_text(forger, code, sizeof(code));
    }
    root.streams = forge_piece(forger);
    root.postings = forge_piece(forger);
    index_file_read(&forger->file, &root);
    return label_index_select(&forger->file.index, NULL, 0, forger->file.budget, stream_sum, &sum);
}

static void forged_directories_of_streams_are_told(void **state)
{
    static const struct {
        uint32_t firsts[3];
        size_t count;
        uint32_t stream_count;
    } rows[] = {
        {{0}, 0, 4},          /* no pages */
        {{1}, 1, 4},          /* none for the first stream */
        {{0}, 1, 5},          /* a page with too few */
        {{0, 2, 1}, 3, 12},   /* out of order */
        {{0, 5, 9}, 3, 12},   /* a gap */
        {{0}, 1, UINT32_MAX}, /* more than there may be */
    };
    static struct forger forger;
    static const uint32_t right[] = {0, 4, 8};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        index_file_open(&forger.file);
        assert_int_equal(
            streams_forged_select(&forger, rows[i].firsts, rows[i].count, rows[i].stream_count),
            -EBADMSG);
        index_file_close(&forger.file);
    }
    index_file_open(&forger.file);
    assert_int_equal(streams_forged_select(&forger, right, 3, 12), 0);
    index_file_close(&forger.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_byte_is_told_by_who_reads_it),
        cmocka_unit_test(a_flipped_byte_of_the_root_never_harms),
        cmocka_unit_test(a_file_that_is_cut_short_is_told),
        cmocka_unit_test(forged_postings_are_told),
        cmocka_unit_test(names_longer_than_labels_and_names_out_of_order_are_told),
        cmocka_unit_test(forged_directories_of_streams_are_told),
    };
    return TEST_RUN("label_index_damage", tests);
}
