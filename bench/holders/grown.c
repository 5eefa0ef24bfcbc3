/*
 * grown OBJECTS [MEAN_BYTES]: a program whose heap is a graph of many objects, as a service's is:
 * hash tables whose entries hold keys, values and lists, and some of all that leaked. It says
 * "ready" and waits to be looked at or killed.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE_COUNT 16
#define LEAKED      50 /* one entry of so many is forgotten */

struct value {
    struct value *next;
    size_t len;
    char bytes[];
};

struct entry {
    struct entry *next;
    struct entry *older;
    char *key;
    struct value *values;
    uint64_t used_ns;
};

struct table {
    struct entry **buckets;
    size_t bucket_count;
    struct entry *newest;
};

static struct table tables[TABLE_COUNT];
static uint64_t state = 42;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void *block_of(size_t bytes)
{
    void *block = malloc(bytes);
    if (block == NULL) {
        exit(3);
    }
    memset(block, 'x', bytes);
    return block;
}

static struct value *value_of(struct value *next, size_t mean_bytes)
{
    size_t len = next_random() % (2 * mean_bytes) + 8;
    struct value *value = block_of(sizeof(*value) + len);
    value->next = next;
    value->len = len;
    return value;
}

/* Returns how many objects were made. */
static uint64_t entry_make(size_t mean_bytes)
{
    struct table *table = &tables[next_random() % TABLE_COUNT];
    struct entry *entry = block_of(sizeof(*entry));
    entry->key = block_of(next_random() % 48 + 8);
    entry->values = NULL;
    uint64_t value_count = next_random() % 4 + 1;
    for (uint64_t i = 0; i < value_count; i++) {
        entry->values = value_of(entry->values, mean_bytes);
    }
    struct entry **bucket = &table->buckets[next_random() % table->bucket_count];
    entry->next = *bucket;
    entry->older = table->newest;
    if (next_random() % LEAKED != 0) {
        *bucket = entry;
        table->newest = entry;
    }
    return 2 + value_count;
}

int main(int argc, char **argv)
{
    uint64_t object_count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
    size_t mean_bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 460;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        tables[i].bucket_count = (size_t)(object_count / TABLE_COUNT / 4 + 1);
        tables[i].buckets = calloc(tables[i].bucket_count, sizeof(struct entry *));
        if (tables[i].buckets == NULL) {
            return 3;
        }
    }
    for (uint64_t made = 0; made < object_count;) {
        made += entry_make(mean_bytes);
    }
    puts("ready");
    fflush(stdout);
    pause();
    return 0;
}
