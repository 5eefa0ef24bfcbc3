#include "symbol/source_call.h"

#include <stdio.h>
#include <string.h>

#include "base/sink.h"
#include "harness.h"
#include "symbol/source_tokens.h"

#define TEXT_BYTES 256

static void path_write(const struct source_path *path, struct sink *out)
{
    sink_put(out, path->base.data, path->base.len);
    for (uint32_t i = 0; i < path->count; i++) {
        struct slu_bytes member = path->steps[i].member;
        sink_text(out, member.len == 0 ? "[]" : ".");
        sink_put(out, member.data, member.len);
    }
}

static void type_write(const char *label, const struct source_type *type, struct sink *out)
{
    if (type->name[0] != '\0') {
        sink_format(out, " %s %s", label, type->name);
        sink_repeat(out, '*', type->stars);
    }
}

/* What was read, in one line. */
static void call_write(const struct source_call *call, struct sink *out)
{
    static const char *const roles[] = {"unknown", "taken", "returned"};
    sink_text(out, roles[call->role]);
    if (call->taken.base.len > 0) {
        sink_text(out, " by ");
        path_write(&call->taken, out);
    }
    type_write("as", &call->declared, out);
    type_write("cast", &call->cast, out);
    type_write("new", &call->created, out);
    type_write("size", &call->size_type, out);
    if (call->size_path.base.len > 0 && call->size_path.count > 0) {
        sink_text(out, " size of ");
        path_write(&call->size_path, out);
    }
    if (call->resized.base.len > 0) {
        sink_text(out, " resized ");
        path_write(&call->resized, out);
    }
    sink_text(out, call->is_sum ? " sum" : "");
}

static void text_of(const char *source, const struct source_wanted *wanted, char *text)
{
    static struct source_tokens tokens;
    struct source_call call;
    struct sink sink;
    sink_init_fixed(&sink, text, TEXT_BYTES);
    source_tokens_read(&tokens, (struct slu_bytes){source, strlen(source)}, wanted->line);
    if (source_call_read(&tokens, wanted, &call)) {
        call_write(&call, &sink);
    }
    assert_int_equal(sink_end(&sink), 0);
}

struct row {
    const char *source; /* the call is in its first line */
    const char *said;   /* empty: nothing */
};

static void rows_check(const struct row *rows, size_t count, const char *callee)
{
    for (size_t i = 0; i < count; i++) {
        char text[TEXT_BYTES] = "";
        struct source_wanted wanted = {
            .callee = {callee, strlen(callee)}, .line = 1, .argument = SOURCE_ARGUMENT_NONE};
        text_of(rows[i].source, &wanted, text);
        if (strcmp(text, rows[i].said) != 0) {
            print_error("%s\n  %s\n  %s\n", rows[i].source, text, rows[i].said);
        }
        assert_string_equal(text, rows[i].said);
    }
}

static void what_takes_the_result_is_found(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"struct foo *x = malloc(9);", "taken by x as foo*"},
        {"const unsigned long **x = malloc(9), *y;", "taken by x as unsigned long**"},
        {"ns::list<int, 3> *x = malloc(9);", "taken by x as ns::list<int,3>*"},
        {"x = malloc(9);", "taken by x"},
        {"*x = malloc(9);", "taken by x[]"},
        {"else *x = malloc(9);", "taken by x[]"},
        {"a->b[i + f(1)].c = malloc(9);", "taken by a.b[].c"},
        {"(*a)->b = malloc(9);", "taken by a[].b"},
        {"(&a->b[2])->c = malloc(9);", "unknown"},
        {"f(x)->c = malloc(9);", "unknown"},
        {"if ((x = malloc(9)) == NULL) {", "taken by x"},
        {"if (!(x->y = malloc(9))) {", "taken by x.y"},
        {"x = a > 3 ? malloc(9) : NULL;", "taken by x"},
        {"x = a > 3 ? NULL : malloc(9);", "taken by x"},
        {"y = x = malloc(9);", "taken by x"},
        {"x = malloc(9) + 16;", "unknown"},
        {"x = malloc(9) == NULL;", "unknown"},
        {"x = malloc(9)[3];", "unknown"},
        {"x += malloc(9);", "unknown"},
        {"f(malloc(9));", "unknown"},
        {"malloc(9);", "unknown"},
        {"return malloc(9);", "returned"},
        {"return (malloc(9));", "returned"},
        {"x = // \"malloc(1)\"\n  malloc(9);", "taken by x"},
        {"#define X malloc(3)\n", ""},
        {"x = OBTAIN(foo);", "taken by x"},
        {"return (foo *)OBTAIN(foo);", "returned cast foo*"},
        {"x = a(b(c));", ""},
        {"x = a() + b();", ""},
        {"x = malloc(1); y = malloc(2);", ""},
        {"x = OBTAIN(foo); y = OBTAIN(bar);", ""},
        {"", ""},
    };
    rows_check(rows, sizeof(rows) / sizeof(rows[0]), "");
}

