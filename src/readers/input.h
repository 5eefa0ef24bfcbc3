/* The text of a profile, unpacked if need be, seen through a window that is moved along. */
#ifndef READERS_INPUT_H
#define READERS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct gunzip;
struct profile_source;
struct slu_budget;
struct unzstd;

/* What can be seen at a time, and so the longest message or line. */
#define INPUT_WINDOW_BYTES ((size_t)1 << 20)

struct input {
    struct slu_budget *budget;
    const struct profile_source *source;
    struct gunzip *gunzip; /* neither this nor the next: the bytes are the text */
    struct unzstd *unzstd;
    unsigned char *packed;
    size_t packed_begin;
    size_t packed_end;
    unsigned char *window;
    size_t begin;
    size_t end;
    uint64_t offset; /* of `begin` in the text */
    bool source_ended;
};

/*
 * Begin to read, and see what the bytes are packed in: gzip, zstd, or nothing.
 *
 * Returns  0; -EBADMSG for a head of zstd that is none; -EDQUOT; -ENOMEM; what the source returned.
 *          input_close follows in any case.
 */
SLU_MUST_USE int input_open(struct input *input, struct slu_budget *budget,
                            const struct profile_source *source);
void input_close(struct input *input);

/*
 * Bring at least `wanted` bytes into view, at most INPUT_WINDOW_BYTES; fewer only at the end of the
 * text.
 *
 * view     valid until the next call
 * Returns  0; -EBADMSG if it does not unpack; -EFBIG past PROFILE_TEXT_BYTES_MAX; what the source
 *          returned
 */
SLU_MUST_USE int input_view(struct input *input, size_t wanted, struct slu_bytes *view);

/* Move on by `len` bytes of what is in view. */
void input_take(struct input *input, size_t len);

/*
 * Bring the next line into view, without its end.
 *
 * Returns  0; -ENODATA at the end; -EOVERFLOW for a line that is longer than the window; as
 *          input_view. input_take_line moves past it.
 */
SLU_MUST_USE int input_line(struct input *input, struct slu_bytes *line);
void input_take_line(struct input *input, struct slu_bytes line);

#endif
