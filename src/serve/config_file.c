#include "serve/config_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "pipeline/config.h"
#include "sys/file.h"

#define CONFIG_BYTES_MAX (UINT64_C(1) << 20)

/* What `sluice serve` does on its own. */
static const char built_in[] = "receivers:\n"
                               "  otlp:\n"
                               "    protocols:\n"
                               "      grpc:\n"
                               "      http:\n"
                               "  selfmon:\n"
                               "  pprof:\n"
                               "    interval: 5s\n"
                               "    targets:\n"
                               "      - {endpoint: 'http://127.0.0.1:6070', service: local, "
                               "optional: true}\n"
                               "processors:\n"
                               "  memory_limiter:\n"
                               "    limit_mib: 512\n"
                               "exporters:\n"
                               "  store:\n"
                               "extensions:\n"
                               "  web:\n"
                               "service:\n"
                               "  extensions: [web]\n"
                               "  pipelines:\n"
                               "    traces:\n"
                               "      receivers: [otlp, selfmon]\n"
                               "      processors: [memory_limiter]\n"
                               "      exporters: [store]\n"
                               "    metrics:\n"
                               "      receivers: [otlp, selfmon]\n"
                               "      processors: [memory_limiter]\n"
                               "      exporters: [store]\n"
                               "    logs:\n"
                               "      receivers: [otlp, selfmon]\n"
                               "      processors: [memory_limiter]\n"
                               "      exporters: [store]\n"
                               "    profiles:\n"
                               "      receivers: [selfmon, pprof]\n"
                               "      exporters: [store]\n";

static const char *variable(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

static int tell(const char *path, int err)
{
    (void)fprintf(stderr, "sluice-serve: %s: %s\n", path, strerror(-err));
    return err;
}

int config_file_open(struct slu_budget *budget, const char *path, struct config_file *out)
{
    struct config_file file = {.budget = budget};
    struct slu_diag diag = {0};
    struct config_source source = {.name = path, .variable = variable};
    if (path == NULL) {
        source.name = "(built in)";
        source.text = (struct slu_bytes){built_in, strlen(built_in)};
    } else {
        int err = file_read_all(budget, path, CONFIG_BYTES_MAX, &file.text, &diag);
        if (err != 0) {
            (void)fprintf(stderr, "sluice-serve: %s\n", diag.message);
            return err;
        }
        source.text = (struct slu_bytes){file.text.data, file.text.len};
    }
    int err = config_parse(budget, &source, &file.config);
    if (err == 0) {
        err = config_read_pipelines(file.config, &file.pipelines);
    }
    if (err != 0 && err != -EINVAL) {
        config_file_close(&file);
        return tell(source.name, err);
    }
    *out = file;
    return 0;
}

void config_file_close(struct config_file *file)
{
    config_destroy(&file->config);
    if (file->budget != NULL) {
        block_free(file->budget, &file->text);
    }
    *file = (struct config_file){0};
}

size_t config_file_report(struct config_file *file)
{
    size_t kept = 0;
    size_t count = config_mistake_count(file->config);
    const struct slu_diag *mistakes = config_mistakes(file->config, &kept);
    for (size_t i = 0; i < kept; i++) {
        (void)fprintf(stderr, "%s:%u:%u: %s\n", config_name(file->config), mistakes[i].line,
                      mistakes[i].column, mistakes[i].message);
    }
    if (count > kept) {
        (void)fprintf(stderr, "%s: and %zu more\n", config_name(file->config), count - kept);
    }
    return count;
}
