#include "preload/http_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/sink.h"
#include "preload/file_put.h"
#include "preload/modules.h"
#include "preload/symbolizer.h"
#include "profile/profile.h"

#define STAGE_BYTES    16384
#define HELPER_NS      UINT64_C(20000000000)
#define FIRST_OWN_FILE 3 /* 0 to 2 are the helper's own */

const struct page *const page_table[] = {
    &page_index, &page_heap, &page_allocs, &page_memory, &page_threads, NULL,
};

static const char *const format_types[] = {
    [PAGE_TEXT] = "text/plain; charset=utf-8",
    [PAGE_HTML] = "text/html; charset=utf-8",
    [PAGE_JSON] = "application/json",
    [PAGE_PROFILE] = "application/octet-stream",
};

struct http_pages {
    struct page_source source;
    const char *symbolizer;
    char stage[STAGE_BYTES];
    struct profile_mapping mappings[MODULES_MAX];
    _Alignas(64) char scratch[]; /* profile_write_bytes() */
};

static bool bytes_are(const char *bytes, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(bytes, text, len) == 0;
}

static const struct page *page_of(struct slu_bytes path)
{
    size_t folder_len = sizeof(PAGE_FOLDER) - 1;
    const char *name = path.data;
    if (path.len < folder_len || memcmp(name, PAGE_FOLDER, folder_len) != 0) {
        return NULL;
    }
    for (const struct page *const *page = page_table; *page != NULL; page++) {
        if (bytes_are(name + folder_len, path.len - folder_len, (*page)->name)) {
            return *page;
        }
    }
    return NULL;
}

/* Parameters that are not known, such as gc=1, are left alone, as Go does. */
static int parameters_read(const struct page *page, struct page_query *query)
{
    uint64_t seconds = 0;
    uint64_t ages = 0;
    if (http_request_number(&query->request, "debug", &query->debug) == -EBADMSG ||
        http_request_number(&query->request, "seconds", &seconds) == -EBADMSG ||
        http_request_number(&query->request, "ages", &ages) == -EBADMSG ||
        seconds > PAGE_SECONDS_MAX || (seconds > 0 && (!page->has_seconds || ages > 0))) {
        return 400;
    }
    query->seconds = (uint32_t)seconds;
    query->ages = ages > 0 && page->has_ages;
    return 200;
}

int http_page_find(const struct http_request *request, const struct page **page,
                   struct page_query *query)
{
    *page = page_of(request->path);
    if (*page == NULL) {
        return 404;
    }
    if (request->method == HTTP_OTHER || (request->method == HTTP_POST && !(*page)->takes_post)) {
        return 405;
    }
    if (request->method == HTTP_POST && request->is_of_page) {
        return 403; /* a page of somewhere, in a browser of this machine */
    }
    *query = (struct page_query){.request = *request};
    return parameters_read(*page, query);
}

const char *http_page_methods(const struct page *page)
{
    return page->takes_post ? "GET, HEAD, POST" : "GET, HEAD";
}

size_t http_pages_bytes(const struct profile *profile)
{
    return sizeof(struct http_pages) + profile_write_bytes(profile);
}

struct http_pages *http_pages_init(void *block, const struct page_source *source,
                                   const char *symbolizer)
{
    struct http_pages *pages = block;
    pages->source = *source;
    pages->source.mappings = pages->mappings;
    pages->source.scratch = pages->scratch;
    pages->symbolizer = symbolizer;
    return pages;
}

void http_pages_set_caller(struct http_pages *pages, const uintptr_t *pcs, size_t count)
{
    pages->source.caller_pcs = pcs;
    pages->source.caller_pc_count = count;
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

static int page_write(struct http_pages *pages, const struct page *page,
                      const struct page_query *query, int file)
{
    struct sink sink;
    sink_init(&sink, file_put, &file, pages->stage, sizeof(pages->stage));
    int err = page->write(&pages->source, query, &sink);
    int end_err = sink_end(&sink);
    return err != 0 ? err : end_err;
}

/* The file with names, or as it was if there is nobody who knows them. */
static int file_with_names(const struct http_pages *pages, int file)
{
    if (pages->symbolizer[0] == '\0' || pages->source.caller_pc_count > 0) {
        return file; /* within a hook the program would wait for it */
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

int http_page_make(struct http_pages *pages, const struct page *page,
                   const struct page_query *query, struct http_content *content)
{
    enum page_format format = query->debug > 0 ? page->debug_format : page->format;
    int file = memory_file();
    if (file < 0) {
        return file;
    }
    int err = page_write(pages, page, query, file);
    if (err != 0) {
        close(file);
        return err;
    }
    if (format == PAGE_PROFILE) {
        file = file_with_names(pages, file);
    }
    off_t len = lseek(file, 0, SEEK_END);
    if (len < 0 || lseek(file, 0, SEEK_SET) != 0) {
        close(file);
        return -EIO;
    }
    *content =
        (struct http_content){.file = file, .len = (uint64_t)len, .type = format_types[format]};
    return 0;
}
