/* Annotated source, for a terminal, as a page and as JSON. */
#ifndef CLI_HEAP_LISTING_H
#define CLI_HEAP_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct heap_session;
struct listing;
struct sink;

struct heap_listing_options {
    int64_t total;
    const char *folder; /* of the source; NULL: where it was built */
    bool html;
    bool json;
};

/* Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int heap_listing_write(const struct heap_session *session,
                                    const struct listing *listing,
                                    const struct heap_listing_options *options, struct sink *out);

#endif
