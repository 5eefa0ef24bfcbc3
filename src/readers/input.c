#include "readers/input.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "codec/gunzip.h"
#include "codec/unzstd.h"
#include "readers/profile_reader.h"

#define PACKED_BYTES ((size_t)64 * 1024)
#define ROOM_BYTES   (INPUT_WINDOW_BYTES + PACKED_BYTES)
#define LINE_STEP    ((size_t)4096)

/* Bytes as they come, into `packed`. */
static int packed_fill(struct input *input)
{
    size_t got = 0;
    if (input->packed_begin == input->packed_end) {
        input->packed_begin = 0;
        input->packed_end = 0;
    }
    int err = input->source->read(input->source->context, input->packed + input->packed_end,
                                  PACKED_BYTES - input->packed_end, &got);
    if (err == 0) {
        input->packed_end += got;
        input->source_ended = got == 0;
    }
    return err;
}

int input_open(struct input *input, struct slu_budget *budget, const struct profile_source *source)
{
    void *block = NULL;
    *input = (struct input){.budget = budget, .source = source};
    int err = slu_budget_alloc(budget, PACKED_BYTES + ROOM_BYTES, &block);
    if (err != 0) {
        return err;
    }
    input->window = block;
    input->packed = input->window + ROOM_BYTES;
    while (err == 0 && input->packed_end < UNZSTD_HEAD_BYTES && !input->source_ended) {
        err = packed_fill(input);
    }
    struct slu_bytes head = {input->packed, input->packed_end};
    if (err == 0 && gunzip_is_gzip(head)) {
        err = gunzip_create(budget, PROFILE_TEXT_BYTES_MAX, &input->gunzip);
    } else if (err == 0 && unzstd_is_zstd(head)) {
        err = unzstd_create(budget, head, PROFILE_TEXT_BYTES_MAX, &input->unzstd);
    }
    return err;
}

void input_close(struct input *input)
{
    gunzip_destroy(&input->gunzip);
    unzstd_destroy(&input->unzstd);
    if (input->window != NULL) {
        slu_budget_free(input->budget, input->window, PACKED_BYTES + ROOM_BYTES);
    }
    *input = (struct input){0};
}

static int unpack(struct input *input, size_t *written)
{
    struct slu_bytes packed = {input->packed + input->packed_begin,
                               input->packed_end - input->packed_begin};
    unsigned char *place = input->window + input->end;
    size_t room = ROOM_BYTES - input->end;
    if (input->gunzip != NULL || input->unzstd != NULL) {
        int err = input->gunzip != NULL ? gunzip_read(input->gunzip, &packed, place, room, written)
                                        : unzstd_read(input->unzstd, &packed, place, room, written);
        input->packed_begin = input->packed_end - packed.len;
        return err;
    }
    *written = packed.len < room ? packed.len : room;
    memcpy(place, packed.data, *written);
    input->packed_begin += *written;
    return 0;
}

static int unpack_end(const struct input *input)
{
    if (input->unzstd != NULL) {
        return unzstd_end(input->unzstd);
    }
    return input->gunzip == NULL ? 0 : gunzip_end(input->gunzip);
}

/* Get more text; `ended` when there is none, also none that a decoder has held back. */
static int window_fill(struct input *input, bool *ended)
{
    size_t written = 0;
    while (written == 0) {
        bool packed_left = input->packed_begin < input->packed_end;
        int err = packed_left || input->source_ended ? 0 : packed_fill(input);
        if (err == 0) {
            err = unpack(input, &written);
        }
        if (err != 0) {
            return err;
        }
        if (written == 0 && input->source_ended && input->packed_begin == input->packed_end) {
            *ended = true;
            return unpack_end(input);
        }
    }
    input->end += written;
    return input->offset + (input->end - input->begin) > PROFILE_TEXT_BYTES_MAX ? -EFBIG : 0;
}

int input_view(struct input *input, size_t wanted, struct slu_bytes *view)
{
    bool ended = false;
    SLU_ASSERT(wanted <= INPUT_WINDOW_BYTES);
    if (input->end - input->begin < wanted && input->begin > 0) {
        memmove(input->window, input->window + input->begin, input->end - input->begin);
        input->end -= input->begin;
        input->begin = 0;
    }
    while (input->end - input->begin < wanted && !ended) {
        int err = window_fill(input, &ended);
        if (err != 0) {
            return err;
        }
    }
    *view = (struct slu_bytes){input->window + input->begin, input->end - input->begin};
    return 0;
}

void input_take(struct input *input, size_t len)
{
    SLU_ASSERT(len <= input->end - input->begin);
    input->begin += len;
    input->offset += len;
}

int input_line(struct input *input, struct slu_bytes *line)
{
    struct slu_bytes view;
    size_t searched = 0;
    size_t wanted = 1;
    for (;;) {
        int err = input_view(input, wanted, &view);
        if (err != 0) {
            return err;
        }
        if (view.len == 0) {
            return -ENODATA;
        }
        const char *bytes = view.data;
        const char *end = memchr(bytes + searched, '\n', view.len - searched);
        if (end != NULL || view.len < wanted) {
            *line = (struct slu_bytes){bytes, end == NULL ? view.len : (size_t)(end - bytes)};
            return 0;
        }
        if (view.len >= INPUT_WINDOW_BYTES) {
            return -EOVERFLOW;
        }
        searched = view.len;
        wanted =
            view.len + LINE_STEP < INPUT_WINDOW_BYTES ? view.len + LINE_STEP : INPUT_WINDOW_BYTES;
    }
}

void input_take_line(struct input *input, struct slu_bytes line)
{
    size_t left = input->end - input->begin;
    input_take(input, line.len < left ? line.len + 1 : line.len);
}
