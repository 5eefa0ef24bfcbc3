#include "symbol/site_type.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "symbol/allocator_name.h"
#include "symbol/die_map.h"
#include "symbol/module.h"
#include "symbol/path_type.h"
#include "symbol/site_text.h"
#include "symbol/source_cache.h"
#include "symbol/source_tokens.h"
#include "symbol/source_type.h"
#include "symbol/types.h"
#include "symbol/types_state.h"

#define FIRST_BYTES ((size_t)4096)
#define PASSED_MAX  4                 /* functions that give memory on */
#define ANSWERS_MAX ((size_t)1 << 18) /* of calls that are kept */

/* What a call says: the last word, or what is looked for in the frame around. */
struct site_answer {
    struct site_text_state state;
    enum site_verdict verdict;
    struct site_type found;
};

struct site_finder {
    struct slu_budget *budget;
    struct symbol_types *types;
    struct unit_names names;
    struct source_cache sources;
    struct die_map numbers; /* of calls, by their hash */
    struct block answers;   /* of struct site_answer */
    struct source_tokens tokens;
};

int site_finder_create(struct slu_budget *budget, struct symbol_types *types,
                       struct site_finder **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct site_finder), &block);
    if (err != 0) {
        return err;
    }
    struct site_finder *finder = block;
    finder->budget = budget;
    finder->types = types;
    finder->sources.budget = budget;
    err = unit_names_init(&finder->names, budget);
    err = err != 0 ? err : die_map_init(&finder->numbers, budget);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &finder->answers);
    if (err != 0) {
        site_finder_destroy(&finder);
        return err;
    }
    *out = finder;
    return 0;
}

