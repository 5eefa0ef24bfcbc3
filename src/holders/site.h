/* Where a block was allocated, by the profiler's sample of it. */
#ifndef HOLDERS_SITE_H
#define HOLDERS_SITE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sampled_stack;
struct sink;
struct site_frame;
struct who;

/* Whether a function of the stack is called like this. */
bool site_matches(struct who *who, const struct sampled_stack *stack, const regex_t *pattern);

/*
 * The innermost frames of a stack, for symbol/site_type.h.
 *
 * frames   room for SITE_FRAMES_MAX
 * Returns  how many
 */
size_t site_frames(struct who *who, const struct sampled_stack *stack, struct site_frame *frames);

/*
 * Write where blocks of a stack were allocated, as site_write does for a block.
 *
 * Returns  false, with nothing written, if it is not known
 */
bool site_write_stack(struct who *who, const struct sampled_stack *stack, struct sink *out);

/*
 * Write where a block was allocated: the innermost function that is no allocator's and no
 * library's of the language, "window_grow window.c:88".
 *
 * Returns  false, with nothing written, if it is not known
 */
bool site_write(struct who *who, uint32_t block, struct sink *out);

#endif
