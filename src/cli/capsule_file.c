#include "cli/capsule_file.h"

#include <errno.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/host.h"
#include "codec/json_writer.h"
#include "diagnose/capsule.h"
#include "diagnose/verdict.h"

#define FORMAT_VERSION  1
#define JSON_BYTES_MAX  32768
#define MANIFEST_FORMAT "sluice-capsule"

int capsule_file_begin(struct capsule_file *capsule, const char *path, struct slu_diag *diag)
{
    int err = file_replace_begin(&capsule->file, path);
    if (err != 0) {
        return diag_fail(diag, err, "cannot write %.160s: %s", path, strerror(-err));
    }
    sink_init(&capsule->out, host_write, &capsule->file.fd, capsule->stage, sizeof(capsule->stage));
    return 0;
}

void capsule_file_add(struct capsule_file *capsule, const char *name, double seconds,
                      struct slu_bytes bytes)
{
    capsule_write(&capsule->out, name, seconds, bytes);
}

static void keep(void *context, const char *name, double seconds, struct slu_bytes bytes)
{
    capsule_file_add(context, name, seconds, bytes);
}

struct target_keeper capsule_file_keeper(struct capsule_file *capsule)
{
    return (struct target_keeper){keep, capsule};
}

static void add_verdict(struct capsule_file *capsule, const struct report *report, double seconds)
{
    char text[JSON_BYTES_MAX];
    struct sink sink;
    struct json_writer json;
    sink_init_fixed(&sink, text, sizeof(text));
    json_writer_init(&json, &sink, JSON_PRETTY);
    verdict_write_json(report, &json);
    json_writer_end(&json);
    capsule_file_add(capsule, "verdict.json", seconds, (struct slu_bytes){text, sink.len});
}

static void add_manifest(struct capsule_file *capsule, const char *name, const char *version,
                         double seconds)
{
    char text[JSON_BYTES_MAX];
    struct sink sink;
    struct json_writer json;
    sink_init_fixed(&sink, text, sizeof(text));
    json_writer_init(&json, &sink, JSON_PRETTY);
    json_begin_object(&json);
    json_write_key(&json, "format");
    json_write_string(&json, MANIFEST_FORMAT);
    json_write_key(&json, "format_version");
    json_write_uint(&json, FORMAT_VERSION);
    json_write_key(&json, "made_by");
    json_write_string(&json, "sluice");
    json_write_key(&json, "version");
    json_write_string(&json, version);
    json_write_key(&json, "source");
    json_write_string(&json, name);
    json_write_key(&json, "time");
    json_write_int(&json, (int64_t)seconds);
    json_end_object(&json);
    json_writer_end(&json);
    capsule_file_add(capsule, "manifest.json", seconds, (struct slu_bytes){text, sink.len});
}

int capsule_file_end(struct capsule_file *capsule, const struct report *report, const char *name,
                     const char *version, double seconds, struct slu_diag *diag)
{
    add_verdict(capsule, report, seconds);
    add_manifest(capsule, name, version, seconds);
    capsule_write_end(&capsule->out);
    int err = sink_end(&capsule->out);
    if (err == 0) {
        err = file_replace_end(&capsule->file);
    } else {
        file_replace_cancel(&capsule->file);
    }
    return err == 0 ? 0
                    : diag_fail(diag, err, "cannot write %.160s: %s", capsule->file.path,
                                strerror(-err));
}

void capsule_file_cancel(struct capsule_file *capsule)
{
    file_replace_cancel(&capsule->file);
}
