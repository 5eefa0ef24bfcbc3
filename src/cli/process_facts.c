#include "cli/process_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sys/process.h"

#define LIBRARY "/libsluice-heap.so"

/* The last number of a line, as after "NSpid:". */
static unsigned long number_last(const char *line)
{
    const char *at = line + strlen(line);
    while (at > line && (at[-1] == '\n' || at[-1] == ' ')) {
        at--;
    }
    while (at > line && at[-1] >= '0' && at[-1] <= '9') {
        at--;
    }
    return strtoul(at, NULL, 10);
}

/* Uid: real, effective, saved, of the file system. */
static unsigned long user_effective(const char *line)
{
    char *at = NULL;
    (void)strtoul(line, &at, 10);
    return strtoul(at, NULL, 10);
}

static int status_read(pid_t process, struct process_facts *facts)
{
    char path[64];
    char line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    facts->inner_id = process;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "NSpid:", 6) == 0) {
            facts->inner_id = (pid_t)number_last(line);
        } else if (strncmp(line, "Uid:", 4) == 0) {
            facts->user = (uid_t)user_effective(line + 4);
        } else if (strncmp(line, "Threads:", 8) == 0) {
            facts->thread_count = (uint32_t)number_last(line);
        }
    }
    fclose(file);
    return 0;
}

static bool library_is_mapped(pid_t process)
{
    char path[64];
    char line[8192];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)process);
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = strstr(line, LIBRARY) != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* What may not be seen counts as the same. */
static bool is_other_network(pid_t process)
{
    char path[64];
    struct stat theirs;
    struct stat ours;
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)process);
    return stat(path, &theirs) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
           (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev);
}

int process_facts_read(pid_t process, struct process_facts *facts)
{
    *facts = (struct process_facts){0};
    int err = status_read(process, facts);
    err = err != 0 ? err : process_start_ticks(process, &facts->start_ticks);
    if (err == 0) {
        facts->has_profiler = library_is_mapped(process);
        facts->is_other_network = is_other_network(process);
    }
    return err;
}
