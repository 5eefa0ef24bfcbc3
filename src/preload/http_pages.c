#include "preload/http_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/sink.h"
#include "preload/http_request.h"
#include "preload/modules.h"
#include "preload/symbolizer.h"
#include "profile/profile.h"
#include "sys/wall_clock.h"

#define STAGE_BYTES    16384
#define HELPER_NS      UINT64_C(20000000000)
#define FIRST_OWN_FILE 3 /* 0 to 2 are the helper's own */
#define TYPE_HTML      "text/html; charset=utf-8"
#define TYPE_TEXT      "text/plain; charset=utf-8"
#define TYPE_BYTES     "application/octet-stream"

struct http_pages {
    const struct profile *profile;
    struct modules *modules;
    const char *symbolizer;
    uint64_t start_ns;
    char stage[STAGE_BYTES];
    struct profile_mapping mappings[MODULES_MAX];
    _Alignas(64) char scratch[]; /* profile_write_bytes() */
};

static const struct {
    const char *path;
    enum http_page_kind kind;
    const char *about;
} table[] = {
    {"/debug/pprof/", HTTP_PAGE_INDEX, NULL},
    {"/debug/pprof/heap", HTTP_PAGE_HEAP, "sampled allocations that are in use"},
    {"/debug/pprof/allocs", HTTP_PAGE_ALLOCS, "all sampled allocations since the start"},
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

static bool path_is(const struct http_request *request, const char *path)
{
    size_t len = strlen(path);
    return request->path.len == len && memcmp(request->path.data, path, len) == 0;
}

/* Parameters that are not known, such as gc=1, are left alone, as Go does. */
static int parameters_read(const struct http_request *request, struct http_page *page)
{
    uint64_t debug = 0;
    uint64_t seconds = 0;
    if (http_request_number(request, "debug", &debug) == -EBADMSG ||
        http_request_number(request, "seconds", &seconds) == -EBADMSG ||
        seconds > HTTP_SECONDS_MAX || (seconds > 0 && page->kind == HTTP_PAGE_INDEX)) {
        return 400;
    }
    page->is_text = debug > 0;
    page->seconds = (uint32_t)seconds;
    return 200;
}

int http_page_find(const struct http_request *request, struct http_page *page)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (path_is(request, table[i].path)) {
            *page = (struct http_page){.kind = table[i].kind};
            return request->method == HTTP_OTHER ? 405 : parameters_read(request, page);
        }
    }
    return 404;
}

size_t http_pages_bytes(const struct profile *profile)
{
    return sizeof(struct http_pages) + profile_write_bytes(profile);
}

struct http_pages *http_pages_init(void *block, const struct profile *profile,
                                   struct modules *modules, const char *symbolizer,
                                   uint64_t start_ns)
{
    struct http_pages *pages = block;
    pages->profile = profile;
    pages->modules = modules;
    pages->symbolizer = symbolizer;
    pages->start_ns = start_ns;
    return pages;
}

/* An empty file in memory, with a number that is nobody's standard input or output. */
static int memory_file(void)
{
    int file = memfd_create("sluice-heap", MFD_CLOEXEC);
    if (file < 0) {
        return -errno;
    }
    if (file >= FIRST_OWN_FILE) {
        return file;
    }
    int higher = fcntl(file, F_DUPFD_CLOEXEC, FIRST_OWN_FILE);
    int err = higher < 0 ? -errno : higher;
    close(file);
    return err;
}

