#include "preload/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/ustar.h"
#include "harness.h"
#include "preload/output.h"

#define FILE_BYTES_MAX 65536
#define TIME_NS        INT64_C(1700000000250000000)

static char path[PATH_MAX];
static char begun[PATH_MAX];

static int folder_make(void **state)
{
    char folder[] = "/tmp/record-file.XXXXXX";
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/record", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

struct content {
    size_t len;
    int err;                     /* returned behind what was written */
    char before[FILE_BYTES_MAX]; /* the file while it is written: as a kill would leave it */
    size_t before_len;
};

static size_t file_read(char bytes[FILE_BYTES_MAX])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    ssize_t got = read(file, bytes, FILE_BYTES_MAX);
    close(file);
    assert_true(got >= 0 && got < FILE_BYTES_MAX);
    return (size_t)got;
}

static int content_put(void *context, int file)
{
    struct content *content = context;
    for (size_t i = 0; i < content->len; i++) {
        assert_int_equal(write(file, "x", 1), 1);
    }
    content->before_len = file_read(content->before);
    return content->err;
}

/* How many parts there are up to the first block of zeros, which is the end. */
static int parts_of(const char *bytes, size_t len)
{
    static const char zeros[USTAR_BLOCK_BYTES];
    int count = 0;
    size_t at = 0;
    for (;; count++) {
        assert_true(at + USTAR_BLOCK_BYTES <= len);
        const char *block = bytes + at;
        if (memcmp(block, zeros, sizeof(zeros)) == 0) {
            return count;
        }
        assert_int_equal(strtoull(block + USTAR_SUM_AT, NULL, 8), ustar_sum(block));
        at += USTAR_BLOCK_BYTES + ustar_padded(strtoull(block + USTAR_SIZE_AT, NULL, 8));
    }
}

static int add(struct content *content)
{
    const struct output_writing writing = {content_put, content};
    return record_file_add(path, "part", TIME_NS, &writing);
}

static void the_file_is_whole_at_any_moment(void **state)
{
    static const size_t lens[] = {0, 1, 511, 512, 513, 5000};
    static struct content content;
    static char bytes[FILE_BYTES_MAX];
    int count = 0;
    (void)state;
    assert_int_equal(record_file_make(path, begun), 0);
    for (; count < (int)(sizeof(lens) / sizeof(lens[0])); count++) {
        content = (struct content){.len = lens[count]};
        assert_int_equal(add(&content), 0);
        assert_int_equal(parts_of(content.before, content.before_len), count);
        size_t len = file_read(bytes);
        assert_int_equal(parts_of(bytes, len), count + 1);
        assert_int_equal(len % USTAR_BLOCK_BYTES, 0);
    }
    assert_string_equal(bytes, "1700000000250.part");
}

static void a_part_that_fails_leaves_what_was_there(void **state)
{
    static struct content content;
    static char before[FILE_BYTES_MAX];
    static char after[FILE_BYTES_MAX];
    (void)state;
    assert_int_equal(record_file_make(path, begun), 0);
    content = (struct content){.len = 700};
    assert_int_equal(add(&content), 0);
    size_t len = file_read(before);
    content = (struct content){.len = 900, .err = -ENOSPC};
    assert_int_equal(add(&content), -ENOSPC);
    assert_int_equal(file_read(after), len);
    assert_memory_equal(before, after, len);
}

static void what_is_not_ours_is_left_alone(void **state)
{
    static struct content content;
    (void)state;
    (void)unlink(path);
    assert_int_equal(add(&content), -ENOENT);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "a line of text\n", 15), 15);
    close(file);
    assert_int_equal(add(&content), -EBADMSG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(add(&content), -ELOOP);
    assert_int_equal(record_file_make(path, begun), 0); /* in place of the link */
    struct stat found;
    assert_int_equal(lstat(path, &found), 0);
    assert_true(S_ISREG(found.st_mode) && (found.st_mode & 077) == 0);
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
    struct stat found;
    (void)state;
    (void)unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(record_file_make(path, begun), -EISDIR);
    assert_int_equal(lstat(begun, &found), -1);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(record_file_make(path, begun), 0);
    assert_int_equal(lstat(begun, &found), -1);
}

/* A clock before 1970, or behind what an archive can tell. */
static void clocks_that_are_wrong_end_nothing(void **state)
{
    static struct content content;
    static char bytes[FILE_BYTES_MAX];
    const struct output_writing writing = {content_put, &content};
    (void)state;
    assert_int_equal(record_file_make(path, begun), 0);
    assert_int_equal(record_file_add(path, "part", -5, &writing), 0);
    (void)file_read(bytes);
    assert_string_equal(bytes, "0000000000000.part");
    assert_int_equal(record_file_add(path, "part", INT64_MAX, &writing), -EOVERFLOW);
    assert_int_equal(parts_of(bytes, file_read(bytes)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_file_is_whole_at_any_moment, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(a_part_that_fails_leaves_what_was_there, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_left_alone, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(what_cannot_be_made_leaves_nothing, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(clocks_that_are_wrong_end_nothing, folder_make,
                                        folder_remove),
    };
    return TEST_RUN("record_file", tests);
}
