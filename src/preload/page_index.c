#include "preload/page.h"

#include <stddef.h>

#include "base/sink.h"
#include "profile/profile.h"

static void row_write(const struct page *page, const struct page_source *source, struct sink *sink)
{
    sink_format(sink, "<tr><td><a href=\"%s?debug=1\">%s</a></td><td>", page->name, page->name);
    if (page->count != NULL) {
        sink_format(sink, "%llu", (unsigned long long)page->count(source));
    }
    sink_format(sink, "</td><td>%s</td></tr>\n", page->about);
}

static int index_write(const struct page_source *source, const struct page_query *query,
                       struct sink *sink)
{
    (void)query;
    struct profile_stats stats;
    profile_stats(source->profile, &stats);
    sink_text(sink, "<!doctype html>\n<html><head><title>/debug/pprof/</title></head>\n<body>\n"
                    "<h1>/debug/pprof/</h1>\n<table>\n");
    for (const struct page *const *page = page_table; *page != NULL; page++) {
        if ((*page)->about != NULL) {
            row_write(*page, source, sink);
        }
    }
    sink_format(sink,
                "</table>\n<p>In use: %llu bytes in %llu objects, by samples every %llu "
                "bytes.</p>\n<p>go tool pprof http://ADDRESS/debug/pprof/heap; ?seconds=N shows "
                "what changes in N seconds.</p>\n</body></html>\n",
                (unsigned long long)stats.inuse_bytes, (unsigned long long)stats.inuse_objects,
                (unsigned long long)stats.rate_bytes);
    return 0;
}

const struct page page_index = {
    .name = "",
    .format = PAGE_HTML,
    .debug_format = PAGE_HTML,
    .write = index_write,
};
