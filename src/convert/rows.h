/*
 * Rows of published tensors in their order here, and back, and the stream that copies them: no more
 * than a stripe of a tensor is in memory, or one tensor where it is transposed.
 */
#ifndef INK_CONVERT_ROWS_H
#define INK_CONVERT_ROWS_H

#include "convert/dialect.h"

typedef struct ink_row_map {
    ink_row_order order;
    uint64_t n_rows, n_heads, n_kv_heads;
} ink_row_map;

/* Whether its rows can be divided among its heads as `order` wants. */
bool ink_row_map_fits(const ink_row_map *map);

/* Where there the row is that is `row` here; `back`: here, the one that is `row` there. */
uint64_t ink_row_move(const ink_row_map *map, uint64_t row, bool back);

/* The format of a name, if values stand for themselves in it: F32, F16, BF16. */
bool ink_copy_format(const char *name, ink_format *out);

/* What is read: a tensor of `from`, of which the rows begin with first_row. */
typedef struct ink_copy {
    const char *name;      /* for messages */
    ink_row_map map;       /* of what is written */
    bool back;             /* from here to there */
    ink_format from, to;   /* `to`: as ink_copy_format finds them */
    uint64_t first_row, k; /* k: of a row that is written */
    float add;
    bool decays; /* as INK_ROWS_DECAY says */
    ink_status (*read)(void *context, uint64_t offset, size_t n_bytes, void *dst, ink_error *error);
    ink_status (*write)(void *context, const void *bytes, size_t n_bytes, ink_error *error);
    void *context;
} ink_copy;

/* Working memory, to be zeroed at first and freed in the end. */
typedef struct ink_copier {
    const ink_allocator *allocator;
    ink_progress progress;
    uint64_t n_done, n_all; /* values */
    void *blocks;           /* [room] floats, as read and as written */
    float *values;          /* [room] */
    float *whole;           /* of what is transposed */
    size_t room, whole_room;
} ink_copier;

/*
 * Writes map.n_rows rows. CORRUPT: a value is not finite, or too large for `to`; CANCELLED.
 */
ink_status ink_copy_rows(ink_copier *copier, const ink_copy *copy, ink_error *error);
void ink_copier_deinit(ink_copier *copier);

#endif
