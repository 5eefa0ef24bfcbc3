/* A file of a page, as ui/bundle embeds it. */
#ifndef BASE_WEB_ASSET_H
#define BASE_WEB_ASSET_H

#include <stddef.h>

struct web_asset {
    const char *path; /* "/", "/page.js" */
    const char *type; /* Content-Type */
    const char *etag; /* with its quotes */
    const unsigned char *packed;
    size_t packed_len; /* gzip'd */
    size_t len;        /* as it was */
};

#endif
