/*
 * How others write the models that we know: the rows of dialects.def and names.def, and what a part
 * of ours is called there.
 */
#ifndef INK_CONVERT_DIALECT_H
#define INK_CONVERT_DIALECT_H

#include "base/memory.h"
#include "model/part.h"
#include "text/vocab.h"

/* Traits, as dialects.def explains. */
enum {
    INK_DIALECT_PERMUTE = 1,
    INK_DIALECT_PLUS_ONE = 2,
    INK_DIALECT_THETA = 4,
    INK_DIALECT_PARTIAL = 8,
    INK_DIALECT_PARALLEL = 16,
    INK_DIALECT_QUARTER = 32,
    INK_DIALECT_SCALES = 64,
    INK_DIALECT_SCALAR = 128,
    INK_DIALECT_POOLS = 256,
    INK_DIALECT_BOTH_WAYS = 512,
    INK_DIALECT_ADJUST = 1024
};

typedef struct ink_dialect {
    uint16_t traits;
    uint8_t family;
} ink_dialect;

/* The texts of a row. */
typedef enum ink_dialect_text_id {
    INK_DIALECT_MODEL_TYPE,
    INK_DIALECT_CLASS,
    INK_DIALECT_ARCH
} ink_dialect_text_id;

const char *ink_dialect_text(const ink_dialect *dialect, ink_dialect_text_id id);

/*
 * NULL: none. By model_type the one that looks both ways, if it is to and there is one; by arch the
 * first, but with experts one that has a name of their own.
 */
const ink_dialect *ink_dialect_find(ink_text model_type, bool both_ways);
const ink_dialect *ink_dialect_of_arch(const char *arch, bool experts);

/* All names of model types, separated by ", ", for messages. */
void ink_dialect_list(ink_buffer *out);

/* How rows stand there: as here, or as the functions of rows.h say. */
typedef enum ink_row_order {
    INK_ROWS_PLAIN,
    INK_ROWS_TRANSPOSED,
    INK_ROWS_TAPS,    /* of a convolution: a dimension of one stands between rows and taps */
    INK_ROWS_FLAT,    /* a vector there, of the part's two dimensions here */
    INK_ROWS_DECAY,   /* the same, and the logarithm of what is negative here */
    INK_ROWS_QUERIES, /* from here on they move. Halves, not neighbors, are rotated together */
    INK_ROWS_KEYS,    /* the same of keys */
    INK_ROWS_GROUPED  /* of each head of keys: the queries that see it, the key, the value */
} ink_row_order;

typedef struct ink_dialect_name {
    ink_role role;
    ink_row_order order;
    const char *name; /* as in names.def */
} ink_dialect_name;

/* false: the part has no name there. The order of a bias is PLAIN, unless its rows move. */
bool ink_dialect_name_of(const ink_dialect *dialect, ink_role role, bool bias,
                         ink_dialect_name *out);

/* How many tensors there make one part of ours. */
size_t ink_dialect_n_sources(const ink_dialect_name *name, size_t n_experts);

/* Writes the whole name of the index-th; what stands in front of all names may be left out. */
enum { INK_DIALECT_NAME_BYTES = 160 };
void ink_dialect_spell(const ink_dialect *dialect, const ink_dialect_name *name, size_t index,
                       uint32_t layer, const char *suffix, char out[INK_DIALECT_NAME_BYTES]);
const char *ink_dialect_prefix(const ink_dialect *dialect);

/*
 * Goes through all tensors that a model of the architecture may have: those of the model, then
 * layer by layer, each weight before its bias. Begin with a zeroed place; false behind the last.
 */
typedef struct ink_place {
    ink_role role;
    uint32_t layer, next;
    bool in_layer, bias;
} ink_place;

bool ink_place_next(const ink_arch *arch, uint32_t n_layers, ink_place *place);

/*
 * What the tensor is called here: "blk.3.attn_q.weight"; `bare`: "blk.3.ssm_a", as those are that
 * have a whole name there.
 */
enum { INK_PLACE_NAME_BYTES = INK_PART_STEM_BYTES + 8 };
const char *ink_place_name(const ink_place *place, bool bare, char out[INK_PLACE_NAME_BYTES]);

/* Whether the name stands without ".weight" and ".bias". */
bool ink_dialect_is_whole(const ink_dialect_name *name);

/* 1 or 2: the part is that half of the rows there; 0: it is all of them. */
unsigned ink_dialect_half(const ink_dialect_name *name);

#endif
