/*
 * TLS by GnuTLS: certificates that can be changed while connections go on, and sessions on sockets
 * that do not block.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <sluice/api.h>

struct net_tls;
struct slu_budget;
struct slu_diag;
struct tls;
struct tls_session;

/* GnuTLS has no hooks for its memory: a session is charged with what one was measured to take. */
#define TLS_SESSION_BYTES ((size_t)48 * 1024)

/* Read certificate and key. Returns 0; -EINVAL with `diag`; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int tls_create(struct slu_budget *budget, const struct net_tls *files,
                            struct slu_diag *diag, struct tls **out);

/* After all sessions are closed. */
void tls_destroy(struct tls **tls);

/* Read the files again, for sessions opened from now on; on failure all stays. Threads: any. */
SLU_MUST_USE int tls_reload(struct tls *tls, struct slu_diag *diag);

/* Begin a server's session. Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int tls_session_open(struct tls *tls, int fd, struct tls_session **out);

void tls_session_close(struct tls_session **session);

/* Returns 0 when it is done; -EAGAIN; -EPROTO. */
int tls_handshake(struct tls_session *session);

/* Whether both sides have agreed on HTTP/2 (ALPN). */
bool tls_is_http2(const struct tls_session *session);

/* As recv and send: how much; 0 at the end; -EAGAIN; -EPROTO. */
ssize_t tls_read(struct tls_session *session, void *bytes, size_t size_bytes);
ssize_t tls_write(struct tls_session *session, const void *bytes, size_t len);

/* Tell the other side that nothing more comes. */
void tls_bye(struct tls_session *session);

#endif
