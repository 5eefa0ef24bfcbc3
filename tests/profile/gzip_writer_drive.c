/* Compresses standard input to standard output, in pieces of so many bytes: gzip_writer_test.py. */
#include "profile/gzip_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sink.h"

static int write_out(void *context, const char *bytes, size_t len)
{
    (void)context;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct gzip_writer gzip;
    static char piece[1 << 17];
    static char stage[1000];
    size_t piece_len = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 0;
    if (piece_len == 0 || piece_len > sizeof(piece)) {
        fprintf(stderr, "gzip_writer_drive PIECE\n");
        return 2;
    }
    struct sink sink;
    size_t len = 0;
    sink_init(&sink, write_out, NULL, stage, sizeof(stage));
    gzip_writer_init(&gzip, &sink);
    while ((len = fread(piece, 1, piece_len, stdin)) > 0) {
        if (gzip_write(&gzip, piece, len) != 0) {
            return 1;
        }
    }
    gzip_writer_end(&gzip);
    return sink_end(&sink) == 0 && fflush(stdout) == 0 ? 0 : 1;
}
