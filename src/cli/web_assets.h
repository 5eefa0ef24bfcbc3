/* The files of pages, as ui/bundle embeds them. */
#ifndef CLI_WEB_ASSETS_H
#define CLI_WEB_ASSETS_H

#include <stddef.h>

#include "base/web_asset.h"

/* The page of `sluice heap web`. */
extern const struct web_asset heap_page_assets[];
extern const size_t heap_page_asset_count;

#endif
