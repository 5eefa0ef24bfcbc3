/* The files of the page, which every browser takes compressed. */
#include <string.h>

#include "base/web_asset.h"
#include "net/net.h"
#include "serve/web_query.h"

#define POLICY "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

extern const struct web_asset serve_page_assets[];
extern const size_t serve_page_asset_count;

static void asset_answer(struct net_request *request, void *arg)
{
    struct slu_bytes path = net_request_path(request);
    const struct web_asset *found = NULL;
    (void)arg;
    for (size_t i = 0; i < serve_page_asset_count; i++) {
        const struct web_asset *asset = &serve_page_assets[i];
        if (strlen(asset->path) == path.len && memcmp(asset->path, path.data, path.len) == 0) {
            found = asset;
        }
    }
    if (found == NULL) {
        web_fail(request, 404, "not_found", "there is no such page; the first one is /");
        return;
    }
    struct net_asset asset = {
        .type = found->type, .bytes = {found->packed, found->packed_len}, .etag = found->etag};
    (void)net_response_header(request, "Content-Encoding", net_text("gzip"));
    (void)net_response_header(request, "Content-Security-Policy", net_text(POLICY));
    (void)net_response_header(request, "X-Content-Type-Options", net_text("nosniff"));
    net_respond_asset(request, &asset);
}

size_t web_page_routes(struct web *web, struct net_route *routes)
{
    const struct net_route all[] = {
        {.path = "/", .handle = asset_answer},
        {.path = "/:file*", .handle = asset_answer},
    };
    (void)web;
    memcpy(routes, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}
