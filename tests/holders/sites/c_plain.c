/* Calls of malloc's family, as people write them. */
#include "kept.h"

struct item {
    struct item *next;
    long number;
    char name[24];
};

struct packet {
    size_t len;
    unsigned kind;
    struct item *items[];
};

struct old {
    int count;
    int values[1]; /* from before flexible arrays */
};

struct point {
    double x;
    double y;
    double z;
};

typedef __typeof__(struct point) point;
typedef __typeof__(struct item *) item_ref;

enum colour {
    RED,
    GREEN
};

#define NEW(type)        ((type *)malloc(sizeof(type)))
#define NEW_ZERO(type)   calloc(1, sizeof(type))
#define FATAL_IF(failed) ((failed) ? exit(3) : (void)0)

static void declared(void)
{
    struct item *first = malloc(sizeof(struct item));
    kept(first, "item");
    struct item *second = malloc(sizeof(*second));
    kept(second, "item");
    struct item *third = (struct item *)malloc(sizeof *third);
    kept(third, "item");
    point *points = calloc(20, sizeof(point));
    kept(points, "point");
    item_ref by_ref = malloc(sizeof(*by_ref));
    kept(by_ref, "item");
    int *numbers = malloc(100 * sizeof(int));
    kept(numbers, "int");
    const char *text = malloc(90);
    kept(text, "char");
    struct item **table = malloc(32 * sizeof(struct item *));
    kept(table, "item *");
    void **any = malloc(9 * sizeof(void *));
    kept(any, "void *");
    uint32_t *words = malloc(sizeof(uint32_t) * 17), *more = NULL;
    kept(words, "uint32_t");
    kept(more == NULL ? malloc(sizeof(point)) : more, "point");
}

static void assigned(size_t count)
{
    struct item *item;
    item = malloc(sizeof(struct item));
    kept(item, "item");
    if ((item = malloc(sizeof *item)) == NULL) {
        exit(3);
    }
    kept(item, "item");
    point *points;
    if (!(points = calloc(count, sizeof(*points)))) {
        exit(3);
    }
    kept(points, "point");
    points = malloc(count * sizeof(point));
    kept(points, "point");
    item = count > 2 ? malloc(sizeof(*item)) : NULL;
    kept(item, "item");
    double *values = NULL;
    values = realloc(values, count * sizeof(double));
    values = realloc(values, 40 * count * sizeof(double));
    kept(values, "double");
    enum colour *colours = calloc(count, sizeof(enum colour));
    kept(colours, "colour");
    unsigned long *longs = malloc(count * sizeof(unsigned long));
    kept(longs, "long unsigned int|unsigned long");
    char **lines = reallocarray(NULL, count, sizeof(char *));
    kept(lines, "char *");
    point *aligned = aligned_alloc(64, 64 * sizeof(point));
    kept(aligned, "point");
}

static void open_ended(size_t count)
{
    struct packet *packet = malloc(sizeof(*packet) + count * sizeof(packet->items[0]));
    kept(packet, "packet");
    struct packet *empty = calloc(1, sizeof(struct packet));
    kept(empty, "packet");
    struct old *old = malloc(sizeof(*old) + (count - 1) * sizeof(int));
    kept(old, "old+");
    struct item *with_text = malloc(sizeof(struct item) + 40);
    kept(with_text, "item+");
}

static void hidden(size_t count)
{
    void *block = malloc(sizeof(struct item));
    kept(block, "item");
    uintptr_t number = (uintptr_t)malloc(count * sizeof(point));
    kept((void *)number, "point");
    kept(malloc(sizeof(struct packet)), "packet");
    kept(calloc(count, sizeof(short)), "short|short int");
    void *memory = malloc(count * 48);
    struct item *items = memory;
    kept(items, "item");
    void *grown = realloc(NULL, 3 * sizeof(point));
    kept(grown, "point");
    kept(NEW(struct item), "item");
    struct item *by_macro = NEW(struct item);
    kept(by_macro, "item");
    point *zero = NEW_ZERO(point);
    kept(zero, "point");
    void *raw = malloc(count);
    kept(raw, "?");
    void *pages = NULL;
    FATAL_IF(posix_memalign(&pages, 4096, 8192) != 0);
    kept(pages, "?");
    struct item *aligned = NULL;
    FATAL_IF(posix_memalign((void **)&aligned, 64, sizeof(struct item)) != 0);
    kept(aligned, "item");
    int *first = malloc(8 * sizeof(int));
    point *second = malloc(2 * sizeof(point));
    kept(first, "int");
    kept(second, "point");
}

static void texts(const char *text)
{
    char *copy = strdup(text);
    kept(copy, "char");
    kept(strndup(text, 5), "char");
    char *printed = NULL;
    FATAL_IF(asprintf(&printed, "%s of %s and more", text, text) < 0);
    kept(printed, "char");
    unsigned char *bytes = malloc(strlen(text) + 1);
    kept(bytes, "unsigned char");
}

int main(int argc, char **argv)
{
    declared();
    assigned((size_t)argc + 9);
    open_ended((size_t)argc + 4);
    hidden((size_t)argc + 6);
    texts(argv[0]);
    kept_all();
}
