#include "preload/account.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sink.h"
#include "harness.h"
#include "preload/pages.h"

#define MIB ((size_t)1 << 20)

static struct account_tables *tables;
static const struct account_options options = {.walk_ns = UINT64_MAX / 2, .asks_allocator = true};

static int start(void **state)
{
    (void)state;
    allocator_resolve((const void *)(uintptr_t)malloc);
    void *block = pages_map(account_bytes());
    tables = block == NULL ? NULL : account_init(block);
    return tables == NULL ? -1 : 0;
}

static void take(struct account *account)
{
    assert_int_equal(account_take(tables, &options, account), 0);
}

static void test_it_adds_up(void **state)
{
    (void)state;
    static struct account account;
    take(&account);
    uint64_t sum = account.unexplained_bytes;
    for (size_t i = 0; i < ACCOUNT_TERM_COUNT; i++) {
        sum += account.terms[i];
    }
    assert_int_equal(sum, account.totals.anonymous_bytes);

    static char text[1 << 20];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    account_write_text(&account, &sink);
    account_write_json(&account, &sink);
    assert_int_equal(sink_end(&sink), 0);
    if (allocator_kind() == ALLOCATOR_GLIBC) { /* a sanitizer's is not known, nor its shadow */
        assert_true(account.unexplained_bytes * 50 <= account.totals.anonymous_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_it_adds_up, start),
    };
    return TEST_RUN("account", tests);
}
