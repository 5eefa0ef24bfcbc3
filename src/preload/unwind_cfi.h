/*
 * The call frame information of a module, read for one address at a time.
 *
 * Source  Linux Standard Base Core 5.0, chapter 10.6 (.eh_frame, .eh_frame_hdr); DWARF 5, chapter
 *         6.4; System V ABI, AMD64 supplement (register numbers)
 */
#ifndef PRELOAD_UNWIND_CFI_H
#define PRELOAD_UNWIND_CFI_H

#include <stdint.h>

#include "preload/unwind_rule.h"

/* The part of a module that may be read; both sections lie in it. */
struct cfi_image {
    const uint8_t *start;
    const uint8_t *end;
};

/*
 * The rule for a frame whose code is at `address`.
 *
 * index    the module's .eh_frame_hdr; anywhere outside the image finds nothing
 * Returns  a rule; RULE_UNKNOWN if there is none or the bytes are malformed; nothing outside the
 *          image is read, whatever it holds
 * Cost     O(log(functions)) and the function's instructions up to `address`; without the linker's
 *          sorted index O(functions)
 * Threads  any; within hooks and signal handlers
 */
unwind_rule cfi_rule(const struct cfi_image *image, const uint8_t *index, uintptr_t address);

#endif
