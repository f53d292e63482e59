#include "learn/vocab_builder.h"

#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "text/vocab_tables.h"

/* A token that no limit keeps out has its text once in the tokens, and once in a merge. */
#define MAX_TEXT_BYTES (SIZE_MAX / 2)

static bool take_arrays(ink_vocab_builder *builder, size_t n)
{
    builder->tokens = ink_arena_take(&builder->arena, n, sizeof *builder->tokens);
    builder->types = ink_arena_take(&builder->arena, n, sizeof *builder->types);
    builder->scores = ink_arena_take(&builder->arena, n, sizeof *builder->scores);
    builder->merges = ink_arena_take(&builder->arena, n, sizeof *builder->merges);
    return builder->tokens && builder->types && builder->scores && builder->merges &&
           ink_text_map_init(&builder->by_text, builder->tokens, n, builder->allocator);
}

ink_status ink_vocab_builder_new(ink_vocab_builder **out, const char *model, size_t max_tokens,
                                 const ink_allocator *allocator, ink_error *error)
{
    ink_vocab_builder *builder = ink_new(allocator, 1, sizeof *builder);
    if (!builder)
        return ink_fail_memory(error, "a vocabulary");
    builder->allocator = allocator;
    builder->max_tokens = max_tokens;
    ink_arena_init(&builder->arena, allocator, MAX_TEXT_BYTES);
    if (!take_arrays(builder, max_tokens)) {
        ink_vocab_builder_free(builder);
        return ink_fail_memory(error, "the tokens of a vocabulary");
    }
    ink_vocab_source *source = &builder->trained.source;
    ink_vocab_source_init(source);
    source->model = (ink_text){model, strlen(model)};
    source->tokens = builder->tokens;
    source->types = builder->types;
    *out = builder;
    return INK_OK;
}

void ink_vocab_builder_free(ink_vocab_builder *builder)
{
    if (!builder)
        return;
    const ink_allocator *allocator = builder->allocator;
    ink_text_map_deinit(&builder->by_text, allocator);
    ink_arena_deinit(&builder->arena);
    ink_delete(allocator, builder);
}

ink_status ink_vocab_builder_add(ink_vocab_builder *builder, ink_text text, ink_token_type type,
                                 ink_error *error)
{
    size_t token = builder->trained.source.n_tokens;
    char *copy = ink_arena_string(&builder->arena, text.data, text.n_bytes);
    if (!copy)
        return ink_fail_memory(error, "the texts of a vocabulary");
    builder->tokens[token] = (ink_text){copy, text.n_bytes};
    builder->types[token] = (int32_t)type;
    switch (ink_text_map_add(&builder->by_text, (int32_t)token)) {
    case INK_MAP_PRESENT:
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "the special token '%.*s' has the text of another token",
                        (int)ink_size_min(text.n_bytes, 100), copy);
    case INK_MAP_CROWDED:
        return ink_fail(error, INK_LIMIT, 0, "token %zu: the texts of the tokens collide", token);
    default:
        builder->trained.source.n_tokens++;
        return INK_OK;
    }
}

ink_status ink_vocab_builder_add_special(ink_vocab_builder *builder,
                                         const ink_special_token *special, ink_error *error)
{
    int32_t token = (int32_t)builder->trained.source.n_tokens;
    ink_token_type type = special->type;
    if (type == 0)
        type = special->role == INK_ROLE_UNKNOWN ? INK_TOKEN_UNKNOWN : INK_TOKEN_CONTROL;
    INK_TRY(ink_vocab_builder_add(builder, special->text, type, error));
    if (special->role < INK_N_TOKEN_ROLES)
        builder->trained.source.roles[special->role] = token;
    return INK_OK;
}

ink_status ink_vocab_builder_add_bytes(ink_vocab_builder *builder, bool byte_level,
                                       ink_error *error)
{
    char text[8];
    for (int byte = 0; byte < 256; byte++) {
        size_t n = 6;
        if (byte_level)
            n = ink_byte_level_spell((uint8_t)byte, text);
        else
            (void)snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        INK_TRY(ink_vocab_builder_add(builder, (ink_text){text, n},
                                      byte_level ? INK_TOKEN_NORMAL : INK_TOKEN_BYTE, error));
    }
    return INK_OK;
}

ink_status ink_vocab_builder_add_merge(ink_vocab_builder *builder, ink_text left, ink_text right,
                                       ink_error *error)
{
    char text[INK_VOCAB_MAX_TOKEN_BYTES + 1];
    size_t n_bytes = left.n_bytes + right.n_bytes;
    memcpy(text, left.data, left.n_bytes);
    memcpy(text + left.n_bytes, right.data, right.n_bytes);
    INK_TRY(ink_vocab_builder_add(builder, (ink_text){text, n_bytes}, INK_TOKEN_NORMAL, error));
    memmove(text + left.n_bytes + 1, text + left.n_bytes, right.n_bytes);
    text[left.n_bytes] = ' ';
    char *copy = ink_arena_string(&builder->arena, text, n_bytes + 1);
    if (!copy)
        return ink_fail_memory(error, "the merges of a vocabulary");
    ink_vocab_source *source = &builder->trained.source;
    builder->merges[source->n_merges++] = (ink_text){copy, n_bytes + 1};
    source->merges = builder->merges;
    return INK_OK;
}

bool ink_vocab_builder_is_taken(const ink_vocab_builder *builder, ink_text left, ink_text right)
{
    char text[INK_VOCAB_MAX_TOKEN_BYTES];
    memcpy(text, left.data, left.n_bytes);
    memcpy(text + left.n_bytes, right.data, right.n_bytes);
    return ink_text_map_find_joined(&builder->by_text, left, right) >= 0 ||
           ink_vocab_is_known_text((ink_text){text, left.n_bytes + right.n_bytes});
}

ink_trained_vocab *ink_vocab_builder_take(ink_vocab_builder *builder)
{
    ink_text_map_deinit(&builder->by_text, builder->allocator);
    return &builder->trained;
}

void ink_trained_vocab_free(ink_trained_vocab *trained)
{
    ink_vocab_builder_free((ink_vocab_builder *)trained);
}
