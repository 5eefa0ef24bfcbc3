#include "store/matcher.h"

#include "base/bytes.h"
#include "match/regex.h"
#include "store/labels.h"

bool matcher_takes(const struct matcher *matcher, struct slu_bytes value)
{
    switch (matcher->kind) {
    case MATCH_EQUAL:
        return bytes_equal(matcher->value, value);
    case MATCH_NOT_EQUAL:
        return !bytes_equal(matcher->value, value);
    case MATCH_REGEX:
        return regex_is_whole(matcher->regex, value);
    case MATCH_NOT_REGEX:
        return !regex_is_whole(matcher->regex, value);
    }
    return false;
}

bool matchers_take(const struct matcher *matchers, size_t count, struct slu_bytes labels)
{
    for (size_t i = 0; i < count; i++) {
        struct slu_bytes value;
        (void)labels_find(labels, matchers[i].name, &value);
        if (!matcher_takes(&matchers[i], value)) {
            return false;
        }
    }
    return true;
}
