/* An HTTP server that allows each client three requests at once, then one in 20 minutes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/gate.h>

static void serve(int listener, struct slu_gate *gate)
{
    struct sockaddr_in client;
    socklen_t len = sizeof(client);
    char request[1024], limit[SLU_LIMIT_TEXT_MAX];
    struct slu_gate_key key;
    struct slu_limit_state state;
    int connection = accept(listener, (struct sockaddr *)&client, &len);
    if (slu_gate_key_sockaddr(gate, &client, len, &key) == 0 &&
        read(connection, request, sizeof(request)) > 0) {
        bool allowed = slu_gate_allow_n(gate, 0, key, slu_clock_monotonic_ns(), 1, &state);
        if (slu_limit_text(&state, "client", limit, sizeof(limit)) == 0)
            dprintf(connection, "HTTP/1.1 %s\r\nRateLimit: %s\r\n\r\n",
                    allowed ? "200 OK" : "429 Too Many Requests", limit);
    }
    close(connection);
}

static void ask(const char *address, int listener, struct slu_gate *gate)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)}, server;
    socklen_t len = sizeof(server);
    char answer[1024] = "";
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(client, (struct sockaddr *)&own, len) == 0 &&
        getsockname(listener, (struct sockaddr *)&server, &len) == 0 &&
        connect(client, (struct sockaddr *)&server, len) == 0 && write(client, "GET /", 5) == 5) {
        serve(listener, gate);
        printf("%s: %.3s\n", address, read(client, answer, 1023) > 9 ? answer + 9 : "???");
    }
    close(client);
}

int main(void)
{
    const struct slu_gate_class limit = {.limit = {.count = 3, .period_ns = 3600000000000}};
    struct slu_gate_options options = {.keys_max = 10000, .classes = &limit, .class_count = 1};
    struct slu_budget *budget = NULL;
    struct slu_gate *gate = NULL;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (slu_budget_create(NULL, "http", 1 << 20, &budget) != 0 ||
        slu_gate_create(budget, &options, NULL, &gate) != 0 || listen(listener, 8) != 0)
        return 3;
    for (int i = 0; i < 5; i++)
        ask(i < 4 ? "127.0.0.1" : "127.0.0.2", listener, gate);
    slu_gate_destroy(&gate);
    slu_budget_destroy(&budget);
    return close(listener);
}
