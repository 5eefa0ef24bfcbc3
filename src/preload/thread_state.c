#include "preload/thread_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/process.h"

#define FILE_BYTES_MAX 4096
#define DIRENT_BYTES   4096

/* As the kernel writes it. */
struct kernel_entry {
    uint64_t inode;
    int64_t next;
    unsigned short record_bytes;
    unsigned char type;
    char name[];
};

/* 0 for what is no number of a thread. */
static pid_t id_of(const char *name)
{
    uint32_t number = 0;
    for (; *name >= '0' && *name <= '9' && number < INT32_MAX / 10; name++) {
        number = 10 * number + (uint32_t)(*name - '0');
    }
    return *name == '\0' ? (pid_t)number : 0;
}

static void entries_take(const char *entries, size_t len, pid_t *ids, uint32_t max, uint32_t *count,
                         uint32_t *more)
{
    for (size_t at = 0; at < len;) {
        const struct kernel_entry *entry = (const void *)(entries + at);
        pid_t id = id_of(entry->name);
        if (id > 0 && *count < max) {
            ids[(*count)++] = id;
        } else if (id > 0) {
            (*more)++;
        }
        at += entry->record_bytes;
    }
}

/* opendir would allocate. */
int thread_list(pid_t *ids, uint32_t max, uint32_t *count, uint32_t *more)
{
    _Alignas(struct kernel_entry) char entries[DIRENT_BYTES];
    int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return -errno;
    }
    *count = 0;
    *more = 0;
    long got = 0;
    while ((got = syscall(SYS_getdents64, folder, entries, sizeof(entries))) > 0) {
        entries_take(entries, (size_t)got, ids, max, count, more);
    }
    int err = got < 0 ? -errno : 0;
    close(folder);
    return err;
}

static int file_read(pid_t process, pid_t id, const char *name, char text[FILE_BYTES_MAX],
                     size_t *len)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "task/%d/%s", (int)id, name); /* it fits */
    return process_file_read(process, path, text, FILE_BYTES_MAX, len);
}

/* ID (NAME) LETTER ...; the name may hold anything. */
int thread_stat_parse(struct slu_bytes text, struct thread_state *state)
{
    const char *open_mark = text.len == 0 ? NULL : memchr(text.data, '(', text.len);
    const char *close_mark = text.len == 0 ? NULL : memrchr(text.data, ')', text.len);
    const char *end = (const char *)text.data + text.len;
    if (open_mark == NULL || close_mark < open_mark || end - close_mark < 3 ||
        close_mark[1] != ' ') {
        return -EBADMSG;
    }
    size_t len = (size_t)(close_mark - open_mark) - 1;
    len = len < THREAD_NAME_BYTES ? len : THREAD_NAME_BYTES - 1;
    memcpy(state->name, open_mark + 1, len);
    state->name[len] = '\0';
    state->letter = close_mark[2];
    return 0;
}

/* The next number, decimal or with 0x; `*at` goes behind it. */
static int number_take(const char **at, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    long long wide = **at == '-' ? strtoll(*at, &end, 10) : 0;
    *value = **at == '-' ? (uint64_t)wide : strtoull(*at, &end, 0);
    if (end == *at || errno != 0 || (*end != ' ' && *end != '\n' && *end != '\0')) {
        return -EBADMSG;
    }
    *at = *end == ' ' ? end + 1 : end;
    return 0;
}

static int block_parse(const char *at, struct thread_block *block)
{
    uint64_t call = 0;
    uint64_t sp = 0;
    uint64_t pc = 0;
    int err = number_take(&at, &call);
    size_t arguments = (int64_t)call >= 0 ? THREAD_ARGUMENTS_MAX : 0;
    for (size_t i = 0; i < arguments && err == 0; i++) {
        err = number_take(&at, &block->arguments[i]);
    }
    err = err != 0 ? err : number_take(&at, &sp);
    err = err != 0 ? err : number_take(&at, &pc);
    if (err != 0 || (*at != '\n' && *at != '\0')) {
        return -EBADMSG;
    }
    block->call = (int64_t)call;
    block->sp = sp;
    block->pc = pc;
    return 0;
}

int thread_syscall_parse(struct slu_bytes text, struct thread_state *state)
{
    char line[256];
    static const char running[] = "running";
    if (text.len >= sizeof(line)) {
        return -EBADMSG;
    }
    memcpy(line, text.data, text.len);
    line[text.len] = '\0';
    state->block = (struct thread_block){0};
    state->is_blocked = strncmp(line, running, sizeof(running) - 1) != 0;
    return state->is_blocked ? block_parse(line, &state->block) : 0;
}

int thread_state_read(pid_t process, pid_t id, struct thread_state *state)
{
    char text[FILE_BYTES_MAX];
    size_t len = 0;
    *state = (struct thread_state){0};
    int err = file_read(process, id, "stat", text, &len);
    err = err != 0 ? err : thread_stat_parse((struct slu_bytes){text, len}, state);
    if (err != 0) {
        return err;
    }
    /* A kernel may be built without this file, or keep it from us: then nothing is blocked. */
    if (file_read(process, id, "syscall", text, &len) != 0 ||
        thread_syscall_parse((struct slu_bytes){text, len}, state) != 0) {
        state->is_blocked = false;
    }
    return 0;
}

int thread_sleeps_read(pid_t process, pid_t id, uint64_t *count)
{
    static const char name[] = "\nvoluntary_ctxt_switches:\t";
    char text[FILE_BYTES_MAX];
    size_t len = 0;
    int err = file_read(process, id, "status", text, &len);
    if (err != 0) {
        return err;
    }
    const char *found = strstr(text, name);
    if (found == NULL) {
        return -ENOTSUP;
    }
    *count = strtoull(found + sizeof(name) - 1, NULL, 10);
    return 0;
}
