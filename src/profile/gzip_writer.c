#include "profile/gzip_writer.h"

#include <stdbool.h>
#include <string.h>

#include "base/sink.h"

#define CRC_POLYNOMIAL UINT32_C(0xedb88320)

void gzip_writer_init(struct gzip_writer *gzip, struct sink *sink)
{
    static const char header[] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};
    gzip->sink = sink;
    gzip->crc = 0;
    gzip->len = 0;
    gzip->block_len = 0;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC_POLYNOMIAL : 0);
        }
        gzip->crc_table[byte] = crc;
    }
    sink_put(sink, header, sizeof(header));
}

static void put_little_endian(struct sink *sink, uint32_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sink_char(sink, (char)(value >> (8 * i)));
    }
}

static void put_stored(struct gzip_writer *gzip, bool is_last)
{
    sink_char(gzip->sink, is_last);
    put_little_endian(gzip->sink, gzip->block_len, 2);
    put_little_endian(gzip->sink, ~gzip->block_len, 2);
    sink_put(gzip->sink, (const char *)gzip->block, gzip->block_len);
    gzip->block_len = 0;
}

static void count_crc(struct gzip_writer *gzip, const char *bytes, size_t len)
{
    uint32_t crc = ~gzip->crc;
    for (size_t i = 0; i < len; i++) {
        crc = (crc >> 8) ^ gzip->crc_table[(crc ^ (unsigned char)bytes[i]) & 0xff];
    }
    gzip->crc = ~crc;
    gzip->len += (uint32_t)len;
}

int gzip_write(void *context, const char *bytes, size_t len)
{
    struct gzip_writer *gzip = context;
    count_crc(gzip, bytes, len);
    while (len > 0) {
        size_t room = sizeof(gzip->block) - gzip->block_len;
        size_t taken = len < room ? len : room;
        memcpy(gzip->block + gzip->block_len, bytes, taken);
        gzip->block_len += (uint32_t)taken;
        bytes += taken;
        len -= taken;
        if (gzip->block_len == sizeof(gzip->block)) {
            put_stored(gzip, false);
        }
    }
    return gzip->sink->err;
}

void gzip_writer_end(struct gzip_writer *gzip)
{
    put_stored(gzip, true);
    put_little_endian(gzip->sink, gzip->crc, 4);
    put_little_endian(gzip->sink, gzip->len, 4);
}
