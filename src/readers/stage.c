#include "readers/stage.h"

#include <errno.h>
#include <string.h>

#define CHUNK_SHIFT 16 /* small enough for malloc, which gives the next column what is given back */

/* Before each message. `len_next` is the length plus one; zeroes fill the rest of a chunk. */
struct header {
    uint32_t offset;
    uint32_t len_next;
};

void stage_init(struct stage *stage, struct slu_budget *budget)
{
    *stage = (struct stage){0};
    column_init(&stage->bytes, budget, 1, CHUNK_SHIFT);
}

void stage_deinit(struct stage *stage)
{
    column_deinit(&stage->bytes);
}

int stage_add(struct stage *stage, uint32_t offset, struct slu_bytes message)
{
    if (message.len > STAGE_MESSAGE_MAX) {
        return -EOVERFLOW;
    }
    struct header header = {offset, (uint32_t)message.len + 1};
    uint32_t index = 0;
    void *place = NULL;
    int err =
        column_add_run(&stage->bytes, (uint32_t)(sizeof(header) + message.len), &index, &place);
    if (err != 0) {
        return err;
    }
    memcpy(place, &header, sizeof(header));
    if (message.len > 0) {
        memcpy((char *)place + sizeof(header), message.data, message.len);
    }
    stage->count++;
    return 0;
}

bool stage_next(struct stage *stage, uint32_t *offset, struct slu_bytes *message)
{
    const uint32_t chunk_bytes = UINT32_C(1) << CHUNK_SHIFT;
    struct header header = {0};
    for (;;) {
        uint32_t left = chunk_bytes - stage->at % chunk_bytes;
        if (stage->at >= stage->bytes.count) {
            return false;
        }
        if (left >= sizeof(header)) {
            memcpy(&header, column_at(&stage->bytes, stage->at), sizeof(header));
        }
        if (left >= sizeof(header) && header.len_next != 0) {
            break;
        }
        stage->at += left;
        column_drop_before(&stage->bytes, stage->at);
    }
    *offset = header.offset;
    *message = (struct slu_bytes){
        (const char *)column_at(&stage->bytes, stage->at) + sizeof(header), header.len_next - 1};
    stage->at += (uint32_t)sizeof(header) + (uint32_t)message->len;
    return true;
}
