#include "cli/lab_redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"

#define READY_NS UINT64_C(20000000000)
#define SERVER   "/usr/bin/redis-server"
#define SETPRIV  "/usr/bin/setpriv" /* so that it ends with this program, however that ends */

static int redis_wait(struct lab_redis *redis, struct slu_diag *diag)
{
    const char *line = "";
    int err = 0;
    while (err == 0 && strstr(line, "eady to accept connections") == NULL) {
        err = lab_process_line(&redis->process, READY_NS, &line, diag);
    }
    return err;
}

bool lab_redis_is_there(void)
{
    return access(SERVER, X_OK) == 0;
}

int lab_redis_start(struct lab_redis *redis, struct slu_diag *diag)
{
    const char *const words[] = {SETPRIV, "--pdeathsig", "KILL", SERVER,         "--port",
                                 "0",     "--save",      "",     "--unixsocket", redis->socket,
                                 "--dir", redis->folder, NULL};
    if (!lab_redis_is_there()) {
        return diag_fail(diag, -ENOENT, "%s is not there (Debian's package redis-server has it)",
                         SERVER);
    }
    const char *place = getenv("TMPDIR");
    int len = snprintf(redis->folder, sizeof(redis->folder), "%s/sluice-lab.XXXXXX",
                       place == NULL || place[0] == '\0' ? "/tmp" : place);
    if (len < 0 || (size_t)len >= sizeof(redis->folder) || mkdtemp(redis->folder) == NULL) {
        redis->folder[0] = '\0';
        return diag_fail(diag, -EIO, "cannot make a folder for redis-server");
    }
    snprintf(redis->socket, sizeof(redis->socket), "%s/socket", redis->folder);
    int err = lab_process_start(&redis->process, "redis-server", words, NULL, diag);
    return err == 0 ? redis_wait(redis, diag) : err;
}

void lab_redis_end(struct lab_redis *redis)
{
    lab_process_stop(&redis->process);
    lab_process_end(&redis->process);
    if (redis->folder[0] != '\0') {
        (void)unlink(redis->socket); /* it has gone with the server, or never was there */
        (void)rmdir(redis->folder);
        redis->folder[0] = '\0';
    }
}
