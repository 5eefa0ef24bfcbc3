#include "preload/unwind_cfi.h"

#include "preload/unwind_cursor.h"

/* Registers of the AMD64 supplement, figure 3.36. */
#define REGISTER_BP 6
#define REGISTER_SP 7
#define REGISTER_RA 16

#define ENCODING_OMITTED     0xff
#define ENCODING_INDIRECT    0x80
#define ENCODING_PC_RELATIVE 0x10
#define ENCODING_DATA_SIGNED 0x3b /* what every linker writes into its sorted index */

#define REMEMBERED_MAX 8

/* DW_CFA_*: the upper two bits first, then the whole byte. */
enum {
    CFA_ADVANCE = 0x40,
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_NOP = 0x00,
    CFA_SET_LOCATION = 0x01,
    CFA_ADVANCE_1 = 0x02,
    CFA_ADVANCE_2 = 0x03,
    CFA_ADVANCE_4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEFINE = 0x0c,
    CFA_DEFINE_REGISTER = 0x0d,
    CFA_DEFINE_OFFSET = 0x0e,
    CFA_DEFINE_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SIGNED = 0x11,
    CFA_DEFINE_SIGNED = 0x12,
    CFA_DEFINE_OFFSET_SIGNED = 0x13,
    CFA_VALUE_OFFSET = 0x14,
    CFA_VALUE_OFFSET_SIGNED = 0x15,
    CFA_VALUE_EXPRESSION = 0x16,
    CFA_ARGUMENTS_BYTES = 0x2e,
    CFA_OFFSET_NEGATIVE = 0x2f,
};

/* DW_OP_* of the expressions that are known. */
enum {
    OP_DEREF = 0x06,
    OP_AND = 0x1a,
    OP_PLUS = 0x22,
    OP_SHIFT_LEFT = 0x24,
    OP_AT_LEAST = 0x2a,
    OP_LITERAL = 0x30,
    OP_REGISTER = 0x70,
};

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding;
    bool is_augmented;
    bool is_signal;
    struct cursor program;
};

struct fde {
    struct cie cie;
    uintptr_t begin;
    struct cursor program;
};

enum place_kind {
    PLACE_SAME,
    PLACE_OFFSET, /* stored at CFA + offset */
    PLACE_EXPRESSION,
    PLACE_UNDEFINED,
    PLACE_ELSEWHERE,
};

struct place {
    enum place_kind kind;
    int64_t offset;
    struct cursor expression;
};

/* One row of the table that an FDE's program describes, as far as rules need it. */
struct row {
    bool is_expression;
    uint64_t cfa_register;
    int64_t cfa_offset;
    struct cursor cfa_expression;
    struct place bp;
    struct place ra;
};

struct machine {
    const struct cie *cie;
    struct cursor at;
    uintptr_t location;
    uintptr_t address;
    struct row row;
    struct row initial;
    struct row remembered[REMEMBERED_MAX];
    size_t remembered_count;
    bool finished; /* the rows that follow are for higher addresses */
};

/* DW_EH_PE_*: the lower four bits are the format. */
static uint64_t encoded_read(struct cursor *cursor, uint8_t encoding)
{
    static const uint8_t bytes[8] = {8, 0, 2, 4, 8};
    uint8_t format = encoding & 0x0f;
    uint8_t width = bytes[format & 7];
    if (format == 0x01) {
        return cursor_unsigned(cursor);
    }
    if (format == 0x09) {
        return (uint64_t)cursor_signed(cursor);
    }
    if (width == 0) {
        cursor->failed = true;
        return 0;
    }
    return format < 8 ? cursor_fixed(cursor, width) : (uint64_t)cursor_fixed_signed(cursor, width);
}

/* An address, absolute or relative to where it stands; compilers use no other base for code. */
static uintptr_t address_read(struct cursor *cursor, uint8_t encoding)
{
    uintptr_t base = 0;
    if ((encoding & 0xf0) == ENCODING_PC_RELATIVE) {
        base = (uintptr_t)cursor->at;
    } else if ((encoding & 0xf0) != 0) {
        cursor->failed = true;
    }
    return base + encoded_read(cursor, encoding);
}

/* The contents of the entry at `at`; failed at the end mark, outside the image, and for entries of
 * 64-bit DWARF, which no linker writes here. */
