#include "array/kv.h"

#include <string.h>
#include "base/size.h"

bool ink_kv_layout_init(ink_kv_layout *layout)
{
    uint64_t k_bytes, v_row_bytes, v_bytes, head_bytes, page_bytes;
    bool fits = ink_format_packed_bytes(layout->k_format, INK_PAGE, layout->k_dim, &k_bytes) &&
                ink_format_row_bytes(layout->v_format, layout->v_dim, &v_row_bytes) &&
                ink_u64_mul(v_row_bytes, INK_PAGE, &v_bytes) &&
                ink_u64_add(k_bytes, v_bytes, &head_bytes) &&
                ink_u64_mul(head_bytes, layout->n_heads, &page_bytes) && page_bytes <= SIZE_MAX;
    if (!fits)
        return false;
    layout->k_bytes = (size_t)k_bytes;
    layout->v_row_bytes = (size_t)v_row_bytes;
    layout->head_bytes = (size_t)head_bytes;
    layout->page_bytes = (size_t)page_bytes;
    return true;
}

void ink_kv_layout_get_fields(const ink_kv_layout *layout, uint64_t fields[INK_KV_LAYOUT_FIELDS])
{
    const uint64_t all[INK_KV_LAYOUT_FIELDS] = {
        layout->k_format, layout->v_format, layout->k_rotated, layout->v_rotated,
        layout->n_recent, layout->n_heads,  layout->k_dim,     layout->v_dim};
    memcpy(fields, all, sizeof all);
}
