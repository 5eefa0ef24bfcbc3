/* What people look at on a terminal. Pure: text goes into a sink, nothing asks the system. */
#ifndef DRAW_DRAW_H
#define DRAW_DRAW_H

#include "draw/chart.h"
#include "draw/number.h"
#include "draw/progress.h"
#include "draw/screen.h"
#include "draw/table.h"
#include "draw/terminal.h"
#include "draw/text.h"

#endif
