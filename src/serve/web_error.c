/* What a client is told of an error. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "net/net.h"
#include "serve/web_query.h"

#define JSON_TYPE "application/json"
#define FAIL_MAX  1024
#define TEXT_MAX  256

struct refusal {
    unsigned status;
    const char *type;
    char text[TEXT_MAX];
};

void web_fail(struct net_request *request, unsigned status, const char *type, const char *text)
{
    char bytes[FAIL_MAX];
    struct sink sink;
    struct json_writer json;
    sink_init_fixed(&sink, bytes, FAIL_MAX);
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "status");
    json_write_string(&json, "error");
    json_write_key(&json, "errorType");
    json_write_string(&json, type);
    json_write_key(&json, "error");
    json_write_string(&json, text);
    json_end_object(&json);
    json_writer_end(&json);
    net_respond(request, status, JSON_TYPE, (struct slu_bytes){bytes, sink.len});
}

void web_busy(struct net_request *request, const char *type, const char *text)
{
    (void)net_response_header(request, "Retry-After", net_text("1")); /* else without it */
    web_fail(request, 503, type, text);
}

/* One that has reached its own bound has to ask for less; what others have is there in a moment. */
static void memory_refusal(const struct web_query *query, struct refusal *refusal)
{
    struct slu_budget_stats stats;
    slu_budget_stats(query->budget, &stats);
    if (stats.refused_count > 0) {
        refusal->status = 422;
        refusal->type = "execution";
        (void)snprintf(refusal->text, TEXT_MAX,
                       "the query needs more memory than one may have, %llu MiB: ask for a "
                       "shorter range, fewer streams or a smaller limit",
                       (unsigned long long)(stats.limit_bytes >> 20));
        return;
    }
    refusal->status = 503;
    refusal->type = "unavailable";
    (void)snprintf(refusal->text, TEXT_MAX,
                   "the daemon has no memory left for this query now: try again in a moment, ask "
                   "for less, or raise limit_mib of memory_limiter");
}

static void refusal_of(const struct web_query *query, int err, struct refusal *refusal)
{
    static const struct {
        int err;
        unsigned status;
        const char *type;
        const char *text; /* NULL: what the query has to say */
    } known[] = {
        {-EINVAL, 400, "bad_data", NULL},
        {-ENOENT, 404, "not_found", NULL},
        {-ECANCELED, 503, "canceled", "the query was cancelled"},
        {-ETIMEDOUT, 503, "timeout", "the query took too long: ask for less"},
    };
    const char *text = query->diag.message[0] != '\0' ? query->diag.message : strerror(-err);
    if (err == -EDQUOT || err == -ENOMEM) {
        memory_refusal(query, refusal);
        return;
    }
    *refusal = (struct refusal){.status = 500, .type = "internal"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].err == err) {
            refusal->status = known[i].status;
            refusal->type = known[i].type;
            text = known[i].text != NULL ? known[i].text : text;
        }
    }
    (void)snprintf(refusal->text, TEXT_MAX, "%s", text);
}

void web_error_tell(struct web_query *query, int err)
{
    struct refusal refusal;
    refusal_of(query, err, &refusal);
    if (refusal.status == 503) {
        web_busy(query->request, refusal.type, refusal.text);
    } else {
        web_fail(query->request, refusal.status, refusal.type, refusal.text);
    }
}
