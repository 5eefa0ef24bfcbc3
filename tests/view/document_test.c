/*
 * The documents of a page, whole, of a small model; ui-program_test holds them beside another
 * reader for real profiles.
 */
#include "view/document.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/sink.h"
#include "view/view.h"

#include "budget.h"
#include "harness.h"
#include "made_profile.h"

#define BUDGET_BYTES ((uint64_t)16 << 20)
#define TEXT_MAX     8192
#define SECOND_NS    INT64_C(1000000000)
#define HEAD(time)                                                                                 \
    "{\"version\":1,\"generation\":7,\"live\":true,\"source\":\"p/\",\"program\":\"prog\","        \
    "\"time_ms\":" time ",\"duration_ms\":0,"                                                      \
    "\"period\":{\"value\":0,\"name\":\"\",\"unit\":\"\"},"                                        \
    "\"moments\":{\"id\":[1,0],\"time_ms\":[1000,2000],\"name\":[\"first\",\"second\"]},"          \
    "\"has\":{\"source\":true,\"memory\":false,\"timeline\":true},"

struct page {
    struct slu_budget *budget;
    struct model *model;
    struct view *view;
    struct document document;
    struct sink sink;
    char text[TEXT_MAX];
};

static uint32_t location_of(struct page *page, uint32_t function)
{
    struct model_mapping mapping = {.file = made_string(page->model, "/bin/prog")};
    char name[] = {'f', (char)('0' + function), '\0'};
    struct model_line line = made_line(page->model, name, 10 + function);
    uint32_t mapping_id = 0;
    uint32_t id = 0;
    assert_int_equal(model_mapping(page->model, &mapping, &mapping_id), 0);
    assert_int_equal(model_location(page->model, 0, mapping_id, &line, 1, &id), 0);
    return id;
}

/* Leaf first, as a model has stacks. */
static void sample(struct page *page, uint32_t leaf, uint32_t caller, int64_t objects,
                   int64_t bytes)
{
    uint32_t stack[] = {location_of(page, leaf), location_of(page, caller)};
    made_sample(page->model, stack, 2, objects, bytes);
}

/* Two moments; the one that was read first is the later one. */
static void page_make(struct page *page)
{
    *page = (struct page){.budget = budget_of(BUDGET_BYTES)};
    page->model = made_model(page->budget);
    struct model_profile moment = {.time_ns = 2 * SECOND_NS, .default_type = MODEL_NONE};
    moment.name = made_string(page->model, "second");
    assert_int_equal(model_profile_add(page->model, &moment), 0);
    sample(page, 1, 0, 1, 100);
    sample(page, 2, 0, 2, 300);
    moment.time_ns = SECOND_NS;
    moment.name = made_string(page->model, "first");
    assert_int_equal(model_profile_add(page->model, &moment), 0);
    sample(page, 1, 0, 1, 40);
    assert_int_equal(view_create(page->model, &(struct view_options){0}, NULL, &page->view), 0);
    page->document =
        (struct document){.view = page->view, .source = "p/", .generation = 7, .is_live = true};
    sink_init_fixed(&page->sink, page->text, sizeof(page->text));
}

static void page_end(struct page *page)
{
    view_destroy(&page->view);
    model_destroy(&page->model);
    slu_budget_destroy(&page->budget);
}

static void text_check(struct page *page, const char *expected)
{
    assert_int_equal(page->sink.err, 0);
    assert_true(page->sink.len < sizeof(page->text));
    assert_int_equal(page->text[page->sink.len - 1], '\n');
    page->text[page->sink.len - 1] = '\0';
    assert_string_equal(page->text, expected);
}

static void a_profile_is_types_functions_and_a_tree(void **state)
{
    static struct page page;
    (void)state;
    page_make(&page);
    assert_int_equal(document_newest(page.view), 0);
    assert_int_equal(document_profile(&page.document, 0, &page.sink), 0);
    text_check(&page,
               HEAD("2000") "\"types\":[{\"name\":\"inuse_objects\",\"unit\":\"count\"},"
                            "{\"name\":\"inuse_space\",\"unit\":\"bytes\"}],"
                            "\"default_type\":1,\"at\":0,\"cut\":0,"
                            "\"strings\":[\"f0\",\"./src/../a.c\",\"/bin/prog\",\"f2\",\"\",\"\","
                            "\"f1\",\"\",\"\"],"
                            "\"functions\":{\"name\":[0,3,6],\"file\":[1,1,1],"
                            "\"module\":[2,2,2],\"line\":[0,0,0],\"entry\":[1,2,0]},"
                            "\"nodes\":{\"depth\":[0,1,1],\"function\":[0,1,2],"
                            "\"self\":[[0,2,1],[0,300,100]]}}");
    page_end(&page);
}

