#include "view/page.h"

#include "base/hash.h"
#include "base/sink.h"
#include "base/utf8.h"
#include "view/page_style.h"

#define HUE_SEED UINT64_C(0x40e)

const char *const page_colours[8] = {
    "#f0b95c", "#8cc6ea", "#66c2a0", "#e8dc6a", "#7fa8d6", "#e8926a", "#d99bbb", "#b5bcc4",
};

void page_text(struct sink *out, struct slu_bytes text)
{
    const char *bytes = text.data;
    size_t at = 0;
    while (at < text.len) {
        uint32_t code = 0;
        size_t taken = utf8_decode(bytes + at, text.len - at, &code);
        if (code == UTF8_INVALID || (code < 0x20 && code != '\t' && code != '\n') ||
            (code >= 0x7f && code < 0xa0)) {
            sink_text(out, UTF8_REPLACEMENT);
        } else if (code == '<') {
            sink_text(out, "&lt;");
        } else if (code == '>') {
            sink_text(out, "&gt;");
        } else if (code == '&') {
            sink_text(out, "&amp;");
        } else if (code == '"') {
            sink_text(out, "&quot;");
        } else if (code == '\'') {
            sink_text(out, "&#39;");
        } else {
            sink_put(out, bytes + at, taken);
        }
        at += taken;
    }
}

void page_begin(struct sink *out, const char *title)
{
    struct slu_bytes text = {title, __builtin_strlen(title)};
    sink_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    page_text(out, text);
    sink_text(out, "</title>\n<style>\n");
    sink_put(out, page_style, sizeof(page_style) - 1);
    sink_text(out, "</style>\n</head>\n<body>\n<main>\n<h1>");
    page_text(out, text);
    sink_text(out, "</h1>\n");
}

void page_end(struct sink *out)
{
    sink_text(out, "</main>\n</body>\n</html>\n");
}

uint32_t page_hue(struct slu_bytes name)
{
    return (uint32_t)(hash_bytes(name, HUE_SEED) % 8);
}
