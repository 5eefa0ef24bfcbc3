/* Numbers in files are little endian, whatever the machine. */
#ifndef STORE_LITTLE_ENDIAN_H
#define STORE_LITTLE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put_32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
}

static inline void put_64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
}

static inline uint32_t get_32(const unsigned char *at)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static inline uint64_t get_64(const unsigned char *at)
{
    uint64_t value = 0;
    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

#endif
