/* The exporter `nop`: everything is taken, and nothing is done with it. */
#include <stddef.h>

#include "pipeline/config.h"
#include "pipeline/exporter.h"
#include "pipeline/exporter_types.h"

struct nop_options {
    char none;
};

static const struct config_object nop_object = {
    .what = "the nop exporter",
    .size_bytes = sizeof(struct nop_options),
};

static int nop_create(const struct exporter_context *context, const void *options, void **out)
{
    (void)context;
    (void)options;
    *out = NULL;
    return 0;
}

static void nop_destroy(void *self)
{
    (void)self;
}

static void nop_send(void *self, struct slu_scope *scope, const struct export_message *message,
                     struct outcome *outcome)
{
    (void)self;
    (void)scope;
    (void)message;
    (void)outcome; /* TAKEN, as it begins */
}

const struct exporter_type nop_exporter = {
    .name = "nop",
    .options = &nop_object,
    .create = nop_create,
    .destroy = nop_destroy,
    .send = nop_send,
    .is_instant = true,
};
