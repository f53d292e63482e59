#include "model/vocab_source.h"

#include "base/status.h"

#define KEY(name) "tokenizer.ggml." name

/* The arrays of a vocabulary at the limits of text/vocab.h, with room for the arena's own. */
#define MAX_ARRAY_BYTES ((size_t)256 << 20)

static ink_status read_text(const ink_gguf *gguf, const char *key, ink_text *out, ink_error *error)
{
    ink_gguf_string found = {0};
    INK_TRY(ink_gguf_get_string(gguf, key, &found, error));
    *out = (ink_text){found.text, found.n_bytes};
    return INK_OK;
}

typedef struct texts {
    ink_text *items; /* [n] */
    size_t n;
} texts;

/* An absent key leaves *out as it was. */
static ink_status read_texts(const ink_gguf *gguf, const char *key, size_t max, texts *out,
                             ink_arena *arena, ink_error *error)
{
    const ink_gguf_value *array = NULL;
    INK_TRY(ink_gguf_get_array(gguf, key, INK_GGUF_STRING, &array, error));
    if (!array)
        return INK_OK;
    if (array->n_items > max)
        return ink_fail(error, INK_LIMIT, array->offset,
                        "%s: %s has %zu items, at most %zu are supported", ink_gguf_name(gguf), key,
                        array->n_items, max);
    ink_text *views = ink_arena_take(arena, array->n_items, sizeof *views);
    if (!views)
        return ink_fail_memory(error, key);
    for (size_t i = 0; i < array->n_items; i++) {
        ink_gguf_string item = ink_gguf_item_string(array, i);
        views[i] = (ink_text){item.text, item.n_bytes};
    }
    *out = (texts){views, array->n_items};
    return INK_OK;
}

/* An array beside the tokens, of their number. An absent key leaves *out NULL. */
static ink_status find_beside(const ink_gguf *gguf, const char *key, size_t n_tokens,
                              const ink_gguf_value **out, ink_error *error)
{
    const ink_gguf_value *array = NULL;
    INK_TRY(ink_gguf_get_array(gguf, key, INK_GGUF_N_TYPES, &array, error));
    if (array && array->n_items != n_tokens)
        return ink_fail(error, INK_CORRUPT, array->offset,
                        "%s: %s has %zu items, but there are %zu tokens", ink_gguf_name(gguf), key,
                        array->n_items, n_tokens);
    *out = array;
    return INK_OK;
}

static ink_status wrong_item(const ink_gguf *gguf, const ink_gguf_value *array, size_t index,
                             const char *expected, ink_error *error)
{
    return ink_fail(error, INK_CORRUPT, array->offset, "%s: item %zu of %s is %s, expected %s",
                    ink_gguf_name(gguf), index, array->key, ink_gguf_type_name(array->item_type),
                    expected);
}

static ink_status read_scores(const ink_gguf *gguf, ink_vocab_source *source, ink_arena *arena,
                              ink_error *error)
{
    const ink_gguf_value *array = NULL;
    INK_TRY(find_beside(gguf, KEY("scores"), source->n_tokens, &array, error));
    if (!array)
        return INK_OK;
    float *scores = ink_arena_take(arena, array->n_items, sizeof *scores);
    if (!scores)
        return ink_fail_memory(error, "the scores of a vocabulary");
    for (size_t i = 0; i < array->n_items; i++) {
        double score;
        if (!ink_gguf_item_f64(array, i, &score))
            return wrong_item(gguf, array, i, "a float", error);
        scores[i] = (float)score;
    }
    source->scores = scores;
    return INK_OK;
}

