/*
 * Limits, and what a limiter says of one: shared by <sluice/limiter.h> and <sluice/gate.h>.
 */
#ifndef SLUICE_LIMIT_H
#define SLUICE_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

#define SLU_LIMIT_INFINITE UINT64_MAX /* a count: everything is allowed */
#define SLU_LIMIT_NEVER    UINT64_MAX /* a time that does not come */

#define SLU_LIMIT_PERIOD_NS_MAX (UINT64_C(1) << 60) /* 36 years */

/*
 * Times count up to here, 73 years after the clock's zero; a later time counts as this one. The
 * same is the longest that a burst may take to be available again.
 */
#define SLU_LIMIT_TIME_NS_MAX ((UINT64_C(1) << 61) - 1)

/*
 * `count` events every `period_ns`, e.g. {.count = 100, .period_ns = 1000000000}.
 *
 * Between one event in SLU_LIMIT_PERIOD_NS_MAX and one in a nanosecond; count 0 allows nothing, and
 * SLU_LIMIT_INFINITE everything, whatever the other members.
 */
struct slu_limit {
    uint64_t count;
    uint64_t period_ns;
    uint64_t burst; /* token bucket: the most at once; 0: as many as `count` */
};

/* How a limiter, or a key of a gate, stands at a moment. */
struct slu_limit_state {
    uint64_t quota;     /* events that are allowed in `window_ns`, and at once after a pause */
    uint64_t window_ns; /* 0 for a limit that allows nothing, or everything */
    uint64_t remaining; /* events that would be allowed now */
    uint64_t reset_ns;  /* from now until `remaining` is `quota`, if no more events come */
    uint64_t retry_ns;  /* from now until what was asked for is allowed: 0, or SLU_LIMIT_NEVER */
};

#define SLU_LIMIT_NAME_MAX 64  /* bytes of a policy's name, without a final zero */
#define SLU_LIMIT_TEXT_MAX 192 /* enough for each of the texts below, with the final zero */

/*
 * The value of the HTTP header `RateLimit`, e.g. "client";r=9;t=1 (in whole seconds, rounded up:
 * until what was refused is allowed, or else until the quota is whole).
 *
 * name     of the policy: 1 to SLU_LIMIT_NAME_MAX printable ASCII characters
 * Returns  0; -EINVAL for the name; -ENOBUFS if `size` is too small: nothing is written
 * Source   draft-ietf-httpapi-ratelimit-headers-10, RFC 9651 for the form
 */
SLU_API SLU_MUST_USE int slu_limit_text(const struct slu_limit_state *state, const char *name,
                                        char *text, size_t size);

/*
 * The value of the header `RateLimit-Policy`, e.g. "client";q=10;w=1; the window is left out where
 * there is none.
 *
 * Returns  as slu_limit_text
 */
SLU_API SLU_MUST_USE int slu_limit_policy_text(const struct slu_limit_state *state,
                                               const char *name, char *text, size_t size);

/*
 * The value of the header `Retry-After`: whole seconds, rounded up.
 *
 * Returns  0; -ENOENT where no time is right, because the limit never allows what was asked for;
 *          -ENOBUFS
 * Source   RFC 9110, section 10.2.3
 */
SLU_API SLU_MUST_USE int slu_limit_retry_text(const struct slu_limit_state *state, char *text,
                                              size_t size);

SLU_END_DECLS

#endif
