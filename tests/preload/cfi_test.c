#include "preload/unwind_cfi.h"

#include <stdbool.h>
#include <string.h>

#include "harness.h"
#include "preload/unwind_rule.h"

#define FUNCTION_BEGIN 4096 /* from the index */
#define FUNCTION_BYTES 1024

#define SPECIAL(which) RULE_MAKE(RULE_SPECIAL, 0, which)

/* A module of one function: index, CIE, FDE and end mark, built up byte by byte. */
struct module {
    uint8_t bytes[1024];
    size_t size;
};

static void put(struct module *module, const void *bytes, size_t count)
{
    assert_true(module->size + count <= sizeof(module->bytes));
    memcpy(module->bytes + module->size, bytes, count);
    module->size += count;
}

static void put_number(struct module *module, uint32_t value)
{
    put(module, &value, sizeof(value));
}

struct shape {
    const char *augmentation;
    uint8_t pointers; /* the encoding of addresses in the FDE */
    const char *initial;
    size_t initial_count;
    const char *program;
    size_t program_count;
    bool is_unsorted; /* without the linker's index */
};

static void put_cie(struct module *module, const struct shape *shape)
{
    size_t begin = module->size;
    bool is_augmented = shape->augmentation[0] == 'z';
    put_number(module, 0);
    put_number(module, 0);
    put(module, "\x01", 1);
    put(module, shape->augmentation, strlen(shape->augmentation) + 1);
    put(module, "\x01\x78\x10", 3); /* code in bytes, data in -8, the return address */
    for (const char *letter = shape->augmentation; is_augmented && *letter != 0; letter++) {
        if (*letter == 'z') {
            uint8_t count = 0;
            for (const char *other = letter + 1; *other != 0; other++) {
                count = (uint8_t)(count + (*other == 'P' ? 5 : *other == 'S' ? 0 : 1));
            }
            put(module, &count, 1);
        } else if (*letter == 'P') {
            put(module, "\x1b\x01\x02\x03\x04", 5);
        } else if (*letter == 'R') {
            put(module, &shape->pointers, 1);
        } else if (*letter == 'L') {
            put(module, "\x1b", 1);
        }
    }
    put(module, shape->initial, shape->initial_count);
    uint32_t length = (uint32_t)(module->size - begin - 4);
    memcpy(module->bytes + begin, &length, sizeof(length));
}

static void put_fde(struct module *module, const struct shape *shape, size_t cie)
{
    size_t begin = module->size;
    put_number(module, 0);
    put_number(module, (uint32_t)(module->size - cie));
    uintptr_t function = (uintptr_t)module->bytes + FUNCTION_BEGIN;
    if ((shape->pointers & 0x0f) == 0) {
        uintptr_t bytes = FUNCTION_BYTES;
        put(module, &function, sizeof(function));
        put(module, &bytes, sizeof(bytes));
    } else {
        put_number(module, (uint32_t)(FUNCTION_BEGIN - module->size));
        put_number(module, FUNCTION_BYTES);
    }
    if (shape->augmentation[0] == 'z') {
        put(module, "", 1);
    }
    put(module, shape->program, shape->program_count);
    uint32_t length = (uint32_t)(module->size - begin - 4);
    memcpy(module->bytes + begin, &length, sizeof(length));
}

static void module_build(struct module *module, const struct shape *shape)
{
    *module = (struct module){.size = 0};
    const size_t index_bytes = shape->is_unsorted ? 8 : 20;
    put(module, shape->is_unsorted ? "\x01\x1b\xff\xff" : "\x01\x1b\x03\x3b", 4);
    put_number(module, (uint32_t)(index_bytes - 4));
    struct module frames = {.size = index_bytes};
    put_cie(&frames, shape);
    if (!shape->is_unsorted) {
        put_number(module, 1);
        put_number(module, FUNCTION_BEGIN);
        put_number(module, (uint32_t)frames.size);
    }
    size_t cie = module->size;
    put_cie(module, shape);
    put_fde(module, shape, cie);
    put_number(module, 0);
}

static unwind_rule rule_at(const struct module *module, uintptr_t offset)
{
    struct cfi_image image = {module->bytes, module->bytes + module->size};
    return cfi_rule(&image, module->bytes, (uintptr_t)module->bytes + FUNCTION_BEGIN + offset);
}

/* rsp + 8, the return address there: how every function begins. */
#define INITIAL "\x0c\x07\x08\x90\x01"

