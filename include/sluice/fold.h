/*
 * Fold: the aggregate of a sliding window under any associative operation, in worst-case constant
 * time, as a type-generic header: the operation is a macro, so that it inlines.
 *
 *     #define SLU_FOLD_NAME sum_fold              a prefix of your choice
 *     #define SLU_FOLD_VALUE double               the type of a partial aggregate
 *     #define SLU_FOLD_COMBINE(older, newer) ((older) + (newer))
 *     #define SLU_FOLD_IDENTITY 0.0               combined with x on either side, it gives x
 *     #include <sluice/fold.h>
 *
 * declares struct sum_fold with sum_fold_create, _destroy, _push, _evict, _slide, _query, _count
 * and _clear, and struct sum_fold_slices for windows of time. The operation need be neither
 * commutative nor invertible: maximum, affine maps and string concatenation are fine. The header
 * may be included once for each name; it undefines its four macros.
 *
 * Cost     combines per call at most: push 3, evict 2, slide 5, query 1. Nothing allocates after
 *          creation. Memory is the struct, rounded up to 64 bytes, and capacity + 1 values.
 * Threads  one at a time; distinct folds are independent
 * Source   Tangwongsan, Hirzel, Schneider, "In-order sliding-window aggregation in worst-case
 *          constant time", VLDB Journal 30 (2021): DABA Lite
 */
#ifndef SLUICE_FOLD_H
#define SLUICE_FOLD_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/fold_block.h>

#define SLU_FOLD_GLUE(prefix, suffix) prefix##suffix
#define SLU_FOLD_JOIN(prefix, suffix) SLU_FOLD_GLUE(prefix, suffix)
#define SLU_FOLD_HEADER_BYTES(type)   ((sizeof(type) + 63) / 64 * 64)

#endif

#if !defined(SLU_FOLD_NAME) || !defined(SLU_FOLD_VALUE) || !defined(SLU_FOLD_COMBINE) ||           \
    !defined(SLU_FOLD_IDENTITY)
#error "define SLU_FOLD_NAME, _VALUE, _COMBINE and _IDENTITY before this include"
#endif

#define SLU_FOLD_FN(suffix) SLU_FOLD_JOIN(SLU_FOLD_NAME, suffix)
#define SLU_FOLD            struct SLU_FOLD_NAME
#define SLU_FOLD_SLICES     struct SLU_FOLD_FN(_slices)

/*
 * The cells hold, from the oldest element to the newest,
 *
 *      front      left          (meet)      accumulated      back         end
 *        | to back  |  to meet     |  elements   |   to back   |  elements  |
 *
 * where "to x" means that a cell holds the aggregate of the elements from its own up to x. middle
 * is the aggregate from meet to back, newest that from back to end. left and accumulated are
 * equally far from meet, so they arrive there together and meet itself need not be kept; from then
 * on both move towards back, where the newest part is turned over. Each call moves them by one,
 * which completes the front part before it is needed.
 *
 * The order of the members keeps gcc from copying two of them as one vector: reading that back
 * while one half has just been stored stalls the processor, for 2.5 ns a step.
 */
SLU_FOLD
{
    SLU_FOLD_VALUE *cells;
    uint32_t front;
    uint32_t left;
    uint32_t end;
    uint32_t accumulated;
    uint32_t cell_count;
    uint32_t back;
    struct slu_budget *budget;
    SLU_FOLD_VALUE middle;
    SLU_FOLD_VALUE newest;
};

/* Forget all elements. */
static inline void SLU_FOLD_FN(_clear)(SLU_FOLD *fold)
{
    fold->front = fold->left = fold->accumulated = fold->back = fold->end = 0;
    fold->middle = SLU_FOLD_IDENTITY;
    fold->newest = SLU_FOLD_IDENTITY;
}

/*
 * Make a fold of at most `capacity` elements; errors as slu_fold_alloc.
 *
 * Owner  the caller, until _destroy; the budget must outlive it
 */
SLU_MUST_USE static inline int SLU_FOLD_FN(_create)(struct slu_budget *budget, uint64_t capacity,
                                                    struct slu_diag *diag, SLU_FOLD **out)
{
    void *block = NULL;
    int err =
        slu_fold_alloc(budget, capacity, sizeof(SLU_FOLD), sizeof(SLU_FOLD_VALUE), diag, &block);
    if (err != 0) {
        return err;
    }
    SLU_FOLD *fold = (SLU_FOLD *)block;
    fold->cells = (SLU_FOLD_VALUE *)(void *)((char *)block + SLU_FOLD_HEADER_BYTES(SLU_FOLD));
    fold->cell_count = (uint32_t)capacity + 1;
    fold->budget = budget;
    SLU_FOLD_FN(_clear)(fold);
    *out = fold;
    return 0;
}

