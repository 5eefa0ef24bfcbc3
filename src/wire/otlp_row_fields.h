/* Numbers of the fields that rows are made of; as otlp_schema.c has them. */
#ifndef WIRE_OTLP_ROW_FIELDS_H
#define WIRE_OTLP_ROW_FIELDS_H

/* Around the records: the same for logs and traces. */
#define ROW_REQUEST_RESOURCE    1
#define ROW_RESOURCE_RESOURCE   1
#define ROW_RESOURCE_SCOPES     2 /* of profiles, the records */
#define ROW_SCOPE_RECORDS       2
#define ROW_RESOURCE_ATTRIBUTES 1

#define ROW_LOG_TIME     1
#define ROW_LOG_BODY     5
#define ROW_LOG_TRACE_ID 9
#define ROW_LOG_OBSERVED 11

#define ROW_SPAN_TRACE_ID 1
#define ROW_SPAN_NAME     5
#define ROW_SPAN_START    7
#define ROW_SPAN_END      8

#define ROW_PROFILE_NAME 1
#define ROW_PROFILE_TIME 2

#define ROW_ANY_STRING     1
#define ROW_TRACE_ID_BYTES 16

#endif