static struct cursor entry_open(const struct cfi_image *image, const uint8_t *at)
{
    struct cursor entry = {.at = image->start, .end = image->end, .failed = true};
    if ((uintptr_t)at < (uintptr_t)image->start || (uintptr_t)at > (uintptr_t)image->end) {
        return entry;
    }
    entry.at = at;
    entry.failed = false;
    uint64_t bytes = cursor_fixed(&entry, 4);
    if (bytes == 0 || bytes > cursor_left(&entry)) {
        entry.failed = true;
        return entry;
    }
    entry.end = entry.at + bytes;
    return entry;
}

static void augmentation_read(struct cie *cie, struct cursor *entry, const uint8_t *letters)
{
    uint64_t bytes = cursor_unsigned(entry);
    struct cursor data = *entry;
    if (!cursor_skip(entry, bytes)) {
        return;
    }
    data.end = entry->at;
    for (; *letters != 0; letters++) {
        switch (*letters) {
        case 'L':
            (void)cursor_byte(&data);
            break;
        case 'P':
            (void)encoded_read(&data, cursor_byte(&data));
            break;
        case 'R':
            cie->encoding = cursor_byte(&data);
            break;
        case 'S':
            cie->is_signal = true;
            break;
        default: /* 'z' says how long the rest is */
            return;
        }
    }
    entry->failed = entry->failed || data.failed;
}

static bool cie_read(const struct cfi_image *image, const uint8_t *at, struct cie *cie)
{
    struct cursor entry = entry_open(image, at);
    uint64_t id = cursor_fixed(&entry, 4);
    uint8_t version = cursor_byte(&entry);
    const uint8_t *letters = entry.at;
    while (cursor_byte(&entry) != 0) {
    }
    if (entry.failed || id != 0 || (version != 1 && version != 3) ||
        (*letters != 0 && *letters != 'z')) {
        return false;
    }
    *cie = (struct cie){.is_augmented = *letters == 'z'};
    cie->code_align = cursor_unsigned(&entry);
    cie->data_align = cursor_signed(&entry);
    uint64_t ra = version == 1 ? cursor_byte(&entry) : cursor_unsigned(&entry);
    if (cie->is_augmented) {
        augmentation_read(cie, &entry, letters + 1);
    }
    cie->program = entry;
    return !entry.failed && ra == REGISTER_RA;
}

/* The function described at `at`, if it is there, well-formed and holds `address`. */
static bool fde_read(const struct cfi_image *image, const uint8_t *at, uintptr_t address,
                     struct fde *fde)
{
    struct cursor entry = entry_open(image, at);
    const uint8_t *cie_base = entry.at;
    uint64_t cie_back = cursor_fixed(&entry, 4);
    if (entry.failed || cie_back == 0 || cie_back > (uint64_t)(cie_base - image->start) ||
        !cie_read(image, cie_base - cie_back, &fde->cie) ||
        (fde->cie.encoding & ENCODING_INDIRECT) != 0) {
        return false;
    }
    fde->begin = address_read(&entry, fde->cie.encoding);
    uintptr_t bytes = encoded_read(&entry, fde->cie.encoding & 0x07);
    if (fde->cie.is_augmented) {
        (void)cursor_skip(&entry, cursor_unsigned(&entry));
    }
    fde->program = entry;
    return !entry.failed && address - fde->begin < bytes;
}

/* All entries from `at` to the end mark. */
static bool fde_scan(const struct cfi_image *image, const uint8_t *at, uintptr_t address,
                     struct fde *fde)
{
    struct cursor entry = entry_open(image, at);
    while (!entry.failed) {
        if (fde_read(image, at, address, fde)) {
            return true;
        }
        at = entry.end;
        entry = entry_open(image, at);
    }
    return false;
}

static uintptr_t index_value(const uint8_t *index, const uint8_t *field)
{
    struct cursor cursor = {.at = field, .end = field + 4};
    return (uintptr_t)index + (uintptr_t)cursor_fixed_signed(&cursor, 4);
}

/*
 * .eh_frame_hdr: version, three encodings, the address of .eh_frame, the number of functions, and
 * pairs (first address, FDE), sorted, relative to its own start.
 */
