/* What looks like an answer and is none: an allocator of its own, bases, memory within memory. */
#include "kept.h"

struct object {
    int kind;
    int references;
};

struct number {
    struct object object;
    double value;
};

struct buffer {
    char *data;
    size_t len;
};

struct pool {
    char *slab;
    size_t used;
    struct object *first;
};

struct node {
    struct node *next;
    void *value;
};

struct matrix {
    double *rows[3];
    struct buffer *cells[2][2];
};

struct either {
    int kind;
    union {
        struct buffer *buffer;
        double *numbers;
    };
};

#define LIST_PUSH(list, item)                                                                      \
    ({                                                                                             \
        struct node *made_ = malloc(sizeof(struct node));                                          \
        made_->value = (item);                                                                     \
        made_->next = (list);                                                                      \
        kept(made_, "node");                                                                       \
        made_;                                                                                     \
    })
#define GROW(array, count) ((array) = realloc((array), (count) * sizeof(*(array))))

static const size_t kind_sizes[] = {sizeof(struct object), sizeof(struct number)};
static size_t taken_bytes;

__attribute__((noinline)) static void *pool_take(struct pool *pool, size_t bytes)
{
    if (pool->slab == NULL) {
        pool->slab = malloc(4096);
        kept(pool->slab, "char");
    }
    void *piece = pool->slab + pool->used;
    pool->used += bytes;
    return piece;
}

__attribute__((noinline)) static struct object *object_create(int kind)
{
    struct object *object = calloc(1, kind_sizes[kind]);
    object->kind = kind;
    return object;
}

/* The memory of another is the result. */
__attribute__((noinline)) static void *buffer_create(size_t bytes)
{
    struct buffer *buffer = malloc(sizeof(*buffer));
    void *data = malloc(bytes);
    buffer->data = data;
    kept(data, "char");
    buffer->len = bytes;
    return buffer;
}

__attribute__((noinline)) static int copy_count(const char *text)
{
    char *copy = strdup(text);
    kept(copy, "char");
    return (int)strlen(copy);
}

/* Counts what it gives, in front. */
__attribute__((noinline)) static void *counted(size_t bytes)
{
    size_t *block = malloc(bytes + sizeof(size_t));
    kept(block, "?");
    *block = bytes;
    taken_bytes += bytes;
    return block + 1;
}

__attribute__((noinline)) static void *second_of(void *first, void *second)
{
    (void)first;
    return second;
}

static void objects(void)
{
    struct pool pool = {0};
    struct object *object = pool_take(&pool, sizeof(*object));
    pool.first = object;
    struct object *number = object_create(1);
    kept(number, "number");
    kept(object_create(0), "object");
    struct buffer *buffer = buffer_create(3 * sizeof(struct number));
    kept(buffer, "buffer");
    double *values = counted(5 * sizeof(double));
    values[0] = copy_count("some text");
}

static void macros(size_t count)
{
    struct node *list = NULL;
    list = LIST_PUSH(list, NULL);
    struct buffer *buffers = NULL;
    GROW(buffers, count);
    kept(buffers, "buffer");
    struct number *number = second_of(malloc(16), malloc(sizeof(struct number)));
    kept(number, "number");
}

static void members(size_t count)
{
    static struct matrix matrix;
    static struct either either;
    matrix.rows[1] = malloc(count * sizeof(double));
    kept(matrix.rows[1], "double");
    matrix.cells[1][0] = malloc(count * sizeof(struct buffer));
    kept(matrix.cells[1][0], "buffer");
    either.numbers = malloc(48);
    kept(either.numbers, "double");
    either.buffer = malloc(48);
    kept(either.buffer, "buffer");
    struct node *node = malloc(sizeof(*node));
    node->value = malloc(sizeof(struct buffer) + count);
    kept(node, "node");
    kept(node->value, "buffer+");
    size_t *index = malloc(sizeof(size_t) * count + sizeof(struct buffer));
    kept(index, "?");
    void *raw = malloc(64);
    struct number view = *(struct number *)memset(raw, 0, 64);
    kept(raw, "?");
    struct number *numbers = (struct number *)((char *)malloc(64) + 16);
    kept((char *)numbers - 16, "?");
    taken_bytes += (size_t)view.value;
    memset(&matrix, 0, sizeof(matrix));
    memset(&either, 0, sizeof(either));
}

int main(int argc, char **argv)
{
    (void)argv;
    objects();
    macros((size_t)argc + 6);
    members((size_t)argc + 5);
    kept_all();
}
