#include "diagnose/roles.h"

#include <string.h>

struct role_name {
    const char *name;
    uint32_t roles;
    bool is_whole; /* not only how the name begins */
};

static const struct role_name names[] = {
    /* Go */
    {"time.NewTimer", ROLE_TIMER, true},
    {"time.After", ROLE_TIMER, true},
    {"time.AfterFunc", ROLE_TIMER, true},
    {"time.NewTicker", ROLE_TIMER, true},
    {"time.Tick", ROLE_TIMER, true},
    {"time.newTimer", ROLE_TIMER, true},
    {"time.startTimer", ROLE_TIMER, true},
    {"context.WithTimeout", ROLE_TIMER, false},
    {"context.WithDeadline", ROLE_TIMER, false},
    {"runtime.mapassign", ROLE_MAP, false},
    {"runtime.hashGrow", ROLE_MAP, true},
    {"runtime.makemap", ROLE_MAP, false},
    {"internal/runtime/maps.", ROLE_MAP, false},
    {"reflect.mapassign", ROLE_MAP, false},
    {"sync.(*Map).", ROLE_MAP, false},
    {"internal/sync.(*HashTrieMap", ROLE_MAP, false},
    {"runtime.growslice", ROLE_GROWTH, true},
    {"bytes.growSlice", ROLE_GROWTH, true},
    {"bytes.(*Buffer).grow", ROLE_GROWTH, true},
    {"strings.(*Builder).grow", ROLE_GROWTH, true},
    {"slices.Grow", ROLE_GROWTH, false},
    {"runtime.malg", ROLE_TASK, true},
    {"runtime.newproc", ROLE_TASK, false},
    {"runtime.allocm", ROLE_TASK, true},
    {"runtime.stackalloc", ROLE_TASK, true},
    {"runtime/pprof.", ROLE_OBSERVER, false},
    {"net/http/pprof.", ROLE_OBSERVER, false},
    /* libc */
    {"timer_create", ROLE_TIMER, false},
    {"timerfd_create", ROLE_TIMER, true},
    {"realloc", ROLE_GROWTH, true},
    {"reallocarray", ROLE_GROWTH, true},
    {"__libc_realloc", ROLE_GROWTH, true},
    {"pthread_create", ROLE_TASK, false},
    {"__pthread_create", ROLE_TASK, false},
    {"allocate_stack", ROLE_TASK, true},
    {"_dl_allocate_tls", ROLE_TASK, false},
    {"allocate_dtv", ROLE_TASK, true},
    {"thrd_create", ROLE_TASK, true},
    {"tsearch", ROLE_MAP, true},
    {"hsearch_r", ROLE_MAP, true},
    /* glib, libuv, libevent */
    {"g_hash_table_insert", ROLE_MAP, false},
    {"g_hash_table_resize", ROLE_MAP, true},
    {"g_tree_insert", ROLE_MAP, false},
    {"g_timeout_add", ROLE_TIMER, false},
    {"g_array_", ROLE_GROWTH, false},
    {"g_thread_new", ROLE_TASK, true},
    {"uv_timer_", ROLE_TIMER, false},
    {"uv_thread_create", ROLE_TASK, false},
    {"uv_queue_work", ROLE_TASK, true},
    {"event_new", ROLE_TIMER, true},
    {"event_add", ROLE_TIMER, true},
    {"event_base_once", ROLE_TIMER, true},
    {"evtimer_", ROLE_TIMER, false},
    /* C++ */
    {"std::_Rb_tree<", ROLE_MAP, false},
    {"std::_Hashtable<", ROLE_MAP, false},
    {"std::__detail::_Map_base<", ROLE_MAP, false},
    {"std::__detail::_Hashtable_alloc<", ROLE_MAP, false},
    {"std::map<", ROLE_MAP, false},
    {"std::unordered_map<", ROLE_MAP, false},
    {"std::unordered_set<", ROLE_MAP, false},
    {"absl::lts", ROLE_MAP, false},
    {"absl::container_internal::", ROLE_MAP, false},
    {"boost::unordered", ROLE_MAP, false},
    {"std::vector<", ROLE_GROWTH, false},
    {"std::deque<", ROLE_GROWTH, false},
    {"std::_Deque_base<", ROLE_GROWTH, false},
    {"std::thread::", ROLE_TASK, false},
    {"std::jthread::", ROLE_TASK, false},
    /* ours */
    {"slu_wheel_", ROLE_TIMER, false},
    {"slu_timer_", ROLE_TIMER, false},
    {"slu_pulse_", ROLE_TIMER, false},
    {"slu_scope_spawn", ROLE_TASK, false},
    {"slu_task_", ROLE_TASK, false},
};