static bool fde_find(const struct cfi_image *image, const uint8_t *index, uintptr_t address,
                     struct fde *fde)
{
    if ((uintptr_t)index < (uintptr_t)image->start || (uintptr_t)index > (uintptr_t)image->end) {
        return false;
    }
    struct cursor cursor = {.at = index, .end = image->end};
    uint8_t version = cursor_byte(&cursor);
    uint8_t frames_encoding = cursor_byte(&cursor);
    uint8_t count_encoding = cursor_byte(&cursor);
    uint8_t pairs_encoding = cursor_byte(&cursor);
    uintptr_t frames = address_read(&cursor, frames_encoding);
    if (cursor.failed || version != 1) {
        return false;
    }
    if (count_encoding == ENCODING_OMITTED || pairs_encoding != ENCODING_DATA_SIGNED) {
        return fde_scan(image, (const uint8_t *)frames, address, fde);
    }
    uint64_t count = encoded_read(&cursor, count_encoding);
    if (cursor.failed || count > cursor_left(&cursor) / 8) {
        return false;
    }
    const uint8_t *pairs = cursor.at;
    uint64_t low = 0; /* the pairs before begin at or below the address, those from `count` above */
    while (low < count) {
        uint64_t middle = low + (count - low) / 2;
        if (index_value(index, pairs + 8 * middle) <= address) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low != 0 &&
           fde_read(image, (const uint8_t *)index_value(index, pairs + 8 * low - 4), address, fde);
}

static void machine_advance(struct machine *machine, uint64_t delta)
{
    machine->location += delta * machine->cie->code_align;
    machine->finished = machine->location > machine->address;
}

static bool run_location(struct machine *machine, uint8_t code)
{
    switch (code) {
    case CFA_SET_LOCATION:
        machine->location = address_read(&machine->at, machine->cie->encoding);
        machine->finished = machine->location > machine->address;
        return true;
    case CFA_ADVANCE_1:
        machine_advance(machine, cursor_fixed(&machine->at, 1));
        return true;
    case CFA_ADVANCE_2:
        machine_advance(machine, cursor_fixed(&machine->at, 2));
        return true;
    case CFA_ADVANCE_4:
        machine_advance(machine, cursor_fixed(&machine->at, 4));
        return true;
    default:
        return false;
    }
}

/* Bytes with their length before them. */
static struct cursor block_read(struct cursor *at)
{
    uint64_t bytes = cursor_unsigned(at);
    struct cursor block = *at;
    (void)cursor_skip(at, bytes); /* `failed` says it */
    block.end = at->at;
    return block;
}

/* Wraps around, as everything does that hostile bytes can bring about. */
static int64_t factored(const struct machine *machine, uint64_t factor)
{
    return (int64_t)(factor * (uint64_t)machine->cie->data_align);
}

static bool run_cfa(struct machine *machine, uint8_t code)
{
    struct row *row = &machine->row;
    switch (code) {
    case CFA_DEFINE:
    case CFA_DEFINE_SIGNED:
        row->cfa_register = cursor_unsigned(&machine->at);
        break;
    case CFA_DEFINE_REGISTER:
        row->cfa_register = cursor_unsigned(&machine->at);
        row->is_expression = false;
        return true;
    case CFA_DEFINE_OFFSET:
    case CFA_DEFINE_OFFSET_SIGNED:
        break;
    case CFA_DEFINE_EXPRESSION:
        row->cfa_expression = block_read(&machine->at);
        row->is_expression = true;
        return true;
    default:
        return false;
    }
    row->is_expression = false;
    if (code == CFA_DEFINE_SIGNED || code == CFA_DEFINE_OFFSET_SIGNED) {
        row->cfa_offset = factored(machine, (uint64_t)cursor_signed(&machine->at));
    } else {
        row->cfa_offset = (int64_t)cursor_unsigned(&machine->at);
    }
    return true;
}

/* Where the program counts what it says about this register; elsewhere if nothing depends on it. */
static struct place *place_of(struct row *row, uint64_t number, struct place *elsewhere)
{
    if (number == REGISTER_BP) {
        return &row->bp;
    }
    return number == REGISTER_RA ? &row->ra : elsewhere;
}

static void restore(struct machine *machine, uint64_t number)
{
    struct place unused;
    *place_of(&machine->row, number, &unused) = *place_of(&machine->initial, number, &unused);
}

/* What follows the number of the register. */
static bool place_read(struct machine *machine, uint8_t code, struct place *place)
{
    struct cursor *at = &machine->at;
    switch (code) {
    case CFA_OFFSET:
    case CFA_OFFSET_EXTENDED:
        *place = (struct place){PLACE_OFFSET, .offset = factored(machine, cursor_unsigned(at))};
        return true;
    case CFA_OFFSET_EXTENDED_SIGNED:
        *place =
            (struct place){PLACE_OFFSET, .offset = factored(machine, (uint64_t)cursor_signed(at))};
        return true;
    case CFA_OFFSET_NEGATIVE:
        *place = (struct place){PLACE_OFFSET, .offset = factored(machine, -cursor_unsigned(at))};
        return true;
    case CFA_UNDEFINED:
        *place = (struct place){.kind = PLACE_UNDEFINED};
        return true;
    case CFA_SAME_VALUE:
        *place = (struct place){.kind = PLACE_SAME};
        return true;
    case CFA_REGISTER:
    case CFA_VALUE_OFFSET:
    case CFA_VALUE_OFFSET_SIGNED:
        (void)cursor_unsigned(at); /* either sign has the same bytes */
        *place = (struct place){.kind = PLACE_ELSEWHERE};
        return true;
    case CFA_EXPRESSION:
        *place = (struct place){PLACE_EXPRESSION, .expression = block_read(at)};
        return true;
    case CFA_VALUE_EXPRESSION:
        (void)block_read(at);
        *place = (struct place){.kind = PLACE_ELSEWHERE};
        return true;
    default:
        return false;
    }
}

static bool run_register(struct machine *machine, uint8_t code)
{
    struct cursor unread = machine->at;
    uint64_t number = cursor_unsigned(&machine->at);
    struct place unused;
    if (code == CFA_RESTORE_EXTENDED) {
        restore(machine, number);
        return true;
    }
    if (place_read(machine, code, place_of(&machine->row, number, &unused))) {
        return true;
    }
    machine->at = unread;
    return false;
}

static bool run_state(struct machine *machine, uint8_t code)
{
    switch (code) {
    case CFA_NOP:
        return true;
    case CFA_ARGUMENTS_BYTES:
        (void)cursor_unsigned(&machine->at);
        return true;
    case CFA_REMEMBER_STATE:
        if (machine->remembered_count == REMEMBERED_MAX) {
            return false;
        }
        machine->remembered[machine->remembered_count++] = machine->row;
        return true;
    case CFA_RESTORE_STATE:
        if (machine->remembered_count == 0) {
            return false;
        }
        machine->row = machine->remembered[--machine->remembered_count];
        return true;
    default:
        return false;
    }
}

static bool run_instruction(struct machine *machine)
{
    struct place unused;
    uint8_t code = cursor_byte(&machine->at);
    uint8_t operand = code & 0x3f;
    switch (code & 0xc0) {
    case CFA_ADVANCE:
        machine_advance(machine, operand);
        return true;
    case CFA_OFFSET:
        return place_read(machine, CFA_OFFSET, place_of(&machine->row, operand, &unused));
    case CFA_RESTORE:
        restore(machine, operand);
        return true;
    default:
        return run_state(machine, code) || run_location(machine, code) || run_cfa(machine, code) ||
               run_register(machine, code);
    }
}

/* To the row that holds the address; false if the program is malformed before. */
static bool run(struct machine *machine, struct cursor program)
{
    machine->at = program;
    while (!machine->finished && !machine->at.failed && cursor_left(&machine->at) != 0) {
        if (!run_instruction(machine)) {
            return false;
        }
    }
    return !machine->at.failed;
}

/* A register plus an offset, the whole expression or the beginning of one. */
static bool is_sum(struct cursor *expression, uint8_t number, int64_t *offset)
{
    bool is_it = cursor_byte(expression) == OP_REGISTER + number;
    *offset = cursor_signed(expression);
    return is_it && !expression->failed;
}

static bool is_place_at(const struct place *place, uint8_t number, int64_t offset)
{
    struct cursor expression = place->expression;
    int64_t found = 0;
    return place->kind == PLACE_EXPRESSION && is_sum(&expression, number, &found) &&
           found == offset && cursor_left(&expression) == 0;
}

static bool is_bytes(const struct cursor *cursor, const uint8_t *bytes, size_t count)
{
    return !cursor->failed && cursor_left(cursor) == count && memcmp(cursor->at, bytes, count) == 0;
}

/* rsp + 8 + ((rip & 15) >= n) << 3: what linkers write for the procedure linkage table. */
static bool is_linkage(const struct cursor *expression, unwind_rule *rule)
{
    uint8_t known[] = {OP_REGISTER + REGISTER_SP,
                       8,
                       OP_REGISTER + REGISTER_RA,
                       0,
                       OP_LITERAL + 15,
                       OP_AND,
                       OP_LITERAL,
                       OP_AT_LEAST,
                       OP_LITERAL + 3,
                       OP_SHIFT_LEFT,
                       OP_PLUS};
    const size_t limit_at = 6;
    if (cursor_left(expression) != sizeof(known)) {
        return false;
    }
    uint8_t limit = expression->at[limit_at];
    known[limit_at] = limit;
    if (limit < OP_LITERAL || limit > OP_LITERAL + 15) {
        return false;
    }
    *rule = RULE_MAKE(RULE_SPECIAL, limit - OP_LITERAL, RULE_PLT);
    return is_bytes(expression, known, sizeof(known));
}

static unwind_rule rule_of_expression(const struct row *row, bool is_signal)
{
    static const uint8_t deref[] = {OP_DEREF};
    const unwind_rule other = RULE_MAKE(RULE_SPECIAL, 0, RULE_INEXPRESSIBLE);
    unwind_rule rule = other;
    if (is_linkage(&row->cfa_expression, &rule)) {
        return rule;
    }
    struct cursor rest = row->cfa_expression;
    int64_t offset = 0;
    if (is_signal) {
        bool is_known = is_sum(&rest, REGISTER_SP, &offset) && offset == RULE_SIGNAL_SP_BYTES &&
                        is_bytes(&rest, deref, sizeof(deref)) &&
                        is_place_at(&row->ra, REGISTER_SP, RULE_SIGNAL_PC_BYTES) &&
                        is_place_at(&row->bp, REGISTER_SP, RULE_SIGNAL_BP_BYTES);
        return is_known ? RULE_MAKE(RULE_SPECIAL, 0, RULE_SIGNAL) : other;
    }
    bool is_slot = is_sum(&rest, REGISTER_BP, &offset) && offset <= 0 && offset % 8 == 0 &&
                   offset >= -8 * RULE_WORDS_MAX && is_bytes(&rest, deref, sizeof(deref)) &&
                   is_place_at(&row->bp, REGISTER_BP, 0) && row->ra.kind == PLACE_OFFSET &&
                   row->ra.offset == -8;
    return is_slot ? RULE_MAKE(RULE_SLOT, 0, -offset / 8) : other;
}

static uint32_t saved_of(const struct place *bp)
{
    if (bp->kind == PLACE_SAME) {
        return 0;
    }
    bool is_near = bp->kind == PLACE_OFFSET && bp->offset % 8 == 0 && bp->offset <= -16 &&
                   bp->offset >= -8 * (RULE_SAVED_MAX + 1);
    return is_near ? (uint32_t)(-bp->offset / 8 - 1) : RULE_BP_LOST;
}

static unwind_rule rule_of_row(const struct row *row, bool is_signal)
{
    if (row->ra.kind == PLACE_UNDEFINED) {
        return RULE_MAKE(RULE_SPECIAL, 0, RULE_OUTERMOST);
    }
    if (row->is_expression) {
        return rule_of_expression(row, is_signal);
    }
    bool is_sp = row->cfa_register == REGISTER_SP;
    if ((!is_sp && row->cfa_register != REGISTER_BP) || row->cfa_offset < 0 ||
        row->cfa_offset > 8 * RULE_WORDS_MAX || row->cfa_offset % 8 != 0 ||
        row->ra.kind != PLACE_OFFSET || row->ra.offset != -8) {
        return RULE_MAKE(RULE_SPECIAL, 0, RULE_INEXPRESSIBLE);
    }
    return RULE_MAKE(is_sp ? RULE_SP : RULE_BP, saved_of(&row->bp), row->cfa_offset / 8);
}

unwind_rule cfi_rule(const struct cfi_image *image, const uint8_t *index, uintptr_t address)
{
    const unwind_rule unknown = RULE_MAKE(RULE_SPECIAL, 0, RULE_UNKNOWN);
    struct fde fde;
    if (!fde_find(image, index, address, &fde)) {
        return unknown;
    }
    struct machine machine;
    memset(&machine, 0, offsetof(struct machine, remembered)); /* the rest is written before read */
    machine.cie = &fde.cie;
    machine.location = fde.begin;
    machine.address = address;
    machine.remembered_count = 0;
    machine.finished = false;
    if (!run(&machine, fde.cie.program)) {
        return unknown;
    }
    machine.initial = machine.row;
    if (!run(&machine, fde.program)) {
        return unknown;
    }
    return rule_of_row(&machine.row, fde.cie.is_signal);
}