static inline void SLU_FOLD_FN(_destroy)(SLU_FOLD **fold)
{
    if (fold == NULL || *fold == NULL) {
        return;
    }
    slu_fold_free((*fold)->budget, *fold, (*fold)->cell_count - 1, sizeof(SLU_FOLD),
                  sizeof(SLU_FOLD_VALUE));
    *fold = NULL;
}

/* Elements in the window. */
static inline uint32_t SLU_FOLD_FN(_count)(const SLU_FOLD *fold)
{
    return fold->end - fold->front + (fold->end < fold->front ? fold->cell_count : 0);
}

static inline uint32_t SLU_FOLD_FN(_after)(const SLU_FOLD *fold, uint32_t at)
{
    return at + 1 == fold->cell_count ? 0 : at + 1;
}

/* Restore the order of the parts after one element came or went: at most two combines. */
static inline void SLU_FOLD_FN(_settle)(SLU_FOLD *fold)
{
    if (fold->front == fold->back) {
        /* No front part: everything that is there, one element at most, becomes it. */
        fold->left = fold->accumulated = fold->back = fold->end;
        fold->middle = SLU_FOLD_IDENTITY;
        fold->newest = SLU_FOLD_IDENTITY;
        return;
    }
    if (fold->left == fold->back) {
        /* Turn the newest part over; the old back is where left and accumulated will meet. */
        fold->left = fold->front;
        fold->accumulated = fold->end;
        fold->back = fold->end;
        fold->middle = fold->newest;
        fold->newest = SLU_FOLD_IDENTITY;
    }
    uint32_t left = fold->left;
    fold->left = SLU_FOLD_FN(_after)(fold, left);
    if (left == fold->accumulated) {
        fold->accumulated = fold->left;
        return;
    }
    fold->cells[left] = SLU_FOLD_COMBINE(fold->cells[left], fold->middle);
    uint32_t before = (fold->accumulated == 0 ? fold->cell_count : fold->accumulated) - 1;
    if (fold->accumulated != fold->back) {
        fold->cells[before] = SLU_FOLD_COMBINE(fold->cells[before], fold->cells[fold->accumulated]);
    }
    fold->accumulated = before;
}

/* Put the newest element into the free cell that there is. */
static inline void SLU_FOLD_FN(_append)(SLU_FOLD *fold, SLU_FOLD_VALUE value)
{
    fold->cells[fold->end] = value;
    fold->end = SLU_FOLD_FN(_after)(fold, fold->end);
    fold->newest = SLU_FOLD_COMBINE(fold->newest, value);
    SLU_FOLD_FN(_settle)(fold);
}

/* Add the newest element. Returns 0, or -EDQUOT when `capacity` elements are in the window. */
SLU_MUST_USE static inline int SLU_FOLD_FN(_push)(SLU_FOLD *fold, SLU_FOLD_VALUE value)
{
    if (SLU_FOLD_FN(_after)(fold, fold->end) == fold->front) {
        return -EDQUOT;
    }
    SLU_FOLD_FN(_append)(fold, value);
    return 0;
}

/* Let the oldest element go; there is one. */
static inline void SLU_FOLD_FN(_shift)(SLU_FOLD *fold)
{
    fold->front = SLU_FOLD_FN(_after)(fold, fold->front);
    SLU_FOLD_FN(_settle)(fold);
}

/* Remove the oldest element. Returns 0, or -EAGAIN when there is none. */
SLU_MUST_USE static inline int SLU_FOLD_FN(_evict)(SLU_FOLD *fold)
{
    if (fold->front == fold->end) {
        return -EAGAIN;
    }
    SLU_FOLD_FN(_shift)(fold);
    return 0;
}

/* Add the newest element; when the window is full the oldest leaves: a window by count. */
static inline void SLU_FOLD_FN(_slide)(SLU_FOLD *fold, SLU_FOLD_VALUE value)
{
    if (SLU_FOLD_FN(_push)(fold, value) != 0) {
        SLU_FOLD_FN(_shift)(fold);
        SLU_FOLD_FN(_append)(fold, value);
    }
}