/* Beginnings of functions that others call: never who is answerable. */
static const char *const inner_functions[] = {
    "std::",   "__gnu_cxx::",    "operator new", "void std::", "runtime.", "absl::", "boost::",
    "__libc_", "__interceptor_", "void* std::",  "slu_",       "uv_",      "je_",    "tc_",
};

/* Go's own packages. */
static const char *const go_packages[] = {
    "archive/",  "bufio.",    "bytes.",   "compress/", "container/", "context.", "crypto/",
    "database/", "encoding/", "errors.",  "fmt.",      "hash/",      "html/",    "image/",
    "internal/", "io.",       "io/",      "log.",      "log/",       "maps.",    "math/",
    "mime/",     "net.",      "net/",     "os.",       "os/",        "reflect.", "regexp.",
    "regexp/",   "runtime.",  "runtime/", "slices.",   "sort.",      "strconv.", "strings.",
    "sync.",     "sync/",     "syscall.", "text/",     "time.",      "unicode/", "vendor/",
};

/* Beginnings of a binary's name, without its folder. */
static const char *const inner_modules[] = {
    "libc.so",    "libc-2.",   "libstdc++.so", "libgcc_s.so", "ld-linux",
    "libpthread", "libsluice", "libjemalloc",  "libtcmalloc", "libglib-2.0",
    "libuv.so",   "libevent",  "libc++",       "[vdso]",
};

static bool begins_with(struct slu_bytes text, const char *beginning)
{
    size_t len = strlen(beginning);
    return text.len >= len && memcmp(text.data, beginning, len) == 0;
}

static bool begins_with_any(struct slu_bytes text, const char *const *beginnings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (begins_with(text, beginnings[i])) {
            return true;
        }
    }
    return false;
}

static bool ends_with(struct slu_bytes text, const char *ending)
{
    size_t len = strlen(ending);
    return text.len >= len && memcmp((const char *)text.data + text.len - len, ending, len) == 0;
}

/* "pthread_create@GLIBC_2.2.5", "realloc(void*, int)": the name alone. */
static size_t name_len(struct slu_bytes function)
{
    const char *text = function.data;
    size_t len = 0;
    while (len < function.len && text[len] != '@' && text[len] != ' ') {
        len++;
    }
    return len;
}

uint32_t roles_of(const struct role_frame *frame)
{
    uint32_t roles = 0;
    size_t len = frame->function.len == 0 ? 0 : name_len(frame->function);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool matches = begins_with(frame->function, names[i].name);
        if (matches && (!names[i].is_whole || len == strlen(names[i].name))) {
            roles |= names[i].roles;
        }
    }
    return roles;
}

static struct slu_bytes without_folder(struct slu_bytes path)
{
    const char *begin = path.data;
    const char *slash = path.len == 0 ? NULL : memrchr(begin, '/', path.len);
    if (slash == NULL) {
        return path;
    }
    return (struct slu_bytes){slash + 1, path.len - (size_t)(slash + 1 - begin)};
}

bool role_is_go(const struct role_frame *frame)
{
    return ends_with(frame->file, ".go");
}

bool role_is_inner(const struct role_frame *frame)
{
    if (role_is_go(frame)) {
        return begins_with_any(frame->function, go_packages,
                               sizeof(go_packages) / sizeof(go_packages[0]));
    }
    return begins_with_any(frame->function, inner_functions,
                           sizeof(inner_functions) / sizeof(inner_functions[0])) ||
           begins_with_any(without_folder(frame->module), inner_modules,
                           sizeof(inner_modules) / sizeof(inner_modules[0]));
}
