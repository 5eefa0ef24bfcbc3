#include "match/regex.h"

#include <errno.h>
#include <stdio.h>

#include <map>
#include <new>
#include <string>

#include <re2/re2.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

extern "C" {
#include "base/sink.h"
}

#define GROUPS_MAX 16

struct regex {
    struct slu_budget *budget;
    RE2 *program;
};

namespace
{

re2::StringPiece piece_of(struct slu_bytes bytes)
{
    return re2::StringPiece(static_cast<const char *>(bytes.data), bytes.len);
}

/* The group that a replacement names at `at`, behind the dollar sign; -1 if it names none. */
int group_at(const char *at, const char *end, size_t *len)
{
    bool is_braced = at < end && *at == '{';
    const char *digit = at + is_braced;
    int group = 0;
    const char *from = digit;
    while (digit < end && *digit >= '0' && *digit <= '9' && digit - from < 2) {
        group = group * 10 + (*digit - '0');
        digit++;
    }
    if (digit == from || (is_braced && (digit == end || *digit != '}'))) {
        return -1;
    }
    *len = static_cast<size_t>(digit - at) + is_braced;
    return group;
}

/* The bytes of the character at `at`: what is put in must not part them. 0 at the end */
size_t character_len(const re2::StringPiece &text, size_t at)
{
    size_t len = at < text.size() ? 1 : 0;
    while (len > 0 && at + len < text.size() &&
           (static_cast<unsigned char>(text[at + len]) & 0xc0) == 0x80) {
        len++;
    }
    return len;
}

void replacement_write(struct sink *out, struct slu_bytes with, const re2::StringPiece *groups,
                       int group_count)
{
    const char *at = static_cast<const char *>(with.data);
    const char *end = at + with.len;
    while (at < end) {
        size_t len = 0;
        if (*at != '$') {
            sink_char(out, *at++);
        } else if (at + 1 < end && at[1] == '$') {
            sink_char(out, '$');
            at += 2;
        } else {
            int group = group_at(at + 1, end, &len);
            if (group < 0) {
                sink_char(out, '$');
            } else if (group < group_count && groups[group].data() != nullptr) {
                sink_put(out, groups[group].data(), groups[group].size());
            }
            at += 1 + len;
        }
    }
}

} // namespace

extern "C" int regex_create(struct slu_budget *budget, struct slu_bytes pattern,
                            struct slu_diag *diag, struct regex **out)
{
    void *memory = nullptr;
    int err = slu_budget_alloc(budget, sizeof(struct regex), &memory);
    if (err != 0) {
        return err;
    }
    err = slu_budget_charge(budget, REGEX_BYTES_MAX);
    if (err != 0) {
        slu_budget_free(budget, memory, sizeof(struct regex));
        return err;
    }
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(static_cast<int64_t>(REGEX_BYTES_MAX));
    struct regex *regex = static_cast<struct regex *>(memory);
    regex->budget = budget;
    try {
        regex->program = new RE2(piece_of(pattern), options);
    } catch (const std::bad_alloc &) {
        regex->program = nullptr;
    }
    if (regex->program == nullptr || !regex->program->ok()) {
        if (regex->program != nullptr && diag != nullptr) {
            *diag = {};
            (void)snprintf(diag->message, sizeof(diag->message), "the pattern \"%.*s\": %.100s",
                           static_cast<int>(pattern.len < 80 ? pattern.len : 80),
                           static_cast<const char *>(pattern.data),
                           regex->program->error().c_str());
        }
        err = regex->program == nullptr ? -ENOMEM : -EINVAL;
        regex_destroy(&regex);
        return err;
    }
    *out = regex;
    return 0;
}

extern "C" void regex_destroy(struct regex **out)
{
    struct regex *regex = *out;
    if (regex != nullptr) {
        struct slu_budget *budget = regex->budget;
        delete regex->program;
        slu_budget_free(budget, regex, sizeof(*regex));
        slu_budget_release(budget, REGEX_BYTES_MAX);
        *out = nullptr;
    }
}

extern "C" bool regex_is_found(const struct regex *regex, struct slu_bytes text)
{
    return regex->program->Match(piece_of(text), 0, text.len, RE2::UNANCHORED, nullptr, 0);
}

extern "C" bool regex_is_whole(const struct regex *regex, struct slu_bytes text)
{
    return regex->program->Match(piece_of(text), 0, text.len, RE2::ANCHOR_BOTH, nullptr, 0);
}

extern "C" size_t regex_replace(const struct regex *regex, struct slu_bytes text,
                                struct slu_bytes with, struct sink *out)
{
    re2::StringPiece input = piece_of(text);
    re2::StringPiece groups[GROUPS_MAX];
    int group_count = regex_group_count(regex) + 1;
    size_t at = 0;
    size_t count = 0;
    group_count = group_count < GROUPS_MAX ? group_count : GROUPS_MAX;
    while (at <= text.len &&
           regex->program->Match(input, at, text.len, RE2::UNANCHORED, groups, group_count)) {
        size_t begin = static_cast<size_t>(groups[0].data() - input.data());
        size_t end = begin + groups[0].size();
        sink_put(out, input.data() + at, begin - at);
        replacement_write(out, with, groups, group_count);
        count++;
        if (groups[0].empty()) {
            size_t len = character_len(input, end);
            sink_put(out, input.data() + end, len);
            end += len > 0 ? len : 1;
        }
        at = end;
    }
    if (count > 0 && at < text.len) {
        sink_put(out, input.data() + at, text.len - at);
    }
    return count;
}

extern "C" int regex_group_count(const struct regex *regex)
{
    return regex->program->NumberOfCapturingGroups();
}

extern "C" const char *regex_group_name(const struct regex *regex, int group)
{
    const std::map<int, std::string> &names = regex->program->CapturingGroupNames();
    auto found = names.find(group);
    return found == names.end() ? "" : found->second.c_str();
}

extern "C" bool regex_groups(const struct regex *regex, struct slu_bytes text,
                             struct slu_bytes *groups, int count)
{
    re2::StringPiece pieces[GROUPS_MAX];
    int asked = count < GROUPS_MAX ? count : GROUPS_MAX;
    if (!regex->program->Match(piece_of(text), 0, text.len, RE2::UNANCHORED, pieces, asked)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        groups[i] = {nullptr, 0};
        if (i < asked) {
            groups[i] = {pieces[i].data(), pieces[i].size()};
        }
    }
    return true;
}