static const struct shape plain = {
    .augmentation = "zR", .pointers = 0x1b, .initial = INITIAL, .initial_count = 5};

struct program_case {
    const char *name;
    const char *program;
    size_t program_count;
    uintptr_t offset;
    unwind_rule rule;
};

#define PROGRAM(text) text, sizeof(text) - 1

static const struct program_case cases[] = {
    {"at entry", PROGRAM("\x41\x0e\x10"), 0, RULE_MAKE(RULE_SP, 0, 1)},
    {"after a push", PROGRAM("\x41\x0e\x10\x86\x02"), 1, RULE_MAKE(RULE_SP, 1, 2)},
    {"a frame pointer", PROGRAM("\x41\x0e\x10\x86\x02\x43\x0d\x06"), 4, RULE_FRAME_POINTER},
    {"the last address", PROGRAM("\x02\xff\x0e\x20"), 1023, RULE_MAKE(RULE_SP, 0, 4)},
    {"beyond the last", PROGRAM("\x02\xff\x0e\x20"), 1024, SPECIAL(RULE_UNKNOWN)},
    {"two bytes", PROGRAM("\x03\x00\x01\x0e\x20"), 256, RULE_MAKE(RULE_SP, 0, 4)},
    {"four bytes", PROGRAM("\x04\x00\x02\x00\x00\x0e\x20"), 511, RULE_MAKE(RULE_SP, 0, 1)},
    {"a large frame", PROGRAM("\x0e\xf8\xff\x1f"), 0, RULE_MAKE(RULE_SP, 0, 0xffff)},
    {"too large a frame", PROGRAM("\x0e\x80\x80\x20"), 0, SPECIAL(RULE_INEXPRESSIBLE)},
    {"no whole words", PROGRAM("\x0e\x0c"), 0, SPECIAL(RULE_INEXPRESSIBLE)},
    {"another register", PROGRAM("\x0d\x0a"), 0, SPECIAL(RULE_INEXPRESSIBLE)},
    {"signed forms", PROGRAM("\x12\x06\x7e\x11\x06\x02"), 0, RULE_MAKE(RULE_BP, 1, 2)},
    {"a signed offset", PROGRAM("\x13\x7c"), 0, RULE_MAKE(RULE_SP, 0, 4)},
    {"the farthest rbp", PROGRAM("\x05\x06\x0f"), 0, RULE_MAKE(RULE_SP, 14, 1)},
    {"rbp too far", PROGRAM("\x86\x10"), 0, RULE_MAKE(RULE_SP, RULE_BP_LOST, 1)},
    {"rbp undefined", PROGRAM("\x07\x06"), 0, RULE_MAKE(RULE_SP, RULE_BP_LOST, 1)},
    {"rbp in a register", PROGRAM("\x09\x06\x03"), 0, RULE_MAKE(RULE_SP, RULE_BP_LOST, 1)},
    {"rbp again", PROGRAM("\x86\x02\x08\x06"), 0, RULE_MAKE(RULE_SP, 0, 1)},
    {"rbp restored", PROGRAM("\x86\x02\xc6"), 0, RULE_MAKE(RULE_SP, 0, 1)},
    {"rbp restored, long", PROGRAM("\x86\x02\x06\x06"), 0, RULE_MAKE(RULE_SP, 0, 1)},
    {"negative offset", PROGRAM("\x2f\x10\x01"), 0, SPECIAL(RULE_INEXPRESSIBLE)},
    {"a state kept", PROGRAM("\x0a\x0e\x40\x0b"), 0, RULE_MAKE(RULE_SP, 0, 1)},
    {"no state kept", PROGRAM("\x0b"), 0, SPECIAL(RULE_UNKNOWN)},
    {"other registers", PROGRAM("\x83\x02\x8c\x03\x16\x03\x02\x77\x08\x2e\x10"), 0,
     RULE_MAKE(RULE_SP, 0, 1)},
    {"the first function", PROGRAM("\x07\x10"), 0, SPECIAL(RULE_OUTERMOST)},
    {"a realigned stack", PROGRAM("\x0f\x03\x76\x70\x06\x10\x06\x02\x76\x00"), 0,
     RULE_MAKE(RULE_SLOT, 0, 2)},
    {"half of one", PROGRAM("\x0f\x03\x76\x70\x06"), 0, SPECIAL(RULE_INEXPRESSIBLE)},
    {"a linkage table", PROGRAM("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"), 0,
     RULE_MAKE(RULE_SPECIAL, 11, RULE_PLT)},
    {"not quite one", PROGRAM("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x23"), 0,
     SPECIAL(RULE_INEXPRESSIBLE)},
    {"an unknown instruction", PROGRAM("\x3f"), 0, SPECIAL(RULE_UNKNOWN)},
    {"an endless number", PROGRAM("\x0e\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0,
     SPECIAL(RULE_UNKNOWN)},
    {"an instruction cut off", PROGRAM("\x0c\x07"), 0, SPECIAL(RULE_UNKNOWN)},
    {"an expression cut off", PROGRAM("\x0f\x05\x76"), 0, SPECIAL(RULE_UNKNOWN)},
};

#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

static void a_function_of_call_frame_information_makes_a_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct shape shape = plain;
        shape.program = cases[i].program;
        shape.program_count = cases[i].program_count;
        for (int is_unsorted = 0; is_unsorted < 2; is_unsorted++) {
            struct module module;
            shape.is_unsorted = is_unsorted != 0;
            module_build(&module, &shape);
            unwind_rule rule = rule_at(&module, cases[i].offset);
            if (rule != cases[i].rule) {
                fail_msg("%s: %x, not %x", cases[i].name, rule, cases[i].rule);
            }
        }
    }
}

