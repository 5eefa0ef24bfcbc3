/*
 * A server whose clients must be heard from: each connection has a pulse, a byte read is a beat,
 * and who is silent for 30 seconds is closed. The sockets are real, the clock is made up, so that a
 * minute passes at once; a real loop takes slu_clock_monotonic_ns and slu_wheel_timeout_ms.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/pulse.h>

#define CLIENTS 3
#define SECOND  UINT64_C(1000000000)

struct connection {
    struct slu_pulse pulse;
    int id, server_fd, client_fd;
};

static void close_silent(struct slu_wheel *wheel, struct slu_pulse *pulse, uint64_t now_ns,
                         void *arg)
{
    (void)wheel, (void)pulse;
    struct connection *connection = arg;
    printf("%2d s: client %d is silent, closed\n", (int)(now_ns / SECOND), connection->id);
    close(connection->server_fd);
    connection->server_fd = -1;
}

int main(void)
{
    struct slu_budget *budget = NULL;
    struct slu_wheel *wheel = NULL;
    struct slu_wheel_options options = {.tick_ns = SECOND / 1000, .timers_max = CLIENTS};
    struct connection all[CLIENTS] = {0};
    int err = slu_budget_create(NULL, "server", 1 << 20, &budget);
    err = err != 0 ? err : slu_wheel_create(budget, &options, NULL, &wheel);
    for (int i = 0, fds[2]; i < CLIENTS && err == 0; i++) {
        err = socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
        all[i] = (struct connection){.id = i, .server_fd = fds[0], .client_fd = fds[1]};
        err |= slu_pulse_start(&all[i].pulse, wheel, 0, 30 * SECOND, close_silent, &all[i]);
    }
    for (uint64_t second = 0; second <= 60 && err == 0; second++) {
        for (int i = 0; i < CLIENTS; i++) { /* client 1 sends until 17 s, client 2 never */
            char byte = 'b';
            if (second % 5 == 0 && (i == 0 || (i == 1 && second <= 17))) {
                err |= send(all[i].client_fd, &byte, 1, MSG_NOSIGNAL) != 1;
            }
            if (all[i].server_fd >= 0 && recv(all[i].server_fd, &byte, 1, MSG_DONTWAIT) == 1) {
                slu_pulse_beat(&all[i].pulse, second * SECOND); /* one store */
            }
        }
        (void)slu_wheel_advance(wheel, second * SECOND, UINT32_MAX); /* all that is due is done */
    }
    printf("60 s: client 0 is %s\n", all[0].server_fd >= 0 ? "connected" : "closed");
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
    return err;
}
