#include "cli/http_answer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* HTTP/1.x and three digits. */
static int status_read(const char *head, int *status)
{
    static const char version[] = "HTTP/1.";
    const char *digits = head + sizeof(version) + 1;
    if (strncmp(head, version, sizeof(version) - 1) != 0 || strlen(head) < sizeof(version) + 4 ||
        digits[-1] != ' ' || strspn(digits, "0123456789") != 3) {
        return -EBADMSG;
    }
    *status = (int)strtol(digits, NULL, 10);
    return 0;
}

static int body_len_read(const char *head, uint64_t *len)
{
    static const char name[] = "\r\nContent-Length:";
    const char *found = strcasestr(head, name);
    *len = UINT64_MAX;
    if (found == NULL) {
        return 0;
    }
    const char *digits = found + sizeof(name) - 1;
    digits += strspn(digits, " \t");
    char *end = NULL;
    errno = 0;
    *len = strtoull(digits, &end, 10);
    bool is_number = *digits >= '0' && *digits <= '9' && errno == 0 && *end == '\r';
    return is_number ? 0 : -EBADMSG;
}

int http_answer_read(struct slu_bytes received, struct http_answer *answer)
{
    char head[HTTP_ANSWER_HEAD_MAX + 1];
    size_t searched = received.len < HTTP_ANSWER_HEAD_MAX ? received.len : HTTP_ANSWER_HEAD_MAX;
    const char *begin = received.data;
    const char *end = searched == 0 ? NULL : memmem(begin, searched, "\r\n\r\n", 4);
    if (end == NULL) {
        return searched == HTTP_ANSWER_HEAD_MAX ? -EBADMSG : -EAGAIN;
    }
    size_t head_len = (size_t)(end - begin) + 4;
    memcpy(head, begin, head_len);
    head[head_len] = '\0';
    if (strcasestr(head, "\r\nTransfer-Encoding:") != NULL) {
        return -EBADMSG;
    }
    struct http_answer read = {.head_len = head_len};
    int err = status_read(head, &read.status);
    err = err != 0 ? err : body_len_read(head, &read.body_len);
    if (err == 0) {
        *answer = read;
    }
    return err;
}
