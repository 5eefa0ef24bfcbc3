/* A folder of a test's own, and the store in it. */
#ifndef TESTS_FOLDER_FIXTURE_H
#define TESTS_FOLDER_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sluice/diag.h>

#include "store/store.h"

#include "harness.h"

#define FOLDER_DESCRIPTORS 16 /* that a walk may have open */

/* `path` ends in XXXXXX, which become its own. */
static inline void folder_make(char *path)
{
    assert_non_null(mkdtemp(path));
}

static inline int folder_entry_remove(const char *path, const struct stat *status, int kind,
                                      struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* With all that is in it. */
static inline void folder_remove(const char *path)
{
    assert_int_equal(nftw(path, folder_entry_remove, FOLDER_DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
}

/* Open a store that has to open. */
static inline struct store *store_opened(const struct store_options *options)
{
    struct slu_diag diag = {0};
    struct store *store = NULL;
    if (store_open(options, &diag, &store) != 0) {
        fail_msg("%s", diag.message);
    }
    return store;
}

#endif
