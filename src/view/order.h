/* In which order rows stand: the largest first, whatever its sign, then by label. */
#ifndef VIEW_ORDER_H
#define VIEW_ORDER_H

#include <stdint.h>

struct view;

/* As comparison functions for qsort return it. */
int order_larger_first(int64_t left, int64_t right);
int order_labels(const struct view *view, uint32_t left, uint32_t right);

#endif
