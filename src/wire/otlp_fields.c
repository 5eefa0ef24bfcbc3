#include "wire/otlp_fields.h"

const unsigned char *otlp_group_end(const unsigned char *at, const unsigned char *end)
{
    struct otlp_fields fields = {at, end, false};
    for (uint64_t depth = 1; depth > 0;) {
        struct otlp_part part = {0};
        uint64_t tag = 0;
        if (!otlp_varint(&fields, &tag)) {
            return NULL;
        }
        part.wire = (uint32_t)(tag & 7);
        if (part.wire == PROTOBUF_GROUP) {
            depth++;
        } else if (part.wire == PROTOBUF_GROUP_END) {
            depth--;
        } else if (!otlp_part_value(&fields, &part)) {
            return NULL;
        }
    }
    return fields.at;
}
