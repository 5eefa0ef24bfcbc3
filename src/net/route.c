#include "net/route.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/diag.h"

#define METHODS_ALL 127u

static const struct {
    unsigned method;
    const char *name;
} methods[] = {
    {NET_GET, "GET"},       {NET_POST, "POST"},   {NET_HEAD, "HEAD"},       {NET_PUT, "PUT"},
    {NET_DELETE, "DELETE"}, {NET_PATCH, "PATCH"}, {NET_OPTIONS, "OPTIONS"},
};

#define METHOD_COUNT (sizeof(methods) / sizeof(methods[0]))

unsigned method_of(struct slu_bytes name)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (bytes_equal(name, net_text(methods[i].name))) {
            return methods[i].method;
        }
    }
    return 0;
}

const char *method_name(unsigned method)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (methods[i].method == method) {
            return methods[i].name;
        }
    }
    return "-";
}

/* The next part, behind a '/'; false at the end. */
static bool part_next(struct slu_bytes *rest, struct slu_bytes *part)
{
    if (rest->len == 0) {
        return false;
    }
    const char *begin = (const char *)rest->data + 1;
    size_t len = rest->len - 1;
    const char *slash = len == 0 ? NULL : memchr(begin, '/', len);
    *part = (struct slu_bytes){begin, slash == NULL ? len : (size_t)(slash - begin)};
    *rest = (struct slu_bytes){begin + part->len, len - part->len};
    return true;
}

static bool is_parameter(struct slu_bytes part)
{
    return part.len > 0 && *(const char *)part.data == ':';
}

static bool takes_rest(struct slu_bytes part)
{
    return is_parameter(part) && ((const char *)part.data)[part.len - 1] == '*';
}

static int route_check(const struct net_route *route, struct slu_diag *diag)
{
    if (route->path == NULL || route->path[0] != '/') {
        return diag_fail(diag, -EINVAL, "a route's path begins with '/': %s",
                         route->path == NULL ? "(none)" : route->path);
    }
    if (route->handle == NULL || route->methods == 0 || (route->methods & ~METHODS_ALL) != 0) {
        return diag_fail(diag, -EINVAL, "the route %s has no handler, or no method", route->path);
    }
    struct slu_bytes rest = net_text(route->path);
    struct slu_bytes part;
    uint32_t parameter_count = 0;
    while (part_next(&rest, &part)) {
        parameter_count += is_parameter(part);
        if (takes_rest(part) && rest.len > 0) {
            return diag_fail(diag, -EINVAL, "the route %s goes on behind '*'", route->path);
        }
    }
    if (parameter_count > NET_PARAMETERS_MAX) {
        return diag_fail(diag, -EINVAL, "the route %s has more than %d parameters", route->path,
                         NET_PARAMETERS_MAX);
    }
    return 0;
}

int routes_check(const struct routes *routes, struct slu_diag *diag)
{
    if (routes->count == 0 || routes->list == NULL || routes->count > NET_ROUTES_MAX) {
        return diag_fail(diag, -EINVAL, "a server has 1 to %d routes", NET_ROUTES_MAX);
    }
    for (uint32_t i = 0; i < routes->count; i++) {
        int err = route_check(&routes->list[i], diag);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/*
 * Returns how well the path fits, 0 for not at all: a bit for each part, set for a constant one,
 * the first part's the highest.
 */
static uint64_t route_fit(const struct net_route *route, struct slu_bytes path,
                          struct slu_bytes *parameters)
{
    struct slu_bytes pattern = net_text(route->path);
    struct slu_bytes wanted;
    struct slu_bytes part;
    uint64_t fit = 1;
    uint64_t bit = UINT64_C(1) << 63;
    uint32_t parameter = 0;
    while (part_next(&pattern, &wanted)) {
        if (takes_rest(wanted)) {
            parameters[parameter] =
                path.len == 0 ? path
                              : (struct slu_bytes){(const char *)path.data + 1, path.len - 1};
            return path.len == 0 ? 0 : fit;
        }
        if (!part_next(&path, &part)) {
            return 0;
        }
        if (is_parameter(wanted) && part.len > 0) {
            parameters[parameter++] = part;
        } else if (bytes_equal(wanted, part)) {
            fit |= bit;
        } else {
            return 0;
        }
        bit >>= 1;
    }
    return path.len == 0 ? fit : 0;
}

const struct net_route *routes_find(const struct routes *routes, unsigned method,
                                    struct slu_bytes path, struct slu_bytes *parameters,
                                    unsigned *allowed)
{
    const struct net_route *found = NULL;
    uint64_t best = 0;
    *allowed = 0;
    for (uint32_t i = 0; i < routes->count; i++) {
        const struct net_route *route = &routes->list[i];
        struct slu_bytes candidates[NET_PARAMETERS_MAX] = {0};
        uint64_t fit = route_fit(route, path, candidates);
        if (fit == 0) {
            continue;
        }
        unsigned methods_of = route->methods;
        methods_of |= (methods_of & NET_GET) != 0 ? NET_HEAD : 0;
        *allowed |= methods_of;
        if ((methods_of & method) != 0 && fit > best) {
            best = fit;
            found = route;
            memcpy(parameters, candidates, sizeof(candidates));
        }
    }
    return found;
}

int route_parameter(const struct net_route *route, const char *name)
{
    struct slu_bytes rest = net_text(route->path);
    struct slu_bytes part;
    int place = 0;
    while (part_next(&rest, &part)) {
        if (!is_parameter(part)) {
            continue;
        }
        struct slu_bytes own = {(const char *)part.data + 1,
                                part.len - 1 - (takes_rest(part) ? 1 : 0)};
        if (bytes_equal(own, net_text(name))) {
            return place;
        }
        place++;
    }
    return -1;
}
