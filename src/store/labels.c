#include "store/labels.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

#define VARINT_LOW  0x7fU
#define VARINT_MORE 0x80U

/* Of texts, which are shorter than LABELS_BYTES_MAX: two bytes, or three at the most. */
static size_t length_put(unsigned char *at, size_t length)
{
    size_t count = 0;
    while (length > VARINT_LOW) {
        at[count++] = (unsigned char)(length | VARINT_MORE);
        length >>= 7;
    }
    at[count++] = (unsigned char)length;
    return count;
}

static bool text_next(struct slu_bytes *rest, struct slu_bytes *text)
{
    const unsigned char *at = rest->data;
    size_t length = 0;
    size_t used = 0;
    unsigned shift = 0;
    do {
        if (used == rest->len || shift > 14) {
            return false;
        }
        length |= (size_t)(at[used] & VARINT_LOW) << shift;
        shift += 7;
    } while ((at[used++] & VARINT_MORE) != 0);
    if (length > rest->len - used || (used > 1 && length >> (7 * (used - 1)) == 0)) {
        return false;
    }
    *text = (struct slu_bytes){at + used, length};
    *rest = (struct slu_bytes){at + used + length, rest->len - used - length};
    return true;
}

static int text_compare(struct slu_bytes left, struct slu_bytes right)
{
    size_t len = left.len < right.len ? left.len : right.len;
    int order = len == 0 ? 0 : memcmp(left.data, right.data, len);
    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

static size_t text_put(unsigned char *at, struct slu_bytes text)
{
    size_t used = length_put(at, text.len);
    if (text.len > 0) {
        memcpy(at + used, text.data, text.len);
    }
    return used + text.len;
}

/* They are few, and mostly nearly in order. */
static int labels_sort(struct label *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct label label = labels[i];
        size_t at = i;
        if (label.name.len == 0) {
            return -EINVAL;
        }
        for (; at > 0; at--) {
            int order = text_compare(labels[at - 1].name, label.name);
            if (order == 0) {
                return -EINVAL;
            }
            if (order < 0) {
                break;
            }
            labels[at] = labels[at - 1];
        }
        labels[at] = label;
    }
    return 0;
}

int labels_encode(struct label *labels, size_t count, unsigned char *bytes, size_t *len)
{
    size_t used = 0;
    if (count > LABELS_COUNT_MAX) {
        return -E2BIG;
    }
    int err = labels_sort(labels, count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        size_t room = LABELS_BYTES_MAX - used;
        if (labels[i].value.len == 0) {
            continue;
        }
        if (labels[i].name.len > room || labels[i].value.len > room ||
            labels[i].name.len + labels[i].value.len + 6 > room) {
            return -E2BIG;
        }
        used += text_put(bytes + used, labels[i].name);
        used += text_put(bytes + used, labels[i].value);
    }
    if (err == 0) {
        *len = used;
    }
    return err;
}

bool labels_next(struct slu_bytes *rest, struct label *label)
{
    struct slu_bytes at = *rest;
    struct label found;
    if (at.len == 0 || !text_next(&at, &found.name) || !text_next(&at, &found.value)) {
        return false;
    }
    *label = found;
    *rest = at;
    return true;
}

bool labels_are_right(struct slu_bytes encoded)
{
    struct label label;
    struct slu_bytes last = {NULL, 0};
    size_t count = 0;
    if (encoded.len > LABELS_BYTES_MAX) {
        return false;
    }
    while (labels_next(&encoded, &label)) {
        if (text_compare(last, label.name) >= 0 || label.value.len == 0) {
            return false;
        }
        last = label.name;
        count++;
    }
    return encoded.len == 0 && count <= LABELS_COUNT_MAX;
}

bool labels_find(struct slu_bytes encoded, struct slu_bytes name, struct slu_bytes *value)
{
    struct label label;
    while (labels_next(&encoded, &label)) {
        if (bytes_equal(label.name, name)) {
            *value = label.value;
            return true;
        }
    }
    *value = (struct slu_bytes){NULL, 0};
    return false;
}

int labels_compare(struct slu_bytes left, struct slu_bytes right)
{
    return text_compare(left, right);
}

uint64_t labels_hash(struct slu_bytes encoded)
{
    return hash_bytes(encoded, 0);
}
