/*
 * Property: a piece that was appended reads back, at any level, as a whole and by its middle where
 * it is not compressed; where its place, its lengths, its salt or a byte of the file is another, it
 * is refused or is what was written, within its memory, and the budget is left as it was.
 *
 * Each piece is a byte of its level and two of its length before its bytes. Behind a byte of 0xff
 * are changes: a byte of which piece, a byte of what is changed, eight of how.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "base/bytes.h"
#include "memory_file.h"
#include "store/section.h"

#define BUDGET     ((uint64_t)128 << 20)
#define PIECES_MAX 32
#define SALT       UINT64_C(0x5a17)
#define BEGIN      32
#define LEVELS     (SECTION_LEVEL_GOOD + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory_file file;

struct written {
    struct piece pieces[PIECES_MAX];
    struct slu_bytes plain[PIECES_MAX];
    size_t count;
};

static void pieces_write(struct slu_bytes *rest, const struct store_io *io,
                         struct slu_budget *budget, struct written *written)
{
    struct section_writer writer;
    file.len = BEGIN;
    memset(file.bytes, 0, BEGIN);
    SLU_ASSERT(section_writer_init(&writer, io, 0, BEGIN, SALT, budget) == 0);
    while (rest->len > 0 && written->count < PIECES_MAX) {
        uint64_t level = input_number(rest, 1);
        if (level == 0xff) {
            break;
        }
        size_t len = (size_t)input_number(rest, 2);
        struct slu_bytes plain = input_take(rest, len);
        SLU_ASSERT(section_append(&writer, plain, (int)(level % LEVELS),
                                  &written->pieces[written->count]) == 0);
        written->plain[written->count++] = plain;
    }
    SLU_ASSERT(section_flush(&writer) == 0 && writer.offset == file.len);
    section_writer_deinit(&writer);
}

/* Returns whether it is what was written. */
static bool piece_read(const struct section_reader *reader, const struct piece *piece,
                       struct slu_bytes plain, struct slu_budget *budget)
{
    struct block block = {0};
    int err = section_read(reader, piece, budget, &block);
    SLU_ASSERT(err == 0 || err == -EBADMSG);
    bool is_same = err == 0 && bytes_equal((struct slu_bytes){block.data, block.len}, plain);
    if (err == 0) {
        block_free(budget, &block);
    }
    return is_same;
}

static void piece_peek(const struct section_reader *reader, const struct piece *piece,
                       struct slu_bytes plain)
{
    unsigned char middle[16];
    size_t at = plain.len / 3;
    size_t len = plain.len - at < sizeof(middle) ? plain.len - at : sizeof(middle);
    int err = section_peek(reader, piece, at, middle, len);
    bool is_plain = piece->stored_bytes == piece->plain_bytes;
    SLU_ASSERT(err == (is_plain ? 0 : -EBADMSG));
    SLU_ASSERT(err != 0 || len == 0 || memcmp(middle, (const char *)plain.data + at, len) == 0);
    SLU_ASSERT(section_peek(reader, piece, plain.len, middle, 1) == -EBADMSG);
    SLU_ASSERT(section_peek(reader, piece, SIZE_MAX, middle, 2) == -EBADMSG);
}

static void change_try(struct slu_bytes *rest, const struct section_reader *reader,
                       const struct written *written, struct slu_budget *budget)
{
    struct section_reader changed = *reader;
    size_t at = (size_t)input_number(rest, 1) % written->count;
    uint64_t what = input_number(rest, 1);
    uint64_t how = input_number(rest, 8);
    struct piece piece = written->pieces[at];
    unsigned char *byte = file.bytes + how % file.len;
    unsigned char before = *byte;
    unsigned char middle[8];
    switch (what % 6) {
    case 0:
        piece.offset = how;
        break;
    case 1:
        piece.stored_bytes = (uint32_t)how;
        break;
    case 2:
        piece.plain_bytes = (uint32_t)how;
        break;
    case 3:
        changed.salt = how;
        break;
    case 4:
        changed.size_bytes = how % (file.len + 1);
        break;
    default:
        *byte ^= (unsigned char)(1 + what / 6);
        break;
    }
    bool is_same = piece_read(&changed, &piece, written->plain[at], budget);
    bool is_piece = memcmp(&piece, &written->pieces[at], sizeof(piece)) == 0;
    SLU_ASSERT(is_same || !is_piece || changed.salt != SALT || changed.size_bytes != file.len ||
               *byte != before);
    int err = section_peek(&changed, &piece, (size_t)(how >> 8), middle, how % sizeof(middle));
    SLU_ASSERT(err == 0 || err == -EBADMSG);
    *byte = before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    struct slu_bytes rest = {data, size};
    struct written written = {.count = 0};
    struct store_io io = memory_file_io(&file);
    if (slu_budget_create(NULL, "fuzz", BUDGET, &budget) != 0) {
        return 0;
    }
    pieces_write(&rest, &io, budget, &written);
    struct section_reader reader = {.io = &io, .size_bytes = file.len, .salt = SALT};
    for (size_t i = 0; i < written.count; i++) {
        SLU_ASSERT(piece_read(&reader, &written.pieces[i], written.plain[i], budget));
        piece_peek(&reader, &written.pieces[i], written.plain[i]);
    }
    while (written.count > 0 && rest.len > 0) {
        change_try(&rest, &reader, &written, budget);
    }
    slu_budget_destroy(&budget);
    return 0;
}
