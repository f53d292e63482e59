/*
 * What the search knows of a format: which numbers its codes stand for, what shares a scale, and
 * where codes and scales stand in a block. One row each in recipes.c; what the bits mean in the end
 * is the decoder's to say (kernel/groups.c), and the tests hold both together.
 *
 *     w[k] = scale of its group * level[code[k]] + min of its group
 */
#ifndef INK_QUANT_RECIPE_H
#define INK_QUANT_RECIPE_H

#include "tensor/format.h"

#define INK_MAX_BLOCK 256 /* elements of the longest block */
#define INK_MAX_GROUPS 16 /* of them, each with a scale */
#define INK_MAX_LEVELS 16 /* of a code that looks a number up */

/* Numbers that codes stand for, in increasing order, and their codes. */
typedef struct ink_levels {
    uint8_t n;
    int8_t value[INK_MAX_LEVELS];
    uint8_t code[INK_MAX_LEVELS];
} ink_levels;

typedef enum ink_scale_kind {
    INK_SCALE_NONE,   /* no blocks: each value stands for itself */
    INK_SCALE_HALF,   /* the block's one scale, and min, are halves */
    INK_SCALE_CODES,  /* a group's is an integer times the block's half; mins are subtracted */
    INK_SCALE_STEPS,  /* a group's is one of a few numbers, in increasing order of their codes */
    INK_SCALE_TRELLIS /* codes depend on each other: trellis.h, and nothing of what is below */
} ink_scale_kind;

/*
 * `bits` of each code, from bit `from` on, in bytes from `offset` on. Runs of `run` codes fill the
 * low bits of as many bytes, the next run the bits above them, until the bytes are full.
 */
typedef struct ink_plane {
    uint8_t offset, bits, from, run;
} ink_plane;

typedef struct ink_recipe {
    ink_scale_kind kind;
    uint16_t group;           /* elements that share a scale */
    int16_t low, high;        /* the levels are all integers of this range, */
    const ink_levels *levels; /* or these; NULL: they are not */
    int16_t stored;           /* what is added to a code, counted from 0, in the block */
    bool has_min;
    int16_t scale_low, scale_high, min_high; /* what scales and mins of groups may be */
    uint8_t d, m;                            /* where the block's halves stand */
    ink_plane planes[2];                     /* no bits: there is none */
    void (*put_codes)(uint8_t *block, const uint8_t *codes); /* beside planes; NULL: that is all */
    /* Into a block that is zero; NULL: groups have none. */
    void (*put_scale)(uint8_t *block, size_t group, int scale, int min);
} ink_recipe;

extern const ink_recipe ink_recipes[INK_N_FORMATS];

/* How a block is to be written. */
typedef struct ink_choice {
    uint8_t codes[INK_MAX_BLOCK]; /* counted from the lowest level */
    int16_t scales[INK_MAX_GROUPS], mins[INK_MAX_GROUPS];
    float d, m; /* of the block, such as halves hold */
} ink_choice;

void ink_choice_pack(ink_format format, const ink_choice *choice, void *block);

/* The scale that a code of INK_SCALE_STEPS stands for. */
float ink_scale_step(ink_format format, int code);

#endif
