#include "convert/llama2c.h"

#include <string.h>
#include "base/status.h"
#include "convert/dialect.h"

#define MODEL_TYPE "llama2.c" /* its row in dialects.def */

enum { WIDTH, FORWARD, LAYERS, HEADS, KV_HEADS, TOKENS, CONTEXT, N_NUMBERS };
enum { HEADER_BYTES = 4 * N_NUMBERS };

static const char *const keys[N_NUMBERS] = {
    "hidden_size",         "intermediate_size", "num_hidden_layers",      "num_attention_heads",
    "num_key_value_heads", "vocab_size",        "max_position_embeddings"};

/* What follows the numbers: letters for dimensions, rows first. */
static const struct block {
    uint8_t role; /* INK_WEIGHT_END: cosines and sines, which are computed */
    char rows, k; /* k: '1' of a vector */
} blocks[] = {
    {INK_WEIGHT_TOKEN_EMBEDDING, 'V', 'E'}, {INK_WEIGHT_ATTENTION_NORM, 'E', '1'},
    {INK_WEIGHT_QUERY, 'E', 'E'},           {INK_WEIGHT_KEY, 'K', 'E'},
    {INK_WEIGHT_VALUE, 'K', 'E'},           {INK_WEIGHT_ATTENTION_OUTPUT, 'E', 'E'},
    {INK_WEIGHT_FFN_NORM, 'E', '1'},        {INK_WEIGHT_FFN_GATE, 'F', 'E'},
    {INK_WEIGHT_FFN_DOWN, 'E', 'F'},        {INK_WEIGHT_FFN_UP, 'F', 'E'},
    {INK_WEIGHT_OUTPUT_NORM, 'E', '1'},     {INK_WEIGHT_END, 'C', 'D'},
    {INK_WEIGHT_OUTPUT, 'V', 'E'},
};

typedef struct reader {
    ink_source *source;
    const char *name;
    uint32_t numbers[N_NUMBERS], file;
    bool own_output;
    uint64_t at;
    ink_error *error;
} reader;

static uint64_t dimension(const reader *r, char letter)
{
    const uint32_t *n = r->numbers;
    const uint32_t head = n[HEADS] ? n[WIDTH] / n[HEADS] : 0;
    switch (letter) {
    case 'V':
        return n[TOKENS];
    case 'E':
        return n[WIDTH];
    case 'F':
        return n[FORWARD];
    case 'K':
        return (uint64_t)head * n[KV_HEADS];
    case 'C':
        return n[CONTEXT];
    case 'D':
        return head;
    default:
        return 1;
    }
}

static ink_status read_numbers(reader *r, const ink_file *file)
{
    uint8_t bytes[HEADER_BYTES];
    if (ink_file_size(file) < HEADER_BYTES)
        return ink_fail(r->error, INK_CORRUPT, 0, "%s: is no llama2.c file", r->name);
    INK_TRY(ink_file_read(file, 0, HEADER_BYTES, bytes, r->error));
    for (size_t i = 0; i < N_NUMBERS; i++) {
        uint32_t number = ink_llama2c_number(bytes + 4 * i);
        uint32_t most = i == LAYERS    ? INK_MAX_LAYERS
                        : i == CONTEXT ? INK_MAX_CONTEXT
                                       : INK_MAX_WIDTH;
        if (i == TOKENS && number > INT32_MAX) { /* negative: an output of its own */
            r->own_output = true;
            number = 0 - number;
        }
        if (number == 0 || number > most)
            return ink_fail(r->error, INK_CORRUPT, 4 * i, "%s: is no llama2.c file: %s is %u",
                            r->name, keys[i], number);
        r->numbers[i] = number;
    }
    if (r->numbers[WIDTH] % r->numbers[HEADS] != 0 || r->numbers[HEADS] % r->numbers[KV_HEADS] != 0)
        return ink_fail(r->error, INK_CORRUPT, 0, "%s: its heads do not divide its width", r->name);
    return INK_OK;
}

static ink_status add(reader *r, const struct block *b, uint32_t layer)
{
    char name[INK_DIALECT_NAME_BYTES];
    const ink_dialect *dialect =
        ink_dialect_find((ink_text){MODEL_TYPE, sizeof MODEL_TYPE - 1}, false);
    ink_dialect_name part;
    ink_source_tensor t = {.name = name,
                           .type = "F32",
                           .format = INK_FORMAT_F32,
                           .file = r->file,
                           .n_dims = b->k == '1' ? 1 : 2,
                           .shape = {dimension(r, b->rows), dimension(r, b->k), 1, 1},
                           .offset = r->at};
    t.n_bytes = 4 * t.shape[0] * t.shape[1]; /* numbers are small: checked */
    r->at += t.n_bytes;
    if (!ink_dialect_name_of(dialect, (ink_role)b->role, false, &part))
        return INK_OK;
    ink_dialect_spell(dialect, &part, 0, layer, ".weight", name);
    return ink_source_take_tensor(r->source, t, r->error);
}

static ink_status add_all(reader *r, uint64_t n_bytes)
{
    size_t n = sizeof blocks / sizeof *blocks - !r->own_output;
    r->at = HEADER_BYTES;
    for (size_t i = 0; i < n; i++)
        for (uint32_t layer = 0;
             layer < (ink_parts[blocks[i].role].in_layer ? r->numbers[LAYERS] : 1); layer++)
            INK_TRY(add(r, &blocks[i], layer));
    if (r->at != n_bytes)
        return ink_fail(r->error, INK_CORRUPT, 0,
                        "%s: has %" PRIu64 " bytes, by its numbers %" PRIu64, r->name, n_bytes,
                        r->at);
    return ink_source_sort(r->source, r->error);
}

static ink_status make_config(const reader *r, ink_arena *arena, ink_value *config)
{
    bool made = ink_value_new_dict(arena, INK_VALUE_DICT, config) &&
                ink_value_set_name(arena, *config, "model_type",
                                   ink_value_borrow(MODEL_TYPE, sizeof MODEL_TYPE - 1)) &&
                ink_value_set_name(arena, *config, "rms_norm_eps", ink_value_float(1e-5));
    for (size_t i = 0; made && i < N_NUMBERS; i++)
        made = ink_value_set_name(arena, *config, keys[i], ink_value_integer(r->numbers[i]));
    return made ? INK_OK : ink_fail_memory(r->error, "a configuration");
}

ink_status ink_llama2c_open(ink_source *source, ink_file *file, ink_arena *arena, ink_value *config,
                            size_t *n_tokens, ink_error *error)
{
    reader r = {.source = source,
                .name = ink_file_name(file),
                .file = (uint32_t)source->n_files,
                .error = error};
    INK_TRY(ink_source_take_file(source, file, error));
    INK_TRY(read_numbers(&r, file));
    INK_TRY(add_all(&r, ink_file_size(file)));
    *n_tokens = r.numbers[TOKENS];
    return make_config(&r, arena, config);
}
