/*
 * A service with a table of sessions that forgets none of them, beside a cache that is bounded and
 * requests that leave nothing behind. tools/page-profiles makes the profiles in this folder of
 * it: for each line on standard input it handles some requests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS_A_LINE 20000
#define SESSION_BYTES   320
#define CACHE_SLOTS     4096
#define CACHE_BYTES     1024
#define FIELDS          8

struct session {
    struct session *next;
    char name[SESSION_BYTES - sizeof(struct session *)];
};

static struct session *sessions;
static char *cache[CACHE_SLOTS];

__attribute__((noinline)) static char *read_field(unsigned number)
{
    char *field = malloc(64 + number % 512);
    snprintf(field, 64, "field %u", number);
    return field;
}

__attribute__((noinline)) static unsigned parse_request(unsigned number)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < FIELDS; i++) {
        char *field = read_field(number + i);
        sum += (unsigned)strlen(field);
        free(field);
    }
    return sum;
}

__attribute__((noinline)) static void cache_put(unsigned key)
{
    char **slot = &cache[key % CACHE_SLOTS];
    free(*slot);
    *slot = malloc(CACHE_BYTES);
    memset(*slot, (int)key, CACHE_BYTES);
}

__attribute__((noinline)) static void session_open(unsigned number)
{
    struct session *session = malloc(sizeof(*session));
    snprintf(session->name, sizeof(session->name), "session %u", number);
    session->next = sessions;
    sessions = session;
}

__attribute__((noinline)) static void handle_request(unsigned number)
{
    cache_put(parse_request(number) * number);
    if (number % 4 == 0) {
        session_open(number);
    }
}

int main(void)
{
    char line[64];
    unsigned number = 0;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        for (int i = 0; i < REQUESTS_A_LINE; i++) {
            handle_request(number++);
        }
        printf("done\n");
        fflush(stdout);
    }
    return 0;
}
