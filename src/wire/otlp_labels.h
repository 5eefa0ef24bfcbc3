/*
 * Labels made of attributes: names that Prometheus allows, values as text. What is made lies in
 * room of its own, which is given back down to a mark.
 */
#ifndef WIRE_OTLP_LABELS_H
#define WIRE_OTLP_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "wire/otlp_samples.h"

#define OTLP_LABELS_MAX      128
#define OTLP_LABELS_OWN      4 /* of them for labels that are no attributes */
#define OTLP_LABEL_ROOM      ((size_t)64 * 1024)
#define OTLP_LABEL_VALUE_MAX ((size_t)1024)

struct otlp_labels {
    struct otlp_label labels[OTLP_LABELS_MAX];
    size_t count;
    size_t used;
    size_t left_out; /* attributes that had no room */
    char room[OTLP_LABEL_ROOM];
};

/* Where to go back to. */
struct otlp_labels_mark {
    size_t count;
    size_t used;
    size_t left_out;
};

static inline struct otlp_labels_mark otlp_labels_mark(const struct otlp_labels *labels)
{
    return (struct otlp_labels_mark){labels->count, labels->used, labels->left_out};
}

static inline void otlp_labels_return(struct otlp_labels *labels, struct otlp_labels_mark mark)
{
    labels->count = mark.count;
    labels->used = mark.used;
    labels->left_out = mark.left_out;
}

/* Add a label whose name is right, and whose texts stay; left out if its value is empty. */
void otlp_labels_add(struct otlp_labels *labels, struct slu_bytes name, struct slu_bytes value);

/*
 * Add an attribute, a KeyValue. Of a name that is there already, the first with a value stays; one
 * that would name the metric (__name__) is left out. What has no room is left out and counted.
 */
void otlp_labels_add_attribute(struct otlp_labels *labels, struct slu_bytes attribute);

/* Where a name is; the count of labels if it is not there. */
size_t otlp_labels_index(const struct otlp_labels *labels, struct slu_bytes name);

/* The value of a name; NULL: it is not there. */
const struct slu_bytes *otlp_labels_find(const struct otlp_labels *labels, struct slu_bytes name);

/*
 * An AnyValue as text: a string as it is, where it lies; others as JSON, in `room`, cut where that
 * is too small. Of bytes the first 2,048 are shown; values 16 levels down are null; nothing that is
 * known is no text.
 */
struct slu_bytes otlp_value_text(struct slu_bytes any_value, char *room, size_t size_bytes);

/* Cut after `most` bytes at the end of a character. */
struct slu_bytes otlp_text_cut(struct slu_bytes text, size_t most);

#endif
