#include "view/name.h"

#include <stdbool.h>
#include <string.h>

#include "base/sink.h"
#include "profile/model.h"
#include "view/view.h"

#define HEXADECIMAL_PLACES 16

/* One step of a path: ".." takes the step before away, unless there is none. */
static size_t step_add(char *out, size_t len, size_t root_len, const char *step, size_t step_len)
{
    if (step_len == 0 || (step_len == 1 && step[0] == '.')) {
        return len;
    }
    if (step_len == 2 && step[0] == '.' && step[1] == '.') {
        size_t last = len;
        while (last > root_len && out[last - 1] != '/') {
            last--;
        }
        bool is_up = len - last == 2 && out[last] == '.' && out[last + 1] == '.';
        if (len > root_len && !is_up) {
            return last > root_len ? last - 1 : root_len;
        }
        if (root_len > 0) {
            return len;
        }
    }
    if (len > root_len) {
        out[len++] = '/';
    }
    memmove(out + len, step, step_len);
    return len + step_len;
}

size_t name_clean_path(struct slu_bytes path, char *out)
{
    const char *bytes = path.data;
    size_t root_len = path.len > 0 && bytes[0] == '/' ? 1 : 0;
    size_t len = root_len;
    size_t at = 0;
    if (root_len > 0) {
        out[0] = '/';
    }
    while (at < path.len) {
        const char *slash = memchr(bytes + at, '/', path.len - at);
        size_t end = slash == NULL ? path.len : (size_t)(slash - bytes);
        len = step_add(out, len, root_len, bytes + at, end - at);
        at = end + 1;
    }
    if (len == 0) {
        out[len++] = '.';
    }
    return len;
}

static void put_view(struct sink *sink, struct slu_bytes text)
{
    sink_put(sink, text.data, text.len);
}

static void put_file_name(struct sink *sink, struct slu_bytes path)
{
    const char *bytes = path.data;
    size_t begin = path.len;
    while (begin > 0 && bytes[begin - 1] != '/') {
        begin--;
    }
    sink_put(sink, bytes + begin, path.len - begin);
}

static void put_parts(struct sink *sink, const struct model *model, const struct view_entry *entry)
{
    if (entry->address != 0) {
        sink_format(sink, "%0*llx", HEXADECIMAL_PLACES, (unsigned long long)entry->address);
    }
    if (entry->name != 0) {
        sink_text(sink, entry->address != 0 ? " " : "");
        put_view(sink, model_text(model, entry->name));
    }
    const char *gap = entry->address != 0 || entry->name != 0 ? " " : "";
    if (entry->line != 0) {
        sink_text(sink, gap);
        put_view(sink, model_text(model, entry->file));
        sink_format(sink, ":%u", entry->line);
    } else if (entry->file != 0) {
        sink_text(sink, gap);
        put_view(sink, model_text(model, entry->file));
    } else if (entry->name == 0 && entry->module != 0) {
        sink_text(sink, gap);
        sink_char(sink, '[');
        put_file_name(sink, model_text(model, entry->module));
        sink_char(sink, ']');
    } else if (entry->name == 0) {
        sink_text(sink, gap);
        sink_text(sink, "<unknown>");
    }
}

int name_label(struct model *model, struct view_entry *entry)
{
    char text[NAME_BYTES_MAX];
    struct sink sink;
    if (entry->name != 0 && entry->address == 0 && entry->file == 0 && entry->line == 0) {
        entry->label = entry->name;
        return 0;
    }
    sink_init_fixed(&sink, text, sizeof(text));
    put_parts(&sink, model, entry);
    return model_string(model, (struct slu_bytes){text, sink.len}, &entry->label);
}
