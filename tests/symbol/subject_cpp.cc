// What is looked up in C++: namespaces, templates, operators, lambdas, inlining across headers.
#include <map>
#include <string>
#include <vector>

namespace outer
{
namespace
{
struct Hidden {
    int value;
    bool operator<(const Hidden &other) const
    {
        return value < other.value;
    }
};
} // namespace

template <typename T> struct Thing {
    std::map<T, std::string> names;
    __attribute__((noinline)) std::size_t method(const T &key)
    {
        names[key] = std::string(20, 'x');
        return names.size();
    }
};
} // namespace outer

int main(int argc, char **)
{
    outer::Thing<outer::Hidden> thing;
    std::vector<std::size_t> sizes;
    auto grow = [&](int n) __attribute__((noinline))
    {
        sizes.push_back(thing.method({n}));
    };
    for (int i = 0; i < argc; i++) {
        grow(i);
    }
    return static_cast<int>(sizes.size()) - argc;
}
