#include "base/memory.h"
#include "base/size.h"
#include "text/tokenizer.h"

void ink_token_list_init(ink_token_list *list, const ink_allocator *allocator, size_t max_tokens)
{
    *list = (ink_token_list){.allocator = allocator, .max_tokens = max_tokens};
}

void ink_token_list_deinit(ink_token_list *list)
{
    ink_delete(list->allocator, list->ids);
    *list = (ink_token_list){0};
}

bool ink_token_list_add(ink_token_list *list, int32_t token)
{
    if (list->n_tokens >= list->max_tokens)
        return false;
    if (list->n_tokens == list->capacity) {
        size_t capacity = ink_size_min(list->capacity + list->capacity / 2 + 64, list->max_tokens);
        int32_t *ids = ink_resize(list->allocator, list->ids, capacity, sizeof *ids);
        if (!ids)
            return false;
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->n_tokens++] = token;
    return true;
}
