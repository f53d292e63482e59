/* Keys and values of new tokens into their cache pages (array/kv.h). */
#include <string.h>

#include "base/size.h"
#include "device/cpu/cpu.h"

/* Where a token's keys and values go: a page in one of its forms. */
typedef struct slot {
    const ink_kv_layout *layout;
    char *page;
    size_t position; /* within the page */
} slot;

static slot find_slot(const ink_kv_sequence *sequence, size_t layer, size_t position)
{
    return (slot){&sequence->layouts[layer], sequence->pages[layer][position / INK_PAGE],
                  position % INK_PAGE};
}

/* A row as it is encoded, [max(k_dim, v_dim)], then its blocks. */
static size_t row_floats(const ink_attention *attention)
{
    return ink_size_max(attention->k_dim, attention->v_dim);
}

size_t ink_cpu_store_scratch(const ink_array *node)
{
    return 2 * row_floats(&node->parameters.attention) * sizeof(float);
}

static void encode(ink_format format, void *blocks, const float *x, size_t n)
{
    if (!ink_encode(format, blocks, x, n))
        (void)ink_encode_levels(format, blocks, x, n);
}

static const float *rotated(bool wanted, const float *x, size_t n, float *row)
{
    if (!wanted)
        return x;
    memcpy(row, x, n * sizeof *x);
    ink_rotate(row, n);
    return row;
}

static void put_key(const slot *at, size_t head, const float *x, void *blocks)
{
    const ink_kv_layout *layout = at->layout;
    size_t tile_bytes = layout->k_bytes / (INK_PAGE / INK_TILE_ROWS);
    char *tile = at->page + head * layout->head_bytes + at->position / INK_TILE_ROWS * tile_bytes;
    encode(layout->k_format, blocks, x, layout->k_dim);
    ink_tile_put_row(layout->k_format, tile, blocks, at->position % INK_TILE_ROWS,
                     layout->k_dim / ink_formats[layout->k_format].block_elements);
}

static void put_value(const slot *at, size_t head, const float *x)
{
    const ink_kv_layout *layout = at->layout;
    char *values = at->page + head * layout->head_bytes + layout->k_bytes;
    encode(layout->v_format, values + at->position * layout->v_row_bytes, x, layout->v_dim);
}

static void store_row(const ink_cpu_call *call, size_t row, const slot *slots, size_t n_slots)
{
    const ink_array *k = call->node->inputs[0], *v = call->node->inputs[1];
    const ink_kv_layout *layout = slots[0].layout;
    float *in_turn = call->scratch;
    void *blocks = in_turn + row_floats(&call->node->parameters.attention);
    for (size_t head = 0; head < layout->n_heads; head++) {
        const float *key =
            rotated(layout->k_rotated, ink_line(k, row, head), layout->k_dim, in_turn);
        for (size_t i = 0; i < n_slots; i++)
            put_key(&slots[i], head, key, blocks);
        const float *value =
            rotated(layout->v_rotated, ink_line(v, row, head), layout->v_dim, in_turn);
        for (size_t i = 0; i < n_slots; i++)
            put_value(&slots[i], head, value);
    }
}

void ink_cpu_store(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node;
    const int32_t *positions = node->inputs[2]->data;
    const ink_kv_sequence *const *sequences = node->inputs[3]->data;
    size_t layer = node->parameters.attention.layer;
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        const ink_kv_sequence *sequence = sequences[row];
        size_t position = (size_t)positions[row];
        size_t n_slots = 0;
        slot slots[2];
        slots[n_slots++] = find_slot(sequence, layer, position);
        if (sequence->layouts[layer].n_recent > 0)
            slots[n_slots++] = find_slot(sequence, layer + sequence->n_layers, position);
        store_row(call, row, slots, n_slots);
    }
}
