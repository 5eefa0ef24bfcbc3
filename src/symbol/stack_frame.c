#include "symbol/stack_frame.h"

#include <dwarf.h>
#include <stdlib.h>

#include "symbol/module.h"
#include "symbol/types.h"
#include "symbol/types_state.h"

#define EVALUATE_DEPTH 16

struct evaluation {
    const struct stack_frame *frame;
    stack_word_read read;
    void *context;
    uint64_t stack[EVALUATE_DEPTH];
    size_t depth;
    bool is_value; /* the result is the value itself, and not where it lies */
};

static bool push(struct evaluation *evaluation, uint64_t value)
{
    if (evaluation->depth == EVALUATE_DEPTH) {
        return false;
    }
    evaluation->stack[evaluation->depth++] = value;
    return true;
}

static bool push_register(struct evaluation *evaluation, uint64_t number, uint64_t offset)
{
    return number < STACK_FRAME_REGISTERS && (evaluation->frame->known >> number & 1) != 0 &&
           push(evaluation, evaluation->frame->registers[number] + offset);
}

/* Two operands become one. */
static bool combine(struct evaluation *evaluation, unsigned operation)
{
    if (evaluation->depth < 2) {
        return false;
    }
    uint64_t right = evaluation->stack[--evaluation->depth];
    uint64_t *left = &evaluation->stack[evaluation->depth - 1];
    switch (operation) {
    case DW_OP_plus:
        *left += right;
        return true;
    case DW_OP_minus:
        *left -= right;
        return true;
    case DW_OP_and:
        *left &= right;
        return true;
    case DW_OP_shl:
        *left = right < 64 ? *left << right : 0;
        return true;
    case DW_OP_ge:
        *left = (int64_t)*left >= (int64_t)right;
        return true;
    default:
        return false;
    }
}

static bool dereference(struct evaluation *evaluation)
{
    uint64_t word = 0;
    if (evaluation->depth == 0 || evaluation->read == NULL ||
        !evaluation->read(evaluation->context, evaluation->stack[evaluation->depth - 1], &word)) {
        return false;
    }
    evaluation->stack[evaluation->depth - 1] = word;
    return true;
}

static bool step(struct evaluation *evaluation, const Dwarf_Op *operation)
{
    unsigned atom = operation->atom;
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
        return push_register(evaluation, atom - DW_OP_breg0, operation->number);
    }
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
        return push(evaluation, atom - DW_OP_lit0);
    }
    switch (atom) {
    case DW_OP_bregx:
        return push_register(evaluation, operation->number, operation->number2);
    case DW_OP_call_frame_cfa:
        return push(evaluation, evaluation->frame->address);
    case DW_OP_plus_uconst:
        return push(evaluation, operation->number) && combine(evaluation, DW_OP_plus);
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_const2u:
    case DW_OP_const2s:
    case DW_OP_const4u:
    case DW_OP_const4s:
    case DW_OP_const8u:
    case DW_OP_const8s:
    case DW_OP_constu:
    case DW_OP_consts:
        return push(evaluation, operation->number);
    case DW_OP_deref:
        return dereference(evaluation);
    case DW_OP_stack_value:
        evaluation->is_value = true;
        return true;
    default:
        return combine(evaluation, atom);
    }
}

static bool evaluate(struct evaluation *evaluation, const Dwarf_Op *operations, size_t count,
                     uint64_t *result)
{
    evaluation->depth = 0;
    evaluation->is_value = false;
    for (size_t i = 0; i < count; i++) {
        if (!step(evaluation, &operations[i])) {
            return false;
        }
    }
    if (evaluation->depth == 0) {
        return false;
    }
    *result = evaluation->stack[evaluation->depth - 1];
    return true;
}

/* The module's addresses as libdwfl counts. */
static uint64_t dwfl_address(struct symbol_module *module, uint64_t code)
{
    GElf_Addr bias = 0;
    return dwfl_module_getelf(module->elf_module, &bias) == NULL ? code : code + bias;
}

static Dwarf_Frame *rules_at(struct symbol_module *module, uint64_t code)
{
    Dwarf_Addr bias = 0;
    Dwarf_Frame *rules = NULL;
    uint64_t address = dwfl_address(module, code);
    Dwarf_CFI *tables[] = {NULL, NULL};
    Dwarf_Addr biases[] = {0, 0};
    tables[0] = dwfl_module_eh_cfi(module->elf_module, &bias);
    biases[0] = bias;
    tables[1] = dwfl_module_dwarf_cfi(module->elf_module, &bias);
    biases[1] = bias;
    for (size_t i = 0; i < 2; i++) {
        if (tables[i] != NULL && dwarf_cfi_addrframe(tables[i], address - biases[i], &rules) == 0) {
            return rules;
        }
    }
    return NULL;
}

/* What the register was in the caller; what is not known is left out. */
static void register_recover(struct evaluation *evaluation, Dwarf_Frame *rules, int number,
                             struct stack_frame *caller)
{
    Dwarf_Op memory[3];
    Dwarf_Op *operations = NULL;
    size_t count = 0;
    uint64_t value = 0;
    const struct stack_frame *frame = evaluation->frame;
    if (dwarf_frame_register(rules, number, memory, &operations, &count) != 0) {
        return;
    }
    if (operations == NULL) { /* as it is */
        caller->registers[number] = frame->registers[number];
        caller->known |= frame->known & (uint64_t)1 << number;
        return;
    }
    if (count == 0 || !evaluate(evaluation, operations, count, &value) ||
        (!evaluation->is_value && !evaluation->read(evaluation->context, value, &value))) {
        return;
    }
    caller->registers[number] = value;
    caller->known |= (uint64_t)1 << number;
}

