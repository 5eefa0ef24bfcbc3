/* What `sluice heap web` serves: the page, and documents about the profiles of a session. */
#ifndef CLI_HEAP_WEB_H
#define CLI_HEAP_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"

struct heap_session;
struct page_answer;
struct page_request;
struct slu_diag;
struct view;

#define HEAP_WEB_PROBLEM_BYTES 256
#define HEAP_WEB_TAG_BYTES     1024

struct heap_web {
    struct heap_session *session;
    const char *source;        /* as the user named it */
    const char *source_folder; /* of the program's source; NULL: where it was built */
    bool is_live;
    uint64_t generation;
    uint64_t asked_ns;      /* when a page last asked whether there is something newer */
    struct column resident; /* int64_t by profile: bytes, -1: not known */
    char *account;          /* JSON, of the newest profile; NULL: there is none */
    size_t account_len;
    size_t account_bytes;
    char problem[HEAP_WEB_PROBLEM_BYTES]; /* of a live source; empty: none */
};

/*
 * Begin with the profiles that the session has.
 *
 * Returns  0; -EDQUOT; -ENOMEM. heap_web_deinit follows in any case.
 */
SLU_MUST_USE int heap_web_init(struct heap_web *web);
void heap_web_deinit(struct heap_web *web);

/* Ask the live source for what it has now. What goes wrong is kept as a problem, for the page. */
void heap_web_refresh(struct heap_web *web);

/* Answer a request; a page_handle. */
void heap_web_answer(void *web, const struct page_request *request, struct page_answer *answer);

/* Write a function's source with its figures; documented in docs/formats/profile-page.md. */
SLU_MUST_USE int heap_web_source(const struct heap_web *web, const struct page_request *request,
                                 struct page_answer *answer, struct slu_diag *diag);

/*
 * Make the view that the query's tag asks for; without one and not by line it stays NULL: the
 * session's own will do.
 *
 * Returns  0; -EINVAL, -EDQUOT, -ENOMEM, told. view_destroy follows.
 */
SLU_MUST_USE int heap_web_view(const struct heap_web *web, const struct page_request *request,
                               bool by_line, struct slu_diag *diag, struct view **view);

/* Of a sink whose context is a page_answer: the answer begins with the first bytes. */
int heap_web_send(void *answer, const char *bytes, size_t len);

/* The profile that a parameter names, the newest without it; -EINVAL, and `diag` says it. */
SLU_MUST_USE int heap_web_moment(const struct heap_web *web, const struct page_request *request,
                                 const char *name, uint32_t *profile, struct slu_diag *diag);

#endif
