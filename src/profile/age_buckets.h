/*
 * How old what is in use may be: buckets with a least age each, which samples carry as their label
 * `age` in seconds.
 */
#ifndef PROFILE_AGE_BUCKETS_H
#define PROFILE_AGE_BUCKETS_H

#include <stdint.h>

#define AGE_BUCKETS 10

/* The least age of a bucket, from 0 on; the last one has no end. */
static inline int64_t age_bucket_seconds(uint32_t bucket)
{
    static const int64_t seconds[AGE_BUCKETS] = {0, 1, 3, 10, 30, 120, 600, 3600, 21600, 86400};
    return seconds[bucket];
}

/* The bucket of an age; of a negative one the first. */
static inline uint32_t age_bucket_of(int64_t seconds)
{
    uint32_t bucket = AGE_BUCKETS - 1;
    while (bucket > 0 && seconds < age_bucket_seconds(bucket)) {
        bucket--;
    }
    return bucket;
}

#endif