static void two_moments_are_in_one_tree(void **state)
{
    static struct page page;
    (void)state;
    page_make(&page);
    assert_int_equal(document_diff(&page.document, 1, 0, 1, &page.sink), 0);
    text_check(&page,
               HEAD("2000") "\"types\":[{\"name\":\"inuse_space\",\"unit\":\"bytes\"}],"
                            "\"default_type\":0,\"a\":1,\"b\":0,\"cut\":0,"
                            "\"strings\":[\"f0\",\"./src/../a.c\",\"/bin/prog\",\"f2\",\"\",\"\","
                            "\"f1\",\"\",\"\"],"
                            "\"functions\":{\"name\":[0,3,6],\"file\":[1,1,1],"
                            "\"module\":[2,2,2],\"line\":[0,0,0],\"entry\":[1,2,0]},"
                            "\"nodes\":{\"depth\":[0,1,1],\"function\":[0,1,2],"
                            "\"self\":[[0,0,40],[0,300,100]]}}");
    page_end(&page);
}

static void below_a_stack_is_that_alone(void **state)
{
    static struct page page;
    static const uint32_t below[] = {1, 0}; /* f0 and f1, in the order of their entries */
    (void)state;
    page_make(&page);
    page.document.below = below;
    page.document.below_count = 2;
    assert_int_equal(document_profile(&page.document, 0, &page.sink), 0);
    page.text[page.sink.len] = '\0';
    assert_non_null(strstr(page.text, "\"nodes\":{\"depth\":[0,1],\"function\":[0,1],"
                                      "\"self\":[[0,1],[0,100]]}}"));
    page_end(&page);
}

static void a_timeline_has_rows_by_site_in_the_order_of_time(void **state)
{
    static struct page page;
    struct column resident;
    int64_t bytes[] = {5000, -1};
    uint32_t index = 0;
    (void)state;
    page_make(&page);
    column_init(&resident, page.budget, sizeof(int64_t), 6);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(column_add(&resident, &bytes[i], &index), 0);
    }
    page.document.resident = &resident;
    assert_int_equal(document_timeline(&page.document, 1, &page.sink), 0);
    text_check(&page, "{\"version\":1,\"generation\":7,\"type\":\"inuse_space\",\"unit\":\"bytes\","
                      "\"rate_type\":null,"
                      "\"moments\":{\"id\":[1,0],\"time_ms\":[1000,2000],"
                      "\"name\":[\"first\",\"second\"]},"
                      "\"total\":[40,400],\"resident\":[null,5000],"
                      "\"sites\":{\"name\":[\"f2\",\"f1\"],"
                      "\"file\":[\"./src/../a.c\",\"./src/../a.c\"],\"module\":[\"\",\"\"]},"
                      "\"live\":[[0,300],[40,100]],\"rate\":null,"
                      "\"marks\":{\"time_ms\":[],\"kind\":[],\"text\":[]}}");
    column_deinit(&resident);
    page_end(&page);
}

static void functions_have_their_sums(void **state)
{
    static struct page page;
    (void)state;
    page_make(&page);
    assert_int_equal(document_functions(&page.document, MODEL_NONE, 0, 1, &page.sink), 0);
    text_check(&page, "{\"version\":1,\"generation\":7,"
                      "\"strings\":[\"f1\",\"./src/../a.c\",\"/bin/prog\",\"f0\",\"\",\"\","
                      "\"f2\",\"\",\"\"],"
                      "\"functions\":{\"name\":[0,3,6],\"file\":[1,1,1],"
                      "\"module\":[2,2,2],\"line\":[0,0,0],\"entry\":[0,1,2]},"
                      "\"self\":[[1,0,2],[100,0,300]],\"total\":[[1,3,2],[100,400,300]]}");
    sink_init_fixed(&page.sink, page.text, sizeof(page.text));
    assert_int_equal(document_functions(&page.document, 1, 0, 1, &page.sink), 0);
    page.text[page.sink.len] = '\0';
    assert_non_null(strstr(page.text, "\"self\":[[40,0,0],[100,0,300]],"
                                      "\"total\":[[40,40,0],[100,400,300]]}"));
    page_end(&page);
}

static int document_written(const struct page *page, int which, struct sink *sink)
{
    return which == 0   ? document_profile(&page->document, 0, sink)
           : which == 1 ? document_diff(&page->document, 1, 0, 1, sink)
           : which == 2 ? document_functions(&page->document, 1, 0, 1, sink)
                        : document_timeline(&page->document, 1, sink);
}

static void each_allocation_that_fails_leaves_the_page_empty(void **state)
{
    static struct page page;
    (void)state;
    page_make(&page);
    uint64_t used = budget_used(page.budget);
    for (int which = 0; which < 4; which++) {
        int err = -ENOMEM;
        for (uint64_t nth = 1; err == -ENOMEM; nth++) {
            sink_init_fixed(&page.sink, page.text, sizeof(page.text));
            alloc_fault_at(nth);
            err = document_written(&page, which, &page.sink);
            bool failed = alloc_fault_hit();
            alloc_fault_at(0);
            assert_true(err == 0 || page.sink.len == 0);
            assert_true(err == 0 || failed);
            assert_int_equal(budget_used(page.budget), used);
        }
        assert_int_equal(err, 0);
    }
    page_end(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_types_functions_and_a_tree),
        cmocka_unit_test(two_moments_are_in_one_tree),
        cmocka_unit_test(below_a_stack_is_that_alone),
        cmocka_unit_test(a_timeline_has_rows_by_site_in_the_order_of_time),
        cmocka_unit_test(functions_have_their_sums),
        cmocka_unit_test(each_allocation_that_fails_leaves_the_page_empty),
    };
    return TEST_RUN("document", tests);
}