bool stack_frame_caller(struct symbol_module *module, uint64_t code, struct stack_frame *frame,
                        stack_word_read read, void *context, struct stack_frame *caller)
{
    struct evaluation evaluation = {.frame = frame, .read = read, .context = context};
    Dwarf_Op *operations = NULL;
    size_t count = 0;
    Dwarf_Frame *rules = rules_at(module, code);
    if (rules == NULL) {
        return false;
    }
    bool found = dwarf_frame_cfa(rules, &operations, &count) == 0 &&
                 evaluate(&evaluation, operations, count, &frame->address);
    if (found) {
        *caller = (struct stack_frame){0};
        for (int number = 0; number < STACK_FRAME_REGISTERS; number++) {
            register_recover(&evaluation, rules, number, caller);
        }
        caller->registers[STACK_FRAME_POINTER] = frame->address;
        caller->known |= (uint64_t)1 << STACK_FRAME_POINTER;
        found = (caller->known >> STACK_FRAME_CODE & 1) != 0 &&
                caller->registers[STACK_FRAME_CODE] != 0;
    }
    free(rules);
    return found;
}

/* What offsets of variables count from. */
static bool frame_base(Dwarf_Die *function, Dwarf_Addr address, const struct stack_frame *frame,
                       uint64_t *base)
{
    struct evaluation evaluation = {.frame = frame};
    Dwarf_Attribute attribute;
    Dwarf_Op *operations = NULL;
    size_t count = 0;
    if (dwarf_attr_integrate(function, DW_AT_frame_base, &attribute) == NULL ||
        dwarf_getlocation_addr(&attribute, address, &operations, &count, 1) != 1 || count == 0) {
        return false;
    }
    if (operations[0].atom >= DW_OP_reg0 && operations[0].atom <= DW_OP_reg31) {
        unsigned number = operations[0].atom - DW_OP_reg0;
        *base = number < STACK_FRAME_REGISTERS ? frame->registers[number] : 0;
        return number < STACK_FRAME_REGISTERS && (frame->known >> number & 1) != 0;
    }
    return evaluate(&evaluation, operations, count, base);
}

static bool local_place(Dwarf_Die *die, Dwarf_Addr address, uint64_t base, uint64_t *place)
{
    Dwarf_Attribute attribute;
    Dwarf_Op *operations = NULL;
    size_t count = 0;
    if (dwarf_attr_integrate(die, DW_AT_location, &attribute) == NULL ||
        dwarf_getlocation_addr(&attribute, address, &operations, &count, 1) != 1 || count != 1 ||
        operations[0].atom != DW_OP_fbreg) {
        return false;
    }
    *place = base + operations[0].number;
    return true;
}

struct scope_reading {
    struct symbol_module *module;
    struct symbol_types *types;
    Dwarf_Addr address;
    uint64_t base;
    struct stack_local *locals;
    size_t count;
    size_t most;
};

static void scope_read(struct scope_reading *reading, Dwarf_Die *scope)
{
    Dwarf_Die child;
    if (dwarf_child(scope, &child) != 0) {
        return;
    }
    do {
        int tag = dwarf_tag(&child);
        struct stack_local local = {0};
        if ((tag != DW_TAG_variable && tag != DW_TAG_formal_parameter) ||
            reading->count == reading->most ||
            !local_place(&child, reading->address, reading->base, &local.address)) {
            continue;
        }
        Dwarf_Attribute attribute;
        local.name = dwarf_formstring(dwarf_attr_integrate(&child, DW_AT_name, &attribute));
        local.type = type_named_by(reading->types, reading->module, &child);
        if (local.name != NULL && symbol_type_bytes(reading->types, local.type) > 0) {
            reading->locals[reading->count++] = local;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
}

size_t stack_frame_locals(struct symbol_module *module, struct symbol_types *types, uint64_t code,
                          const struct stack_frame *frame, struct stack_local *locals,
                          size_t locals_max)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = unit_at(module, dwfl_address(module, code), &bias);
    Dwarf_Die *scopes = NULL;
    struct scope_reading reading = {
        .module = module, .types = types, .locals = locals, .most = locals_max};
    reading.address = dwfl_address(module, code) - bias;
    int count = unit == NULL ? 0 : dwarf_getscopes(unit, reading.address, &scopes);
    int function = 0;
    while (function < count && dwarf_tag(&scopes[function]) != DW_TAG_subprogram) {
        function++;
    }
    if (function < count && frame_base(&scopes[function], reading.address, frame, &reading.base)) {
        for (int i = 0; i <= function; i++) {
            scope_read(&reading, &scopes[i]);
        }
    }
    if (count > 0) {
        free(scopes);
    }
    return reading.count;
}

const char *stack_frame_function(struct symbol_module *module, uint64_t code)
{
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char *name = dwfl_module_addrinfo(module->elf_module, dwfl_address(module, code), &offset,
                                            &symbol, NULL, NULL, NULL);
    return name == NULL ? NULL : demangler_name(&module->demangler, module->names, name);
}
