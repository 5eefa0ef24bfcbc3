#include "cli/source_text.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "sys/file.h"

#define SOURCE_BYTES_MAX ((uint64_t)64 << 20)

/* /build/app/src/a.c is looked for as FOLDER/build/app/src/a.c, FOLDER/app/src/a.c ... */
static bool below_folder(const char *path, const char *folder, char *found, size_t size_bytes)
{
    for (const char *rest = path; rest != NULL; rest = strchr(rest + 1, '/')) {
        int len = snprintf(found, size_bytes, "%s/%s", folder, rest[0] == '/' ? rest + 1 : rest);
        if (len > 0 && (size_t)len < size_bytes && access(found, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

int source_text_open(struct source_text *text, struct slu_budget *budget, struct slu_bytes path,
                     const char *folder, struct slu_diag *diag)
{
    char name[PATH_MAX];
    char found[PATH_MAX];
    struct stat status;
    *text = (struct source_text){.budget = budget, .line = 1};
    if (path.len == 0 || path.len >= sizeof(name)) {
        return diag_fail(diag, -ENOENT, "the profile does not say in which file it is");
    }
    memcpy(name, path.data, path.len);
    name[path.len] = '\0';
    const char *chosen = name;
    if (folder != NULL && below_folder(name, folder, found, sizeof(found))) {
        chosen = found;
    }
    if (stat(chosen, &status) == 0 && !S_ISREG(status.st_mode)) {
        return diag_fail(diag, -EINVAL, "%.160s is no file", chosen); /* a pipe is waited for */
    }
    return file_read_all(budget, chosen, SOURCE_BYTES_MAX, &text->file, diag);
}

void source_text_close(struct source_text *text)
{
    if (text->file.data != NULL) {
        block_free(text->budget, &text->file);
    }
}

uint32_t source_text_line_count(const struct source_text *text)
{
    const char *bytes = text->file.data;
    uint32_t count = 0;
    for (size_t at = 0; at < text->file.len; count++) {
        const char *end = memchr(bytes + at, '\n', text->file.len - at);
        at = end == NULL ? text->file.len : (size_t)(end - bytes) + 1;
    }
    return count;
}

struct slu_bytes source_text_line(struct source_text *text, uint32_t line)
{
    const char *bytes = text->file.data;
    if (line < text->line) {
        text->line = 1;
        text->at = 0;
    }
    while (text->at < text->file.len) {
        const char *end = memchr(bytes + text->at, '\n', text->file.len - text->at);
        size_t len = (end == NULL ? text->file.len : (size_t)(end - bytes)) - text->at;
        if (text->line == line) {
            return (struct slu_bytes){bytes + text->at, len};
        }
        text->at += len + 1;
        text->line++;
    }
    return (struct slu_bytes){"", 0};
}
