#include "net/auth.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "codec/base64.h"
#include "net/net.h"

#define LOGIN_BYTES_MAX 512

/* All bytes of both are looked at, wherever they differ. */
static unsigned differs(struct slu_bytes given, const char *secret)
{
    size_t len = strlen(secret);
    const unsigned char *at = given.data;
    const unsigned char *own = (const unsigned char *)secret;
    unsigned difference = (unsigned)(given.len != len);
    for (size_t i = 0; i < given.len; i++) {
        difference |= (unsigned)(at[i] ^ own[len == 0 ? 0 : i % len]);
    }
    return difference;
}

static bool is_among(struct slu_bytes given, const char *const *secrets, uint32_t count)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found |= (unsigned)(differs(given, secrets[i]) == 0);
    }
    return found != 0;
}

/* What stands behind a scheme's name, or nothing. */
static bool scheme_is(struct slu_bytes value, const char *scheme, struct slu_bytes *rest)
{
    const char *at = value.data;
    size_t len = strlen(scheme);
    if (value.len <= len || strncasecmp(at, scheme, len) != 0 || at[len] != ' ') {
        return false;
    }
    while (len < value.len && at[len] == ' ') {
        len++;
    }
    *rest = (struct slu_bytes){at + len, value.len - len};
    return true;
}

bool auth_allows(const struct net_auth *auth, struct slu_bytes authorization)
{
    struct slu_bytes rest;
    unsigned char login[LOGIN_BYTES_MAX + 3];
    size_t len = 0;
    if (scheme_is(authorization, "Bearer", &rest)) {
        return is_among(rest, auth->tokens, auth->token_count);
    }
    if (scheme_is(authorization, "Basic", &rest) && base64_decoded_max(rest.len) <= sizeof(login) &&
        base64_decode(rest, login, &len) == 0) {
        return is_among((struct slu_bytes){login, len}, auth->logins, auth->login_count);
    }
    return false;
}
