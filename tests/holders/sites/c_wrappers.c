/* Functions that allocate for others, and other ways in which memory is given on. */
#include "kept.h"

struct vec3 {
    float x, y, z;
};

struct base {
    const void *class;
};

struct shape {
    struct base base;
    struct vec3 corners[4];
    long id;
};

struct session {
    struct session *next;
    char *user;
    struct vec3 *track;
    size_t track_count;
};

struct allocator {
    void *(*take)(struct allocator *allocator, size_t bytes);
    size_t taken;
};

struct header {
    size_t bytes;
    size_t magic;
};

__attribute__((noinline)) static void *xmalloc(size_t bytes)
{
    void *block = malloc(bytes);
    if (block == NULL) {
        exit(3);
    }
    return block;
}

__attribute__((noinline)) static void *xcalloc(size_t count, size_t bytes)
{
    return calloc(count, bytes);
}

static void *xrealloc(void *block, size_t bytes)
{
    void *grown;
    if ((grown = realloc(block, bytes)) == NULL) {
        exit(3);
    }
    return grown;
}

static void *zalloc(size_t bytes)
{
    char *block = xmalloc(bytes);
    memset(block, 0, bytes);
    return block;
}

static inline void *zalloc_many(size_t count, size_t bytes)
{
    return zalloc(count * bytes);
}

__attribute__((noinline)) static int take_memory(size_t bytes, void **out)
{
    void *block = malloc(bytes);
    if (block == NULL) {
        return -1;
    }
    *out = block;
    return 0;
}

__attribute__((noinline)) static int take_directly(void **out, size_t bytes)
{
    *out = malloc(bytes);
    return *out == NULL ? -1 : 0;
}

/* What is in front of the block is no business of its user. */
__attribute__((noinline)) static void *with_header(size_t bytes)
{
    struct header *header = malloc(sizeof(*header) + bytes);
    header->bytes = bytes;
    return header + 1;
}

static void *take_from(struct allocator *allocator, size_t bytes)
{
    allocator->taken += bytes;
    return malloc(bytes);
}

static struct session *session_create(const char *user)
{
    struct session *session = xcalloc(1, sizeof(*session));
    session->user = strdup(user);
    kept(session->user, "char");
    session->track = xmalloc(16 * sizeof(struct vec3));
    kept(session->track, "vec3");
    return session;
}

static struct session *session_new(void)
{
    return xmalloc(sizeof(struct session));
}

static struct base *base_create(size_t bytes)
{
    struct base *base = xmalloc(bytes);
    base->class = NULL;
    return base;
}

static char *text_copy(const char *text)
{
    size_t len = strlen(text);
    char *copy = xmalloc(len + 1);
    memcpy(copy, text, len + 1);
    return copy;
}

static void wrapped(size_t count)
{
    struct vec3 *points = xmalloc(count * sizeof(*points));
    kept(points, "vec3");
    long *numbers = xcalloc(count, sizeof(long));
    kept(xcalloc(count, sizeof(double)), "double");
    numbers = xrealloc(numbers, 50 * count * sizeof(long));
    kept(numbers, "long|long int");
    struct session *session = zalloc(sizeof(*session));
    kept(session, "session");
    struct session **sessions = zalloc_many(count, sizeof(struct session *));
    kept(sessions, "session *");
    kept(session_create("somebody"), "session");
    kept(session_new(), "session");
    kept(text_copy("a line of text"), "char");
    kept(xmalloc(sizeof(struct vec3)), "vec3");
    kept(xmalloc(count * 3), "?");
}

static void given_out(void)
{
    void *block = NULL;
    if (take_memory(sizeof(struct session), &block) != 0) {
        exit(3);
    }
    struct session *session = block;
    kept(session, "session");
    struct vec3 *point = NULL;
    if (take_directly((void **)&point, sizeof(*point)) != 0) {
        exit(3);
    }
    kept(point, "vec3");
    kept(with_header(48), "?");
}

static void by_pointer(struct allocator *allocator)
{
    struct session *session = allocator->take(allocator, sizeof(*session));
    kept(session, "session");
    struct vec3 *points = allocator->take(allocator, 10 * sizeof(struct vec3));
    kept(points, "vec3");
}

static void derived(void)
{
    struct base *base = xmalloc(sizeof(struct shape));
    kept(base, "shape");
    struct shape *shape = (struct shape *)base_create(sizeof(struct shape));
    kept(shape, "shape");
    struct base *plain = base_create(sizeof(struct shape));
    kept(plain, "shape");
}

int main(int argc, char **argv)
{
    struct allocator allocator = {.take = take_from};
    (void)argv;
    wrapped((size_t)argc + 7);
    given_out();
    by_pointer(&allocator);
    derived();
    kept_all();
}
