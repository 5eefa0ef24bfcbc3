/* What status codes are called. */
#ifndef NET_HTTP_STATUS_H
#define NET_HTTP_STATUS_H

#include <stddef.h>

/* "Not Found"; "" for one without a name. */
const char *http_status_name(unsigned status);

/* "404 Not Found\n" into 64 bytes; returns its length. */
size_t http_status_text(unsigned status, char text[64]);

#endif
