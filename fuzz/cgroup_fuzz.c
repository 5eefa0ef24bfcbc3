/*
 * Property: whatever /proc says, up to the first zero byte of groups and behind it of mounts, what
 * is found is no group, or an absolute folder that going up leads to where it is mounted.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "preload/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long source_read(void *context, char *bytes, size_t size)
{
    struct slu_bytes *source = context;
    size_t len = source->len < size ? source->len : size;
    if (len > 0) {
        memcpy(bytes, source->data, len);
        *source = (struct slu_bytes){(const char *)source->data + len, source->len - len};
    }
    return (long)len;
}

static void check(struct cgroup *cgroup)
{
    if (cgroup->version == 0) {
        return;
    }
    SLU_ASSERT(cgroup->folder[0] == '/');
    SLU_ASSERT(strnlen(cgroup->folder, PATH_MAX) < PATH_MAX);
    SLU_ASSERT(cgroup->mount_len <= strlen(cgroup->folder));
    for (int i = 0; cgroup_up(cgroup); i++) {
        SLU_ASSERT(i < PATH_MAX);
    }
    SLU_ASSERT(strlen(cgroup->folder) <= cgroup->mount_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char buffer[LINES_BUFFER_BYTES];
    static struct cgroup_paths paths;
    static struct cgroup version_1;
    static struct cgroup version_2;
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
    size_t first = zero == NULL ? size : (size_t)(zero - data);
    struct slu_bytes groups = {data, first};
    struct slu_bytes mounts = {data + first, size - first};
    struct lines lines;
    lines_init(&lines, source_read, &groups, buffer);
    SLU_ASSERT(cgroup_paths_read(&lines, &paths) == 0);
    lines_init(&lines, source_read, &mounts, buffer);
    SLU_ASSERT(cgroup_mount_read(&lines, &paths, &version_1, &version_2) == 0);
    check(&version_1);
    check(&version_2);
    return 0;
}
