#include "view/pattern.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "profile/model.h"

#define REASON_BYTES 128

enum judgement {
    JUDGED_NOT_YET,
    JUDGED_NO,
    JUDGED_YES,
};

static int pattern_compile(struct pattern *pattern, const struct model *model, const char *text,
                           char *reason, size_t reason_bytes)
{
    int status = regcomp(&pattern->compiled, text, REG_EXTENDED | REG_NOSUB);
    if (status == REG_ESPACE) {
        return -ENOMEM;
    }
    if (status != 0) {
        regerror(status, &pattern->compiled, reason, reason_bytes);
        return -EINVAL;
    }
    void *block = NULL;
    pattern->is_set = true;
    pattern->budget = model->budget;
    pattern->model = model;
    int err = slu_budget_alloc(model->budget, model->strings.count, &block);
    if (err == 0) {
        pattern->judged = block;
        pattern->judged_count = model->strings.count;
    }
    return err;
}

int pattern_init(struct pattern *pattern, const struct model *model, const char *text,
                 const char *option, struct slu_diag *diag)
{
    char reason[REASON_BYTES];
    *pattern = (struct pattern){0};
    if (text == NULL) {
        return 0;
    }
    if (strlen(text) > PATTERN_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "%s: longer than %d bytes", option, PATTERN_BYTES_MAX);
    }
    int err = pattern_compile(pattern, model, text, reason, sizeof(reason));
    if (err == -EINVAL) {
        return diag_fail(diag, err, "%s: no regular expression (%s): '%.64s'", option, reason,
                         text);
    }
    return err == 0 ? 0 : diag_fail(diag, err, "%s: no memory for the pattern", option);
}

/* Repeated groups, counts and references are what make a matcher slow or large. */
static bool is_simple(struct slu_bytes text)
{
    const char *bytes = text.data;
    if (text.len > PATTERN_BYTES_MAX || memchr(bytes, '{', text.len) != NULL ||
        memchr(bytes, '\0', text.len) != NULL) {
        return false;
    }
    for (size_t i = 0; i + 1 < text.len; i++) {
        bool repeats = bytes[i + 1] == '*' || bytes[i + 1] == '+';
        bool refers = bytes[i] == '\\' && bytes[i + 1] >= '0' && bytes[i + 1] <= '9';
        if ((bytes[i] == ')' && repeats) || refers) {
            return false;
        }
    }
    return true;
}

int pattern_init_foreign(struct pattern *pattern, const struct model *model, struct slu_bytes text)
{
    char reason[REASON_BYTES];
    char copy[PATTERN_BYTES_MAX + 1];
    *pattern = (struct pattern){0};
    if (text.len == 0 || !is_simple(text)) {
        return 0;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    int err = pattern_compile(pattern, model, copy, reason, sizeof(reason));
    return err == -EINVAL ? 0 : err;
}

void pattern_deinit(struct pattern *pattern)
{
    if (pattern->judged != NULL) {
        slu_budget_free(pattern->budget, pattern->judged, pattern->judged_count);
    }
    if (pattern->is_set) {
        regfree(&pattern->compiled);
    }
    *pattern = (struct pattern){0};
}

bool pattern_matches_bytes(const struct pattern *pattern, struct slu_bytes text)
{
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)text.len};
    return pattern->is_set && regexec(&pattern->compiled, text.data, 0, &range, REG_STARTEND) == 0;
}

bool pattern_matches(struct pattern *pattern, uint32_t string)
{
    if (!pattern->is_set) {
        return false;
    }
    if (string >= pattern->judged_count) {
        return pattern_matches_bytes(pattern, model_text(pattern->model, string));
    }
    if (pattern->judged[string] == JUDGED_NOT_YET) {
        bool matches = pattern_matches_bytes(pattern, model_text(pattern->model, string));
        pattern->judged[string] = matches ? JUDGED_YES : JUDGED_NO;
    }
    return pattern->judged[string] == JUDGED_YES;
}
