#include "meter/label_rules.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/diag.h"
#include "base/golden.h"
#include "base/layout.h"
#include "meter/path.h"

static int rule_check(const struct slu_label_options *options, uint32_t at, struct slu_diag *diag)
{
    const struct slu_label_rule *rule = &options->rules[at];
    size_t len = rule->label == NULL ? 0 : strnlen(rule->label, SLU_LABEL_RULE_NAME_BYTES_MAX + 1);
    if (len == 0 || len > SLU_LABEL_RULE_NAME_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "rule %u: a label's name has 1 to %d bytes", at,
                         SLU_LABEL_RULE_NAME_BYTES_MAX);
    }
    if ((unsigned)rule->form > SLU_LABEL_DROP) {
        return diag_fail(diag, -EINVAL, "rule %u (%s): there is no form %u", at, rule->label,
                         (unsigned)rule->form);
    }
    for (uint32_t other = 0; other < at; other++) {
        if (strcmp(options->rules[other].label, rule->label) == 0) {
            return diag_fail(diag, -EINVAL, "rule %u: label %s has rule %u already", at,
                             rule->label, other);
        }
    }
    return 0;
}

static int template_check(const struct slu_label_options *options, uint32_t at,
                          struct slu_diag *diag)
{
    const char *text = options->templates[at];
    size_t len = text == NULL ? 0 : strnlen(text, SLU_LABEL_TEMPLATE_BYTES_MAX + 1);
    if (len == 0 || len > SLU_LABEL_TEMPLATE_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "template %u: it has 1 to %d bytes", at,
                         SLU_LABEL_TEMPLATE_BYTES_MAX);
    }
    char clean[SLU_LABEL_TEMPLATE_BYTES_MAX];
    size_t clean_len = path_clean((struct slu_bytes){text, len}, false, clean, sizeof(clean));
    if (len == 1 || clean_len != len || memcmp(clean, text, len) != 0) {
        return diag_fail(diag, -EINVAL,
                         "template %u: '%s' is not a normalised path with a segment; '%.*s' is "
                         "what paths are compared with",
                         at, text, (int)clean_len, clean);
    }
    return 0;
}

static int options_check(const struct slu_label_options *options, struct slu_diag *diag)
{
    if (options->rule_count > SLU_LABEL_RULES_MAX) {
        return diag_fail(diag, -EINVAL, "rule_count is %u; it must be at most %d",
                         options->rule_count, SLU_LABEL_RULES_MAX);
    }
    if (options->template_count > SLU_LABEL_TEMPLATES_MAX) {
        return diag_fail(diag, -EINVAL, "template_count is %u; it must be at most %d",
                         options->template_count, SLU_LABEL_TEMPLATES_MAX);
    }
    int err = 0;
    for (uint32_t at = 0; err == 0 && at < options->rule_count; at++) {
        err = rule_check(options, at, diag);
    }
    for (uint32_t at = 0; err == 0 && at < options->template_count; at++) {
        err = template_check(options, at, diag);
    }
    return err;
}

static size_t options_bytes(const struct slu_label_options *options)
{
    size_t bytes = 0;
    for (uint32_t at = 0; at < options->rule_count; at++) {
        bytes += strlen(options->rules[at].label);
    }
    for (uint32_t at = 0; at < options->template_count; at++) {
        bytes += strlen(options->templates[at]);
    }
    return bytes;
}

