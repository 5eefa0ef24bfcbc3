#include "meter/template.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "meter/path.h"

static bool segment_matches(struct slu_bytes wanted, struct slu_bytes segment)
{
    return *(const char *)wanted.data == ':' || bytes_equal(wanted, segment);
}

/* How many bytes of `clean` the template `text` stands for, or 0. */
static size_t template_match(struct slu_bytes text, struct slu_bytes clean)
{
    size_t text_at = 0;
    size_t clean_at = 0;
    struct slu_bytes wanted = {0};
    struct slu_bytes segment = {0};
    while (path_segment_next(text, &text_at, &wanted)) {
        if (!path_segment_next(clean, &clean_at, &segment) || !segment_matches(wanted, segment)) {
            return 0;
        }
    }
    return clean_at;
}

size_t templates_match(const struct path_templates *templates, struct slu_bytes clean,
                       struct slu_bytes *text)
{
    for (uint32_t i = 0; templates != NULL && i < templates->count; i++) {
        const struct template_text *template = &templates->texts[i];
        struct slu_bytes wanted = {templates->bytes + template->at, template->len};
        size_t len = template_match(wanted, clean);
        if (len > 0) {
            *text = wanted;
            return len;
        }
    }
    return 0;
}
