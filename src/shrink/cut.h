/*
 * What stays of a model when layers, heads and channels go. A group is a head of keys and values
 * with the query heads that see it, a channel one of a feed-forward. All layers keep as many of
 * each, though not the same ones, so that the file is that of an ordinary model. Which rows and
 * columns of a tensor belong to what is read from the letters of its shape in weights.def.
 */
#ifndef INK_SHRINK_CUT_H
#define INK_SHRINK_CUT_H

#include "model/part.h"
#include "model/rewrite.h"
#include "shrink/targets.h"

#define INK_CUT_TABLE(X) \
    X(LAYERS, "layers")  \
    X(GROUPS, "groups")  \
    X(CHANNELS, "channels")

typedef enum ink_cut_kind {
#define X(name, text) INK_CUT_##name,
    INK_CUT_TABLE(X)
#undef X
        INK_N_CUTS
} ink_cut_kind;

extern const char *const ink_cut_names[INK_N_CUTS];

/* Where a tensor of the file stands. */
typedef struct ink_cut_place {
    ink_role role;
    uint32_t layer;
    bool in_layer;
    char rows, columns; /* letters; 0: a vector has no rows */
} ink_cut_place;

typedef struct ink_cut {
    const ink_model *model;
    size_t n_tensors;
    ink_cut_place *places;               /* [n_tensors], as in the file */
    uint32_t n[INK_N_CUTS];              /* layers; groups and channels of each */
    uint32_t kept[INK_N_CUTS];           /* of them */
    bool *stays[INK_N_CUTS];             /* [layers], [layers][groups], [layers][channels] */
    const char *fixed;                   /* why no layer may go; NULL: they may */
    uint32_t *rows, *columns;            /* of the tensor that was selected last */
    char name[INK_PART_STEM_BYTES + 16]; /* that it gets */
} ink_cut;

/*
 * All of it stays at first. UNSUPPORTED names the part of the model that cannot be made narrower.
 * What failed is to be ended, too.
 */
ink_status ink_cut_init(ink_cut *cut, const ink_model *model, ink_error *error);
void ink_cut_deinit(ink_cut *cut);

/* Of a layer, or [layers]; `layer` does not matter for these. */
bool *ink_cut_stays(const ink_cut *cut, ink_cut_kind kind, uint32_t layer);

/* Columns of a unit of the kind, in a matrix that reads it; 0: the letter is of no such kind. */
size_t ink_cut_width(const ink_cut *cut, char letter, ink_cut_kind kind);

/* The format of tensor `index` with so many of each kept: its own, or one whose blocks fit. */
ink_format ink_cut_format(const ink_cut *cut, size_t index, const uint32_t kept[INK_N_CUTS]);
uint64_t ink_cut_bytes(const ink_cut *cut, size_t index, const uint32_t kept[INK_N_CUTS]);

/* For ink_rewriter.select. */
bool ink_cut_select(ink_cut *cut, const ink_gguf_tensor *tensor, ink_rewrite_part *part);
size_t ink_cut_index(const ink_cut *cut, const ink_gguf_tensor *tensor);

/* The keys that change. UNSUPPORTED: others that follow from them would, too. */
ink_status ink_cut_describe(const ink_cut *cut, ink_gguf_writer *writer, ink_error *error);

/* What is known of what goes, for a choice. */
typedef struct ink_cut_costs {
    uint64_t n_bytes; /* of all tensors, at most */
    bool allowed[INK_N_CUTS];
    const uint32_t *order; /* [layers], those that are missed least first */
    const double *layers;  /* [layers] what each would take away of the stream */
    /* [layers][groups + 1], [layers][channels + 1]: with so many left; NULL: none may go */
    const double *narrow[INK_N_CUTS];
    uint32_t step[INK_N_CUTS]; /* that groups and channels go in */
} ink_cut_costs;

/*
 * How many of each stay so that the least is taken away, and which layers. *lost: how much. LIMIT:
 * the bytes are too few for any; it says how many it takes.
 */
ink_status ink_cut_choose(ink_cut *cut, const ink_cut_costs *costs, double *lost, ink_error *error);

#endif
