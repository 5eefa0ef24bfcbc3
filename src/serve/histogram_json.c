#include "serve/histogram_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/block.h"
#include "codec/json_writer.h"
#include "codec/protobuf_reader.h"
#include "serve/web_query.h"
#include "wire/otlp_fields.h"

#define POINT_COUNT          4
#define POINT_SUM            5
#define POINT_SCALE          6
#define POINT_ZERO_COUNT     7
#define POINT_POSITIVE       8
#define POINT_NEGATIVE       9
#define POINT_MIN            12
#define POINT_MAX            13
#define POINT_ZERO_THRESHOLD 14
#define BUCKETS_OFFSET       1
#define BUCKETS_COUNTS       2
#define COUNT_TEXT_MAX       24
#define SCALE_MOST           2000
#define FIRST_BYTES          ((size_t)512)

/* Which bounds a bucket has within, by the numbers that Prometheus gives the cases. */
enum bounds_rule {
    WITHOUT_LOW,
    WITHOUT_HIGH,
    WITH_BOTH = 3,
};

struct point {
    uint64_t count;
    uint64_t zero_count;
    double zero_threshold;
    int64_t scale;
    struct slu_bytes positive;
    struct slu_bytes negative;
};

struct buckets {
    int64_t offset;
    struct block counts; /* uint64_t */
};

static void count_write(struct json_writer *json, uint64_t count)
{
    char text[COUNT_TEXT_MAX];
    int len = snprintf(text, sizeof(text), "%" PRIu64, count);
    json_write_string_bytes(json, text, (size_t)len);
}

static void member_write(struct json_writer *json, const char *key, uint64_t bits)
{
    json_write_key(json, key);
    web_number_write(json, otlp_double(bits));
}

/* What the point has, and its members that are numbers alone. */
static struct point point_read(struct json_writer *json, struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    struct point point = {0};
    while (otlp_fields_next(&fields, &part)) {
        switch (part.number) {
        case POINT_COUNT:
            point.count = part.value;
            break;
        case POINT_SUM:
            member_write(json, "sum", part.value);
            break;
        case POINT_MIN:
            member_write(json, "min", part.value);
            break;
        case POINT_MAX:
            member_write(json, "max", part.value);
            break;
        case POINT_SCALE:
            point.scale = protobuf_zigzag(part.value);
            break;
        case POINT_ZERO_COUNT:
            point.zero_count = part.value;
            break;
        case POINT_ZERO_THRESHOLD:
            point.zero_threshold = otlp_double(part.value);
            break;
        case POINT_POSITIVE:
            point.positive = part.bytes;
            break;
        case POINT_NEGATIVE:
            point.negative = part.bytes;
            break;
        default:
            break;
        }
    }
    return point;
}

static int counts_read(struct slu_budget *budget, const struct otlp_part *part,
                       struct block *counts)
{
    struct protobuf_reader packed;
    uint64_t count = part->value;
    if (part->wire == PROTOBUF_VARINT) {
        return block_append(budget, counts, &count, sizeof(count));
    }
    int err = 0;
    protobuf_reader_init(&packed, part->bytes);
    while (err == 0 && protobuf_next_packed(&packed, &count)) {
        err = block_append(budget, counts, &count, sizeof(count));
    }
    return err;
}

static int buckets_read(struct slu_budget *budget, struct slu_bytes message,
                        struct buckets *buckets)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = block_begin(budget, FIRST_BYTES, &buckets->counts);
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == BUCKETS_OFFSET) {
            buckets->offset = protobuf_zigzag(part.value);
        } else if (part.number == BUCKETS_COUNTS) {
            err = counts_read(budget, &part, &buckets->counts);
        }
    }
    return err;
}

/* base^index, where base is 2^(2^-scale); beyond SCALE_MOST nothing but 0, 1 and infinity. */
static double bound_of(const struct point *point, int64_t index)
{
    int64_t scale = point->scale < -SCALE_MOST  ? -SCALE_MOST
                    : point->scale > SCALE_MOST ? SCALE_MOST
                                                : point->scale;
    return exp2(ldexp((double)index, (int)-scale));
}

static void bucket_write(struct json_writer *json, enum bounds_rule rule, double low, double high,
                         uint64_t count)
{
    json_begin_array(json);
    json_write_uint(json, (uint64_t)rule);
    web_number_write(json, low);
    web_number_write(json, high);
    count_write(json, count);
    json_end_array(json);
}

/* Those of negative values come from the farthest to the nearest to zero. */
static void side_write(struct json_writer *json, const struct point *point,
                       const struct buckets *buckets, bool is_negative)
{
    const uint64_t *counts = buckets->counts.data;
    size_t bucket_count = buckets->counts.len / sizeof(*counts);
    for (size_t i = 0; i < bucket_count; i++) {
        size_t at = is_negative ? bucket_count - 1 - i : i;
        double near = bound_of(point, buckets->offset + (int64_t)at);
        double far = bound_of(point, buckets->offset + (int64_t)at + 1);
        if (counts[at] == 0) {
            continue;
        }
        if (is_negative) {
            bucket_write(json, WITHOUT_HIGH, -far, -near, counts[at]);
        } else {
            bucket_write(json, WITHOUT_LOW, near, far, counts[at]);
        }
    }
}

int histogram_json_write(struct json_writer *json, struct slu_budget *budget,
                         struct slu_bytes message)
{
    struct buckets negative = {0};
    struct buckets positive = {0};
    json_begin_object(json);
    struct point point = point_read(json, message);
    json_write_key(json, "count");
    count_write(json, point.count);
    json_write_key(json, "buckets");
    json_begin_array(json);
    int err = buckets_read(budget, point.negative, &negative);
    err = err != 0 ? err : buckets_read(budget, point.positive, &positive);
    if (err == 0) {
        side_write(json, &point, &negative, true);
        if (point.zero_count > 0) {
            bucket_write(json, WITH_BOTH, -point.zero_threshold, point.zero_threshold,
                         point.zero_count);
        }
        side_write(json, &point, &positive, false);
    }
    json_end_array(json);
    json_end_object(json);
    block_free(budget, &positive.counts);
    block_free(budget, &negative.counts);
    return err;
}
