#include <sluice/limit.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/sink.h"

#define SECOND_NS   UINT64_C(1000000000)
#define INTEGER_MAX UINT64_C(999999999999999) /* RFC 9651, section 3.3.1 */

static uint64_t integer_of(uint64_t value)
{
    return value < INTEGER_MAX ? value : INTEGER_MAX;
}

static uint64_t seconds_of(uint64_t duration_ns)
{
    return duration_ns / SECOND_NS + (duration_ns % SECOND_NS != 0);
}

static bool name_is_right(const char *name)
{
    size_t len = strnlen(name, SLU_LIMIT_NAME_MAX + 1);
    bool right = len > 0 && len <= SLU_LIMIT_NAME_MAX;
    for (size_t i = 0; right && i < len; i++) {
        right = name[i] >= ' ' && name[i] <= '~';
    }
    return right;
}

/* RFC 9651, section 4.1.6. */
static void put_name(struct sink *sink, const char *name)
{
    sink_char(sink, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\') {
            sink_char(sink, '\\');
        }
        sink_char(sink, *name);
    }
    sink_char(sink, '"');
}

/* Hand over the whole text or nothing. */
static int text_end(struct sink *sink, const char *staged, char *text, size_t size)
{
    int err = sink_end(sink);
    size_t len = strlen(staged);
    if (err != 0 || len >= size) {
        return -ENOBUFS;
    }
    memcpy(text, staged, len + 1);
    return 0;
}

int slu_limit_text(const struct slu_limit_state *state, const char *name, char *text, size_t size)
{
    char staged[SLU_LIMIT_TEXT_MAX];
    struct sink sink;
    if (!name_is_right(name)) {
        return -EINVAL;
    }
    bool waits = state->retry_ns != 0 && state->retry_ns != SLU_LIMIT_NEVER;
    sink_init_fixed(&sink, staged, sizeof(staged));
    put_name(&sink, name);
    sink_format(&sink, ";r=%" PRIu64 ";t=%" PRIu64, integer_of(state->remaining),
                seconds_of(waits ? state->retry_ns : state->reset_ns));
    return text_end(&sink, staged, text, size);
}

int slu_limit_policy_text(const struct slu_limit_state *state, const char *name, char *text,
                          size_t size)
{
    char staged[SLU_LIMIT_TEXT_MAX];
    struct sink sink;
    if (!name_is_right(name)) {
        return -EINVAL;
    }
    sink_init_fixed(&sink, staged, sizeof(staged));
    put_name(&sink, name);
    sink_format(&sink, ";q=%" PRIu64, integer_of(state->quota));
    if (state->window_ns != 0) {
        sink_format(&sink, ";w=%" PRIu64, seconds_of(state->window_ns));
    }
    return text_end(&sink, staged, text, size);
}

int slu_limit_retry_text(const struct slu_limit_state *state, char *text, size_t size)
{
    char staged[SLU_LIMIT_TEXT_MAX];
    struct sink sink;
    if (state->retry_ns == SLU_LIMIT_NEVER) {
        return -ENOENT;
    }
    sink_init_fixed(&sink, staged, sizeof(staged));
    sink_format(&sink, "%" PRIu64, seconds_of(state->retry_ns));
    return text_end(&sink, staged, text, size);
}
