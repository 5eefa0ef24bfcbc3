/* The table of rules: labels' forms, and templates of paths. */
#ifndef METER_LABEL_RULES_H
#define METER_LABEL_RULES_H

#include <sluice/label.h>

#include "meter/template.h"

struct rule {
    uint32_t name_at; /* in the table's bytes */
    uint16_t name_len;
    uint16_t form;
};

struct slu_label_rules {
    struct path_templates templates;
    struct rule *rules; /* sorted by name */
    char *bytes;        /* names and texts, one after another */
    uint32_t rule_count;
    struct slu_budget *budget;
    size_t block_bytes;
};

#endif
