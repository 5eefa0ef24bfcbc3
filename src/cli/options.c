#include "cli/options.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/sink.h"
#include "cli/command.h"
#include "base/nearest.h"
#include "cli/quantity.h"

#define ALLOWED_MAX     160
#define VALUE_SHOWN_MAX 48 /* bytes of a refused value in a message */

struct reader {
    const struct command *command;
    char **words;
    size_t word_count;
    size_t at; /* the next word */
    struct invocation *out;
    struct slu_diag *diag;
};

static void write_number(struct sink *out, enum option_kind kind, uint64_t number)
{
    if (kind == OPTION_BYTES) {
        quantity_write_bytes(out, number);
    } else if (kind == OPTION_DURATION) {
        quantity_write_duration(out, number);
    } else {
        sink_format(out, "%llu", (unsigned long long)number);
    }
}

static void write_choices(struct sink *out, const char *const *choices)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        sink_text(out, i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ");
        sink_text(out, choices[i]);
    }
}

static void write_limits(struct sink *out, const struct option *option)
{
    if (option->min > 0) {
        sink_text(out, option->max > 0 ? "from " : "at least ");
        write_number(out, option->kind, option->min);
    }
    if (option->max > 0) {
        sink_text(out, option->min > 0 ? " to " : "at most ");
        write_number(out, option->kind, option->max);
    }
}

void options_write_allowed(struct sink *out, const struct option *option)
{
    static const char *const phrases[] = {
        [OPTION_FLAG] = "nothing",
        [OPTION_TEXT] = "any text",
        [OPTION_FILE] = "a path",
        [OPTION_INTEGER] = "a whole number",
        [OPTION_BYTES] = "a size such as 512KiB",
        [OPTION_DURATION] = "a duration such as 5s",
        [OPTION_CHOICE] = "",
    };
    sink_text(out, phrases[option->kind]);
    if (option->kind == OPTION_CHOICE) {
        write_choices(out, option->choices);
    } else if (option->min > 0 || option->max > 0) {
        sink_text(out, option->kind == OPTION_INTEGER ? " " : ", ");
        write_limits(out, option);
    }
}

static int choice_index(const char *const *choices, const char *text, uint64_t *out)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return 0;
        }
    }
    return -EINVAL;
}

static int value_read(const struct option *option, const char *text, uint64_t *out)
{
    uint64_t number = 0;
    int err = 0;
    switch (option->kind) {
    case OPTION_FLAG:
    case OPTION_TEXT:
        return 0;
    case OPTION_FILE:
        return *text == '\0' ? -EINVAL : 0;
    case OPTION_CHOICE:
        return choice_index(option->choices, text, out);
    case OPTION_INTEGER:
        err = quantity_read_integer(text, &number);
        break;
    case OPTION_BYTES:
        err = quantity_read_bytes(text, &number);
        break;
    case OPTION_DURATION:
        err = quantity_read_duration(text, &number);
        break;
    }
    if (err != 0 || number < option->min || (option->max > 0 && number > option->max)) {
        return -EINVAL;
    }
    *out = number;
    return 0;
}

static const char *nearest_choice(const char *const *choices, const char *text)
{
    struct nearest nearest = {.wanted = text, .wanted_len = strlen(text)};
    for (size_t i = 0; choices != NULL && choices[i] != NULL; i++) {
        nearest_offer(&nearest, choices[i], choices[i]);
    }
    return nearest.best;
}

static int refuse_value(const struct reader *reader, const char *subject, const char *text,
                        const char *allowed, const char *meant)
{
    const char *ellipsis = strlen(text) > VALUE_SHOWN_MAX ? "..." : "";
    return diag_fail(reader->diag, -EINVAL, "%s is '%.*s%s', but must be %s%s%s%s", subject,
                     VALUE_SHOWN_MAX, text, ellipsis, allowed,
                     meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
                     meant == NULL ? "" : "'?");
}

static int option_set(struct reader *reader, size_t index, const char *text)
{
    const struct option *option = &reader->command->options[index];
    struct option_value value = {.given = true, .text = text};
    if (value_read(option, text, &value.number) != 0) {
        char subject[64];
        char allowed[ALLOWED_MAX];
        struct sink sink;
        sink_init_fixed(&sink, subject, sizeof(subject));
        sink_format(&sink, "--%s", option->name);
        sink_init_fixed(&sink, allowed, sizeof(allowed));
        options_write_allowed(&sink, option);
        return refuse_value(reader, subject, text, allowed,
                            option->kind == OPTION_CHOICE ? nearest_choice(option->choices, text)
                                                          : NULL);
    }
    reader->out->values[index] = value;
    return 0;
}

/* An option that needs a value and has none attached takes the next word. */
static int option_set_next(struct reader *reader, size_t index)
{
    const struct option *option = &reader->command->options[index];
    if (option->kind == OPTION_FLAG) {
        reader->out->values[index] = (struct option_value){.given = true};
        return 0;
    }
    if (reader->at == reader->word_count) {
        char allowed[ALLOWED_MAX];
        struct sink sink;
        sink_init_fixed(&sink, allowed, sizeof(allowed));
        options_write_allowed(&sink, option);
        return diag_fail(reader->diag, -EINVAL, "--%s needs a value: %s", option->name, allowed);
    }
    return option_set(reader, index, reader->words[reader->at++]);
}

