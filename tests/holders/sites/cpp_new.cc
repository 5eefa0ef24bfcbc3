// Objects that new makes.
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "kept.h"

namespace net
{
struct Peer {
    uint64_t id = 0;
    uint32_t weight = 0;
};

class Socket
{
  public:
    virtual ~Socket() = default;
    Peer *peer = nullptr;
};

class TlsSocket : public Socket
{
  public:
    TlsSocket() : buffer_(new unsigned char[512]), peers_(new Peer[8])
    {
        kept(buffer_, "unsigned char");
        kept(peers_, "net::Peer");
    }
    void grow()
    {
        more_ = new Peer *[32];
        kept(more_, "net::Peer *");
        this->text_ = static_cast<char *>(malloc(70));
        kept(text_, "char");
    }

  private:
    unsigned char *buffer_;
    Peer *peers_;
    Peer **more_ = nullptr;
    char *text_ = nullptr;
};
} // namespace net

struct Counted {
    static void *operator new(size_t bytes)
    {
        return malloc(bytes);
    }
    long count = 0;
    long limit = 0;
};

template <typename Key, typename Value> struct Pair {
    Key key;
    Value value;
};

template <typename T> class Stack
{
  public:
    struct Node {
        T value;
        Node *next;
    };
    void push(T value)
    {
        head_ = new Node{value, head_};
        kept(head_, sizeof(T) == 4 ? "Stack<int>::Node" : "Stack<double>::Node");
    }

  private:
    Node *head_ = nullptr;
};

struct Outer {
    Outer(net::Peer *first, net::Peer *second) : first_(first), second_(second)
    {
    }
    net::Peer *first_;
    net::Peer *second_;
    char name_[40] = {};
};

static net::Socket *socket_of(bool is_safe)
{
    if (is_safe) {
        return new net::TlsSocket;
    }
    return new net::Socket();
}

static void plain()
{
    kept(new net::Peer, "net::Peer");
    net::Peer *peer = new net::Peer();
    kept(peer, "net::Peer");
    auto *by_auto = new net::Peer{7, 8};
    kept(by_auto, "net::Peer");
    net::Peer *array = new net::Peer[12];
    kept(array, "net::Peer");
    int *numbers = new int[25];
    kept(numbers, "int");
    auto quiet = new (std::nothrow) net::Peer;
    kept(quiet, "net::Peer");
    kept(new Counted, "Counted");
    std::string *text = new std::string("short");
    kept(text, "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >|"
               "basic_string<char, std::char_traits<char>, std::allocator<char> >|std::string");
    void *raw = ::operator new(48);
    kept(raw, "?");
    auto *cast = static_cast<net::Peer *>(malloc(4 * sizeof(net::Peer)));
    kept(cast, "net::Peer");
}

static void derived()
{
    net::Socket *socket = new net::TlsSocket;
    kept(socket, "net::TlsSocket");
    kept(socket_of(true), "net::TlsSocket");
    kept(socket_of(false), "net::Socket");
    auto *tls = new net::TlsSocket();
    tls->grow();
    kept(tls, "net::TlsSocket");
}

static void templates()
{
    auto *pair = new Pair<int, double>();
    kept(pair, "Pair<int, double>");
    Pair<char, long> *other = new Pair<char, long>{'a', 3};
    kept(other, "Pair<char, long>|Pair<char, long int>");
    static Stack<int> ints;
    ints.push(3);
    static Stack<double> doubles;
    doubles.push(2.5);
}

static void owned()
{
    auto unique = std::make_unique<net::Peer>();
    kept(unique.release(), "net::Peer");
    auto array = std::make_unique<double[]>(30);
    kept(array.release(), "double");
    std::unique_ptr<net::Socket> socket(new net::TlsSocket);
    kept(socket.release(), "net::TlsSocket");
    auto *outer = new Outer(new net::Peer, new net::Peer);
    kept(outer, "Outer");
    kept(outer->first_, "net::Peer");
    kept(outer->second_, "net::Peer");
    std::unique_ptr<Outer> reset;
    reset.reset(new Outer(nullptr, nullptr));
    kept(reset.release(), "Outer");
}

int main()
{
    plain();
    derived();
    templates();
    owned();
    kept_all();
}
