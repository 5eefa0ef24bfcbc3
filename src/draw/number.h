/* Numbers as people read them: 4.7 MiB, 310 ns, 12.3 k/s. */
#ifndef DRAW_NUMBER_H
#define DRAW_NUMBER_H

struct sink;

enum draw_unit {
    DRAW_COUNT,            /* 12.3 k */
    DRAW_BYTES,            /* 4.7 MiB */
    DRAW_NANOSECONDS,      /* 310 ns, 1.5 ms, 42.5 s, 2 min 3 s, 3 h 20 min, 4 d 6 h */
    DRAW_PER_SECOND,       /* 12.3 k/s */
    DRAW_BYTES_PER_SECOND, /* 4.7 MiB/s */
    DRAW_PERCENT,          /* 12.3%, always with one decimal; the value is in percent */
};

/*
 * Write `value` with at most three significant digits (four from 1000 to 1023 of a binary unit).
 * A digit after the point is left out where the value is a whole number of the unit shown. NaN is
 * "-". ASCII alone.
 */
void draw_number(struct sink *out, double value, enum draw_unit unit);

#endif
