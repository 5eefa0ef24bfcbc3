#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "codec/json_writer.h"
#include "draw/draw.h"
#include "symbol/symbol.h"
#include "symbol/type_shape.h"
#include "symbol/types.h"

#define MEMORY_BYTES_MAX ((uint64_t)4 << 30)
#define NAME_BYTES       1024
#define FIRST_BYTES      ((size_t)4096)

enum {
    LAYOUT_TYPE,
    LAYOUT_JSON
};

static const struct option options[] = {
    [LAYOUT_TYPE] = {.name = "type",
                     .letter = 't',
                     .kind = OPTION_TEXT,
                     .value_name = "REGEX",
                     .fallback = ".",
                     .help = "types whose name matches alone"},
    [LAYOUT_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap layout ./server --type '^window$'", "members, holes, cache lines of one type"},
    {"sluice heap layout ./service --type 'rate\\.Limiter$'", "of a Go program"},
    {"sluice heap layout ./server --json | jq '.types[] | select(.hole_bytes > 8) | .name'",
     "which types waste more than a word"},
};

struct work {
    struct cli *cli;
    struct slu_budget *budget;
    struct symbol_module *module;
    struct symbol_types *types;
    struct block shown; /* of uint64_t: hashes of what was shown */
    struct type_shape shape;
    struct json_writer json;
    regex_t wanted;
    bool is_json;
    uint64_t count;
    int err;
};

static void write_type(const struct work *work, uint32_t type, struct sink *out)
{
    symbol_type_write(work->types, type, out);
}

static void member_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct work *work = context;
    const struct type_part *part = &work->shape.parts[row];
    switch (column) {
    case 0:
        sink_format(out, "%" PRIu64, part->offset_bytes);
        break;
    case 1:
        if (part->bit_count > 0) {
            sink_format(out, "%u bits", part->bit_count);
        } else {
            sink_format(out, "%" PRIu64, part->size_bytes);
        }
        break;
    case 2:
        sink_text(out, part->is_hole ? "(hole)" : part->name != NULL ? part->name : "(unnamed)");
        break;
    case 3:
        if (!part->is_hole) {
            write_type(work, part->type, out);
        }
        break;
    default:
        sink_text(out, part->crosses_line ? "crosses a cache line" : "");
        break;
    }
}

static enum draw_style member_style(const void *context, size_t row)
{
    const struct work *work = context;
    return work->shape.parts[row].is_hole ? DRAW_YELLOW : DRAW_PLAIN;
}

static void show_text(struct work *work, const struct symbol_type *type)
{
    static const struct draw_column columns[] = {
        {"offset", DRAW_NUMBER, DRAW_CUT_NEVER}, {"size", DRAW_NUMBER, DRAW_CUT_NEVER},
        {"member", DRAW_LEFT, DRAW_CUT_NEVER},   {"type", DRAW_LEFT, DRAW_CUT_END},
        {"", DRAW_LEFT, DRAW_CUT_NEVER},
    };
    struct draw_table table = {.columns = columns,
                               .column_count = 5,
                               .row_count = work->shape.part_count,
                               .cell = member_cell,
                               .row_style = member_style,
                               .context = work};
    struct cli *cli = work->cli;
    sink_text(cli->out, work->count > 0 ? "\n" : "");
    draw_style_begin(cli->out, &cli->out_terminal, DRAW_BOLD);
    draw_text_escape(cli->out, type->name, strlen(type->name), cli->out_terminal.utf8);
    draw_style_end(cli->out, &cli->out_terminal, DRAW_BOLD);
    sink_format(cli->out, ": %" PRIu64 " bytes in %" PRIu64 " cache line%s, %" PRIu64 " in holes\n",
                type->size_bytes, work->shape.line_count, work->shape.line_count == 1 ? "" : "s",
                work->shape.hole_bytes);
    draw_table(&table, &cli->out_terminal, cli->out);
}

static void json_number(struct json_writer *json, const char *key, uint64_t value)
{
    json_write_key(json, key);
    json_write_uint(json, value);
}

static void json_part(struct work *work, const struct type_part *part)
{
    char name[NAME_BYTES];
    struct sink sink;
    struct json_writer *json = &work->json;
    json_begin_object(json);
    if (part->is_hole) {
        json_write_key(json, "hole");
        json_write_bool(json, true);
    } else {
        sink_init_fixed(&sink, name, sizeof(name));
        write_type(work, part->type, &sink);
        json_write_key(json, "name");
        json_write_string(json, part->name == NULL ? "" : part->name);
        json_write_key(json, "type");
        json_write_string_bytes(json, name, sink.len);
    }
    json_number(json, "offset_bytes", part->offset_bytes);
    json_number(json, "size_bytes", part->size_bytes);
    if (part->bit_count > 0) {
        json_number(json, "bit_offset", part->bit_offset);
        json_number(json, "bits", part->bit_count);
    }
    json_write_key(json, "crosses_cache_line");
    json_write_bool(json, part->crosses_line);
    json_end_object(json);
}

