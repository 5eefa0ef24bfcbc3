/*
 * Property: whatever stands in a source, reading what it says of a call ends; names lie in the
 * source and paths within their bounds; the call's end lies among the tokens; and to read what
 * becomes of a variable later ends as well.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "symbol/source_call.h"
#include "symbol/source_tokens.h"

#define SOURCE_MAX ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void path_check(const struct source_path *path, struct slu_bytes source)
{
    const char *start = source.data;
    const char *base = path->base.data;
    SLU_ASSERT(path->count <= SOURCE_STEPS_MAX);
    SLU_ASSERT(path->base.len == 0 ||
               (base >= start && base + path->base.len <= start + source.len));
    for (uint32_t i = 0; i < path->count; i++) {
        struct slu_bytes member = path->steps[i].member;
        SLU_ASSERT(member.len == 0 ||
                   ((const char *)member.data >= start &&
                    (const char *)member.data + member.len <= start + source.len));
    }
}

static void type_check(const struct source_type *type)
{
    SLU_ASSERT(memchr(type->name, '\0', sizeof(type->name)) != NULL);
}

static void call_check(const struct source_tokens *tokens, const struct source_call *call,
                       struct slu_bytes source)
{
    struct source_call later;
    SLU_ASSERT(call->end <= tokens->count);
    SLU_ASSERT(call->role != SOURCE_TAKEN || call->taken.base.len > 0);
    path_check(&call->taken, source);
    path_check(&call->size_path, source);
    path_check(&call->resized, source);
    type_check(&call->declared);
    type_check(&call->cast);
    type_check(&call->created);
    type_check(&call->size_type);
    if (call->role == SOURCE_TAKEN &&
        source_later_read(tokens, call->end, call->taken.base, &later) != SOURCE_UNKNOWN) {
        path_check(&later.taken, source);
    }
}

/* The first three bytes are what is asked: the line, the column, and which call. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct source_tokens tokens;
    static const char *const callees[] = {"", "make", "operator new", "operator new []"};
    if (len < 3 || len > SOURCE_MAX) {
        return 0;
    }
    const char *callee = callees[bytes[2] % 4];
    struct slu_bytes source = {bytes + 3, len - 3};
    struct source_wanted wanted = {
        .callee = {callee, strlen(callee)},
        .line = bytes[0],
        .column = bytes[1],
        .argument = bytes[2] >= 128 ? bytes[2] % 8U : SOURCE_ARGUMENT_NONE,
    };
    struct source_call call;
    source_tokens_read(&tokens, source, wanted.line);
    SLU_ASSERT(tokens.count <= SOURCE_TOKENS_MAX);
    for (size_t i = 0; i < tokens.count; i++) {
        SLU_ASSERT(tokens.rows[i].text.len > 0);
    }
    if (source_call_read(&tokens, &wanted, &call)) {
        call_check(&tokens, &call, source);
    }
    return 0;
}
