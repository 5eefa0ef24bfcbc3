#include "net/tls.h"

#include <errno.h>
#include <stdatomic.h>

#include <gnutls/gnutls.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "net/net.h"
#include "sys/mutex.h"

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* A certificate with its key, as long as a session uses it. */
struct credentials {
    _Atomic unsigned users; /* atomic: sessions of all loops; released before the last frees */
    gnutls_certificate_credentials_t handle;
    struct slu_budget *budget;
};

struct tls {
    struct slu_budget *budget;
    struct net_tls files;
    gnutls_priority_t priorities;
    struct mutex lock; /* of `current` */
    struct credentials *current;
};

struct tls_session {
    struct tls *tls;
    struct credentials *credentials;
    gnutls_session_t handle;
    size_t unsent; /* bytes that GnuTLS has taken and could not send */
};

static void credentials_unref(struct credentials *credentials)
{
    if (credentials != NULL &&
        atomic_fetch_sub_explicit(&credentials->users, 1, memory_order_acq_rel) == 1) {
        gnutls_certificate_free_credentials(credentials->handle);
        slu_budget_free(credentials->budget, credentials, sizeof(*credentials));
    }
}

static int credentials_read(struct tls *tls, struct slu_diag *diag, struct credentials **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(tls->budget, sizeof(struct credentials), &block);
    if (err != 0) {
        return err;
    }
    struct credentials *credentials = block;
    credentials->budget = tls->budget;
    atomic_init(&credentials->users, 1);
    if (gnutls_certificate_allocate_credentials(&credentials->handle) != 0) {
        slu_budget_free(tls->budget, block, sizeof(struct credentials));
        return -ENOMEM;
    }
    int status = gnutls_certificate_set_x509_key_file(
        credentials->handle, tls->files.certificate_path, tls->files.key_path, GNUTLS_X509_FMT_PEM);
    if (status < 0) {
        credentials_unref(credentials);
        return diag_fail(diag, -EINVAL, "certificate %s with key %s: %s",
                         tls->files.certificate_path, tls->files.key_path, gnutls_strerror(status));
    }
    *out = credentials;
    return 0;
}

int tls_create(struct slu_budget *budget, const struct net_tls *files, struct slu_diag *diag,
               struct tls **out)
{
    if (files->certificate_path == NULL || files->key_path == NULL) {
        return diag_fail(diag, -EINVAL, "TLS needs a certificate and its key");
    }
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct tls), &block);
    if (err != 0) {
        return err;
    }
    struct tls *tls = block;
    tls->budget = budget;
    tls->files = *files;
    mutex_init(&tls->lock);
    err = gnutls_priority_init(&tls->priorities, PRIORITIES, NULL) == 0 ? 0 : -ENOMEM;
    if (err == 0) {
        err = credentials_read(tls, diag, &tls->current);
    }
    if (err != 0) {
        tls_destroy(&tls);
        return err;
    }
    *out = tls;
    return 0;
}

void tls_destroy(struct tls **tls)
{
    struct tls *gone = *tls;
    if (gone == NULL) {
        return;
    }
    credentials_unref(gone->current);
    if (gone->priorities != NULL) {
        gnutls_priority_deinit(gone->priorities);
    }
    mutex_deinit(&gone->lock);
    slu_budget_free(gone->budget, gone, sizeof(*gone));
    *tls = NULL;
}

int tls_reload(struct tls *tls, struct slu_diag *diag)
{
    struct credentials *fresh = NULL;
    int err = credentials_read(tls, diag, &fresh);
    if (err != 0) {
        return err;
    }
    mutex_lock(&tls->lock);
    struct credentials *old = tls->current;
    tls->current = fresh;
    mutex_unlock(&tls->lock);
    credentials_unref(old);
    return 0;
}

static struct credentials *credentials_ref(struct tls *tls)
{
    mutex_lock(&tls->lock);
    struct credentials *credentials = tls->current;
    atomic_fetch_add_explicit(&credentials->users, 1, memory_order_relaxed);
    mutex_unlock(&tls->lock);
    return credentials;
}