static void casts_sizes_and_new_say_a_type(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"f((struct foo *)malloc(9));", "unknown cast foo*"},
        {"x = (foo **)(void *)malloc(9);", "taken by x cast foo**"},
        {"x = (foo *)((char *)malloc(9) + 8);", "unknown"},
        {"x = static_cast<ns::foo *>(malloc(9));", "taken by x cast ns::foo*"},
        {"if (a) malloc(9);", "unknown"},
        {"x = malloc(n * sizeof(struct foo));", "taken by x size foo"},
        {"x = malloc(n * sizeof *x);", "taken by x size of x[]"},
        {"x = malloc(sizeof x->y[0] * n);", "taken by x size of x.y[]"},
        {"x = malloc(sizeof(long unsigned) * (n + 1));", "taken by x size unsigned long"},
        {"x = calloc(n + 1, sizeof(foo *));", "taken by x size foo*"},
        {"x = malloc(sizeof(foo) + n);", "taken by x size foo sum"},
        {"x = malloc(n + 2 * sizeof(foo));", "taken by x size foo sum"},
        {"x = malloc((sizeof(foo) + 7) & ~7);", "taken by x size foo sum"},
        {"x = calloc(sizeof(a) / sizeof(b), sizeof(foo));", "taken by x size foo"},
        {"x = realloc(a->b, n * sizeof(foo));", "taken by x size foo resized a.b"},
        {"x = new foo;", "taken by x new foo"},
        {"x = new foo *[3];", "taken by x new foo*"},
        {"f(new (std::nothrow) ns::foo<a, b>(1, 2));", "unknown new ns::foo<a,b>"},
        {"std::unique_ptr<base> x(new derived{1});", "unknown new derived"},
        {"foo() : x_(new unsigned char[512]) {", "unknown new unsigned char"},
        {"return new foo();", "returned new foo"},
    };
    rows_check(rows, sizeof(rows) / sizeof(rows[0]), "");
}

static void a_function_is_found_by_its_name(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"x = make(malloc(3), 1);", "taken by x"},
        {"x = a.b->make(1);", "taken by x"},
        {"x = ns::make<int>(1);", "taken by x"},
        {"x = remake(make(1));", "unknown"},
        {"x = y;\nz = make(1);", ""},
    };
    rows_check(rows, sizeof(rows) / sizeof(rows[0]), "make");
}

static void columns_choose_between_calls(void **state)
{
    (void)state;
    static const char source[] = "a = malloc(1); b = malloc(2); c = new A(new B);";
    static const struct {
        uint32_t column;
        const char *said;
    } rows[] = {
        {5, "taken by a"},     {11, "taken by a"},       {20, "taken by b"},
        {26, "taken by b"},    {35, "taken by c new A"}, {46, "taken by c new A"},
        {41, "unknown new B"}, {45, "unknown new B"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[TEXT_BYTES] = "";
        struct source_wanted wanted = {
            .line = 1, .column = rows[i].column, .argument = SOURCE_ARGUMENT_NONE};
        text_of(source, &wanted, text);
        assert_string_equal(text, rows[i].said);
    }
}

static void memory_comes_through_an_argument(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        uint32_t argument;
        const char *said;
    } rows[] = {
        {"if (make(n, &x->y) != 0) {", 1, "taken by x.y"},
        {"err = make((void **)&x, f(1, 2));", 0, "taken by x"},
        {"err = make(x, 3);", 0, "taken by x[]"},
        {"err = make(x, 3);", 2, "unknown"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[TEXT_BYTES] = "";
        struct source_wanted wanted = {
            .callee = {"make", 4}, .line = 1, .argument = rows[i].argument};
        text_of(rows[i].source, &wanted, text);
        assert_string_equal(text, rows[i].said);
    }
}

static void what_becomes_of_a_variable_is_found(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"if (p == NULL) { return NULL; } foo *x = p;", "taken by x as foo*"},
        {"a->b = (foo *)p; return p;", "taken by a.b cast foo*"},
        {"memset(p, 0, n); return p;", "returned"},
        {"q = p->next; x = a.p; return p + 1;", ""},
        {"p = NULL; return p;", ""},
        {"\n}\nreturn p;", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct source_tokens tokens;
        char text[TEXT_BYTES] = "";
        struct sink sink;
        struct source_call later;
        struct slu_bytes source = {rows[i].source, strlen(rows[i].source)};
        sink_init_fixed(&sink, text, sizeof(text));
        source_tokens_read(&tokens, source, 1);
        if (source_later_read(&tokens, 0, (struct slu_bytes){"p", 1}, &later) != SOURCE_UNKNOWN) {
            call_write(&later, &sink);
        }
        assert_int_equal(sink_end(&sink), 0);
        assert_string_equal(text, rows[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_takes_the_result_is_found),
        cmocka_unit_test(casts_sizes_and_new_say_a_type),
        cmocka_unit_test(a_function_is_found_by_its_name),
        cmocka_unit_test(columns_choose_between_calls),
        cmocka_unit_test(memory_comes_through_an_argument),
        cmocka_unit_test(what_becomes_of_a_variable_is_found),
    };
    return TEST_RUN("source_call", tests);
}
