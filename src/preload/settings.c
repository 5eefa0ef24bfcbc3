#include "preload/settings.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "preload/blocks.h"
#include "preload/digits.h"
#include "preload/flight.h"
#include "preload/said.h"
#include "profile/profile.h"
#include "profile/sampling.h"

#define PREFIX      "SLUICE_HEAP_"
#define PRELOAD     "LD_PRELOAD="
#define LIBRARY     "libsluice-heap"
#define YEAR_NS     (UINT64_C(366) * 24 * 3600 * 1000000000)
#define CACHE_USUAL ((uint64_t)32 << 20)

enum setting_kind {
    SETTING_FLAG,
    SETTING_COUNT,
    SETTING_BYTES,    /* K, M and G are powers of 1024 */
    SETTING_DURATION, /* ms, s, m or h */
    SETTING_SIGNAL,   /* a number, or one of two names */
    SETTING_LIMIT,    /* bytes, or a percentage */
    SETTING_TEXT,
};

struct setting {
    const char *name; /* after the prefix */
    enum setting_kind kind;
    size_t place;
    uint64_t min;
    uint64_t max;
};

#define PLACE(member) offsetof(struct settings, member)

static const struct setting table[] = {
    {"START", SETTING_FLAG, PLACE(start), 0, 1},
    {"RATE", SETTING_BYTES, PLACE(rate_bytes), 1, SAMPLING_RATE_MAX},
    {"SAMPLES_PER_SECOND_MAX", SETTING_COUNT, PLACE(samples_per_second_max), 0, UINT32_MAX},
    {"SAMPLES_MAX", SETTING_COUNT, PLACE(samples_max), 1, BLOCKS_MAX},
    {"STACKS_MAX", SETTING_COUNT, PLACE(stacks_max), 1, PROFILE_STACKS_MAX},
    {"FRAMES_MAX", SETTING_COUNT, PLACE(frames_max), PROFILE_FRAMES_MAX, PROFILE_PCS_MAX},
    {"CACHE", SETTING_BYTES, PLACE(cache_bytes_max), 0, UINT64_MAX},
    {"RANGES", SETTING_FLAG, PLACE(ranges), 0, 1},
    {"EXIT", SETTING_FLAG, PLACE(at_exit), 0, 1},
    {"PERIOD", SETTING_DURATION, PLACE(period_ns), 0, YEAR_NS},
    {"FILES", SETTING_COUNT, PLACE(files_max), 1, 1000000},
    {"SIGNAL", SETTING_SIGNAL, PLACE(signal), 0, 64},
    {"AGES", SETTING_FLAG, PLACE(ages), 0, 1},
    {"FLIGHT", SETTING_COUNT, PLACE(flight), 0, FLIGHT_THREAD},
    {"MEMORY_LIMIT", SETTING_LIMIT, PLACE(memory_limit), 0, UINT64_MAX},
    {"SEED", SETTING_COUNT, PLACE(seed), 0, UINT64_MAX},
    {"OUT", SETTING_TEXT, PLACE(out), 0, 0},
    {"LISTEN", SETTING_TEXT, PLACE(listen), 0, 0},
    {"ANYWHERE", SETTING_FLAG, PLACE(anywhere), 0, 1},
    {"CONTROL", SETTING_FLAG, PLACE(control), 0, 1},
    {"SYMBOLIZER", SETTING_TEXT, PLACE(symbolizer), 0, 0},
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit byte_units[] = {{"", 1},
                                         {"K", UINT64_C(1) << 10},
                                         {"M", UINT64_C(1) << 20},
                                         {"G", UINT64_C(1) << 30},
                                         {NULL, 0}};
static const struct unit duration_units[] = {{"ms", 1000000},
                                             {"s", UINT64_C(1000000000)},
                                             {"m", UINT64_C(60000000000)},
                                             {"h", UINT64_C(3600000000000)},
                                             {NULL, 0}};
static const struct unit percent_units[] = {{"%", 1}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit signal_names[] = {{"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {NULL, 0}};

/* Digits and then one of the units. */
static bool number_read(const char *text, const struct unit *units, uint64_t *value)
{
    uint64_t number = 0;
    const char *at = digits_read(text, &number);
    if (at == NULL) {
        return false;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(at, units->name) == 0) {
            return !__builtin_mul_overflow(number, units->factor, value);
        }
    }
    return number == 0 && *at == '\0' && (*value = 0, true);
}

static bool signal_read(const char *text, uint64_t *value)
{
    const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (const struct unit *known = signal_names; known->name != NULL; known++) {
        if (strcmp(name, known->name) == 0) {
            *value = known->factor;
            return true;
        }
    }
    return number_read(text, no_units, value);
}

/* "75%" or bytes. */
static bool limit_read(const char *text, uint64_t *value)
{
    uint64_t percent = 0;
    if (strchr(text, '%') != NULL) {
        bool is_number = number_read(text, percent_units, &percent);
        *value = FLIGHT_PERCENT | percent;
        return is_number && percent >= 1 && percent <= 100;
    }
    return number_read(text, byte_units, value) && *value < FLIGHT_PERCENT;
}

static bool value_read(enum setting_kind kind, const char *text, uint64_t *value)
{
    switch (kind) {
    case SETTING_BYTES:
        return number_read(text, byte_units, value);
    case SETTING_DURATION:
        return number_read(text, duration_units, value);
    case SETTING_SIGNAL:
        return signal_read(text, value);
    case SETTING_LIMIT:
        return limit_read(text, value);
    case SETTING_FLAG:
    case SETTING_COUNT:
    case SETTING_TEXT:
        break;
    }
    return number_read(text, no_units, value);
}

static void setting_apply(struct settings *settings, const struct setting *setting,
                          const char *text)
{
    char *place = (char *)settings + setting->place;
    if (setting->kind == SETTING_TEXT) {
        size_t len = strlen(text);
        if (len == 0 || len >= SETTINGS_TEXT_MAX) {
            said_line(PREFIX "%s: 1 to %d bytes are allowed; taking %s", setting->name,
                      SETTINGS_TEXT_MAX - 1, place);
            return;
        }
        memcpy(place, text, len + 1);
        return;
    }
    uint64_t usual = 0;
    memcpy(&usual, place, sizeof(usual));
    uint64_t value = 0;
    if (!value_read(setting->kind, text, &value)) {
        said_line(PREFIX "%s=%.40s: not such a value; taking %llu", setting->name, text,
                  (unsigned long long)usual);
        return;
    }
    if (value < setting->min || value > setting->max) {
        said_line(PREFIX "%s=%.40s: %llu to %llu are allowed; taking %llu", setting->name, text,
                  (unsigned long long)setting->min, (unsigned long long)setting->max,
                  (unsigned long long)usual);
        return;
    }
    memcpy(place, &value, sizeof(value));
}

static void settings_usual(struct settings *settings)
{
    struct profile_options options;
    profile_options_default(&options);
    *settings = (struct settings){
        .rate_bytes = options.rate_bytes,
        .samples_per_second_max = options.samples_per_second_max,
        .samples_max = options.samples_max,
        .stacks_max = options.stacks_max,
        .frames_max = options.pcs_max,
        .cache_bytes_max = CACHE_USUAL,
        .ranges = 1,
        .at_exit = AT_EXIT_USUAL,
        .files_max = 20,
        .flight = 1,
        .out = SETTINGS_OUT_USUAL,
    };
}

static void variable_apply(struct settings *settings, const char *variable)
{
    const char *name = variable + sizeof(PREFIX) - 1;
    size_t len = strcspn(name, "=");
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0) {
            setting_apply(settings, &table[i], name[len] == '=' ? name + len + 1 : "");
            return;
        }
    }
    said_line("%.60s: there is no such setting", variable);
}

void settings_read(struct settings *settings, char *const *environment)
{
    settings_usual(settings);
    for (char *const *at = environment; *at != NULL; at++) {
        if (strncmp(*at, PRELOAD, sizeof(PRELOAD) - 1) == 0) {
            settings->start |= strstr(*at, LIBRARY) != NULL;
            settings->control |= strstr(*at, LIBRARY) != NULL;
        }
    }
    for (char *const *at = environment; *at != NULL; at++) {
        if (strncmp(*at, PREFIX, sizeof(PREFIX) - 1) == 0) {
            variable_apply(settings, *at);
        }
    }
}