/* The aggregate of all elements, oldest first; the identity when there is none. */
static inline SLU_FOLD_VALUE SLU_FOLD_FN(_query)(const SLU_FOLD *fold)
{
    if (fold->front == fold->back) {
        return fold->newest;
    }
    return SLU_FOLD_COMBINE(fold->cells[fold->front], fold->newest);
}

/*
 * The window of time: the newest slice takes values as they come, the older ones are elements of a
 * fold. Time is as in sluice/window.h: an older time counts in the newest slice, a jump over the
 * whole span empties the window.
 */
SLU_FOLD_SLICES
{
    SLU_FOLD *closed;
    uint64_t slice_end_ns; /* 0 until the first value */
    uint64_t slice_ns;
    uint64_t epoch;
    uint32_t slice_count;
    SLU_FOLD_VALUE open;
};

/*
 * Prepare `slices`, which may be on the stack.
 *
 * Returns  0; -EINVAL for a span_ns or slice_count outside its range; otherwise as slu_fold_alloc
 * Owner    the caller, until _slices_deinit; the budget must outlive it
 */
SLU_MUST_USE static inline int
SLU_FOLD_FN(_slices_init)(SLU_FOLD_SLICES *slices, struct slu_budget *budget,
                          const struct slu_fold_slices_options *options, struct slu_diag *diag)
{
    uint64_t slice_ns = 0;
    SLU_FOLD *closed = NULL;
    int err = slu_fold_slice_width(options, diag, &slice_ns);
    if (err == 0) {
        err = SLU_FOLD_FN(_create)(budget, options->slice_count, diag, &closed);
    }
    if (err != 0) {
        return err;
    }
    slices->closed = closed;
    slices->slice_end_ns = 0;
    slices->slice_ns = slice_ns;
    slices->epoch = 0;
    slices->slice_count = options->slice_count;
    slices->open = SLU_FOLD_IDENTITY;
    return 0;
}

static inline void SLU_FOLD_FN(_slices_deinit)(SLU_FOLD_SLICES *slices)
{
    SLU_FOLD_FN(_destroy)(&slices->closed);
}

/*
 * Let slices that `now_ns` has passed leave.
 *
 * Cost  O(slices passed), at most slice_count
 */
static inline void SLU_FOLD_FN(_slices_advance)(SLU_FOLD_SLICES *slices, uint64_t now_ns)
{
    if (now_ns < slices->slice_end_ns) {
        return;
    }
    uint64_t epoch = now_ns / slices->slice_ns;
    uint64_t passed = slices->slice_end_ns == 0 ? slices->slice_count : epoch - slices->epoch;
    slices->epoch = epoch;
    slices->slice_end_ns = epoch * slices->slice_ns + slices->slice_ns;
    if (slices->slice_end_ns < slices->slice_ns) {
        slices->slice_end_ns = UINT64_MAX; /* the last slice of time never ends */
    }
    if (passed >= slices->slice_count) {
        SLU_FOLD_FN(_clear)(slices->closed);
        slices->open = SLU_FOLD_IDENTITY;
    }
    for (; passed > 0 && passed < slices->slice_count; passed--) {
        if (SLU_FOLD_FN(_count)(slices->closed) + 1 == slices->slice_count) {
            SLU_FOLD_FN(_shift)(slices->closed);
        }
        SLU_FOLD_FN(_append)(slices->closed, slices->open);
        slices->open = SLU_FOLD_IDENTITY;
    }
}

/* Combine `value` into the newest slice; cost as _slices_advance, plus one combine. */
static inline void SLU_FOLD_FN(_slices_add)(SLU_FOLD_SLICES *slices, uint64_t now_ns,
                                            SLU_FOLD_VALUE value)
{
    SLU_FOLD_FN(_slices_advance)(slices, now_ns);
    slices->open = SLU_FOLD_COMBINE(slices->open, value);
}

/* The aggregate over the span at `now_ns`; cost as _slices_advance, plus two combines. */
static inline SLU_FOLD_VALUE SLU_FOLD_FN(_slices_query)(SLU_FOLD_SLICES *slices, uint64_t now_ns)
{
    SLU_FOLD_FN(_slices_advance)(slices, now_ns);
    SLU_FOLD_VALUE older = SLU_FOLD_FN(_query)(slices->closed);
    return SLU_FOLD_COMBINE(older, slices->open);
}

#undef SLU_FOLD_SLICES
#undef SLU_FOLD
#undef SLU_FOLD_FN
#undef SLU_FOLD_IDENTITY
#undef SLU_FOLD_COMBINE
#undef SLU_FOLD_VALUE
#undef SLU_FOLD_NAME
