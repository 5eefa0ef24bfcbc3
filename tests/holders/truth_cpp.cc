/* truth_cpp: as truth.c, with containers; what its chains must be are regular expressions. */
#include <cstdio>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace shop
{

struct Item {
    std::string name;
    double price;
};

class Base
{
  public:
    virtual ~Base() = default;
    std::unique_ptr<Item> first;
};

class Store : public Base
{
  public:
    std::vector<Item *> items;
    Item *best = nullptr;
};

static Store *store;

} // namespace shop

static void tell(const void *block, const char *chain)
{
    std::printf("%p\t%s\n", block, chain);
}

int main()
{
    using shop::store;
    store = new shop::Store;
    store->first = std::make_unique<shop::Item>();
    for (int i = 0; i < 40; i++) {
        store->items.push_back(new shop::Item);
    }
    store->items.shrink_to_fit();
    store->items[7]->name = std::string(100, 'x');
    tell(store, "shop::store -> shop::Store");
    tell(store->first.get(), "shop::store -> shop::Store\\.first\\..* -> shop::Item");
    tell(store->items.data(),
         "shop::store -> shop::Store\\.items\\..*_M_start -> shop::Item \\*\\[40\\]");
    tell(
        store->items[7],
        "shop::store -> shop::Store\\.items\\..*_M_start -> shop::Item \\*\\[40\\]\\[7\\] -> shop::Item");
    tell(store->items[7]->name.data(), ".*\\[7\\] -> shop::Item\\.name\\..*_M_p -> char\\[\\d+\\]");
    std::puts("ready");
    std::fflush(stdout);
    pause();
    return 0;
}
