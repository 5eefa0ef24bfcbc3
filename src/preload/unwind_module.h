/* The rule of a code address, from the .eh_frame of the module that holds it. */
#ifndef PRELOAD_UNWIND_MODULE_H
#define PRELOAD_UNWIND_MODULE_H

#include <stdint.h>

#include "preload/unwind_rule.h"

/*
 * address  in a module that stays loaded during the call
 * Returns  0; -ENOENT if the address is in no module
 * Cost     about a microsecond
 * Threads  any; within hooks and signal handlers
 */
int unwind_module_rule(uintptr_t address, unwind_rule *rule);

#endif
