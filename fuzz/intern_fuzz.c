/*
 * Property: an interned string is found, with its bytes, under one handle for as long as it has
 * references; a reclaimed one answers -ESTALE; no call breaks the table or passes its caps.
 *
 * Input: operations of four bytes: what to do, two to make a string from, and by how much the clock
 * moves on or back.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/intern.h"

#define STRING_BYTES_MAX 24
#define NAME_COUNT       64

/* What is known of each string that an input may make. */
struct name {
    slu_intern_id id;
    uint32_t ref_count;
};

struct run {
    struct slu_intern *intern;
    struct name names[NAME_COUNT];
    uint64_t now_ns;
};

static struct slu_bytes name_string(uint32_t n, char *buf)
{
    memset(buf, 'a', STRING_BYTES_MAX + 1);
    buf[0] = (char)n;
    return (struct slu_bytes){buf, n % (STRING_BYTES_MAX + 2)};
}

/* Strings of length 0 are all the same, so each has the number 0. */
static uint32_t name_of(uint8_t byte)
{
    uint32_t n = byte % NAME_COUNT;
    return n % (STRING_BYTES_MAX + 2) == 0 ? 0 : n;
}

static void name_check(const struct run *run, uint32_t n)
{
    char buf[STRING_BYTES_MAX + 1];
    struct slu_bytes string = name_string(n, buf);
    slu_intern_id id = 0;
    bool found = slu_intern_find(run->intern, string, &id);
    SLU_ASSERT(found || run->names[n].ref_count == 0);
    struct slu_bytes got = {0};
    int err = slu_intern_get(run->intern, run->names[n].id, &got);
    SLU_ASSERT(err == (found && id == run->names[n].id ? 0 : -ESTALE));
    SLU_ASSERT(err != 0 || (got.len == string.len && memcmp(got.data, string.data, got.len) == 0));
}

static void name_add(struct run *run, uint32_t n)
{
    char buf[STRING_BYTES_MAX + 1];
    struct slu_bytes string = name_string(n, buf);
    slu_intern_id id = 0;
    int err = slu_intern_add(run->intern, run->now_ns, string, &id);
    SLU_ASSERT(err != -EINVAL || string.len > STRING_BYTES_MAX);
    if (err == 0) {
        SLU_ASSERT(run->names[n].ref_count == 0 || run->names[n].id == id);
        run->names[n].id = id;
        run->names[n].ref_count++;
    } else {
        SLU_ASSERT(run->names[n].ref_count == 0);
    }
}

static void operate(struct run *run, const uint8_t *operation)
{
    uint32_t n = name_of(operation[1]);
    struct name *name = &run->names[n];
    uint64_t step = operation[3];
    run->now_ns = operation[2] % 8 == 0 ? run->now_ns / 2 : run->now_ns + step;
    switch (operation[0] % 4) {
    case 0:
    case 1:
        name_add(run, n);
        break;
    case 2:
        if (slu_intern_release(run->intern, run->now_ns, name->id) == 0) {
            SLU_ASSERT(name->ref_count > 0);
            name->ref_count--;
        }
        break;
    default:
        (void)slu_intern_expire(run->intern, run->now_ns, operation[1] % 4); /* any is right */
    }
    name_check(run, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *root = NULL;
    struct run run = {0};
    struct slu_intern_options options = {
        .strings_max = 20, .string_bytes_max = STRING_BYTES_MAX, .bytes_max = 150, .idle_ns = 200};
    int err = slu_budget_create(NULL, "fuzz", 1 << 20, &root);
    SLU_ASSERT(err == 0);
    err = slu_intern_create(root, &options, NULL, &run.intern);
    SLU_ASSERT(err == 0);
    for (size_t at = 0; at + 4 <= size; at += 4) {
        operate(&run, data + at);
    }
    for (uint32_t n = 0; n < NAME_COUNT; n++) {
        name_check(&run, name_of((uint8_t)n));
    }
    intern_validate(run.intern);
    slu_intern_destroy(&run.intern);
    slu_budget_destroy(&root);
    return 0;
}
