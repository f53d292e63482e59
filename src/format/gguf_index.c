#include <string.h>
#include "format/gguf_internal.h"

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_down(uint32_t *heap, size_t root, size_t n, ink_gguf_less less,
                      const void *context)
{
    for (size_t child; (child = root * 2 + 1) < n; root = child) {
        if (child + 1 < n && less(context, heap[child], heap[child + 1]))
            child++;
        if (!less(context, heap[root], heap[child]))
            return;
        swap(&heap[root], &heap[child]);
    }
}

void ink_gguf_sort(uint32_t *order, size_t n, ink_gguf_less less, const void *context)
{
    for (size_t root = n / 2; root-- > 0;)
        sift_down(order, root, n, less, context);
    for (size_t end = n; end-- > 1;) {
        swap(&order[0], &order[end]);
        sift_down(order, 0, end, less, context);
    }
}

static const char *name_at(const ink_gguf_index *index, size_t place)
{
    return index->name_of(index->items, index->order[place]);
}

/* Equal names stay in the order of the file, so that the later one is called the duplicate. */
static bool name_less(const void *context, uint32_t a, uint32_t b)
{
    const ink_gguf_index *index = context;
    int order = strcmp(index->name_of(index->items, a), index->name_of(index->items, b));
    return order ? order < 0 : a < b;
}

bool ink_gguf_index_build(ink_gguf_index *index, const void *items, size_t n,
                          ink_gguf_name_of name_of, const ink_allocator *allocator)
{
    ink_delete(allocator, index->order);
    *index = (ink_gguf_index){.items = items, .n = n, .name_of = name_of};
    index->order = ink_new(allocator, n, sizeof *index->order);
    if (!index->order) {
        index->n = 0;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        index->order[i] = (uint32_t)i;
    ink_gguf_sort(index->order, n, name_less, index);
    return true;
}

size_t ink_gguf_index_duplicate(const ink_gguf_index *index)
{
    for (size_t i = 1; i < index->n; i++)
        if (strcmp(name_at(index, i - 1), name_at(index, i)) == 0)
            return index->order[i];
    return index->n;
}

size_t ink_gguf_index_find(const ink_gguf_index *index, const char *name)
{
    size_t low = 0, high = index->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, name_at(index, middle));
        if (order == 0)
            return index->order[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return index->n;
}
