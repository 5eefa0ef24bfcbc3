/* What one has to know of a process to reach the profiler in it. */
#ifndef CLI_PROCESS_FACTS_H
#define CLI_PROCESS_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_facts {
    pid_t inner_id; /* its number in its own namespace */
    uid_t user;     /* effective */
    uint64_t start_ticks;
    uint32_t thread_count;
    bool has_profiler;     /* the library is mapped; false too where that may not be seen */
    bool is_other_network; /* than this program's */
};

/* Returns 0; -ESRCH; a negative errno of the system. */
int process_facts_read(pid_t process, struct process_facts *facts);

#endif
