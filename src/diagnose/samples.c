#include "diagnose/samples.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#include "diagnose/evidence.h"
#include "diagnose/gctrace.h"

#define KIB            1024.0
#define WORD_BYTES     32
#define LINE_WORDS_MAX 4
#define VALUE_MAX      1e18

/* Of the account of memory that the profiler serves. */
#define ACCOUNT_RESIDENT "\"resident\""
#define ACCOUNT_BYTES    "\"bytes\""

/* Take the next line off the text. */
static bool line_next(struct slu_bytes *text, struct slu_bytes *line)
{
    if (text->len == 0) {
        return false;
    }
    const char *begin = text->data;
    const char *newline = memchr(begin, '\n', text->len);
    size_t len = newline == NULL ? text->len : (size_t)(newline - begin);
    *line = (struct slu_bytes){begin, len};
    len += newline == NULL ? 0 : 1;
    *text = (struct slu_bytes){begin + len, text->len - len};
    return true;
}

/* The words of a line that is no longer than they may be; 0: it is. */
static uint32_t words_of(struct slu_bytes line, char words[LINE_WORDS_MAX][WORD_BYTES])
{
    const char *at = line.data;
    const char *end = line.len == 0 ? at : at + line.len;
    uint32_t count = 0;
    while (at < end) {
        size_t blanks = 0;
        while (at + blanks < end && strchr(" \t\r,", at[blanks]) != NULL && at[blanks] != '\0') {
            blanks++;
        }
        at += blanks;
        size_t len = 0;
        while (at + len < end && (at[len] == '\0' || strchr(" \t\r,", at[len]) == NULL)) {
            len++;
        }
        if (len == 0) {
            break;
        }
        if (count == LINE_WORDS_MAX || len >= WORD_BYTES) {
            return 0;
        }
        memcpy(words[count], at, len);
        words[count++][len] = '\0';
        at += len;
    }
    return count;
}

static bool number_read(const char *word, double *number)
{
    char *end = NULL;
    if (strspn(word, "0123456789.eE+-") != strlen(word)) {
        return false;
    }
    *number = strtod(word, &end);
    return *word != '\0' && *end == '\0' && isfinite(*number) && fabs(*number) <= VALUE_MAX;
}

static bool unit_read(const char *word, double *unit)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {
        {"B", 1},
        {"kB", KIB},
        {"KB", KIB},
        {"KiB", KIB},
        {"MB", KIB * KIB},
        {"MiB", KIB * KIB},
        {"GB", KIB * KIB * KIB},
        {"GiB", KIB * KIB * KIB},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(word, units[i].name) == 0) {
            *unit = units[i].bytes;
            return true;
        }
    }
    return false;
}

bool samples_is_proc(struct slu_bytes text)
{
    struct slu_bytes line = {0};
    if (!line_next(&text, &line)) {
        return false;
    }
    bool is_status = line.len > 6 && memcmp(line.data, "Name:\t", 6) == 0;
    return is_status || (line.len > 8 && memmem(line.data, line.len, "[rollup]", 8) != NULL);
}

void samples_add_proc(struct evidence *evidence, struct slu_bytes text, double seconds)
{
    struct slu_bytes line = {0};
    char words[LINE_WORDS_MAX][WORD_BYTES];
    while (line_next(&text, &line)) {
        double number = 0;
        uint32_t count = words_of(line, words);
        if (count < 2 || !number_read(words[1], &number) || number < 0) {
            continue;
        }
        if (strcmp(words[0], "VmRSS:") == 0 || strcmp(words[0], "Rss:") == 0) {
            (void)record_add(&evidence->rss, seconds, number * KIB);
        } else if (strcmp(words[0], "Threads:") == 0) {
            (void)record_add(&evidence->thread_count, seconds, number);
        }
    }
}

/* The number behind a key of JSON text, searched from `at` on; NULL if it is not there. */
static const char *json_number(struct slu_bytes text, size_t at, const char *key, double *number)
{
    char digits[WORD_BYTES] = "";
    const char *end = (const char *)text.data + text.len;
    const char *found = memmem((const char *)text.data + at, text.len - at, key, strlen(key));
    if (found == NULL) {
        return NULL;
    }
    found += strlen(key);
    while (found < end && (*found == ' ' || *found == ':')) {
        found++;
    }
    for (size_t i = 0; i + 1 < sizeof(digits) && found + i < end; i++) {
        if (found[i] < '0' || found[i] > '9') {
            break;
        }
        digits[i] = found[i];
    }
    return digits[0] != '\0' && number_read(digits, number) ? found : NULL;
}

