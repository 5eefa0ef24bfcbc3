#include <iostream>
#include <memory>

#include <sluice/budget.h>
#include <sluice/error.h>

struct budget_closer {
    void operator()(slu_budget *budget) const
    {
        slu_budget_destroy(&budget);
    }
};

int main()
{
    slu_budget *made = nullptr;
    int err = slu_budget_create(nullptr, "consumer", 4096, &made);
    if (err != 0) {
        std::cerr << slu_error_text(err) << "\n";
        return 1;
    }
    std::unique_ptr<slu_budget, budget_closer> budget(made);
    void *block = nullptr;
    err = slu_budget_alloc(budget.get(), 8192, &block);
    std::cout << slu_budget_name(budget.get()) << ": " << slu_error_text(err) << " (42)\n";
    return 0;
}
