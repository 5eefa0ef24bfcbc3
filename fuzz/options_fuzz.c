/*
 * Property: any command line is either read, with every value within what its option allows and
 * every operand one of the words, or refused with a message and nothing changed. A number that is
 * read and written again is the same number.
 *
 * Input: words, each ended by a zero byte.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/sink.h"
#include "cli/options.h"
#include "cli/quantity.h"

#include "sample_rows.h"

#define WORD_COUNT_MAX 64
#define UNTOUCHED      12345

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_that(bool holds)
{
    if (!holds) {
        abort();
    }
}

static size_t split(char *text, size_t size, char **words)
{
    size_t count = 0;
    for (size_t at = 0; at < size && count < WORD_COUNT_MAX; at += strlen(text + at) + 1) {
        words[count++] = text + at;
    }
    return count;
}

static void check_number(const struct option *option, uint64_t number)
{
    char text[64];
    struct sink sink;
    uint64_t again = 0;
    check_that(number >= option->min && (option->max == 0 || number <= option->max));
    sink_init_fixed(&sink, text, sizeof(text));
    if (option->kind == OPTION_BYTES) {
        quantity_write_bytes(&sink, number);
        check_that(quantity_read_bytes(text, &again) == 0 && again == number);
    } else if (option->kind == OPTION_DURATION) {
        quantity_write_duration(&sink, number);
        check_that(quantity_read_duration(text, &again) == 0 && again == number);
    }
}

static void check_value(const struct option *option, const struct option_value *value)
{
    switch (option->kind) {
    case OPTION_FLAG:
    case OPTION_TEXT:
    case OPTION_FILE:
        check_that(value->given || value->text == option->fallback);
        break;
    case OPTION_CHOICE:
        check_that(strcmp(option->choices[value->number], value->text) == 0);
        break;
    case OPTION_INTEGER:
    case OPTION_BYTES:
    case OPTION_DURATION:
        check_number(option, value->number);
        break;
    }
}

static void check_read(const struct command *command, const struct invocation *out,
                       const char *text, size_t size)
{
    for (size_t i = 0; i < command->option_count; i++) {
        check_value(&command->options[i], &out->values[i]);
    }
    check_that(out->help_wanted || (out->operand_count >= command->operands.min &&
                                    out->operand_count <= command->operands.max));
    for (size_t i = 0; i < out->operand_count; i++) {
        check_that(out->operands[i] >= text && out->operands[i] < text + size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct command command = {
        .name = "heap top",
        .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = 3},
        .options = sample_options,
        .option_count = SAMPLE_OPTION_COUNT,
    };
    char *text = malloc(size + 1);
    char *words[WORD_COUNT_MAX];
    struct invocation out = {.operand_count = UNTOUCHED};
    struct slu_diag diag = {.message = ""};
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    int err = options_read(&command, words, split(text, size, words), &out, &diag);
    if (err == 0) {
        check_read(&command, &out, text, size + 1);
    } else {
        check_that(err == -EINVAL && out.operand_count == UNTOUCHED);
        check_that(diag.message[0] != '\0' &&
                   memchr(diag.message, '\0', sizeof(diag.message)) != NULL);
    }
    free(text);
    return 0;
}
