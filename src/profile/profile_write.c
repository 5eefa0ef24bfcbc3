#include <errno.h>
#include <string.h>

#include "base/sink.h"

#include "profile/profile_state.h"

static bool mappings_ascend(const struct profile_write_options *options)
{
    for (uint32_t i = 1; i < options->mapping_count; i++) {
        if (options->mappings[i].start < options->mappings[i - 1].start) {
            return false;
        }
    }
    return true;
}

int profile_write(const struct profile *profile, const struct profile_write_options *options,
                  void *scratch, struct sink *sink)
{
    if (!mappings_ascend(options) ||
        (options->ages && (options->since != NULL || options->at != NULL))) {
        return -EINVAL;
    }
    if (options->format == PROFILE_TEXT) {
        profile_write_text(profile, options, sink);
    } else {
        profile_write_pprof(profile, options, scratch, sink);
    }
    return sink_end(sink);
}
