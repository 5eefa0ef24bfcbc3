/* How much memory the control group of a process may have. */
#ifndef SYS_CONTROL_GROUP_H
#define SYS_CONTROL_GROUP_H

#include <stdint.h>

/*
 * The smallest limit of the process's group and those above it.
 *
 * Returns  bytes; 0 where there is none, or none can be seen
 * Source   Linux, Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst
 */
uint64_t control_group_limit(uint32_t pid);

#endif