static void show_json(struct work *work, const struct symbol_type *type)
{
    struct json_writer *json = &work->json;
    json_begin_object(json);
    json_write_key(json, "name");
    json_write_string(json, type->name);
    json_number(json, "size_bytes", type->size_bytes);
    json_number(json, "hole_bytes", work->shape.hole_bytes);
    json_number(json, "cache_lines", work->shape.line_count);
    json_write_key(json, "members");
    json_begin_array(json);
    for (size_t i = 0; i < work->shape.part_count; i++) {
        json_part(work, &work->shape.parts[i]);
    }
    json_end_array(json);
    json_end_object(json);
}

/* A header's types stand in each unit that includes it. Those shown are few, or all. */
static bool was_shown(struct work *work, uint64_t hash)
{
    const uint64_t *shown = work->shown.data;
    for (size_t i = 0; i < work->shown.len / sizeof(hash); i++) {
        if (shown[i] == hash) {
            return true;
        }
    }
    work->err = block_append(work->budget, &work->shown, &hash, sizeof(hash));
    return false;
}

static bool type_visit(void *context, uint32_t number)
{
    struct work *work = context;
    struct symbol_type type = *symbol_type_at(work->types, number);
    if (type.name == NULL || regexec(&work->wanted, type.name, 0, NULL, 0) != 0) {
        return true;
    }
    struct slu_bytes name = {type.name, strlen(type.name)};
    if (was_shown(work, hash_bytes(name, type.size_bytes)) || work->err != 0) {
        return work->err == 0;
    }
    work->err = type_shape_find(&work->shape, work->types, number);
    if (work->err == 0 && work->is_json) {
        show_json(work, &type);
    } else if (work->err == 0) {
        show_text(work, &type);
    }
    work->count++;
    return work->err == 0;
}

static int types_show(struct work *work, const char *path, struct slu_diag *diag)
{
    if (work->is_json) {
        json_writer_init(&work->json, work->cli->out, JSON_PRETTY);
        json_begin_object(&work->json);
        json_write_key(&work->json, "types");
        json_begin_array(&work->json);
    }
    int err = symbol_types_each(work->types, work->module, type_visit, work);
    err = err != 0 ? err : work->err;
    if (work->is_json) {
        json_end_array(&work->json);
        json_end_object(&work->json);
        json_writer_end(&work->json);
    }
    if (err == -ENODATA) {
        return diag_fail(diag, err, "%.160s has no debug information: compile with -g", path);
    }
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the types of %.160s", path);
    }
    return work->count > 0 ? 0 : diag_fail(diag, -ENOENT, "no type of %.160s matches", path);
}

static int work_do(struct work *work, const struct invocation *invocation, struct slu_diag *diag)
{
    const char *path = invocation->operands[0];
    int err = symbol_module_open(work->budget, path, (struct slu_bytes){0}, diag, &work->module);
    if (err != 0) {
        return err;
    }
    err = symbol_types_create(work->budget, &work->types);
    if (err == 0) {
        err = block_begin(work->budget, FIRST_BYTES, &work->shown);
    }
    if (err == 0) {
        err = type_shape_begin(&work->shape, work->budget);
    }
    return err != 0 ? diag_fail(diag, err, "no memory for the types of %.160s", path)
                    : types_show(work, path, diag);
}

static void work_end(struct work *work)
{
    type_shape_end(&work->shape);
    block_free(work->budget, &work->shown);
    symbol_types_destroy(&work->types);
    symbol_module_close(&work->module);
    slu_budget_destroy(&work->budget);
}

static int layout_run(struct cli *cli, const struct invocation *invocation)
{
    const char *wanted = invocation->values[LAYOUT_TYPE].text;
    struct slu_diag diag = {0};
    struct work work = {.cli = cli, .is_json = invocation->values[LAYOUT_JSON].given};
    int refused = regcomp(&work.wanted, wanted, REG_EXTENDED | REG_NOSUB);
    if (refused != 0) {
        char reason[NAME_BYTES];
        regerror(refused, &work.wanted, reason, sizeof(reason));
        (void)diag_fail(&diag, -EINVAL, "--type %.100s: %.100s", wanted, reason);
        (void)cli_could_not(cli, invocation->command->name, &diag);
        return CLI_WRONG_USE;
    }
    int err = slu_budget_create(NULL, "heap layout", MEMORY_BYTES_MAX, &work.budget);
    if (err != 0) {
        (void)diag_fail(&diag, err, "no memory");
    } else {
        err = work_do(&work, invocation, &diag);
        work_end(&work);
    }
    regfree(&work.wanted);
    return err == 0 ? CLI_FINE : cli_could_not(cli, invocation->command->name, &diag);
}

const struct command heap_layout_command = {
    .name = "heap layout",
    .summary = "show the members, holes and cache lines of a program's types",
    .description = "Reads the debug information of a program or library, of C, C++ or Go, and "
                   "shows each struct, class and union whose name matches: where its members lie, "
                   "what lies idle between them, and which of them stand in two cache lines of 64 "
                   "bytes although they would fit into one.",
    .operands = {.synopsis = "BINARY", .kind = OPERAND_FILE, .min = 1, .max = 1},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = layout_run,
};
