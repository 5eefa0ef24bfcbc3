#include "net/curl_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/assert.h"

#define LIBRARY    "libcurl-gnutls.so.4"
#define SIZE_BYTES sizeof(max_align_t)

#define CLEAR_HTTP2_BROKEN      0x075800u /* 7.88.0 */
#define CLEAR_HTTP2_BROKEN_LAST 0x075801u

/* The one thing without an owner: libcurl's memory functions are called without a context. */
static _Atomic(struct slu_budget *) memory_budget;

static struct slu_budget *budget_now(void)
{
    return atomic_load_explicit(&memory_budget, memory_order_acquire);
}

/* Sizes are not told when memory is freed: they stand before it. */
static void *take(size_t len)
{
    void *memory = NULL;
    size_t bytes = 0;
    if (__builtin_add_overflow(len, SIZE_BYTES, &bytes) ||
        slu_budget_alloc(budget_now(), bytes, &memory) != 0) {
        return NULL;
    }
    memcpy(memory, &bytes, sizeof(bytes));
    return (char *)memory + SIZE_BYTES;
}

static size_t size_of(const void *memory)
{
    size_t bytes = 0;
    memcpy(&bytes, (const char *)memory - SIZE_BYTES, sizeof(bytes));
    return bytes - SIZE_BYTES;
}

static void give(void *memory)
{
    if (memory != NULL) {
        slu_budget_free(budget_now(), (char *)memory - SIZE_BYTES, size_of(memory) + SIZE_BYTES);
    }
}

static void *resize(void *memory, size_t len)
{
    void *larger = take(len);
    if (larger != NULL && memory != NULL) {
        size_t old = size_of(memory);
        memcpy(larger, memory, old < len ? old : len);
        give(memory);
    }
    return larger;
}

static char *copy(const char *text)
{
    size_t len = strlen(text) + 1;
    char *memory = take(len);
    return memory != NULL ? memcpy(memory, text, len) : NULL;
}

static void *take_many(size_t count, size_t size)
{
    size_t len = 0;
    return __builtin_mul_overflow(count, size, &len) ? NULL : take(len); /* it is zeroed */
}

static int refuse(struct slu_diag *diag, const char *what)
{
    if (diag != NULL) {
        *diag = (struct slu_diag){0};
        (void)snprintf(diag->message, sizeof(diag->message),
                       "libcurl is needed: %s (Debian's package is libcurl3-gnutls)",
                       what != NULL ? what : LIBRARY);
    }
    return -ELIBACC;
}

static bool symbols_find(struct curl_library *library)
{
    const struct {
        const char *name;
        size_t offset;
    } symbols[] = {
        {"curl_easy_init", offsetof(struct curl_library, easy_init)},
        {"curl_easy_setopt", offsetof(struct curl_library, easy_setopt)},
        {"curl_easy_perform", offsetof(struct curl_library, easy_perform)},
        {"curl_easy_getinfo", offsetof(struct curl_library, easy_getinfo)},
        {"curl_easy_reset", offsetof(struct curl_library, easy_reset)},
        {"curl_easy_cleanup", offsetof(struct curl_library, easy_cleanup)},
        {"curl_easy_strerror", offsetof(struct curl_library, easy_strerror)},
        {"curl_slist_append", offsetof(struct curl_library, slist_append)},
        {"curl_slist_free_all", offsetof(struct curl_library, slist_free_all)},
        {"curl_version_info", offsetof(struct curl_library, version_info)},
        {"curl_global_cleanup", offsetof(struct curl_library, global_cleanup)},
    };
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(library->handle, symbols[i].name);
        if (symbol == NULL) {
            return false;
        }
        memcpy((char *)library + symbols[i].offset, &symbol, sizeof(symbol));
    }
    return true;
}

/* Give it its memory. */
static bool library_begin(struct curl_library *library)
{
    CURLcode (*begin)(long flags, curl_malloc_callback take, curl_free_callback give,
                      curl_realloc_callback resize, curl_strdup_callback copy,
                      curl_calloc_callback take_many) = NULL;
    void *symbol = dlsym(library->handle, "curl_global_init_mem");
    memcpy(&begin, &symbol, sizeof(begin));
    return begin != NULL &&
           begin(CURL_GLOBAL_DEFAULT, take, give, resize, copy, take_many) == CURLE_OK;
}

int curl_library_load(struct curl_library *library, struct slu_budget *budget,
                      struct slu_diag *diag)
{
    if (library->handle != NULL) {
        return 0;
    }
    library->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL) {
        return refuse(diag, dlerror());
    }
    struct slu_budget *none = NULL;
    bool is_first = atomic_compare_exchange_strong_explicit(
        &memory_budget, &none, budget, memory_order_acq_rel, memory_order_acquire);
    SLU_ASSERT(is_first);
    if (!symbols_find(library) || !library_begin(library)) {
        atomic_store_explicit(&memory_budget, NULL, memory_order_release);
        dlclose(library->handle);
        *library = (struct curl_library){0};
        return refuse(diag, "it does not start");
    }
    unsigned version = library->version_info(CURLVERSION_NOW)->version_num;
    library->keeps_clear_http2 = version < CLEAR_HTTP2_BROKEN || version > CLEAR_HTTP2_BROKEN_LAST;
    return 0;
}

void curl_library_unload(struct curl_library *library)
{
    if (library->handle != NULL) {
        library->global_cleanup();
        dlclose(library->handle);
        *library = (struct curl_library){0};
        atomic_store_explicit(&memory_budget, NULL, memory_order_release);
    }
}
