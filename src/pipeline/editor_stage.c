#include "pipeline/editor_stage.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "pipeline/config.h"
#include "pipeline/editor.h"
#include "pipeline/payload.h"
#include "pipeline/stage.h"
#include "sys/mutex.h"

#define ROOM_RETRY_NS UINT64_C(1000000000)

struct editor_stage {
    struct stage stage;
    struct slu_budget *budget;
    const struct editor_type *type;
    void *options; /* the editor's */
    void *editor;
    struct stage *next;
    struct mutex lock; /* of the editor */
};

/* Take what the editor wrote in place of the payload's bytes. */
static int payload_replace(struct editor_stage *editor, struct payload **payload,
                           struct edit_result *result)
{
    struct payload *edited = NULL;
    struct payload *old = *payload;
    int err = payload_create_block(editor->budget, &result->message, &edited);
    if (err != 0) {
        return err;
    }
    edited->signal = old->signal;
    edited->arrived_ns = old->arrived_ns;
    edited->record_count = old->record_count - result->dropped_count - result->refused_count;
    payload_deliver(edited, old->delivery);
    struct outcome outcome = {.kind = OUTCOME_TAKEN, .refused_count = result->refused_count};
    memcpy(outcome.reason, result->reason, sizeof(outcome.reason));
    payload_end(old, &outcome);
    *payload = edited;
    return 0;
}

static void editor_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct editor_stage *editor = (struct editor_stage *)stage;
    struct edit_input input = {.signal = payload->signal,
                               .message = payload->bytes,
                               .now_ns = now_ns,
                               .budget = editor->budget};
    struct edit_result result = {0};
    stage_count(&stage->in_count, payload->record_count);
    mutex_lock(&editor->lock);
    int err = editor->type->edit(editor->editor, &input, &result);
    mutex_unlock(&editor->lock);
    if (err == 0 && result.is_changed) {
        err = payload_replace(editor, &payload, &result);
        block_free(editor->budget, &result.message); /* empty if it was taken */
    }
    if (err != 0) {
        stage_count(&stage->refused_count, payload->record_count);
        payload_end_later(payload, ROOM_RETRY_NS, "%s: no memory left", stage->name);
        return;
    }
    stage_count(&stage->dropped_count, result.dropped_count);
    stage_count(&stage->refused_count, result.refused_count);
    if (payload->record_count == 0 && result.is_changed) {
        payload_end_taken(payload);
    } else {
        stage_consume(editor->next, payload, now_ns);
    }
}

/* Read the options and make the editor. */
static int editor_open(struct editor_stage *editor, struct config *config,
                       const struct config_node *node)
{
    const struct editor_type *type = editor->type;
    int err = slu_budget_alloc(editor->budget, type->options->size_bytes, &editor->options);
    if (err != 0) {
        return err;
    }
    if (type->defaults != NULL) {
        memcpy(editor->options, type->defaults, type->options->size_bytes);
    }
    err = config_read(config, node, type->options, editor->options);
    if (err != 0) {
        return err;
    }
    return type->create(editor->budget, config, node, editor->options, &editor->editor);
}

int editor_stage_create(struct slu_budget *budget, const char *name, const struct editor_type *type,
                        struct config *config, const struct config_node *node, struct stage *next,
                        struct stage **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct editor_stage), &memory);
    if (err != 0) {
        return err;
    }
    struct editor_stage *editor = memory;
    editor->stage.consume = editor_consume;
    editor->stage.name = name;
    editor->budget = budget;
    editor->type = type;
    editor->next = next;
    mutex_init(&editor->lock);
    err = editor_open(editor, config, node);
    if (err != 0) {
        editor_stage_destroy(&editor->stage);
        return err;
    }
    *out = &editor->stage;
    return 0;
}

void editor_stage_destroy(struct stage *stage)
{
    struct editor_stage *editor = (struct editor_stage *)stage;
    if (editor->editor != NULL) {
        editor->type->destroy(editor->budget, editor->editor);
    }
    slu_budget_free(editor->budget, editor->options, editor->type->options->size_bytes);
    mutex_deinit(&editor->lock);
    slu_budget_free(editor->budget, editor, sizeof(*editor));
}
