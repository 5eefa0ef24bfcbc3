#include "net/auth.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

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

static int sextet(char character)
{
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Base64, padded or not; returns false for other characters or too much. */
static bool base64_read(struct slu_bytes text, unsigned char *out, size_t *out_len)
{
    const char *at = text.data;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t len = 0;
    while (text.len > 0 && at[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = sextet(at[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            if (len == LOGIN_BYTES_MAX) {
                return false;
            }
            bit_count -= 8;
            out[len++] = (unsigned char)(bits >> bit_count);
        }
    }
    *out_len = len;
    return true;
}

bool auth_allows(const struct net_auth *auth, struct slu_bytes authorization)
{
    struct slu_bytes rest;
    unsigned char login[LOGIN_BYTES_MAX];
    size_t len = 0;
    if (scheme_is(authorization, "Bearer", &rest)) {
        return is_among(rest, auth->tokens, auth->token_count);
    }
    if (scheme_is(authorization, "Basic", &rest) && base64_read(rest, login, &len)) {
        return is_among((struct slu_bytes){login, len}, auth->logins, auth->login_count);
    }
    return false;
}
