/*
 * libcurl, loaded when it is needed, so that a daemon without an exporter, and a program that asks
 * for no page behind TLS, does without. Its memory is charged to the budget.
 */
#ifndef NET_CURL_LIBRARY_H
#define NET_CURL_LIBRARY_H

#include <stdbool.h>

#include <curl/curl.h>

#include <sluice/api.h>

struct slu_budget;
struct slu_diag;

/* What is used of it. */
struct curl_library {
    void *handle;
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *easy);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    void (*easy_reset)(CURL *easy);
    void (*easy_cleanup)(CURL *easy);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    curl_version_info_data *(*version_info)(CURLversion age);
    void (*global_cleanup)(void);

    /*
     * Whether a connection that began with HTTP/2's preface in clear text can be used again: not in
     * 7.88.0 and 7.88.1 (github.com/curl/curl/issues/10634), which Debian 12 has.
     */
    bool keeps_clear_http2;
};

/*
 * Load it, if that has not been done. The library has one memory for the whole process: there is
 * one of these at a time.
 *
 * Returns  0; -ELIBACC, which `diag` says more of
 */
SLU_MUST_USE int curl_library_load(struct curl_library *library, struct slu_budget *budget,
                                   struct slu_diag *diag);

/* When no handle is left. One that was never loaded is accepted. */
void curl_library_unload(struct curl_library *library);

#endif
