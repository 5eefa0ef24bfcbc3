#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)8 << 20)

static char folder[] = "/tmp/file_test.XXXXXX";

static const char *place(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink(place("file"));
    return rmdir(folder); /* fails if a test has left something */
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static struct slu_budget *budget_of(uint64_t bytes)
{
    struct slu_budget *budget = NULL;
    assert_int_equal(slu_budget_create(NULL, "file", bytes, &budget), 0);
    return budget;
}

static uint64_t used(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return stats.used_bytes;
}

static void files_of_any_size_are_read_whole(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t before = used(budget);
    static unsigned char text[300000];
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        size_t len = (size_t)test_random_below(&random, sizeof(text) >> round % 18);
        for (size_t i = 0; i < len; i++) {
            text[i] = (unsigned char)test_random_next(&random);
        }
        write_file(place("file"), text, len);
        struct block bytes = {0};
        assert_int_equal(file_read_all(budget, place("file"), len, &bytes, NULL), 0);
        assert_int_equal(bytes.len, len);
        assert_memory_equal(bytes.data, text, len);
        block_free(budget, &bytes);
        if (len > 0) {
            assert_int_equal(file_read_all(budget, place("file"), len - 1, &bytes, NULL), -EFBIG);
        }
        assert_int_equal(used(budget), before);
    }
    slu_budget_destroy(&budget);
}

/* Files of /proc say that their size is 0. */
static void a_file_that_does_not_know_its_size_is_read_whole(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct block bytes = {0};
    assert_int_equal(file_read_all(budget, "/proc/self/maps", 1 << 20, &bytes, NULL), 0);
    assert_true(bytes.len > 100);
    assert_int_equal(((const char *)bytes.data)[bytes.len - 1], '\n');
    block_free(budget, &bytes);
    assert_int_equal(file_read_all(budget, "/dev/zero", 1 << 20, &bytes, NULL), -EFBIG);
    slu_budget_destroy(&budget);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct block bytes = {0};
    struct slu_diag diag;
    uint64_t before = used(budget);
    assert_int_equal(file_read_all(budget, "/nowhere/file", 1, &bytes, &diag), -ENOENT);
    assert_string_equal(diag.message, "/nowhere/file: No such file or directory");
    assert_int_equal(file_read_all(budget, "/tmp", 1, &bytes, &diag), -EISDIR);
    assert_string_equal(diag.message, "/tmp: Is a directory");
    write_file(place("file"), "12345", 5);
    assert_int_equal(file_read_all(budget, place("file"), 4, &bytes, &diag), -EFBIG);
    assert_non_null(strstr(diag.message, ": larger than the 4 bytes that are read"));
    struct slu_budget *small = budget_of(1024);
    assert_int_equal(file_read_all(small, "/proc/self/maps", 1 << 20, &bytes, &diag), -EDQUOT);
    assert_non_null(strstr(diag.message, "more memory"));
    assert_null(bytes.data);
    assert_int_equal(used(budget), before);
    slu_budget_destroy(&small);
    slu_budget_destroy(&budget);
}

static void a_replacement_is_seen_when_it_is_whole(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct file_replacement file;
    struct block bytes = {0};
    write_file(place("file"), "old", 3);
    assert_int_equal(file_replace_begin(&file, place("file")), 0);
    assert_int_equal(write(file.fd, "newer", 5), 5);
    assert_int_equal(file_read_all(budget, place("file"), 100, &bytes, NULL), 0);
    assert_int_equal(bytes.len, 3);
    block_free(budget, &bytes);
    mode_t mask = umask(027);
    assert_int_equal(file_replace_end(&file), 0);
    assert_int_equal(file_read_all(budget, place("file"), 100, &bytes, NULL), 0);
    assert_int_equal(bytes.len, 5);
    block_free(budget, &bytes);

    struct stat status;
    assert_int_equal(file_replace_begin(&file, place("file")), 0);
    assert_int_equal(fstat(file.fd, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    file_replace_cancel(&file);
    umask(mask);
    assert_int_equal(file_read_all(budget, place("file"), 100, &bytes, NULL), 0);
    assert_int_equal(bytes.len, 5);
    block_free(budget, &bytes);
    slu_budget_destroy(&budget);
}

static void a_replacement_that_cannot_be_leaves_nothing(void **state)
{
    (void)state;
    struct file_replacement file;
    static char path[PATH_MAX + 10];
    memset(path, 'x', PATH_MAX - 3);
    assert_int_equal(file_replace_begin(&file, path), -ENAMETOOLONG);
    assert_int_equal(file_replace_begin(&file, "/nowhere/file"), -ENOENT);
    assert_int_equal(mkdir(place("taken"), 0700), 0);
    assert_int_equal(file_replace_begin(&file, place("taken")), 0);
    assert_int_equal(file_replace_end(&file), -EISDIR);
    assert_int_equal(rmdir(place("taken")), 0); /* folder_remove sees what else is left */
}

static void what_is_no_file_is_written_to_and_stays(void **state)
{
    (void)state;
    struct file_replacement file;
    struct stat status;
    char got[8] = {0};
    const char *path = place("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(file_replace_begin(&file, path), 0);
        assert_int_equal(write(file.fd, "text", 4), 4);
        if (round == 0) {
            file_replace_cancel(&file);
        } else {
            assert_int_equal(file_replace_end(&file), 0);
        }
        assert_int_equal(read(reader, got, sizeof(got)), 4);
        assert_int_equal(stat(path, &status), 0);
        assert_true(S_ISFIFO(status.st_mode));
    }
    close(reader);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_any_size_are_read_whole),
        cmocka_unit_test(a_file_that_does_not_know_its_size_is_read_whole),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(a_replacement_is_seen_when_it_is_whole),
        cmocka_unit_test(a_replacement_that_cannot_be_leaves_nothing),
        cmocka_unit_test(what_is_no_file_is_written_to_and_stays),
    };
    if (folder_make(NULL) != 0) {
        return 1;
    }
    int status = TEST_RUN("file", tests);
    return folder_remove(NULL) != 0 ? 1 : status;
}