static int file_put(void *context, const char *bytes, size_t len)
{
    int file = *(const int *)context;
    while (len > 0) {
        ssize_t written = write(file, bytes, len);
        if (written <= 0) {
            return written < 0 ? -errno : -EIO; /* signals are blocked in this thread */
        }
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

static void index_write(const struct http_pages *pages, struct sink *sink)
{
    struct profile_stats stats;
    profile_stats(pages->profile, &stats);
    sink_text(sink, "<!doctype html>\n<html><head><title>/debug/pprof/</title></head>\n<body>\n"
                    "<h1>/debug/pprof/</h1>\n<table>\n");
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (table[i].about != NULL) {
            const char *name = strrchr(table[i].path, '/') + 1;
            sink_format(
                sink, "<tr><td><a href=\"%s?debug=1\">%s</a></td><td>%llu</td><td>%s</td></tr>\n",
                name, name,
                (unsigned long long)(table[i].kind == HTTP_PAGE_HEAP ? stats.samples_live
                                                                     : stats.samples_recorded),
                table[i].about);
        }
    }
    sink_format(sink,
                "</table>\n<p>In use: %llu bytes in %llu objects, by samples every %llu "
                "bytes.</p>\n<p>go tool pprof http://ADDRESS/debug/pprof/heap; ?seconds=N shows "
                "what changes in N seconds.</p>\n</body></html>\n",
                (unsigned long long)stats.inuse_bytes, (unsigned long long)stats.inuse_objects,
                (unsigned long long)stats.rate_bytes);
}

static int profile_put(struct http_pages *pages, const struct http_page *page,
                       const struct profile_snapshot *since, uint64_t since_ns, struct sink *sink)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    modules_refresh(pages->modules);
    struct profile_write_options options = {
        .format = page->is_text ? PROFILE_TEXT : PROFILE_PPROF_GZIP,
        .default_sample_type =
            page->kind == HTTP_PAGE_HEAP ? PROFILE_INUSE_SPACE : PROFILE_ALLOC_SPACE,
        .time_ns = wall_clock_ns(),
        .duration_ns = (int64_t)(now_ns - (since == NULL ? pages->start_ns : since_ns)),
        .now_ns = now_ns,
        .since = since,
        .mappings = pages->mappings,
        .mapping_count = modules_mappings(pages->modules, pages->mappings),
    };
    return profile_write(pages->profile, &options, pages->scratch, sink);
}

static int page_write(struct http_pages *pages, const struct http_page *page,
                      const struct profile_snapshot *since, uint64_t since_ns, int file)
{
    struct sink sink;
    int err = 0;
    sink_init(&sink, file_put, &file, pages->stage, sizeof(pages->stage));
    if (page->kind == HTTP_PAGE_INDEX) {
        index_write(pages, &sink);
    } else {
        err = profile_put(pages, page, since, since_ns, &sink);
    }
    int end_err = sink_end(&sink);
    return err != 0 ? err : end_err;
}

/* The file with names, or as it was if there is nobody who knows them. */
static int file_with_names(const struct http_pages *pages, int file)
{
    if (pages->symbolizer[0] == '\0') {
        return file;
    }
    int named = memory_file();
    uint64_t deadline_ns = slu_clock_monotonic_ns() + HELPER_NS;
    if (named >= 0 && lseek(file, 0, SEEK_SET) == 0 &&
        symbolizer_run(pages->symbolizer, file, named, deadline_ns) == 0) {
        close(file);
        return named;
    }
    if (named >= 0) {
        close(named);
    }
    return file;
}

int http_page_make(struct http_pages *pages, const struct http_page *page,
                   const struct profile_snapshot *since, uint64_t since_ns,
                   struct http_content *content)
{
    int file = memory_file();
    if (file < 0) {
        return file;
    }
    int err = page_write(pages, page, since, since_ns, file);
    if (err != 0) {
        close(file);
        return err;
    }
    bool is_profile = page->kind != HTTP_PAGE_INDEX && !page->is_text;
    if (is_profile) {
        file = file_with_names(pages, file);
    }
    off_t len = lseek(file, 0, SEEK_END);
    if (len < 0 || lseek(file, 0, SEEK_SET) != 0) {
        close(file);
        return -EIO;
    }
    *content = (struct http_content){
        .file = file,
        .len = (uint64_t)len,
        .type = is_profile                      ? TYPE_BYTES
                : page->kind == HTTP_PAGE_INDEX ? TYPE_HTML
                                                : TYPE_TEXT,
    };
    return 0;
}