bool samples_is_account(struct slu_bytes text)
{
    double number = 0;
    return text.len > 0 && *(const char *)text.data == '{' &&
           memmem(text.data, text.len, ACCOUNT_RESIDENT, strlen(ACCOUNT_RESIDENT)) != NULL &&
           json_number(text, 0, ACCOUNT_BYTES, &number) != NULL;
}

void samples_add_account(struct evidence *evidence, struct slu_bytes text, double seconds)
{
    const char *resident = memmem(text.data, text.len, ACCOUNT_RESIDENT, strlen(ACCOUNT_RESIDENT));
    double number = 0;
    if (resident != NULL && json_number(text, (size_t)(resident - (const char *)text.data),
                                        ACCOUNT_BYTES, &number) != NULL) {
        (void)record_add(&evidence->rss, seconds, number);
    }
}

static bool sample_add(struct evidence *evidence, double seconds, const char *name, double value)
{
    if (strcmp(name, "rss") == 0) {
        (void)record_add(&evidence->rss, seconds, value);
    } else if (strcmp(name, "threads") == 0) {
        (void)record_add(&evidence->thread_count, seconds, value);
    } else if (strcmp(name, "requests") == 0) {
        (void)record_add(&evidence->requests, seconds, value);
    } else if (strcmp(name, "limit") == 0) {
        evidence->limit_bytes = value;
    } else {
        return false;
    }
    return true;
}

/* TIME [NAME] VALUE [UNIT] */
static bool sample_line(struct evidence *evidence, struct slu_bytes line)
{
    char words[LINE_WORDS_MAX][WORD_BYTES];
    double seconds = 0;
    double value = 0;
    double unit = 1;
    uint32_t count = words_of(line, words);
    if (count < 2 || !number_read(words[0], &seconds)) {
        return false;
    }
    bool has_name = !number_read(words[1], &value);
    uint32_t at = has_name ? 2 : 1;
    if (at >= count || !number_read(words[at], &value) || value < 0) {
        return false;
    }
    if (count > at + 1 && (count > at + 2 || !unit_read(words[at + 1], &unit))) {
        return false;
    }
    return sample_add(evidence, seconds, has_name ? words[1] : "rss", value * unit);
}

static void cycle_add(struct evidence *evidence, const struct gctrace_cycle *cycle)
{
    evidence->trace_seconds = cycle->seconds;
    evidence->forced_cycles += cycle->is_forced ? 1 : 0;
    (void)record_add(&evidence->live, cycle->seconds, cycle->live_bytes);
    (void)record_add(&evidence->pause_ms, cycle->seconds, cycle->pause_ms);
    (void)record_add(&evidence->goal, cycle->seconds, cycle->goal_bytes);
    (void)record_add(&evidence->cycle_number, cycle->seconds, (double)cycle->number);
}

/* The scavenger's lines tell no time: that of the cycle before. */
static void release_add(struct evidence *evidence, const struct gctrace_release *release)
{
    if (release->returned_bytes >= 0) {
        (void)record_add(&evidence->returned, evidence->trace_seconds, release->returned_bytes);
    }
    if (release->idle_bytes >= 0) {
        (void)record_add(&evidence->idle, evidence->trace_seconds, release->idle_bytes);
    }
}

struct samples_found samples_add_lines(struct evidence *evidence, struct slu_bytes text)
{
    struct samples_found found = {0};
    struct slu_bytes line = {0};
    struct gctrace_item item;
    while (line_next(&text, &line)) {
        switch (gctrace_read(line, &item)) {
        case GCTRACE_CYCLE:
            cycle_add(evidence, &item.cycle);
            found.trace_lines++;
            break;
        case GCTRACE_RELEASE:
            release_add(evidence, &item.release);
            found.trace_lines++;
            break;
        case GCTRACE_DAMAGED:
            evidence->damaged_lines++;
            break;
        case GCTRACE_OTHER:
            found.sample_lines += sample_line(evidence, line) ? 1 : 0;
            break;
        }
    }
    return found;
}
