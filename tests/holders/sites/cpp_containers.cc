// What the containers of the language's library allocate.
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "kept.h"

struct Order {
    long number = 0;
    double price = 0;
    std::string name;
};

struct Lot {
    std::vector<Order> orders;
    std::map<int, Order> by_number;
};

template <typename T> static const void *begin_of(const T &container)
{
    return &*container.begin();
}

// Kept alive, but out of reach of what knows their types.
template <typename T> static T &hidden()
{
    void *memory = calloc(1, sizeof(T));
    return *new (memory) T();
}

static void arrays()
{
    auto &orders = hidden<std::vector<Order>>();
    orders.resize(10);
    kept(orders.data(), "Order");
    auto &numbers = hidden<std::vector<int>>();
    for (int i = 0; i < 100; i++) {
        numbers.push_back(i);
    }
    kept(numbers.data(), "int");
    auto &pointers = hidden<std::vector<Order *>>();
    pointers.reserve(40);
    kept(pointers.data(), "Order *");
    auto &rows = hidden<std::vector<std::vector<double>>>();
    rows.emplace_back(25);
    kept(rows[0].data(), "double");
    kept(rows.data(), "std::vector<double, std::allocator<double> >");
    auto &text = hidden<std::string>();
    text.assign("a text that is too long to lie in the string itself");
    kept(text.data(), "char");
    auto &joined = hidden<std::string>();
    joined = text + " and another one";
    kept(joined.data(), "char");
    auto &lot = hidden<Lot>();
    lot.orders.emplace_back();
    kept(lot.orders.data(), "Order");
}

static void nodes()
{
    auto &list = hidden<std::list<Order>>();
    list.emplace_back();
    // a node begins with two pointers
    kept(static_cast<const char *>(begin_of(list)) - 16, "std::_List_node<Order>");
    auto &map = hidden<std::map<int, double>>();
    map[3] = 2.5;
    kept(static_cast<const char *>(begin_of(map)) - 32,
         "std::_Rb_tree_node<std::pair<int const, double> >|"
         "std::_Rb_tree_node<std::pair<const int, double> >");
    auto &set = hidden<std::set<long>>();
    set.insert(7);
    kept(static_cast<const char *>(begin_of(set)) - 32,
         "std::_Rb_tree_node<long>|std::_Rb_tree_node<long int>");
    auto &hashed = hidden<std::unordered_map<int, int>>();
    hashed[1] = 2;
    kept(static_cast<const char *>(begin_of(hashed)) - 8,
         "std::__detail::_Hash_node<std::pair<int const, int>, false>|"
         "std::__detail::_Hash_node<std::pair<const int, int>, false>");
}

static void shared()
{
    auto *shared = new std::shared_ptr<Order>(std::make_shared<Order>());
    kept(reinterpret_cast<const char *>(shared->get()) - 16,
         "std::_Sp_counted_ptr_inplace<Order, std::allocator<void>, __gnu_cxx::_S_atomic>|"
         "std::_Sp_counted_ptr_inplace<Order, std::allocator<void>, "
         "(__gnu_cxx::_Lock_policy)2>|std::_Sp_counted_ptr_inplace<Order, std::allocator<Order>, "
         "(__gnu_cxx::_Lock_policy)2>");
    auto *adopted = new std::shared_ptr<Order>(new Order);
    kept(adopted->get(), "Order");
    auto *deque = new std::deque<short>(5);
    kept(&deque->front(), "short|short int");
}

int main()
{
    arrays();
    nodes();
    shared();
    kept_all();
}
