/* A program of somebody else: it has names of its own, some of them as libsluice has inside. */
#include <stdio.h>

#include <sluice/budget.h>
#include <sluice/error.h>

int layout_add(int left, int right);
void assert_fail(const char *reason);

int layout_add(int left, int right)
{
    return left + right;
}

void assert_fail(const char *reason)
{
    printf("%s\n", reason);
}

int main(void)
{
    struct slu_budget *budget = NULL;
    int err = slu_budget_create(NULL, "consumer", 4096, &budget);
    if (err != 0) {
        assert_fail(slu_error_text(err));
        return 1;
    }
    void *block = NULL;
    err = slu_budget_alloc(budget, 8192, &block);
    printf("%s: %s (%d)\n", slu_budget_name(budget), slu_error_text(err), layout_add(20, 22));
    slu_budget_destroy(&budget);
    return 0;
}
