#include "model/vocab_write.h"

#include "base/memory.h"
#include "base/status.h"

#define KEY(name) "tokenizer.ggml." name

static ink_status write_text(ink_gguf_writer *writer, const char *key, ink_text text,
                             ink_error *error)
{
    if (text.n_bytes == 0)
        return INK_OK;
    return ink_gguf_writer_set_string(writer, key, (ink_gguf_string){text.data, text.n_bytes},
                                      error);
}

static ink_status write_texts(ink_gguf_writer *writer, const char *key, const ink_text *texts,
                              size_t n, const ink_allocator *allocator, ink_error *error)
{
    ink_gguf_string *strings = ink_new(allocator, n, sizeof *strings);
    if (!strings)
        return ink_fail_memory(error, key);
    for (size_t i = 0; i < n; i++)
        strings[i] = (ink_gguf_string){texts[i].data, texts[i].n_bytes};
    ink_status status = ink_gguf_writer_set_strings(writer, key, strings, n, error);
    ink_delete(allocator, strings);
    return status;
}

static ink_status write_arrays(ink_gguf_writer *writer, const ink_vocab_source *source,
                               const ink_allocator *allocator, ink_error *error)
{
    size_t n = source->n_tokens;
    INK_TRY(write_texts(writer, KEY("tokens"), source->tokens, n, allocator, error));
    if (source->scores)
        INK_TRY(ink_gguf_writer_set_array(writer, KEY("scores"), INK_GGUF_F32, source->scores, n,
                                          error));
    if (source->types)
        INK_TRY(ink_gguf_writer_set_array(writer, KEY("token_type"), INK_GGUF_I32, source->types, n,
                                          error));
    if (source->merges)
        INK_TRY(
            write_texts(writer, KEY("merges"), source->merges, source->n_merges, allocator, error));
    return INK_OK;
}

static ink_status write_role(ink_gguf_writer *writer, const char *key, int32_t token,
                             ink_error *error)
{
    return token < 0 ? INK_OK : ink_gguf_writer_set_u32(writer, key, (uint32_t)token, error);
}

static ink_status write_flag(ink_gguf_writer *writer, const char *key, ink_vocab_choice choice,
                             ink_error *error)
{
    if (choice == INK_CHOICE_DEFAULT)
        return INK_OK;
    return ink_gguf_writer_set_bool(writer, key, choice == INK_CHOICE_YES, error);
}

ink_status ink_model_vocab_write(ink_gguf_writer *writer, const ink_vocab_source *source,
                                 const char *chat_template, const ink_allocator *allocator,
                                 ink_error *error)
{
    INK_TRY(write_text(writer, KEY("model"), source->model, error));
    INK_TRY(write_text(writer, KEY("pre"), source->pre, error));
    INK_TRY(write_arrays(writer, source, allocator, error));
#define X(name, stem) \
    INK_TRY(write_role(writer, KEY(stem "_token_id"), source->roles[INK_ROLE_##name], error));
    INK_TOKEN_ROLES(X)
#undef X
#define X(name, stem) \
    INK_TRY(write_flag(writer, KEY(stem), source->flags[INK_VOCAB_##name], error));
    INK_VOCAB_FLAGS(X)
#undef X
    if (!chat_template)
        return INK_OK;
    return ink_gguf_writer_set_text(writer, "tokenizer.chat_template", chat_template, error);
}
