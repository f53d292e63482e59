/* Keys and values of new tokens into their cache pages (array/kv.h). */
#include "device/cpu/cpu.h"

typedef struct slot {
    const ink_kv_layout *layout;
    char *page;
    size_t position; /* within the page */
} slot;

static slot find_slot(const ink_array *node, size_t row)
{
    const int32_t *positions = node->inputs[2]->data;
    const ink_kv_sequence *const *sequences = node->inputs[3]->data;
    const ink_kv_sequence *sequence = sequences[row];
    size_t layer = node->parameters.attention.layer, position = (size_t)positions[row];
    return (slot){&sequence->layouts[layer], sequence->pages[layer][position / INK_PAGE],
                  position % INK_PAGE};
}

size_t ink_cpu_store_scratch(const ink_array *node)
{
    return node->parameters.attention.k_dim * sizeof(float);
}

void ink_cpu_store(const ink_cpu_call *call, size_t first_row, size_t n_rows)
{
    const ink_array *node = call->node, *k = node->inputs[0], *v = node->inputs[1];
    for (size_t row = first_row; row < first_row + n_rows; row++) {
        slot at = find_slot(node, row);
        const ink_kv_layout *layout = at.layout;
        size_t n_blocks = layout->k_dim / ink_formats[layout->k_format].block_elements;
        size_t tile_bytes = layout->k_bytes / (INK_PAGE / INK_TILE_ROWS);
        for (size_t head = 0; head < layout->n_heads; head++) {
            char *keys = at.page + head * layout->head_bytes;
            char *tile = keys + at.position / INK_TILE_ROWS * tile_bytes;
            ink_encode(layout->k_format, call->scratch, ink_line(k, row, head), layout->k_dim);
            ink_tile_put_row(layout->k_format, tile, call->scratch, at.position % INK_TILE_ROWS,
                             n_blocks);
            ink_encode(layout->v_format, keys + layout->k_bytes + at.position * layout->v_row_bytes,
                       ink_line(v, row, head), layout->v_dim);
        }
    }
}
