/*
 * truth: a program that knows who owns what. It says so, a line a block: address, then what its
 * chain must be, with and without debug information, apart by tabs; then "ready", and waits.
 *
 * truth damage   overwrites the size of a chunk first, and says where
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAPPED_BYTES ((size_t)1 << 20)

struct window {
    int64_t *buckets;
    int bucket_count;
};

struct registry {
    int count;
    struct window *windows[20];
};

struct node {
    struct node *next;
    char name[16];
};

struct link {
    struct link *next;
};

struct job {
    char name[24];
    struct link link; /* what points here points into a block */
};

struct text {
    size_t len;
    struct node *owner;
    char *lines[]; /* to the end of the block */
};

struct registry registry;
static struct node *head;
static struct link *jobs;
static struct text *text;
static void *mapped;
static void *aligned;
static void *untyped;
static void *wide[4096]; /* across the border between pages of the file and others */
static __thread struct node *of_thread;
static pthread_barrier_t barrier;

static void *block_of(size_t bytes)
{
    void *block = malloc(bytes);
    if (block == NULL) {
        exit(3);
    }
    memset(block, 0, bytes);
    return block;
}

static void tell(const void *block, const char *chain, const char *without)
{
    printf("%p\t%s\t%s\n", block, chain, without);
}

static void *work(void *argument)
{
    of_thread = block_of(sizeof(*of_thread));
    of_thread->next = block_of(sizeof(struct node));
    tell(of_thread, "of_thread (thread T) -> node", "of_thread (thread T) -> 24 bytes");
    tell(of_thread->next, "of_thread (thread T) -> node.next -> node",
         "of_thread (thread T) -> 24 bytes+0x0 -> 24 bytes");
    free(block_of(2000));
    (void)pthread_barrier_wait(&barrier);
    pause();
    return argument;
}

static void own_variables(void)
{
    static struct window *kept;
    kept = block_of(10 * sizeof(*kept));
    tell(kept, "kept -> window[10]", "kept.0 -> 168 bytes");
    kept[3].buckets = block_of(64);
    tell(kept[3].buckets, "kept -> window[10][3].buckets -> int64_t[8]",
         "kept.0 -> 168 bytes+0x30 -> 72 bytes");
    registry.windows[17] = block_of(sizeof(struct window));
    registry.windows[17]->buckets = block_of(600 * sizeof(int64_t));
    tell(registry.windows[17], "registry.windows[17] -> window", "registry+0x90 -> 24 bytes");
    tell(registry.windows[17]->buckets, "registry.windows[17] -> window.buckets -> int64_t[600]",
         "registry+0x90 -> 24 bytes+0x0 -> 4808 bytes");
    for (int i = 0; i < 3; i++) {
        struct node *node = block_of(sizeof(*node));
        node->next = head;
        head = node;
    }
    tell(head->next->next, "head -> node.next -> node.next -> node",
         "head -> 24 bytes+0x0 -> 24 bytes+0x0 -> 24 bytes");
}

static void own_odd_ones(void)
{
    struct job *job = block_of(sizeof(*job));
    struct job *later = block_of(sizeof(*later));
    jobs = &job->link;
    job->link.next = &later->link;
    tell(job, "jobs -> 40 bytes", "jobs -> 40 bytes");
    tell(later, "jobs -> 40 bytes+0x18 -> 40 bytes", "jobs -> 40 bytes+0x18 -> 40 bytes");
    text = block_of(sizeof(*text) + 5 * sizeof(char *));
    text->lines[4] = block_of(100);
    tell(text->lines[4], "text -> text.lines[4] -> char[89]", "text -> 56 bytes+0x30 -> 104 bytes");
    mapped = block_of(MAPPED_BYTES);
    tell(mapped, "mapped -> 1052656 bytes", "mapped -> 1052656 bytes");
    untyped = block_of(200);
    *(void **)untyped = block_of(48);
    tell(*(void **)untyped, "untyped -> 200 bytes+0x0 -> 56 bytes",
         "untyped -> 200 bytes+0x0 -> 56 bytes");
    wide[0] = block_of(48);
    wide[4095] = block_of(48);
    tell(wide[0], "wide[0] -> 56 bytes", "wide -> 56 bytes");
    tell(wide[4095], "wide[4095] -> 56 bytes", "wide+0x7ff8 -> 56 bytes");
    aligned = aligned_alloc(4096, MAPPED_BYTES);
    tell(aligned, "aligned -> * bytes", "aligned -> * bytes");
}

/* What nothing leads to, and what is free in each of the allocator's ways. */
static void lose(void)
{
    struct node *ring = block_of(sizeof(*ring) + 400);
    ring->next = block_of(sizeof(*ring) + 400);
    ring->next->next = ring;
    tell(ring, "leaked", "leaked");
    tell(ring->next, "leaked", "leaked");
    ring = NULL;
    void *freed[20];
    void *large = block_of(3000);
    tell(block_of(16), "leaked", "leaked");
    for (int i = 0; i < 20; i++) {
        freed[i] = block_of(40);
    }
    for (int i = 0; i < 20; i++) {
        free(freed[i]); /* seven into the thread's cache, the others into a fastbin */
        tell(freed[i], "free", "free");
        freed[i] = NULL;
    }
    free(large);
    tell(large, "free", "free");
}

/* The size of the chunk after `before`: what follows is not seen until chunks are sound again. */
static void damage(void)
{
    char *before = block_of(100);
    char *victim = block_of(100);
    void *behind = NULL;
    for (int i = 0; i < 20; i++) {
        behind = block_of(100);
    }
    uint64_t *size = (uint64_t *)(void *)(victim - 8);
    untyped = behind;
    *size = 0x4141414141414141;
    printf("%p\tdamaged\tdamaged\n", (void *)(before + (victim - before) - 16));
    tell(behind, "untyped -> 104 bytes", "untyped -> 104 bytes");
}

int main(int argc, char **argv)
{
    pthread_t thread;
    struct window *local = NULL;
    if (argc > 1 && strcmp(argv[1], "damage") == 0) {
        damage();
        puts("ready");
        fflush(stdout);
        pause();
    }
    (void)pthread_barrier_init(&barrier, NULL, 2);
    own_variables();
    own_odd_ones();
    local = block_of(sizeof(*local));
    local->buckets = block_of(160);
    tell(local->buckets, "local (local of main, thread T) -> window.buckets -> int64_t[20]",
         "stack of main (thread T) -> 24 bytes+0x0 -> 168 bytes");
    if (pthread_create(&thread, NULL, work, NULL) != 0) {
        return 3;
    }
    (void)pthread_barrier_wait(&barrier);
    lose(); /* nothing is allocated after it, so that free blocks stay free */
    puts("ready");
    fflush(stdout);
    pause();
    return local == NULL;
}
