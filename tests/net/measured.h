/* The subject's meter, and its exposition on standard output. */
#ifndef TESTS_NET_MEASURED_H
#define TESTS_NET_MEASURED_H

#include <stdint.h>

struct net_server;
struct slu_budget;
struct slu_meter;

/* A meter for a server of so many loops; stops the program without memory. */
struct slu_meter *measured_create(struct slu_budget *budget, uint32_t loops);

/* Print what the server counts, and "measured" behind it. */
void measured_print(struct slu_meter *meter, struct net_server *server);

#endif