static ink_status read_types(const ink_gguf *gguf, ink_vocab_source *source, ink_arena *arena,
                             ink_error *error)
{
    const ink_gguf_value *array = NULL;
    INK_TRY(find_beside(gguf, KEY("token_type"), source->n_tokens, &array, error));
    if (!array)
        return INK_OK;
    int32_t *types = ink_arena_take(arena, array->n_items, sizeof *types);
    if (!types)
        return ink_fail_memory(error, "the types of a vocabulary");
    for (size_t i = 0; i < array->n_items; i++) {
        int64_t type;
        if (!ink_gguf_item_i64(array, i, &type))
            return wrong_item(gguf, array, i, "an integer", error);
        types[i] = type < INT32_MIN || type > INT32_MAX ? -1 : (int32_t)type;
    }
    source->types = types;
    return INK_OK;
}

/* Writers that have no such token store -1, as a signed number or as 2^32 - 1. */
static ink_status read_role(const ink_gguf *gguf, const char *key, int32_t *role, ink_error *error)
{
    int64_t id = -1;
    INK_TRY(ink_gguf_get_i64(gguf, key, &id, error));
    if (id == UINT32_MAX)
        id = -1;
    if (id < -1 || id > INT32_MAX)
        return ink_fail(error, INK_CORRUPT, 0, "%s: %s is %" PRId64 ", which no token can be",
                        ink_gguf_name(gguf), key, id);
    *role = (int32_t)id;
    return INK_OK;
}

static ink_status read_flag(const ink_gguf *gguf, const char *key, ink_vocab_choice *choice,
                            ink_error *error)
{
    bool value = false;
    INK_TRY(ink_gguf_get_bool(gguf, key, &value, error));
    if (ink_gguf_find(gguf, key))
        *choice = value ? INK_CHOICE_YES : INK_CHOICE_NO;
    return INK_OK;
}

static ink_status read_roles_and_flags(const ink_gguf *gguf, ink_vocab_source *source,
                                       ink_error *error)
{
#define X(name, stem) \
    INK_TRY(read_role(gguf, KEY(stem "_token_id"), &source->roles[INK_ROLE_##name], error));
    INK_TOKEN_ROLES(X)
#undef X
#define X(name, stem) INK_TRY(read_flag(gguf, KEY(stem), &source->flags[INK_VOCAB_##name], error));
    INK_VOCAB_FLAGS(X)
#undef X
    return INK_OK;
}

ink_status ink_model_vocab_source(const ink_gguf *gguf, ink_vocab_source *source, ink_arena *arena,
                                  ink_error *error)
{
    ink_vocab_source found;
    ink_vocab_source_init(&found);
    INK_TRY(read_text(gguf, KEY("model"), &found.model, error));
    INK_TRY(read_text(gguf, KEY("pre"), &found.pre, error));
    INK_TRY(read_text(gguf, "general.name", &found.name, error));
    texts tokens = {0}, merges = {0};
    INK_TRY(read_texts(gguf, KEY("tokens"), INK_VOCAB_MAX_TOKENS, &tokens, arena, error));
    if (found.model.n_bytes == 0 || !tokens.items)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: the file has no vocabulary (%s)",
                        ink_gguf_name(gguf),
                        found.model.n_bytes == 0 ? KEY("model") : KEY("tokens"));
    INK_TRY(read_texts(gguf, KEY("merges"), INK_VOCAB_MAX_MERGES, &merges, arena, error));
    found.tokens = tokens.items;
    found.n_tokens = tokens.n;
    found.merges = merges.items;
    found.n_merges = merges.n;
    INK_TRY(read_scores(gguf, &found, arena, error));
    INK_TRY(read_types(gguf, &found, arena, error));
    INK_TRY(read_roles_and_flags(gguf, &found, error));
    *source = found;
    return INK_OK;
}

ink_status ink_model_vocab_open(ink_vocab **out, const ink_gguf *gguf,
                                const ink_allocator *allocator, ink_error *error)
{
    ink_arena arena;
    ink_vocab_source source;
    ink_arena_init(&arena, allocator, MAX_ARRAY_BYTES);
    ink_status status = ink_model_vocab_source(gguf, &source, &arena, error);
    if (status == INK_OK)
        status = ink_vocab_new(out, &source, allocator, error);
    ink_arena_deinit(&arena);
    return status;
}
