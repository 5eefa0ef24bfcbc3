#include "readers/profile_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/bytes.h"
#include "base/diag.h"
#include "profile/model.h"
#include "readers/reading.h"

#define DETECT_BYTES 64
#define REASON_BYTES 160

int reading_refuse(struct reading *reading, uint64_t offset, const char *format, ...)
{
    char reason[REASON_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    return diag_fail(reading->diag, -EBADMSG, "%.80s: byte %llu: %s", reading->name,
                     (unsigned long long)offset, reason);
}

int reading_failed(struct reading *reading, uint64_t offset, int err)
{
    struct slu_budget_stats stats;
    slu_budget_stats(reading->budget, &stats);
    switch (err) {
    case -EBADMSG:
        return reading_refuse(reading, offset, "what follows does not unpack: damaged or cut off");
    case -EOVERFLOW:
        return reading_refuse(reading, offset, "longer than anything in a profile");
    case -EFBIG:
        return diag_fail(reading->diag, err, "%.80s: byte %llu: more than 4 GiB of text",
                         reading->name, (unsigned long long)offset);
    case -EDQUOT:
        return diag_fail(reading->diag, err,
                         "%.80s: byte %llu: needs more memory than the %llu MiB that it may take",
                         reading->name, (unsigned long long)offset,
                         (unsigned long long)(stats.limit_bytes >> 20));
    case -ENOMEM:
        return diag_fail(reading->diag, err, "%.80s: the system gives no memory", reading->name);
    default:
        return diag_fail(reading->diag, err, "%.80s: %s", reading->name, strerror(-err));
    }
}

static int types_add(struct reading *reading, const struct slu_bytes *names, uint32_t count)
{
    struct model *model = reading->model;
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = model_string(model, names[2 * i], &model->types[i].type);
        if (err == 0) {
            err = model_string(model, names[2 * i + 1], &model->types[i].unit);
        }
    }
    model->type_count = err == 0 ? count : 0;
    return err == 0 ? 0 : reading_failed(reading, 0, err);
}

int reading_types(struct reading *reading, const struct slu_bytes *names, uint32_t count)
{
    struct model *model = reading->model;
    if (model->type_count == 0) {
        return types_add(reading, names, count);
    }
    bool same = count == model->type_count;
    for (uint32_t i = 0; i < count && same; i++) {
        same = bytes_equal(names[2 * i], model_text(model, model->types[i].type)) &&
               bytes_equal(names[2 * i + 1], model_text(model, model->types[i].unit));
    }
    if (same) {
        return 0;
    }
    struct slu_bytes first = model_text(model, model->types[0].type);
    return diag_fail(reading->diag, -EINVAL,
                     "%.80s: measures %u values, %.*s first; the profiles before it %u, "
                     "%.*s first: they cannot be put together",
                     reading->name, count, (int)(names[0].len < 32 ? names[0].len : 32),
                     (const char *)names[0].data, model->type_count,
                     (int)(first.len < 32 ? first.len : 32), (const char *)first.data);
}

/* Functions that only pass allocations on, and those of them that do not; as pprof has it. */
static const char drop_frames[] =
    "calloc|cfree|malloc|free|memalign|do_memalign|(__)?posix_memalign|pvalloc|valloc|realloc|"
    "tcmalloc::.*|tc_.*|runtime\\..*|(::)?do_malloc.*|DoSampledAllocation|_M_allocate|"
    "__builtin_(vec_)?(new|delete)|__gnu_cxx::new_allocator.*::allocate|__libc_malloc|allocate|"
    "operator new(\\[\\])?|prof_backtrace.*|je_.*|imalloc.*";
static const char keep_frames[] = "runtime\\.panic|runtime\\.reflectcall|runtime\\.call[0-9]*";

int reading_drops(struct reading *reading, struct model_profile *profile)
{
    struct slu_bytes drop = {drop_frames, sizeof(drop_frames) - 1};
    struct slu_bytes keep = {keep_frames, sizeof(keep_frames) - 1};
    int err = model_string(reading->model, drop, &profile->drop_frames);
    return err == 0 ? model_string(reading->model, keep, &profile->keep_frames) : err;
}

static bool begins_with(struct slu_bytes text, const char *beginning)
{
    size_t len = strlen(beginning);
    return text.len >= len && memcmp(text.data, beginning, len) == 0;
}

/* "heap profile: ...", "heap_v2/...", or "NAME profile: total ...". */
static bool is_text(struct slu_bytes beginning)
{
    const char *space = memchr(beginning.data, ' ', beginning.len);
    size_t len = space == NULL ? beginning.len : (size_t)(space - (const char *)beginning.data);
    struct slu_bytes rest = {(const char *)beginning.data + len, beginning.len - len};
    return begins_with(beginning, "heap profile:") || begins_with(beginning, "heap_v2/") ||
           begins_with(rest, " profile: total ");
}

static int format_read(struct reading *reading, struct slu_bytes beginning)
{
    if (beginning.len == 0) {
        return reading_refuse(reading, 0, "empty: no profile");
    }
    if (begins_with(beginning, "--- ") || begins_with(beginning, "goroutine 1 [")) {
        return reading_refuse(reading, 0,
                              "a text format that is not read; ask the program for its profile "
                              "without debug=");
    }
    if (begins_with(beginning, "v ")) {
        return heaptrack_read(reading);
    }
    return is_text(beginning) ? text_read(reading) : pprof_read(reading);
}

int profile_read(struct model *model, const struct profile_source *source,
                 const struct profile_read_options *options, struct slu_diag *diag)
{
    struct slu_bytes beginning = {0};
    struct slu_bytes name = {source->name, strlen(source->name)};
    struct reading reading = {
        .model = model,
        .budget = model->budget,
        .symbols = options == NULL ? NULL : options->symbols,
        .diag = diag,
        .name = source->name,
    };
    int err = model_string(model, name, &reading.name_string);
    if (err == 0) {
        err = input_open(&reading.input, model->budget, source);
        if (err == 0) {
            err = input_view(&reading.input, DETECT_BYTES, &beginning);
        }
        beginning.len = beginning.len < DETECT_BYTES ? beginning.len : DETECT_BYTES;
        err = err == 0 ? format_read(&reading, beginning) : reading_failed(&reading, 0, err);
        input_close(&reading.input);
        return err;
    }
    return reading_failed(&reading, 0, err);
}
