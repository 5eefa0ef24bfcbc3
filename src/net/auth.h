/* Who may use a server: bearer tokens and basic logins. Source: RFC 6750, RFC 7617. */
#ifndef NET_AUTH_H
#define NET_AUTH_H

#include <stdbool.h>

#include <sluice/bytes.h>

struct net_auth;

/*
 * Whether the value of an Authorization header is one of those that are let in.
 *
 * Cost  depends on the lengths and on how many secrets there are, not on what they are
 */
bool auth_allows(const struct net_auth *auth, struct slu_bytes authorization);

#endif
