#include "preload/cgroup.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

struct text {
    const char *at;
};

static long text_read(void *context, char *bytes, size_t size)
{
    struct text *text = context;
    size_t len = strlen(text->at);
    len = len < size ? len : size;
    memcpy(bytes, text->at, len);
    text->at += len;
    return (long)len;
}

static char buffer[LINES_BUFFER_BYTES];

static void lines_of(struct lines *lines, struct text *text, const char *of)
{
    text->at = of;
    lines_init(lines, text_read, text, buffer);
}

/* The group that both files together describe. */
static void found(const char *groups, const char *mounts, struct cgroup *cgroup)
{
    static struct cgroup_paths paths;
    static struct cgroup version_2;
    struct text text;
    struct lines lines;
    lines_of(&lines, &text, groups);
    assert_int_equal(cgroup_paths_read(&lines, &paths), 0);
    lines_of(&lines, &text, mounts);
    assert_int_equal(cgroup_mount_read(&lines, &paths, cgroup, &version_2), 0);
    if (cgroup->version == 0) {
        *cgroup = version_2;
    }
}

#define MOUNT_1(root, point)                                                                       \
    "34 30 0:31 " root " " point " rw,relatime shared:9 - cgroup cgroup rw,memory\n"
#define MOUNT_2(root, point) "40 30 0:37 " root " " point " rw - cgroup2 cgroup2 rw,nsdelegate\n"
#define OTHERS                                                                                     \
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"                                    \
    "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"

static void test_the_folder_is_where_the_hierarchy_is_mounted(void **state)
{
    (void)state;
    static const struct {
        const char *groups;
        const char *mounts;
        unsigned version;
        const char *folder;
    } cases[] = {
        {"4:memory:/a/b\n1:cpu:/x\n0::/\n", OTHERS MOUNT_1("/", "/m"), 1, "/m/a/b"},
        {"4:cpu,memory:/a\n", OTHERS MOUNT_1("/", "/m"), 1, "/m/a"},
        {"0::/a/b\n", OTHERS MOUNT_2("/", "/u"), 2, "/u/a/b"},
        {"4:memory:/a\n0::/b\n", MOUNT_2("/", "/u") MOUNT_1("/", "/m"), 1, "/m/a"},
        /* Without a namespace of its own a container sees its group as the mount's root. */
        {"4:memory:/docker/1\n", MOUNT_1("/docker/1", "/m"), 1, "/m"},
        {"4:memory:/docker/1/in\n", MOUNT_1("/docker/1", "/m"), 1, "/m/in"},
        {"4:memory:/docker/12\n", MOUNT_1("/docker/1", "/m"), 1, "/m"},
        {"0::/../other\n", MOUNT_2("/", "/u"), 2, "/u"},
        {"0::/\n", MOUNT_2("/", "/u"), 2, "/u"},
        {"0::/a\n", MOUNT_2("/", "/with\\040space"), 2, "/with space/a"},
        {"0::/a\n", MOUNT_2("/", "/u") MOUNT_2("/", "/second"), 2, "/u/a"},
        {"1:cpu:/x\n", OTHERS MOUNT_1("/", "/m"), 0, ""},
        {"4:memory:/a\n", OTHERS, 0, ""},
        {"", "", 0, ""},
        {"4\n:\n::\n4:memory\n", "34\n- cgroup\n  -  cgroup2 \n - \n", 0, ""},
        {"0::/a\n", "1 2 3 / relative rw - cgroup2 cgroup2 rw\n", 0, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct cgroup cgroup;
        found(cases[i].groups, cases[i].mounts, &cgroup);
        assert_int_equal(cgroup.version, cases[i].version);
        if (cgroup.version != 0) {
            assert_string_equal(cgroup.folder, cases[i].folder);
        }
    }
}

static void test_the_way_up_ends_where_it_is_mounted(void **state)
{
    (void)state;
    static struct cgroup cgroup;
    found("0::/a/b\n", MOUNT_2("/", "/sys/u"), &cgroup);
    assert_true(cgroup_up(&cgroup));
    assert_string_equal(cgroup.folder, "/sys/u/a");
    assert_true(cgroup_up(&cgroup));
    assert_string_equal(cgroup.folder, "/sys/u");
    assert_false(cgroup_up(&cgroup));
}

static void test_a_path_too_long_is_no_group(void **state)
{
    (void)state;
    static char groups[2 * PATH_MAX] = "0::/";
    static char mounts[2 * PATH_MAX];
    static struct cgroup cgroup;
    memset(groups + strlen(groups), 'a', PATH_MAX);
    found(groups, MOUNT_2("/", "/u"), &cgroup);
    assert_int_equal(cgroup.version, 0);
    groups[PATH_MAX - 10] = '\0'; /* fits, but not behind the mount point */
    (void)snprintf(mounts, sizeof(mounts), MOUNT_2("/", "/a-longer-mount-point"));
    found(groups, mounts, &cgroup);
    assert_int_equal(cgroup.version, 0);
}

static void test_this_process_has_an_answer(void **state)
{
    (void)state;
    static struct cgroup cgroup;
    assert_int_equal(cgroup_find(buffer, &cgroup), 0);
    if (cgroup.version != 0) {
        assert_int_equal(cgroup.folder[0], '/');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_folder_is_where_the_hierarchy_is_mounted),
        cmocka_unit_test(test_the_way_up_ends_where_it_is_mounted),
        cmocka_unit_test(test_a_path_too_long_is_no_group),
        cmocka_unit_test(test_this_process_has_an_answer),
    };
    return TEST_RUN("cgroup", tests);
}
