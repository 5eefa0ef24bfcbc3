/*
 * A refusal that says when to come again: google.rpc.Status, whose details are one
 * google.rpc.RetryInfo.
 *
 *     Status     1: code, 2: message, 3: details (Any)
 *     Any        1: type_url, 2: value
 *     RetryInfo  1: retry_delay (Duration)
 *     Duration   1: seconds, 2: nanos
 */
#include "net/net.h"

#include "base/sink.h"
#include "codec/protobuf_writer.h"

#define STATUS_BYTES_MAX 1024
#define TEXT_BYTES_MAX   512
#define SECOND_NS        UINT64_C(1000000000)

static void duration_write(struct protobuf_writer *writer, const void *context)
{
    const uint64_t *delay_ns = context;
    protobuf_write_uint(writer, 1, *delay_ns / SECOND_NS);
    protobuf_write_uint(writer, 2, *delay_ns % SECOND_NS);
}

static void retry_write(struct protobuf_writer *writer, const void *context)
{
    protobuf_write_message(writer, 1, duration_write, context);
}

static void detail_write(struct protobuf_writer *writer, const void *context)
{
    protobuf_write_bytes(writer, 1, net_text("type.googleapis.com/google.rpc.RetryInfo"));
    protobuf_write_message(writer, 2, retry_write, context);
}

int net_grpc_fail_later(struct net_request *request, enum net_grpc_status status,
                        struct slu_bytes text, uint64_t delay_ns)
{
    char bytes[STATUS_BYTES_MAX];
    struct sink sink;
    struct protobuf_writer writer;
    text.len = text.len < TEXT_BYTES_MAX ? text.len : TEXT_BYTES_MAX;
    sink_init_fixed(&sink, bytes, sizeof(bytes));
    protobuf_writer_init(&writer, &sink);
    protobuf_write_uint(&writer, 1, (uint64_t)status);
    protobuf_write_bytes(&writer, 2, text);
    protobuf_write_message(&writer, 3, detail_write, &delay_ns);
    return net_grpc_fail(request, status, text, (struct slu_bytes){bytes, writer.len_bytes});
}
