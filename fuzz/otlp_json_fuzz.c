/*
 * Property: whatever the bytes, JSON that is read becomes a request that otlp_check takes, and what
 * is written of it is read and written again as the same text. The bytes taken as a request, well
 * formed or not, are written as JSON too. Nothing stays charged.
 *
 * Input: the first byte chooses the signal.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/sink.h"
#include "codec/json_reader.h"
#include "wire/otlp_check.h"
#include "wire/otlp_json_read.h"
#include "wire/otlp_json_write.h"

#define MEMORY_MAX ((uint64_t)64 << 20)
#define TEXT_MAX   ((size_t)4 << 20)
#define INPUT_MAX  ((size_t)32 << 10) /* an empty field of two bytes is shown as one of thirty */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct slu_budget *budget;

static int write_json(enum otlp_signal signal, struct slu_bytes message, char *text, size_t *len)
{
    struct sink sink;
    struct json_reader reader;
    enum json_token token = JSON_NULL;
    sink_init_fixed(&sink, text, TEXT_MAX);
    int err = otlp_json_write(budget, &sink, signal, message);
    *len = sink.len;
    if (sink_end(&sink) != 0) {
        return -ENOBUFS;
    }
    json_reader_init(&reader, (struct slu_bytes){text, sink.len});
    while (token != JSON_END) {
        token = json_next(&reader);
        SLU_ASSERT(token != JSON_FAULT);
    }
    return err;
}

static bool read_json(enum otlp_signal signal, struct slu_bytes json, struct block *block)
{
    struct slu_diag diag = {0};
    struct otlp_counts counts;
    int err = otlp_json_read(budget, signal, json, block, &diag);
    SLU_ASSERT(err == 0 || err == -EBADMSG);
    SLU_ASSERT((strlen(diag.message) > 0) == (err != 0));
    if (err == 0) {
        struct slu_bytes message = {block->data, block->len};
        SLU_ASSERT(otlp_check(signal, message, &counts, NULL) == 0);
    }
    return err == 0;
}

static void go_round(enum otlp_signal signal, struct slu_bytes json)
{
    static char text[TEXT_MAX];
    static char again[TEXT_MAX];
    size_t len = 0;
    size_t again_len = 0;
    struct block block = {0};
    if (!read_json(signal, json, &block)) {
        return;
    }
    int err = write_json(signal, (struct slu_bytes){block.data, block.len}, text, &len);
    block_free(budget, &block);
    if (err == -ENOBUFS) {
        return;
    }
    SLU_ASSERT(err == 0 && read_json(signal, (struct slu_bytes){text, len}, &block));
    SLU_ASSERT(write_json(signal, (struct slu_bytes){block.data, block.len}, again, &again_len) ==
               0);
    SLU_ASSERT(again_len == len && memcmp(text, again, len) == 0);
    block_free(budget, &block);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static char text[TEXT_MAX];
    static uint64_t used_bytes;
    struct slu_budget_stats stats;
    size_t text_len = 0;
    if (budget == NULL) {
        SLU_ASSERT(slu_budget_create(NULL, "fuzz", MEMORY_MAX, &budget) == 0);
        slu_budget_stats(budget, &stats);
        used_bytes = stats.used_bytes;
    }
    if (len < 1 || len > INPUT_MAX) {
        return 0;
    }
    enum otlp_signal signal = (enum otlp_signal)(bytes[0] % OTLP_SIGNAL_COUNT);
    struct slu_bytes input = {bytes + 1, len - 1};
    go_round(signal, input);
    int err = write_json(signal, input, text, &text_len);
    SLU_ASSERT(err == 0 || err == -EBADMSG || err == -ENOBUFS);
    slu_budget_stats(budget, &stats);
    SLU_ASSERT(stats.used_bytes == used_bytes);
    return 0;
}