static int session_start(struct tls_session *session, int fd)
{
    static unsigned char http2_name[] = "h2";
    static unsigned char http1_name[] = "http/1.1";
    const gnutls_datum_t names[] = {{http2_name, 2}, {http1_name, 8}};
    if (gnutls_init(&session->handle, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0) {
        return -ENOMEM;
    }
    gnutls_transport_set_int(session->handle, fd);
    if (gnutls_priority_set(session->handle, session->tls->priorities) != 0 ||
        gnutls_credentials_set(session->handle, GNUTLS_CRD_CERTIFICATE,
                               session->credentials->handle) != 0 ||
        gnutls_alpn_set_protocols(session->handle, names, 2, GNUTLS_ALPN_SERVER_PRECEDENCE) != 0) {
        return -ENOMEM;
    }
    return 0;
}

int tls_session_open(struct tls *tls, int fd, struct tls_session **out)
{
    void *block = NULL;
    int err = slu_budget_charge(tls->budget, TLS_SESSION_BYTES);
    if (err != 0) {
        return err;
    }
    err = slu_budget_alloc(tls->budget, sizeof(struct tls_session), &block);
    if (err != 0) {
        slu_budget_release(tls->budget, TLS_SESSION_BYTES);
        return err;
    }
    struct tls_session *session = block;
    session->tls = tls;
    session->credentials = credentials_ref(tls);
    err = session_start(session, fd);
    if (err != 0) {
        tls_session_close(&session);
        return err;
    }
    *out = session;
    return 0;
}

void tls_session_close(struct tls_session **session)
{
    struct tls_session *gone = *session;
    if (gone == NULL) {
        return;
    }
    struct slu_budget *budget = gone->tls->budget;
    if (gone->handle != NULL) {
        gnutls_deinit(gone->handle);
    }
    credentials_unref(gone->credentials);
    slu_budget_free(budget, gone, sizeof(*gone));
    slu_budget_release(budget, TLS_SESSION_BYTES);
    *session = NULL;
}

static ssize_t error_of(ssize_t status)
{
    return status == GNUTLS_E_AGAIN || status == GNUTLS_E_INTERRUPTED ? -EAGAIN : -EPROTO;
}

int tls_handshake(struct tls_session *session)
{
    int status = gnutls_handshake(session->handle);
    while (status < 0 && status != GNUTLS_E_AGAIN && gnutls_error_is_fatal(status) == 0) {
        status = gnutls_handshake(session->handle); /* a warning */
    }
    return status == 0 ? 0 : (int)error_of(status);
}

bool tls_is_http2(const struct tls_session *session)
{
    gnutls_datum_t name;
    return gnutls_alpn_get_selected_protocol(session->handle, &name) == 0 && name.size == 2;
}

ssize_t tls_read(struct tls_session *session, void *bytes, size_t size_bytes)
{
    ssize_t got = gnutls_record_recv(session->handle, bytes, size_bytes);
    if (got == GNUTLS_E_PREMATURE_TERMINATION) {
        return 0; /* as most clients end; lengths say whether something is missing */
    }
    return got >= 0 ? got : error_of(got);
}

ssize_t tls_write(struct tls_session *session, const void *bytes, size_t len)
{
    size_t taken = session->unsent > 0 ? session->unsent : len;
    ssize_t sent = session->unsent > 0 ? gnutls_record_send(session->handle, NULL, 0)
                                       : gnutls_record_send(session->handle, bytes, len);
    if (sent >= 0) {
        session->unsent = 0;
        return sent;
    }
    if (error_of(sent) == -EAGAIN) {
        session->unsent = taken;
    }
    return error_of(sent);
}

void tls_bye(struct tls_session *session)
{
    (void)gnutls_bye(session->handle, GNUTLS_SHUT_WR); /* or it has gone */
}
