/* Memory that members, elements and parameters take. */
#include <sys/queue.h>

#include "kept.h"

struct field {
    char *name;
    char *value;
    unsigned flags;
};

struct window {
    int64_t *buckets;
    int bucket_count;
};

struct tree {
    struct tree *left;
    struct tree *right;
    union {
        struct {
            struct field *fields;
            size_t field_count;
        };
        double *numbers;
    };
    struct window windows[4];
    struct window *grid[2][3];
};

struct table {
    struct field **slots;
    size_t slot_count;
    size_t room;
    struct window *windows;
    struct tree *tree;
    void *opaque;
    char *lines[8];
};

struct entry {
    SLIST_ENTRY(entry) entries;
    short kind;
};

static struct table registry;
static struct window **spare;
SLIST_HEAD(entry_list, entry) list = SLIST_HEAD_INITIALIZER(list);

static void of_struct(struct table *table, size_t count)
{
    table->slots = calloc(count, sizeof(*table->slots));
    kept(table->slots, "field *");
    table->slot_count = count;
    for (size_t i = 0; i < 3; i++) {
        table->slots[i] = malloc(sizeof(struct field));
        kept(table->slots[i], "field");
        table->slots[i]->name = strdup("a name");
        kept(table->slots[i]->name, "char");
        table->slots[i]->value = malloc(60);
        kept(table->slots[i]->value, "char");
    }
    table->tree = malloc(sizeof(*table->tree));
    kept(table->tree, "tree");
    table->tree->left = calloc(1, sizeof(struct tree));
    kept(table->tree->left, "tree");
    table->tree->fields = calloc(5, sizeof(*table->tree->fields));
    kept(table->tree->fields, "field");
    table->tree->left->numbers = malloc(count * sizeof(double));
    kept(table->tree->left->numbers, "double");
    table->tree->windows[2].buckets = malloc(600 * sizeof(int64_t));
    kept(table->tree->windows[2].buckets, "int64_t");
    table->tree->grid[1][2] = malloc(sizeof(struct window));
    kept(table->tree->grid[1][2], "window");
    table->opaque = malloc(3 * sizeof(struct window));
    kept(table->opaque, "window");
    table->opaque = malloc(count);
    kept(table->opaque, "?");
    (*table).lines[3] = malloc(80);
    kept(table->lines[3], "char");
    (&table->tree->windows[0])->buckets = malloc(32);
    kept(table->tree->windows[0].buckets, "int64_t");
}

static void of_global(size_t count)
{
    registry.windows = malloc(count * sizeof(struct window));
    kept(registry.windows, "window");
    registry.windows[1].buckets = calloc(count, sizeof(registry.windows[1].buckets[0]));
    kept(registry.windows[1].buckets, "int64_t");
    spare = malloc(count * sizeof(*spare));
    kept(spare, "window *");
    spare[0] = malloc(sizeof(**spare));
    kept(spare[0], "window");
    static struct field *fields;
    fields = malloc(count * sizeof(fields[0]));
    kept(fields, "field");
}

static void of_parameter(struct window **out, char **text)
{
    *out = malloc(sizeof(**out));
    kept(*out, "window");
    (*out)->buckets = malloc(160);
    kept((*out)->buckets, "int64_t");
    *text = malloc(33);
    kept(*text, "char");
}

static void table_grow(struct table *table)
{
    size_t room = table->room == 0 ? 8 : 2 * table->room;
    struct field **slots = realloc(table->room == 0 ? NULL : table->slots, room * sizeof(*slots));
    if (slots == NULL) {
        exit(3);
    }
    table->slots = slots;
    table->room = room;
    void *more = realloc(NULL, 100 * room * sizeof(*table->windows));
    if (more != NULL) {
        table->windows = more;
    }
    kept(table->windows, "window");
    double *numbers = NULL;
    void *grown = realloc(numbers, room * 8);
    numbers = grown;
    kept(numbers, "double");
}

static void of_list(void)
{
    struct entry *entry = malloc(sizeof(struct entry));
    SLIST_INSERT_HEAD(&list, entry, entries);
    kept(entry, "entry");
    kept(SLIST_FIRST(&list) = malloc(sizeof(struct entry)), "entry");
}

int main(int argc, char **argv)
{
    struct window *window = NULL;
    char *text = NULL;
    static struct table table;
    (void)argv;
    of_struct(&table, (size_t)argc + 5);
    of_global((size_t)argc + 8);
    of_parameter(&window, &text);
    static struct table growing;
    table_grow(&growing);
    kept(growing.slots, "field *");
    of_list();
    memset(&table, 0, sizeof(table)); /* but for kept blocks nothing leads to them */
    memset(&growing, 0, sizeof(growing));
    memset(&registry, 0, sizeof(registry));
    spare = NULL;
    SLIST_INIT(&list);
    kept_all();
}
