/*
 * One limit of memory and how near it is: of a control group of version 1 or 2, or the process's
 * own. Levels are parts of the limit; each is passed once, until use has fallen far below all.
 *
 * What can be reclaimed at once does not count as use: the pages of files that nobody has used
 * for long, as schedulers of containers reckon it.
 */
#ifndef PRELOAD_MEMORY_LIMIT_H
#define PRELOAD_MEMORY_LIMIT_H

#include <limits.h>
#include <stdint.h>

struct cgroup;

#define MEMORY_LIMIT_TEXT_BYTES 8192

enum memory_limit_kind {
    MEMORY_LIMIT_GROUP_1,
    MEMORY_LIMIT_GROUP_2,
    MEMORY_LIMIT_OWN,
};

/* Percent of the limit, ascending; from MEMORY_LEVEL_RECORD on there is something to be written. */
enum memory_level {
    MEMORY_LEVEL_NONE,
    MEMORY_LEVEL_HISTORY, /* 50: remember; from here on every five percent are a level */
    MEMORY_LEVEL_READY = MEMORY_LEVEL_HISTORY + 5,  /* 75: have at hand what writing needs */
    MEMORY_LEVEL_RECORD = MEMORY_LEVEL_HISTORY + 8, /* 90: write; each percent is a level */
    MEMORY_LEVEL_SECOND = MEMORY_LEVEL_RECORD + 5,
    MEMORY_LEVEL_LAST = MEMORY_LEVEL_RECORD + 8, /* 98 */
    MEMORY_LEVEL_COUNT,
};

/* Members are private but for the first four, the name and what is polled. */
struct memory_limit {
    enum memory_limit_kind kind;
    enum memory_level level; /* that has been passed */
    uint64_t limit_bytes;    /* UINT64_MAX: none any more */
    uint64_t used_bytes;     /* when it was looked at last */
    uint64_t charged_bytes;  /* the same with what can be reclaimed */
    uint64_t asked_bytes;    /* of them: about to be used */
    uint64_t passed_ns;      /* when a level was passed last */
    int event;               /* an eventfd, or memory.events; -1: none */
    int pressure;            /* -1: none */
    char name[PATH_MAX];     /* the group's folder */
    char path[PATH_MAX];
    char text[MEMORY_LIMIT_TEXT_BYTES];
};

/* A level of a use. */
enum memory_level memory_level_of(uint64_t used_bytes, uint64_t limit_bytes);

/*
 * The group's limit. Nothing is open afterwards: a program may close any file of its process.
 *
 * Returns  0; -ENOENT if it is not limited, or cannot be read
 */
int memory_limit_group(struct memory_limit *limit, const struct cgroup *cgroup);

/* A limit of this process's own resident memory. */
void memory_limit_own(struct memory_limit *limit, uint64_t limit_bytes);

/*
 * Have the kernel tell of thresholds, events and pressure, as far as it grants that; `event` and
 * `pressure` are to be polled then. Only in a thread that has a table of files of its own.
 */
void memory_limit_listen(struct memory_limit *limit);

/*
 * Look how much is used.
 *
 * more_bytes  that are about to be used, too
 * Returns     the level that has been passed since, or MEMORY_LEVEL_NONE
 * Cost        two small files are read; at a new level the group's statistics as well. The stack
 *             needs little: also within a hook
 */
enum memory_level memory_limit_look(struct memory_limit *limit, uint64_t more_bytes,
                                    uint64_t now_ns);

/* How much is left up to the next level; behind the last, UINT64_MAX. */
uint64_t memory_limit_room(const struct memory_limit *limit);

/* For how long no level can be passed unnoticed. */
uint64_t memory_limit_wait_ns(const struct memory_limit *limit);

/* In the child of fork: what was open is the parent's, under numbers that are others' here. */
void memory_limit_after_fork_child(struct memory_limit *limit);

/* Take in what the kernel has told, so that it can tell anew. */
void memory_limit_told(const struct memory_limit *limit);

#endif
