/* An HTTP gateway with a limit for each client: what both forms share. */
#ifndef LAB_GATEWAY_H
#define LAB_GATEWAY_H

#include <stdint.h>

#define GATEWAY_CLIENT_RATE  100000 /* requests a second and client */
#define GATEWAY_CLIENT_BURST 1000
#define GATEWAY_CLIENTS_MAX  10000

#endif
