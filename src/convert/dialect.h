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
    INK_DIALECT_POOLS = 256
};

typedef struct ink_dialect {
    const char *model_type, *class_name, *arch;
    uint16_t traits;
    uint8_t family;
} ink_dialect;

/* NULL: none. By arch the first one, but with experts one that has a name of their own. */
const ink_dialect *ink_dialect_find(ink_text model_type);
const ink_dialect *ink_dialect_of_arch(const char *arch, bool experts);

/* All names of model types, separated by ", ", for messages. */
void ink_dialect_list(ink_buffer *out);

/* How rows stand there: as here, or as the functions of rows.h say. */
typedef enum ink_row_order {
    INK_ROWS_PLAIN,
    INK_ROWS_QUERIES, /* heads of queries: halves, not neighbors, are rotated together */
    INK_ROWS_KEYS,    /* the same of keys */
    INK_ROWS_GROUPED, /* of each head of keys: the queries that see it, the key, the value */
    INK_ROWS_TRANSPOSED
} ink_row_order;

typedef struct ink_dialect_name {
    ink_role role;
    ink_row_order order;
    const char *name; /* as in names.def */
} ink_dialect_name;

/* false: the part has no name there. */
bool ink_dialect_name_of(const ink_dialect *dialect, ink_role role, ink_dialect_name *out);

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

/* What the tensor is called here: "blk.3.attn_q.weight". */
enum { INK_PLACE_NAME_BYTES = INK_PART_STEM_BYTES + 8 };
const char *ink_place_name(const ink_place *place, char out[INK_PLACE_NAME_BYTES]);

#endif
