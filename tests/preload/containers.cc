// A C++ program as there are many: containers shared by threads, exceptions through frames that own
// memory and from thread to thread, every form of new. It prints what it counted, which is the same
// under any allocator.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{
constexpr int thread_count = 6;
constexpr int round_count = 3000;

struct alignas(256) wide {
    unsigned char bytes[300];
};

struct refusing {
    explicit refusing(bool refuse) : text(1000, 'r')
    {
        if (refuse) {
            throw std::invalid_argument(text);
        }
    }
    std::string text;
};

std::mutex shared_mutex;
std::map<std::string, std::vector<std::string>> shared;

std::size_t descend(int depth, const std::string &text)
{
    std::vector<std::string> held(3, text + std::to_string(depth));
    if (depth == 0) {
        throw std::runtime_error(held[2]);
    }
    return descend(depth - 1, held[0]) + held.size();
}

std::uint64_t caught(int round)
{
    try {
        return descend(round % 30, "a text that is too long to be within the string itself");
    } catch (const std::runtime_error &error) {
        return std::string(error.what()).size();
    }
}

// A constructor that throws: the memory of new is given back by the delete that belongs to it.
std::uint64_t refused(int round)
{
    try {
        auto one = std::make_shared<refusing>(round % 3 == 0);
        return one->text.size();
    } catch (const std::invalid_argument &error) {
        return std::string(error.what()).size() + 1;
    }
}

std::uint64_t every_new(int round)
{
    std::unique_ptr<wide> aligned(new wide);
    std::unique_ptr<wide[]> many(new wide[3]);
    std::unique_ptr<char[]> plain(new (std::nothrow) char[static_cast<std::size_t>(round) + 1]);
    if (plain == nullptr || reinterpret_cast<std::uintptr_t>(aligned.get()) % 256 != 0 ||
        reinterpret_cast<std::uintptr_t>(&many[2]) % 256 != 0) {
        throw std::logic_error("new kept no promise");
    }
    plain[0] = 1;
    volatile std::size_t too_much = SIZE_MAX / 4;
    std::uint64_t refusals = new (std::nothrow) char[too_much] == nullptr;
    try {
        std::vector<char>().reserve(too_much);
    } catch (const std::bad_alloc &) {
        refusals++;
    } catch (const std::length_error &) {
    }
    return refusals;
}

void share(int thread, int round)
{
    std::lock_guard<std::mutex> guard(shared_mutex);
    auto &list = shared["key " + std::to_string(round % 97)];
    list.push_back(std::string(static_cast<std::size_t>(round % 200), 'x') +
                   std::to_string(thread));
    if (list.size() > 20) {
        list.erase(list.begin(), list.begin() + 10);
    }
}

std::uint64_t work(int thread)
{
    std::uint64_t sum = 0;
    for (int round = 0; round < round_count; round++) {
        sum += caught(round) + refused(round) + every_new(round);
        share(thread, round);
    }
    if (thread % 2 != 0) {
        throw std::runtime_error(std::to_string(sum));
    }
    return sum;
}

// An exception is allocated in one thread and freed in another.
std::uint64_t gathered(std::future<std::uint64_t> &result)
{
    try {
        return result.get();
    } catch (const std::runtime_error &error) {
        return std::stoull(error.what()) * 2;
    }
}
} // namespace

int main()
{
    std::vector<std::future<std::uint64_t>> results;
    for (int thread = 0; thread < thread_count; thread++) {
        results.push_back(std::async(std::launch::async, work, thread));
    }
    std::uint64_t sum = 0;
    for (auto &result : results) {
        sum += gathered(result);
    }
    std::size_t texts = 0;
    for (const auto &entry : shared) {
        texts += entry.second.size() > 10 ? 1 : 0;
    }
    std::printf("%llu %zu %zu\n", static_cast<unsigned long long>(sum), shared.size(), texts);
    return 0;
}
