/*
 * Cards: what is taken for one can be joined with an entry and is one again, longer by that entry;
 * what is taken for an entry makes a card.
 */
#include <stdlib.h>
#include <string.h>

#include "learn/card.h"
#include "text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(const char *card, size_t n_bytes)
{
    ink_arena arena;
    ink_value value;
    ink_arena_init(&arena, NULL, SIZE_MAX);
    if (ink_value_from_json(&arena, card, n_bytes, &value, NULL) != INK_OK)
        abort();
    size_t n = value.as.list->n_items;
    ink_arena_deinit(&arena);
    return n;
}

static void join(const char *card, size_t n_bytes, const char *entry, size_t n_entry_bytes)
{
    ink_buffer out;
    ink_buffer_init(&out, NULL, SIZE_MAX);
    if (ink_card_join(&out, card, n_bytes, entry, n_entry_bytes, NULL) == INK_OK) {
        if (ink_card_check(out.data, out.n_bytes, NULL, NULL) != INK_OK)
            abort();
        if (count(out.data, out.n_bytes) != count(card, n_bytes) + 1)
            abort();
    }
    ink_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char entry[] = " {\"perplexity\": 3.5} ";
    const char *text = size ? (const char *)data : "";
    if (ink_card_check(text, size, NULL, NULL) == INK_OK)
        join(text, size, entry, sizeof entry - 1);
    join("[]", 2, text, size);
    return 0;
}
