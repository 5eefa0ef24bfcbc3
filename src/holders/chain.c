#include "holders/chain.h"

#include "base/sink.h"
#include "holders/holders.h"
#include "symbol/types.h"

static const char *const register_names[] = {
    "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
    "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip",
};

const char *edge_kind_name(enum edge_kind kind)
{
    static const char *const names[] = {"exact", "interior", "conservative", "stale"};
    return names[kind];
}

/* The surest pointer of `node` to `target`. */
static struct chain_step step_between(struct who *who, uint32_t node, uint32_t target)
{
    struct edge_cursor cursor;
    struct edge edge;
    struct chain_step step = {.node = node, .target = target, .kind = EDGE_STALE};
    bool found = false;
    edge_cursor_init(&cursor, who->graph, node);
    while (edge_next(&cursor, &edge)) {
        if (edge.target != target) {
            continue;
        }
        enum edge_kind kind = typing_judge(&who->typing, node, &edge);
        if (!found || kind < step.kind) {
            step.offset = edge.offset;
            step.kind = kind;
            found = true;
        }
    }
    return step;
}

/* Of a way that is too long, the beginning and the end are kept. */
bool chain_find(struct who *who, uint32_t block, struct chain *chain)
{
    const uint32_t *parents = who->reach.parents;
    uint64_t length = 0;
    if (!reach_has(&who->reach, block)) {
        return false;
    }
    for (uint32_t node = block; parents[node] != node; node = parents[node]) {
        length++;
    }
    *chain = (struct chain){.length = length};
    chain->count = length < CHAIN_STEPS_MAX ? (uint32_t)length : CHAIN_STEPS_MAX;
    uint64_t first_kept = length - chain->count / 2;
    uint64_t place = length;
    for (uint32_t node = block; parents[node] != node; node = parents[node]) {
        place--;
        if (length > chain->count && place >= chain->count / 2 && place < first_kept) {
            continue;
        }
        uint64_t row = place < chain->count / 2 || length == chain->count
                           ? place
                           : place - (length - chain->count);
        chain->steps[row] = step_between(who, parents[node], node);
        if (length > chain->count && place == first_kept) {
            chain->steps[row].skipped = length - chain->count;
        }
        if (chain->steps[row].kind > chain->kind) {
            chain->kind = chain->steps[row].kind;
        }
    }
    return true;
}

void chain_write_root(struct who *who, uint32_t root, struct sink *out)
{
    const struct root *what = roots_at(&who->roots, root);
    unsigned long long thread = what->thread;
    switch (what->kind) {
    case ROOT_VARIABLE:
        if (what->name != NULL) {
            sink_format(out, "%.400s", what->name);
        } else {
            sink_format(out, "%.300s+0x%llx", module_name(what->module),
                        (unsigned long long)(what->address - what->module->bias));
        }
        break;
    case ROOT_THREAD:
        sink_format(out, "%.400s (thread %llu)",
                    what->name != NULL ? what->name : "thread-local memory", thread);
        break;
    case ROOT_LOCAL:
        sink_format(out, "%.200s (local of %.200s, thread %llu)", what->name, what->function,
                    thread);
        break;
    case ROOT_STACK:
        sink_format(out, "stack of %.400s (thread %llu)",
                    what->function != NULL ? what->function : "?", thread);
        break;
    case ROOT_REGISTER:
        sink_format(out, "registers (thread %llu)", thread);
        break;
    case ROOT_MAPPING:
        sink_format(out, "mapped memory 0x%llx", (unsigned long long)what->address);
        break;
    }
}

void chain_write_place(struct who *who, uint32_t node, uint64_t offset, bool any_index,
                       struct sink *out)
{
    const struct root *root = node < who->graph->block_count
                                  ? NULL
                                  : roots_at(&who->roots, node - who->graph->block_count);
    if (root != NULL && root->kind == ROOT_REGISTER) {
        sink_format(out, ".%s",
                    offset / 8 < sizeof(register_names) / sizeof(register_names[0])
                        ? register_names[offset / 8]
                        : "?");
    } else if (root != NULL && root->type == SYMBOL_TYPE_NONE) {
        if (offset != 0) {
            sink_format(out, "+0x%llx", (unsigned long long)offset);
        }
    } else {
        typing_write_place(&who->typing, node, offset, any_index, out);
    }
}
