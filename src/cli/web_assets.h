/* The files of pages, as ui/bundle embeds them. */
#ifndef CLI_WEB_ASSETS_H
#define CLI_WEB_ASSETS_H

#include <stddef.h>

struct web_asset {
    const char *path; /* "/", "/page.js" */
    const char *type; /* Content-Type */
    const char *etag; /* with its quotes */
    const unsigned char *packed;
    size_t packed_len; /* gzip'd */
    size_t len;        /* as it was */
};

/* The page of `sluice heap web`. */
extern const struct web_asset heap_page_assets[];
extern const size_t heap_page_asset_count;

#endif