static void augmentations_and_encodings_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *augmentation;
        uint8_t pointers;
        bool is_known;
    } forms[] = {
        {"", 0x00, true},     {"zR", 0x00, true},  {"zR", 0x1b, true},  {"zPLR", 0x1b, true},
        {"zLPR", 0x1b, true}, {"zRS", 0x1b, true}, {"zR", 0x13, true},  {"zR", 0x3b, false},
        {"zR", 0x9b, false},  {"zR", 0x15, false}, {"eh", 0x00, false},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct shape shape = plain;
        shape.augmentation = forms[i].augmentation;
        shape.pointers = forms[i].pointers;
        shape.program = "\x0e\x20";
        shape.program_count = 2;
        struct module module;
        module_build(&module, &shape);
        unwind_rule rule = rule_at(&module, 0);
        if (rule != (forms[i].is_known ? RULE_MAKE(RULE_SP, 0, 4) : SPECIAL(RULE_UNKNOWN))) {
            fail_msg("%s %x: %x", forms[i].augmentation, forms[i].pointers, rule);
        }
    }
}

static void the_kernels_signal_frame_is_known_by_its_expressions(void **state)
{
    (void)state;
    static const char program[] = "\x0f\x04\x77\xa0\x01\x06"
                                  "\x10\x06\x03\x77\xf8\x00"
                                  "\x10\x10\x03\x77\xa8\x01";
    struct shape shape = plain;
    shape.augmentation = "zRS";
    shape.program = program;
    shape.program_count = sizeof(program) - 1;
    struct module module;
    module_build(&module, &shape);
    assert_int_equal(rule_at(&module, 0), SPECIAL(RULE_SIGNAL));
    shape.augmentation = "zR";
    module_build(&module, &shape);
    assert_int_equal(rule_at(&module, 0), SPECIAL(RULE_INEXPRESSIBLE));
}

/* Every prefix, and every byte changed: the sanitizers and the bounds of the image judge. */
static void broken_modules_are_read_to_their_end_at_most(void **state)
{
    (void)state;
    struct shape shape = plain;
    shape.program = "\x41\x0e\x10\x86\x02\x43\x0d\x06\x0a\x0b\x16\x03\x02\x77\x08";
    shape.program_count = 15;
    for (int is_unsorted = 0; is_unsorted < 2; is_unsorted++) {
        struct module whole;
        shape.is_unsorted = is_unsorted != 0;
        module_build(&whole, &shape);
        for (size_t size = 0; size <= whole.size; size++) {
            struct module cut = whole;
            cut.size = size;
            (void)rule_at(&cut, 4); /* any rule is right */
        }
        for (size_t i = 0; i < whole.size; i++) {
            for (unsigned value = 0; value < 256; value++) {
                struct module changed = whole;
                changed.bytes[i] = (uint8_t)value;
                unwind_rule rule = rule_at(&changed, 4);
                assert_int_equal(rule >> RULE_BITS, 0);
            }
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_function_of_call_frame_information_makes_a_rule),
    cmocka_unit_test(augmentations_and_encodings_are_read),
    cmocka_unit_test(the_kernels_signal_frame_is_known_by_its_expressions),
    cmocka_unit_test(broken_modules_are_read_to_their_end_at_most),
};

int main(void)
{
    return TEST_RUN("cfi", tests);
}
