#include "log_lines.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define TIME_BEGIN_NS INT64_C(1767225600000000000)
#define GAP_NS        2e6

/* SplitMix64. */
static uint64_t next(struct log_stream *stream)
{
    uint64_t mixed = stream->random += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

static unsigned below(struct log_stream *stream, unsigned bound)
{
    return (unsigned)(((next(stream) >> 32) * bound) >> 32);
}

/* Few are asked for often, as caches see it: the square of a uniform number. */
static unsigned skewed(struct log_stream *stream, unsigned bound)
{
    uint64_t number = below(stream, 1u << 16);
    return (unsigned)((number * number * bound) >> 32);
}

/* In thousandths; latencies have a long tail. */
static unsigned latency(struct log_stream *stream)
{
    double unit = (double)(next(stream) >> 11) * 0x1p-53;
    return (unsigned)(800 - 4000 * log(1 - unit * 0.99999));
}

static uint64_t trace(struct log_stream *stream)
{
    uint64_t *open = &stream->traces[below(stream, LOG_REQUESTS_OPEN)];
    if (below(stream, 4) == 0 || stream->is_each_traced_anew) {
        *open = next(stream);
    }
    return *open;
}

typedef int line_print(struct log_stream *stream, char *text);

static int request_done(struct log_stream *stream, char *text)
{
    static const char *const methods[] = {"GET", "GET", "GET", "POST", "PUT"};
    static const unsigned statuses[] = {200, 200, 200, 200, 200, 201, 304, 404};
    unsigned took = latency(stream);
    return snprintf(text, LOG_LINE_MAX,
                    "level=info caller=http.go:123 msg=\"request done\" method=%s "
                    "path=/api/v1/items/%u status=%u duration=%u.%ums trace=%016" PRIx64,
                    methods[below(stream, 5)], skewed(stream, 100000), statuses[below(stream, 8)],
                    took / 1000, took / 100 % 10, trace(stream));
}

static int request_begun(struct log_stream *stream, char *text)
{
    return snprintf(text, LOG_LINE_MAX,
                    "level=debug caller=http.go:98 msg=\"request begun\" method=GET "
                    "path=/api/v1/items/%u trace=%016" PRIx64,
                    skewed(stream, 100000), trace(stream));
}

static int message_consumed(struct log_stream *stream, char *text)
{
    stream->offset += 1 + below(stream, 3);
    return snprintf(
        text, LOG_LINE_MAX,
        "level=info caller=consumer.go:88 msg=\"message consumed\" topic=orders.created "
        "partition=%u offset=%" PRIu64 " lag=%u took=%uus",
        below(stream, 12), stream->offset, skewed(stream, 50), latency(stream));
}

static int cache_missed(struct log_stream *stream, char *text)
{
    return snprintf(
        text, LOG_LINE_MAX,
        "level=debug caller=cache.go:41 msg=\"cache miss\" key=user:%u:profile shard=%u "
        "ttl=300s",
        skewed(stream, 200000), below(stream, 16));
}

static int call_retried(struct log_stream *stream, char *text)
{
    unsigned attempt = 1 + skewed(stream, 5);
    return snprintf(text, LOG_LINE_MAX,
                    "level=warn caller=retry.go:57 msg=\"call failed, trying again\" attempt=%u "
                    "backoff=%ums error=\"dial tcp 10.0.%u.%u:5432: connect: connection refused\"",
                    attempt, 100u << attempt, below(stream, 4), below(stream, 256));
}

static int session_opened(struct log_stream *stream, char *text)
{
    static const char *const agents[] = {"okhttp/4.9.3", "Mozilla/5.0", "curl/7.88.1"};
    return snprintf(text, LOG_LINE_MAX,
                    "level=info caller=session.go:210 msg=\"session opened\" user=%u "
                    "ip=203.0.%u.%u agent=%s trace=%016" PRIx64,
                    skewed(stream, 200000), 100 + below(stream, 16), below(stream, 256),
                    agents[below(stream, 3)], trace(stream));
}

static int query_done(struct log_stream *stream, char *text)
{
    static const char *const names[] = {"select_order_by_id", "insert_order_line",
                                        "update_stock_of_item", "select_items_of_cart"};
    unsigned took = latency(stream);
    return snprintf(text, LOG_LINE_MAX,
                    "level=debug caller=db.go:77 msg=\"query done\" statement=%s rows=%u "
                    "duration=%u.%03ums trace=%016" PRIx64,
                    names[below(stream, 4)], skewed(stream, 20), took / 1000, took % 1000,
                    trace(stream));
}

static int charge_failed(struct log_stream *stream, char *text)
{
    static const char *const codes[] = {"card_declined", "expired_card", "processing_error"};
    return snprintf(text, LOG_LINE_MAX,
                    "level=error caller=payment.go:142 msg=\"charge failed\" order=%u code=%s "
                    "amount=%u.%02u currency=EUR trace=%016" PRIx64,
                    700000 + below(stream, 100000), codes[below(stream, 3)], 1 + below(stream, 200),
                    below(stream, 100), trace(stream));
}

static int job_finished(struct log_stream *stream, char *text)
{
    static const char *const jobs[] = {"compact_segments", "expire_sessions", "send_reminders"};
    return snprintf(text, LOG_LINE_MAX,
                    "level=info caller=scheduler.go:19 msg=\"job finished\" job=%s run=%u state=ok "
                    "seconds=%u.%u",
                    jobs[below(stream, 3)], below(stream, 10000), below(stream, 30),
                    below(stream, 10));
}

static int health_asked(struct log_stream *stream, char *text)
{
    return snprintf(text, LOG_LINE_MAX, "GET /healthz 200 %uus kube-probe/1.27",
                    100 + below(stream, 400));
}

static int stock_reserved(struct log_stream *stream, char *text)
{
    static const char *const warehouses[] = {"rotterdam", "leipzig", "lyon"};
    return snprintf(text, LOG_LINE_MAX,
                    "{\"level\":\"info\",\"logger\":\"inventory\",\"message\":\"stock reserved\","
                    "\"sku\":\"AB-%05u\",\"count\":%u,\"warehouse\":\"%s\"}",
                    skewed(stream, 100000), 1 + below(stream, 9), warehouses[below(stream, 3)]);
}

static int call_was_slow(struct log_stream *stream, char *text)
{
    return snprintf(text, LOG_LINE_MAX,
                    "WARN [http-nio-8080-exec-%u] com.example.order.OrderService - Slow call to "
                    "inventory: %u ms (limit 200 ms), trace %016" PRIx64,
                    1 + below(stream, 40), 200 + latency(stream) / 50, trace(stream));
}

static const struct {
    line_print *print;
    unsigned severity;
    unsigned usual; /* how often it is written by a service that writes it */
} templates[LOG_TEMPLATES] = {
    {request_done, 9, 30}, {request_begun, 5, 12},  {message_consumed, 9, 15},
    {cache_missed, 5, 10}, {call_retried, 13, 4},   {session_opened, 9, 10},
    {query_done, 5, 25},   {charge_failed, 17, 2},  {job_finished, 9, 5},
    {health_asked, 9, 12}, {stock_reserved, 9, 12}, {call_was_slow, 13, 5},
};

void log_stream_init(struct log_stream *stream, uint64_t number, unsigned is_each_traced_anew)
{
    *stream = (struct log_stream){.random = number * UINT64_C(0xd1342543de82ef95) + 42,
                                  .number = number,
                                  .time_ns = TIME_BEGIN_NS,
                                  .offset = 5000000,
                                  .is_each_traced_anew = is_each_traced_anew};
    uint32_t sum = 0;
    for (unsigned i = 0; i < LOG_TEMPLATES; i++) {
        sum += below(stream, 3) == 0 && i != number % LOG_TEMPLATES ? 0 : templates[i].usual;
        stream->weights[i] = sum;
    }
    for (unsigned i = 0; i < LOG_REQUESTS_OPEN; i++) {
        stream->traces[i] = next(stream);
    }
}

void log_line_next(struct log_stream *stream, struct log_line *line)
{
    double unit = (double)(next(stream) >> 11) * 0x1p-53;
    unsigned at = below(stream, stream->weights[LOG_TEMPLATES - 1]);
    unsigned i = 0;
    while (stream->weights[i] <= at) {
        i++;
    }
    stream->time_ns += (int64_t)(-GAP_NS * log(1 - unit));
    line->time_ns = stream->time_ns;
    line->severity = templates[i].severity;
    line->logger = i % 3;
    line->len = (size_t)templates[i].print(stream, line->text);
}