static int refuse_unknown(const struct reader *reader, const char *name, size_t len)
{
    struct nearest nearest = {.wanted = name, .wanted_len = len};
    nearest_offer(&nearest, "help", "help");
    for (size_t i = 0; i < reader->command->option_count; i++) {
        const char *candidate = reader->command->options[i].name;
        nearest_offer(&nearest, candidate, candidate);
    }
    int shown = len > VALUE_SHOWN_MAX ? VALUE_SHOWN_MAX : (int)len;
    if (nearest.best == NULL) {
        return diag_fail(reader->diag, -EINVAL, "unknown option '--%.*s'", shown, name);
    }
    return diag_fail(reader->diag, -EINVAL, "unknown option '--%.*s'; did you mean '--%s'?", shown,
                     name, nearest.best);
}

/* --name, --name=value; `word` without the dashes. */
static int read_long(struct reader *reader, const char *word)
{
    size_t len = strcspn(word, "=");
    const char *attached = word[len] == '=' ? word + len + 1 : NULL;
    int index = command_option(reader->command, word, len);
    if (index < 0 && len == 4 && memcmp(word, "help", 4) == 0) {
        reader->out->help_wanted = true;
        return 0;
    }
    if (index < 0) {
        return refuse_unknown(reader, word, len);
    }
    const struct option *option = &reader->command->options[index];
    if (attached == NULL) {
        return option_set_next(reader, (size_t)index);
    }
    if (option->kind == OPTION_FLAG) {
        return diag_fail(reader->diag, -EINVAL, "--%s takes no value, but was given '%.*s'",
                         option->name, VALUE_SHOWN_MAX, attached);
    }
    return option_set(reader, (size_t)index, attached);
}

/* -a, -abc, -kvalue; `word` without the dash. */
static int read_letters(struct reader *reader, const char *word)
{
    for (; *word != '\0'; word++) {
        int index = command_option_letter(reader->command, *word);
        if (index < 0 && *word == 'h') {
            reader->out->help_wanted = true;
            return 0;
        }
        if (index < 0) {
            int len = 1; /* the whole of a character that is not ASCII */
            while (((unsigned char)word[len] & 0xc0) == 0x80 && len < 4) {
                len++;
            }
            return diag_fail(reader->diag, -EINVAL, "unknown option '-%.*s'", len, word);
        }
        bool takes_rest = reader->command->options[index].kind != OPTION_FLAG && word[1] != '\0';
        if (takes_rest) {
            return option_set(reader, (size_t)index, word + 1);
        }
        int err = option_set_next(reader, (size_t)index);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int read_words(struct reader *reader)
{
    struct invocation *out = reader->out;
    bool options_ended = false;
    int err = 0;
    while (reader->at < reader->word_count && err == 0 && !out->help_wanted) {
        char *word = reader->words[reader->at++];
        if (options_ended || word[0] != '-' || word[1] == '\0') {
            reader->words[out->operand_count++] = word;
            options_ended |= reader->command->operands.kind == OPERAND_PROGRAM;
        } else if (strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (word[1] == '-') {
            err = read_long(reader, word + 2);
        } else {
            err = read_letters(reader, word + 1);
        }
    }
    if (out->operand_count < reader->word_count) {
        reader->words[out->operand_count] = NULL;
    }
    return err;
}

static int check_choices(const struct reader *reader)
{
    const struct operands *operands = &reader->command->operands;
    uint64_t index = 0;
    for (size_t i = 0; operands->kind == OPERAND_CHOICE && i < reader->out->operand_count; i++) {
        const char *text = reader->out->operands[i];
        if (choice_index(operands->choices, text, &index) != 0) {
            char allowed[ALLOWED_MAX];
            struct sink sink;
            sink_init_fixed(&sink, allowed, sizeof(allowed));
            write_choices(&sink, operands->choices);
            return refuse_value(reader, operands->synopsis, text, allowed,
                                nearest_choice(operands->choices, text));
        }
    }
    return 0;
}

static int check_operands(const struct reader *reader)
{
    const struct operands *operands = &reader->command->operands;
    size_t count = reader->out->operand_count;
    if (count < operands->min) {
        return diag_fail(reader->diag, -EINVAL, "%s is missing", operands->synopsis);
    }
    if (count > operands->max) {
        return diag_fail(reader->diag, -EINVAL, "unexpected argument '%.*s'", VALUE_SHOWN_MAX,
                         reader->out->operands[operands->max]);
    }
    return check_choices(reader);
}

static void set_defaults(struct invocation *out)
{
    const struct command *command = out->command;
    for (size_t i = 0; i < command->option_count; i++) {
        const char *fallback = command->options[i].fallback;
        out->values[i] = (struct option_value){.text = fallback};
        if (fallback != NULL) {
            int err = value_read(&command->options[i], fallback, &out->values[i].number);
            SLU_ASSERT(err == 0);
        }
    }
}

int options_read(const struct command *command, char **words, size_t word_count,
                 struct invocation *out, struct slu_diag *diag)
{
    SLU_ASSERT(command->option_count <= COMMAND_OPTION_MAX);
    struct invocation invocation = {.command = command, .operands = words};
    struct reader reader = {.command = command,
                            .words = words,
                            .word_count = word_count,
                            .out = &invocation,
                            .diag = diag};
    set_defaults(&invocation);
    int err = read_words(&reader);
    if (err == 0 && !invocation.help_wanted) {
        err = check_operands(&reader);
    }
    if (err == 0) {
        *out = invocation;
    }
    return err;
}
