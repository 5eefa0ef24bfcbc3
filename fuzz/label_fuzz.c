/*
 * Property: normalising is idempotent, its result is valid UTF-8 without a zero byte and fits, in
 * every form, with and without templates, for every room; rules that are refused say why.
 *
 * Input: a byte for the form, one for the room and the templates, then the value. Templates come
 * from a fixed list, or are the lines of the value itself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/label.h>

#include "base/assert.h"
#include "base/utf8.h"

#define FORM_COUNT     6
#define TEMPLATES_MAX  4
#define TEMPLATE_BYTES 160

static bool is_sound(const char *bytes, size_t len)
{
    uint32_t code = 0;
    for (size_t at = 0; at < len;) {
        at += utf8_decode(bytes + at, len - at, &code);
        if (code == UTF8_INVALID || code == 0) {
            return false;
        }
    }
    return true;
}

static void check(const struct slu_label_rules *rules, enum slu_label_form form,
                  struct slu_bytes raw, size_t size_bytes)
{
    char once[SLU_LABEL_BYTES_MAX];
    char twice[SLU_LABEL_BYTES_MAX];
    size_t once_len = slu_label_normalise(rules, form, raw, once, size_bytes);
    SLU_ASSERT(once_len <= size_bytes && is_sound(once, once_len));
    size_t twice_len =
        slu_label_normalise(rules, form, (struct slu_bytes){once, once_len}, twice, size_bytes);
    SLU_ASSERT(twice_len == once_len && memcmp(twice, once, once_len) == 0);
    SLU_ASSERT(form != SLU_LABEL_PATH || raw.len == 0 || once[0] == '/');
}

static const char *const fixed[] = {"/users/:user/posts", "/users/:user", "/2.0/:org", "/:any/x"};

/* The lines of the value, as far as they are few and short. Returns how many. */
static uint32_t lines_read(struct slu_bytes raw, char lines[TEMPLATES_MAX][TEMPLATE_BYTES],
                           const char *texts[TEMPLATES_MAX])
{
    uint32_t count = 0;
    size_t len = 0;
    const char *bytes = raw.data;
    for (size_t i = 0; i < raw.len && count < TEMPLATES_MAX; i++) {
        if (bytes[i] == '\n' || bytes[i] == '\0' || len == TEMPLATE_BYTES - 1) {
            lines[count][len] = '\0';
            texts[count] = lines[count];
            count++;
            len = 0;
        } else {
            lines[count][len++] = bytes[i];
        }
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    enum slu_label_form form = (enum slu_label_form)(data[0] % FORM_COUNT);
    size_t size_bytes = SLU_LABEL_BYTES_MIN + (size_t)(data[1] / 4) * 14;
    struct slu_bytes raw = {data + 2, size - 2};
    check(NULL, form, raw, size_bytes);
    char lines[TEMPLATES_MAX][TEMPLATE_BYTES];
    const char *texts[TEMPLATES_MAX];
    struct slu_label_options options = {.templates = fixed, .template_count = 4};
    if (data[1] % 4 == 0) {
        options.template_count = lines_read(raw, lines, texts);
        options.templates = texts;
    }
    struct slu_budget *budget = NULL;
    struct slu_label_rules *rules = NULL;
    struct slu_diag diag = {0};
    int err = slu_budget_create(NULL, "fuzz", 1 << 20, &budget);
    SLU_ASSERT(err == 0);
    err = slu_label_rules_create(budget, &options, &diag, &rules);
    SLU_ASSERT(err == 0 || diag.message[0] != '\0');
    if (err == 0) {
        check(rules, form, raw, size_bytes);
    }
    slu_label_rules_destroy(&rules);
    slu_budget_destroy(&budget);
    return 0;
}
