/* The side table of the process's profile, in the library's data: profile/side_table.h. */
#ifndef PRELOAD_SIDE_H
#define PRELOAD_SIDE_H

struct profile;

/* Publish it. Threads: once, before samples are taken. */
void side_publish(const struct profile *profile);

#endif
