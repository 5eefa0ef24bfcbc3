#include "diagnose/verdict.h"

#include "codec/json_writer.h"

static void write_interval(struct json_writer *json, const char *key,
                           const struct interval *interval)
{
    json_write_key(json, key);
    json_begin_object(json);
    json_write_key(json, "low");
    json_write_double(json, interval->low);
    json_write_key(json, "mid");
    json_write_double(json, interval->mid);
    json_write_key(json, "high");
    json_write_double(json, interval->high);
    json_end_object(json);
}

static void write_site(struct json_writer *json, const struct verdict *verdict)
{
    json_write_key(json, "site");
    json_begin_object(json);
    json_write_key(json, "function");
    json_write_string(json, verdict->function);
    json_write_key(json, "file");
    json_write_string(json, verdict->file);
    json_write_key(json, "line");
    json_write_uint(json, verdict->line);
    json_end_object(json);
}

static void write_verdict(struct json_writer *json, const struct verdict *verdict)
{
    const struct pattern_info *info = pattern_info_of(verdict->pattern);
    json_begin_object(json);
    json_write_key(json, "pattern");
    json_write_string(json, info->id);
    json_write_key(json, "confidence");
    json_write_double(json, verdict->confidence);
    write_site(json, verdict);
    write_interval(json, "bytes_per_second", &verdict->bytes_per_second);
    json_write_key(json, "evidence");
    json_begin_array(json);
    for (uint32_t i = 0; i < verdict->evidence_count; i++) {
        json_write_string(json, verdict->evidence[i]);
    }
    json_end_array(json);
    json_write_key(json, "rival");
    json_begin_object(json);
    json_write_key(json, "pattern");
    json_write_string(json, pattern_info_of(verdict->rival)->id);
    json_write_key(json, "why_not");
    json_write_string(json, verdict->why_not);
    json_end_object(json);
    json_write_key(json, "fix");
    json_begin_array(json);
    for (uint32_t i = 0; i < VERDICT_FIX_LINES; i++) {
        json_write_string(json, info->fix[i]);
    }
    json_end_array(json);
    json_end_object(json);
}

void verdicts_write_json(const struct report *report, struct json_writer *json)
{
    json_begin_array(json);
    for (uint32_t i = 0; i < report->verdict_count; i++) {
        write_verdict(json, &report->verdicts[i]);
    }
    json_end_array(json);
}

void verdict_write_json(const struct report *report, struct json_writer *json)
{
    json_begin_object(json);
    json_write_key(json, "verdicts");
    verdicts_write_json(report, json);
    write_interval(json, "growth_bytes_per_second", &report->growth);
    json_write_key(json, "seconds_observed");
    json_write_double(json, report->seconds);
    json_write_key(json, "seconds_to_limit");
    if (report->seconds_to_limit >= 0) {
        json_write_double(json, report->seconds_to_limit);
    } else {
        json_write_null(json);
    }
    json_write_key(json, "warnings");
    json_begin_array(json);
    for (uint32_t i = 0; i < report->warning_count; i++) {
        json_write_string(json, report->warnings[i]);
    }
    json_end_array(json);
    json_end_object(json);
}
