/* What a handler asks of its request. */
#include "net/request.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "net/route.h"

void request_target(struct net_request *request, struct slu_bytes target)
{
    request->path = bytes_cut(&target, '?');
    request->query = target;
}

unsigned net_request_method(const struct net_request *request)
{
    return request->method;
}

struct slu_bytes net_request_path(const struct net_request *request)
{
    return request->path;
}

struct slu_bytes net_request_query(const struct net_request *request)
{
    return request->query;
}

struct slu_bytes net_request_body(const struct net_request *request)
{
    return request->body;
}

bool net_request_header(const struct net_request *request, const char *name,
                        struct slu_bytes *value)
{
    return head_field_find(&request->fields, name, value);
}

struct slu_bytes net_request_parameter(const struct net_request *request, const char *name)
{
    int place = request->route == NULL ? -1 : route_parameter(request->route, name);
    return place < 0 ? (struct slu_bytes){"", 0} : request->parameters[place];
}

static int hex_of(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    unsigned lower = (unsigned char)character | 0x20u;
    return lower >= 'a' && lower <= 'f' ? (int)(lower - 'a') + 10 : -1;
}

/* One character of a query; moves past it. Returns it, or -EBADMSG. */
static int character_next(struct slu_bytes *text)
{
    const char *at = text->data;
    int character = (unsigned char)*at;
    size_t used = 1;
    if (*at == '+') {
        character = ' ';
    } else if (*at == '%') {
        int high = text->len < 3 ? -1 : hex_of(at[1]);
        int low = text->len < 3 ? -1 : hex_of(at[2]);
        if (high < 0 || low < 0) {
            return -EBADMSG;
        }
        character = 16 * high + low;
        used = 3;
    }
    *text = (struct slu_bytes){at + used, text->len - used};
    return character;
}

static bool name_is(struct slu_bytes text, const char *name)
{
    while (text.len > 0) {
        int character = character_next(&text);
        if (character != (unsigned char)*name || *name == '\0') {
            return false;
        }
        name++;
    }
    return *name == '\0';
}

static int value_read(struct slu_bytes text, char *value, size_t size)
{
    size_t len = 0;
    while (text.len > 0) {
        int character = character_next(&text);
        if (character < 0) {
            return character;
        }
        if (len + 1 >= size) {
            return -ENOBUFS;
        }
        value[len++] = (char)character;
    }
    if (size == 0) {
        return -ENOBUFS;
    }
    value[len] = '\0';
    return 0;
}

int net_form_value(struct slu_bytes form, const char *name, size_t index, char *value, size_t size)
{
    while (form.len > 0) {
        struct slu_bytes text = bytes_cut(&form, '&');
        if (name_is(bytes_cut(&text, '='), name) && index-- == 0) {
            return value_read(text, value, size);
        }
    }
    return -ENOENT;
}

int net_request_query_value(const struct net_request *request, const char *name, char *value,
                            size_t size)
{
    return net_form_value(request->query, name, 0, value, size);
}