static int names_compare(struct slu_bytes left, struct slu_bytes right)
{
    size_t len = left.len < right.len ? left.len : right.len;
    int order = len == 0 ? 0 : memcmp(left.data, right.data, len);
    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

static struct slu_bytes rule_name(const struct slu_label_rules *rules, const struct rule *rule)
{
    return (struct slu_bytes){rules->bytes + rule->name_at, rule->name_len};
}

/* By insertion, as there are few and they come once. */
static void rules_fill(struct slu_label_rules *rules, const struct slu_label_options *options,
                       uint32_t *used_bytes)
{
    for (uint32_t i = 0; i < options->rule_count; i++) {
        struct slu_bytes name = {options->rules[i].label, strlen(options->rules[i].label)};
        uint32_t at = rules->rule_count++;
        for (; at > 0 && names_compare(name, rule_name(rules, &rules->rules[at - 1])) < 0; at--) {
            rules->rules[at] = rules->rules[at - 1];
        }
        rules->rules[at] =
            (struct rule){*used_bytes, (uint16_t)name.len, (uint16_t)options->rules[i].form};
        memcpy(rules->bytes + *used_bytes, name.data, name.len);
        *used_bytes += (uint32_t)name.len;
    }
}

static uint16_t segments_count(struct slu_bytes path)
{
    struct slu_bytes segment = {0};
    size_t at = 0;
    uint16_t count = 0;
    while (path_segment_next(path, &at, &segment)) {
        count++;
    }
    return count;
}

static void templates_fill(struct slu_label_rules *rules, const struct slu_label_options *options,
                           uint32_t *used_bytes)
{
    struct path_templates *templates = &rules->templates;
    for (uint32_t i = 0; i < options->template_count; i++) {
        struct slu_bytes text = {options->templates[i], strlen(options->templates[i])};
        struct template_text template = {*used_bytes, (uint16_t)text.len, segments_count(text)};
        uint32_t at = templates->count++;
        for (; at > 0 && templates->texts[at - 1].segment_count < template.segment_count; at--) {
            templates->texts[at] = templates->texts[at - 1];
        }
        templates->texts[at] = template;
        memcpy(rules->bytes + *used_bytes, text.data, text.len);
        *used_bytes += (uint32_t)text.len;
    }
}

int slu_label_rules_create(struct slu_budget *budget, const struct slu_label_options *options,
                           struct slu_diag *diag, struct slu_label_rules **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    struct layout layout = {0};
    (void)layout_add(&layout, 1, sizeof(struct slu_label_rules), GOLDEN_LINE_BYTES);
    size_t rules_at = layout_add(&layout, options->rule_count, sizeof(struct rule), 8);
    size_t texts_at = layout_add(&layout, options->template_count, sizeof(struct template_text), 8);
    size_t bytes_at = layout_add(&layout, options_bytes(options), 1, 8);
    size_t block_bytes = 0;
    void *block = NULL;
    err = layout_size(&layout, &block_bytes);
    SLU_ASSERT(err == 0);
    err = slu_budget_alloc(budget, block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "%zu bytes of rules do not fit budget '%s'", block_bytes,
                         slu_budget_name(budget));
    }
    struct slu_label_rules *rules = block;
    char *bytes = block;
    void *rules_room = bytes + rules_at;
    void *texts_room = bytes + texts_at;
    *rules = (struct slu_label_rules){
        .templates = {.texts = texts_room, .bytes = bytes + bytes_at},
        .rules = rules_room,
        .bytes = bytes + bytes_at,
        .budget = budget,
        .block_bytes = block_bytes,
    };
    uint32_t used_bytes = 0;
    rules_fill(rules, options, &used_bytes);
    templates_fill(rules, options, &used_bytes);
    *out = rules;
    return 0;
}

void slu_label_rules_destroy(struct slu_label_rules **rules)
{
    if (rules != NULL && *rules != NULL) {
        slu_budget_free((*rules)->budget, *rules, (*rules)->block_bytes);
        *rules = NULL;
    }
}

enum slu_label_form slu_label_form(const struct slu_label_rules *rules, struct slu_bytes name)
{
    uint32_t low = 0;
    uint32_t high = rules == NULL ? 0 : rules->rule_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct rule *rule = &rules->rules[middle];
        int order = names_compare(name, rule_name(rules, rule));
        if (order == 0) {
            return (enum slu_label_form)rule->form;
        }
        low = order > 0 ? middle + 1 : low;
        high = order < 0 ? middle : high;
    }
    return SLU_LABEL_TEXT;
}
