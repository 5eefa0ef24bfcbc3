/* C++ code through which an exception goes. */
#ifndef TESTS_PRELOAD_THROWING_H
#define TESTS_PRELOAD_THROWING_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void throwing_end(void *context);

/* Calls `end` ten times: in a destructor and in two handlers, three times, and after. */
void throwing_run(throwing_end *end, void *context);

#ifdef __cplusplus
}
#endif

#endif
