#include "holders/holders.h"

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/image.h"
#include "holders/sites_typing.h"

/* Names first: they take long, and a process need not stand still for them. */
static int who_fill(struct who *who, struct slu_diag *diag)
{
    int err = modules_open(&who->modules, who->image, diag);
    if (err != 0) {
        return err;
    }
    modules_read(&who->modules);
    if ((err = image_stop(who->image, diag)) != 0 ||
        (err = sampled_read(&who->sampled, who->budget, &who->modules, who->image)) != 0 ||
        (err = heap_create(who->image, &who->sampled, diag, &who->heap)) != 0 ||
        (err = graph_create(who->heap, who->image, diag, &who->graph)) != 0 ||
        (err = roots_find(&who->roots, who->graph, &who->modules, diag)) != 0) {
        return err;
    }
    image_release(who->image);
    err = typing_make(&who->typing, who->graph, &who->roots, who->modules.types, diag);
    if (err == 0) {
        err = sites_typing_add(who, diag);
    }
    if (err != 0) {
        return err;
    }
    return reach_make(&who->reach, who->graph, &who->roots, &who->typing, diag);
}

static int who_make(struct slu_budget *budget, struct image *image, struct slu_diag *diag,
                    struct who **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct who), &block);
    if (err != 0) {
        image_close(&image);
        return diag_fail(diag, err, "no memory to look at the program");
    }
    struct who *who = block;
    who->budget = budget;
    who->image = image;
    err = who_fill(who, diag);
    if (err != 0) {
        who_close(&who);
        return err;
    }
    *out = who;
    return 0;
}

int who_open_core(struct slu_budget *budget, const char *path, struct slu_diag *diag,
                  struct who **out)
{
    struct image *image = NULL;
    int err = image_open_core(budget, path, diag, &image);
    return err != 0 ? err : who_make(budget, image, diag, out);
}

int who_open_process(struct slu_budget *budget, uint64_t process_id, bool may_fork,
                     struct slu_diag *diag, struct who **out)
{
    struct image *image = NULL;
    int err = image_open_process(budget, process_id, diag, &image);
    if (err != 0) {
        return err;
    }
    image->may_fork = may_fork;
    return who_make(budget, image, diag, out);
}

void who_close(struct who **who)
{
    if (who == NULL || *who == NULL) {
        return;
    }
    struct who *gone = *who;
    reach_free(&gone->reach);
    typing_free(&gone->typing);
    if (gone->graph != NULL) {
        roots_free(&gone->roots, gone->graph);
    }
    graph_destroy(&gone->graph);
    heap_destroy(&gone->heap);
    sampled_free(&gone->sampled);
    modules_close(&gone->modules);
    image_close(&gone->image);
    slu_budget_free(gone->budget, gone, sizeof(*gone));
    *who = NULL;
}
