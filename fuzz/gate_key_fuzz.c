/*
 * Property: a text is an address exactly when inet_pton(3), which knows no brackets and no ports,
 * says so of what is left without them; the address and the key are then the same as its own.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/gate.h>

#include "base/assert.h"
#include "limit/address.h"

#define TEXT_MAX 200

/* "", or ":" and a number up to 65535 without leading zeros. */
static bool is_port(const char *text)
{
    if (*text == '\0') {
        return true;
    }
    size_t digits = *text == ':' ? strspn(text + 1, "0123456789") : 0;
    return digits > 0 && digits <= 5 && text[digits + 1] == '\0' &&
           (text[1] != '0' || digits == 1) && strtoul(text + 1, NULL, 10) <= 65535;
}

static bool expected_ipv6(char *text, struct address *address)
{
    address->is_ipv6 = true;
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || !is_port(end + 1)) {
            return false;
        }
        *end = '\0';
        text++;
    }
    return inet_pton(AF_INET6, text, address->bytes) == 1;
}

static bool expected(char *text, struct address *address)
{
    char host[TEXT_MAX + 1];
    size_t len = strcspn(text, ":");
    *address = (struct address){.is_ipv6 = false};
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, address->bytes) == 1 && is_port(text + len)) {
        return true;
    }
    return expected_ipv6(text, address);
}

static struct slu_gate *gate_of(struct slu_budget *budget)
{
    const struct slu_gate_class class = {.limit = {.count = 1, .period_ns = 1000, .burst = 2}};
    struct slu_gate_options options = {.keys_max = 1, .classes = &class, .class_count = 1};
    struct slu_gate *gate = NULL;
    int err = slu_gate_create(budget, &options, NULL, &gate);
    SLU_ASSERT(err == 0);
    return gate;
}

/* A key is one client's, whichever way it was made. */
static void check_keys(struct slu_gate *gate, struct slu_bytes text, const struct address *address)
{
    struct slu_gate_key key = {0};
    struct slu_gate_key own = address->is_ipv6 ? slu_gate_key_ipv6(gate, address->bytes)
                                               : slu_gate_key_ipv4(gate, address->bytes);
    int err = slu_gate_key_text(gate, text, &key);
    SLU_ASSERT(err == 0 && key.place == own.place && key.print == own.print);
    bool first = slu_gate_allow(gate, 0, key, 0);
    bool second = slu_gate_allow(gate, 0, own, 0);
    bool third = slu_gate_allow(gate, 0, key, 0);
    SLU_ASSERT(first && second && !third);
    key = slu_gate_key_bytes(gate, text);
    SLU_ASSERT(key.place != own.place || key.print != own.print);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX + 1] = "";
    size_t len = size < TEXT_MAX ? size : TEXT_MAX;
    memcpy(text, data, len);
    struct slu_budget *budget = NULL;
    int err = slu_budget_create(NULL, "fuzz", 1 << 16, &budget);
    SLU_ASSERT(err == 0);
    struct slu_gate *gate = gate_of(budget);
    /* Of exactly its length, so that reading on is noticed. */
    char *exact = malloc(len == 0 ? 1 : len);
    SLU_ASSERT(exact != NULL);
    memcpy(exact, text, len);
    struct address got = {.is_ipv6 = false};
    struct address right;
    bool is_address = address_parse((struct slu_bytes){exact, len}, &got) == 0;
    bool is_text = strlen(text) == len; /* a zero ends what inet_pton sees */
    SLU_ASSERT(is_address == (is_text && expected(text, &right)));
    if (is_address) {
        SLU_ASSERT(got.is_ipv6 == right.is_ipv6 && memcmp(got.bytes, right.bytes, 16) == 0);
        check_keys(gate, (struct slu_bytes){exact, len}, &got);
    }
    free(exact);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
    return 0;
}
