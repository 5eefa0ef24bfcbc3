/*
 * The memory of a program as it stood at one moment: from an ELF core, or from a live process that
 * is stopped for as long as the image is open.
 */
#ifndef HOLDERS_IMAGE_H
#define HOLDERS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"

struct image;
struct slu_arena;
struct slu_budget;
struct slu_diag;

/* In the order of DWARF's numbers for x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8 ... r15 rip. */
#define IMAGE_REGISTERS      17
#define IMAGE_REGISTER_FRAME 6
#define IMAGE_REGISTER_STACK 7
#define IMAGE_REGISTER_CODE  16

#define IMAGE_CACHE_LINES 512 /* pages that are kept of what was read in small pieces */
#define IMAGE_PAGE_BYTES  4096

struct image_region {
    uint64_t start;
    uint64_t end;
    uint64_t stored_bytes;  /* how much of it can be read, from its start on */
    uint64_t stored_offset; /* where that stands in the core */
    uint64_t file_offset;   /* of its start, in the file at `path` */
    const char *path;       /* NULL: no file is mapped */
    bool writable;
    bool executable;
};

struct image_thread {
    uint64_t id;
    uint64_t registers[IMAGE_REGISTERS];
    uint64_t thread_base; /* what fs points to; 0 if not known */
    int stop_signal;      /* of a live one: a signal that is handed on when it goes on */
};

struct image_line {
    uint64_t page; /* its address plus one; 0: empty */
    unsigned char bytes[IMAGE_PAGE_BYTES];
};

/* Read up to `len` bytes, as many as are there; 0 or a negative errno: none. */
typedef int (*image_source_read)(struct image *image, const struct image_region *region,
                                 uint64_t address, void *bytes, size_t len);

struct image {
    struct slu_budget *budget;
    struct slu_arena *names;
    struct block regions; /* of struct image_region, in the order of addresses */
    struct block threads; /* of struct image_thread */
    image_source_read read;
    int fd;
    uint64_t process_id; /* 0 in a core that does not say */
    uint64_t memory_id;  /* the process whose memory is read: it, or its copy */
    bool may_fork;
    uint64_t size_bytes;    /* of the core */
    uint64_t missing_bytes; /* that it should have, and does not: it was cut off */
    bool is_live;
    struct image_line *lines;
    int (*stop)(struct image *image, struct slu_diag *diag);
    void (*release)(struct image *image);
    uint64_t stopped_ns; /* how long the process stood, once it goes on */
    uint64_t stop_began_ns;
};

/*
 * Open the ELF core at `path`.
 *
 * Returns  0; -EBADMSG if it is no core of x86-64, or a damaged one: `diag` says at which offset;
 *          -EDQUOT; -ENOMEM; a negative errno of the system. A core that was cut off opens; what is
 *          missing cannot be read.
 * Owner    the caller, until image_close; the budget must outlive it
 */
SLU_MUST_USE int image_open_core(struct slu_budget *budget, const char *path, struct slu_diag *diag,
                                 struct image **out);

/*
 * Open the memory of a process that goes on meanwhile: its modules can be read. With
 * `may_fork` set in the image, image_stop makes a copy of it, if that can be, and lets it go on.
 *
 * Returns  0; -ESRCH; -EPERM; -EDQUOT; -ENOMEM; another negative errno of the system
 * Owner    the caller, until image_close, which lets the process go on
 */
SLU_MUST_USE int image_open_process(struct slu_budget *budget, uint64_t process_id,
                                    struct slu_diag *diag, struct image **out);

/*
 * From now on the image is of one moment: a process stands still. A core always does.
 *
 * Returns  as image_open_process
 */
SLU_MUST_USE int image_stop(struct image *image, struct slu_diag *diag);

/* Let the process go on, while what has been read of it is still looked at. */
void image_release(struct image *image);

void image_close(struct image **image);

static inline const struct image_region *image_regions(const struct image *image, size_t *count)
{
    *count = image->regions.len / sizeof(struct image_region);
    return image->regions.data;
}

static inline const struct image_thread *image_threads(const struct image *image, size_t *count)
{
    *count = image->threads.len / sizeof(struct image_thread);
    return image->threads.data;
}

/* The region that holds `address`, or NULL. */
const struct image_region *image_region_at(const struct image *image, uint64_t address);

/*
 * Read `len` bytes, all or none; they may span regions.
 *
 * Returns  0; -EFAULT if a byte is not there
 * Cost     pieces below a page come from a cache of IMAGE_CACHE_LINES pages
 */
SLU_MUST_USE int image_read(struct image *image, uint64_t address, void *bytes, size_t len);

/* A word of eight bytes. */
SLU_MUST_USE int image_read_word(struct image *image, uint64_t address, uint64_t *word);

/* For the openers: an image without regions; and its parts, checked and in order. */
SLU_MUST_USE int image_create(struct slu_budget *budget, struct slu_diag *diag, struct image **out);
SLU_MUST_USE int image_add_region(struct image *image, const struct image_region *region);
SLU_MUST_USE int image_add_thread(struct image *image, const struct image_thread *thread);
SLU_MUST_USE int image_finish(struct image *image, struct slu_diag *diag);

#endif
