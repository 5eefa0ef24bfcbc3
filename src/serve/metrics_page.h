/* What the daemon counts, as Prometheus' text. */
#ifndef SERVE_METRICS_PAGE_H
#define SERVE_METRICS_PAGE_H

struct graph;
struct net_request;
struct slu_budget;

void metrics_page_answer(struct net_request *request, struct slu_budget *budget,
                         struct graph *graph);

#endif