void site_finder_destroy(struct site_finder **finder)
{
    if (finder == NULL || *finder == NULL) {
        return;
    }
    struct site_finder *gone = *finder;
    block_free(gone->budget, &gone->answers);
    if (gone->numbers.budget != NULL) {
        die_map_deinit(&gone->numbers);
    }
    source_cache_free(&gone->sources);
    unit_names_deinit(&gone->names);
    slu_budget_free(gone->budget, gone, sizeof(*gone));
    *finder = NULL;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A library's function allocates what its caller asks for, or text, or for itself. */
static struct site_answer library_judge(const char *function)
{
    static const char *const texts[] = {"strdup",       "strndup",       "asprintf",
                                        "vasprintf",    "getdelim",      "getline",
                                        "realpath",     "getcwd",        "vasprintf_internal",
                                        "asprintf_chk", "vasprintf_chk", "getdelim_internal"};
    struct site_answer answer = {.verdict = SITE_PASSED};
    site_text_begin(&answer.state);
    if (begins(function, "operator new")) {
        answer.state.callee = SITE_CALLEE_NEW;
        return answer;
    }
    if (begins(function, "std::__cxx11::basic_string<char,") ||
        begins(function, "std::basic_string<char,")) {
        answer.state.is_text = true;
        return answer;
    }
    function += begins(function, "__GI_") ? strlen("__GI_") : strspn(function, "_");
    answer.state.is_text = is_one_of(function, texts, sizeof(texts) / sizeof(texts[0]));
    const char *name = function + (begins(function, "libc_") ? strlen("libc_") : 0);
    if (!answer.state.is_text && !allocator_is_named((struct slu_bytes){name, strlen(name)})) {
        answer.verdict = SITE_UNKNOWN;
    }
    return answer;
}

static bool is_library_scope(Dwarf_Die *scope)
{
    const char *name = dwarf_tag(scope) == DW_TAG_namespace ? dwarf_diename(scope) : NULL;
    return name != NULL && (strcmp(name, "std") == 0 || strcmp(name, "__gnu_cxx") == 0);
}

/* The first template argument that is a type. */
static uint32_t first_argument(struct site_finder *finder, struct symbol_module *module,
                               Dwarf_Die *owner)
{
    Dwarf_Die child;
    if (dwarf_child(owner, &child) != 0) {
        return SYMBOL_TYPE_NONE;
    }
    do {
        if (dwarf_tag(&child) == DW_TAG_template_type_parameter) {
            return type_named_by(finder->types, module, &child);
        }
    } while (dwarf_siblingof(&child, &child) == 0);
    return SYMBOL_TYPE_NONE;
}

/* What a function of the language's library allocates: allocator<T>::allocate, make_unique<T>. */
static uint32_t library_type(struct site_finder *finder, struct symbol_module *module,
                             Dwarf_Die *function, Dwarf_Die *declared, Dwarf_Die *class)
{
    const char *name = dwarf_diename(declared);
    const char *class_name = dwarf_diename(class);
    uint32_t type = SYMBOL_TYPE_NONE;
    if (name != NULL && class_name != NULL && strcmp(name, "allocate") == 0 &&
        (begins(class_name, "new_allocator<") || begins(class_name, "__new_allocator<") ||
         begins(class_name, "allocator<"))) {
        return first_argument(finder, module, class);
    }
    if (name != NULL && (begins(name, "make_unique<") || strcmp(name, "make_unique") == 0)) {
        type = first_argument(finder, module, declared);
        type = type == SYMBOL_TYPE_NONE ? first_argument(finder, module, function) : type;
        if (type != SYMBOL_TYPE_NONE &&
            symbol_type_at(finder->types, type)->kind == SYMBOL_TYPE_ARRAY) {
            type = symbol_type_at(finder->types, type)->target;
        }
    }
    return type;
}

/* Whether the function is the library's, whose inside is no business of the program's. */
static bool library_function_judge(struct site_finder *finder, struct symbol_module *module,
                                   Dwarf_Die *function, struct site_answer *answer)
{
    Dwarf_Die declared = declaration_of(*function);
    Dwarf_Die *scopes = NULL;
    int count = is_of_c(function) ? 0 : dwarf_getscopes_die(&declared, &scopes);
    bool is_library = false;
    for (int i = 1; i < count; i++) {
        is_library = is_library || is_library_scope(&scopes[i]);
    }
    if (is_library) {
        answer->found.type = library_type(finder, module, function, &declared, &scopes[1]);
        answer->verdict = answer->found.type == SYMBOL_TYPE_NONE ? SITE_UNKNOWN : SITE_KNOWN;
    }
    if (count > 0) {
        free(scopes);
    }
    return is_library;
}

static void function_judge(struct site_finder *finder, struct code_function *function,
                           struct site_answer *answer)
{
    const struct symbol_frame *frame = &function->code->frames[function->frame];
    struct symbol_module *module = function->unit.module;
    if (answer->state.is_text) {
        static const struct source_type text = {.name = "char"};
        answer->found = (struct site_type){.type = unit_type_find(&function->unit, &text)};
        answer->verdict = SITE_KNOWN;
        return;
    }
    answer->verdict = SITE_UNKNOWN;
    if (frame->file == NULL || frame->line == 0) {
        return;
    }
    source_tokens_read(&finder->tokens, source_cache_find(&finder->sources, module, frame->file),
                       frame->line);
    answer->verdict = site_text_judge(function, &finder->tokens, &answer->state, &answer->found);
}

/* All functions that stand at one call, as it was compiled. */
static void call_judge(struct site_finder *finder, const struct site_frame *frame,
                       struct site_answer *answer)
{
    struct code_scopes code;
    answer->verdict = SITE_UNKNOWN;
    if (!code_scopes_find(frame->module, frame->file_offset, &code)) {
        return;
    }
    struct code_function function = {
        .unit = {&finder->names, frame->module, finder->types, &code.unit}, .code = &code};
    for (size_t i = 0; i < code.frame_count; i++) {
        Dwarf_Die *die = &code.scopes[code.functions[i]];
        function.frame = i;
        if (answer->state.is_text || !library_function_judge(finder, frame->module, die, answer)) {
            function_judge(finder, &function, answer);
        }
        if (answer->verdict != SITE_PASSED || ++answer->state.passed > PASSED_MAX) {
            break;
        }
        answer->state.callee = dwarf_diename(die);
    }
    code_scopes_end(&code);
}

static uint64_t call_hash(const struct site_frame *frame, const struct site_text_state *state)
{
    struct slu_bytes callee = {state->callee == NULL ? "" : state->callee,
                               state->callee == NULL ? 0 : strlen(state->callee)};
    const uint64_t numbers[] = {(uint64_t)(uintptr_t)frame->module,
                                frame->file_offset,
                                state->argument,
                                state->passed,
                                state->is_text,
                                hash_bytes(callee, 0)};
    return hash_bytes((struct slu_bytes){numbers, sizeof(numbers)}, 0) | 1;
}

/* Without memory to keep it, what a call says is found again the next time. */
static void frame_judge(struct site_finder *finder, const struct site_frame *frame,
                        struct site_answer *answer)
{
    /* The map takes addresses for keys: it never looks behind them. */
    const void *key = (const void *)(uintptr_t)call_hash(frame, &answer->state);
    uint32_t number = die_map_find(&finder->numbers, key);
    size_t count = finder->answers.len / sizeof(*answer);
    if (number != DIE_MAP_NONE) {
        *answer = ((const struct site_answer *)finder->answers.data)[number];
        return;
    }
    call_judge(finder, frame, answer);
    if (count < ANSWERS_MAX &&
        block_append(finder->budget, &finder->answers, answer, sizeof(*answer)) == 0 &&
        die_map_add(&finder->numbers, key, (uint32_t)count) != 0) {
        finder->answers.len -= sizeof(*answer);
    }
}

struct site_type site_finder_find(struct site_finder *finder, const struct site_frame *frames,
                                  size_t count)
{
    struct site_type none = {.type = SYMBOL_TYPE_NONE};
    struct site_answer answer = {.verdict = SITE_PASSED, .found = none};
    site_text_begin(&answer.state);
    for (size_t i = 0; i < count && i < SITE_FRAMES_MAX; i++) {
        if (frames[i].module == NULL || answer.state.passed > PASSED_MAX) {
            return none;
        }
        if (frames[i].is_library) {
            struct symbol_frame names[1];
            if (answer.state.passed > 0 ||
                symbol_module_find(frames[i].module, frames[i].file_offset, names, 1) == 0) {
                return none;
            }
            answer = library_judge(names[0].function);
        } else {
            frame_judge(finder, &frames[i], &answer);
        }
        if (answer.verdict != SITE_PASSED) {
            return answer.verdict == SITE_KNOWN ? answer.found : none;
        }
    }
    return none;
}

static bool is_open_ended(struct symbol_types *types, uint32_t type)
{
    size_t count = 0;
    const struct symbol_member *members = symbol_type_members(types, type, &count);
    if (members == NULL || count == 0 || members[count - 1].type == SYMBOL_TYPE_NONE) {
        return false;
    }
    const struct symbol_type *last = symbol_type_at(types, members[count - 1].type);
    return last->kind == SYMBOL_TYPE_ARRAY && last->size_bytes == 0;
}

bool site_type_fits(struct symbol_types *types, const struct site_type *site, uint64_t bytes)
{
    uint64_t size_bytes = symbol_type_bytes(types, site->type);
    if (size_bytes == 0 || bytes < size_bytes) {
        return false;
    }
    return bytes == size_bytes || is_open_ended(types, site->type) ||
           (!site->is_single && bytes % size_bytes == 0);
}
