/* A process looked at by a copy of it: what that costs the machine. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "holders/image.h"

#include "harness.h"

#define HELD_BYTES ((size_t)16 << 20)
#define PIECE      ((size_t)64 << 10)

/* A child whose memory has a known word on each page; its number, and where it is. */
static pid_t subject_start(unsigned char **held)
{
    int ends[2];
    char word = 0;
    *held = mmap(NULL, HELD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(*held != MAP_FAILED);
    assert_int_equal(madvise(*held, HELD_BYTES, MADV_NOHUGEPAGE), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        memset(*held, 0x5a, HELD_BYTES);
        (void)!write(ends[1], "r", 1);
        for (;;) {
            pause();
        }
    }
    assert_int_equal(read(ends[0], &word, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static uint64_t private_kib(uint64_t process)
{
    char path[64];
    char line[256];
    unsigned long long kib = 0;
    unsigned long long sum = 0;
    snprintf(path, sizeof(path), "/proc/%llu/smaps_rollup", (unsigned long long)process);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Private_Clean: %llu", &kib) == 1 ||
            sscanf(line, "Private_Dirty: %llu", &kib) == 1) {
            sum += kib;
        }
    }
    fclose(file);
    return sum;
}

static void reading_a_copy_doubles_no_memory(void **state)
{
    static unsigned char piece[PIECE];
    static unsigned char expected[PIECE];
    (void)state;
    unsigned char *held = NULL;
    struct slu_budget *budget = NULL;
    struct image *image = NULL;
    struct slu_diag diag = {0};
    pid_t child = subject_start(&held);
    memset(expected, 0x5a, PIECE);
    assert_int_equal(slu_budget_create(NULL, "copy", UINT64_C(256) << 20, &budget), 0);
    assert_int_equal(image_open_process(budget, (uint64_t)child, &diag, &image), 0);
    image->may_fork = true;
    assert_int_equal(image_stop(image, &diag), 0);
    if (image->memory_id == (uint64_t)child) {
        print_message("# no copy can be made here\n");
    } else {
        uint64_t before = private_kib(image->memory_id);
        for (size_t at = 0; at < HELD_BYTES; at += PIECE) {
            assert_int_equal(image_read(image, (uint64_t)(uintptr_t)(held + at), piece, PIECE), 0);
            assert_memory_equal(piece, expected, PIECE);
        }
        assert_in_range(private_kib(image->memory_id), 0, before + HELD_BYTES / 1024 / 8);
    }
    image_close(&image);
    slu_budget_destroy(&budget);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(munmap(held, HELD_BYTES), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_a_copy_doubles_no_memory),
    };
    return TEST_RUN("copy", tests);
}
