/* Cards in the files of models: read with the metadata, written with a copy of all the rest. */
#include "base/file.h"
#include "learn/card.h"
#include "model/model.h"

/* As it stands in the file; "[]" where it does not. */
static ink_status find_card(const ink_model *model, ink_gguf_string *card, ink_error *error)
{
    const char *path = ink_gguf_name(model->gguf);
    ink_error cause = {0};
    *card = (ink_gguf_string){"[]", 2};
    INK_TRY(ink_gguf_get_string(model->gguf, INK_CARD_KEY, card, error));
    ink_status status = ink_card_check(card->text, card->n_bytes, model->allocator, &cause);
    if (status != INK_OK)
        (void)ink_fail(error, status, 0, "%s: %s", path, cause.message);
    return status;
}

ink_status ink_card_get(const ink_model *model, ink_string *out, ink_error *error)
{
    ink_gguf_string card;
    INK_TRY(find_card(model, &card, error));
    char *data = ink_copy_string(model->allocator, card.text, card.n_bytes);
    if (!data)
        return ink_fail_memory(error, "a card");
    ink_string_free(out);
    *out = (ink_string){data, card.n_bytes, model->allocator};
    return INK_OK;
}

/* ---- Writing ------------------------------------------------------------------------------- */

/* Whether the model's file may be replaced by a copy of what was opened. */
static ink_status check_place(const ink_model *model, const char *out, ink_error *error)
{
    ink_file *file = NULL;
    if (ink_file_is_link(out))
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%.200s: is a symbolic link, which a file would replace; name the file "
                        "itself, or another one to write",
                        out);
    if (ink_gguf_n_parts(model->gguf) > 1)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%.200s: is part of a split set; name another file, which all of it is "
                        "written to",
                        out);
    INK_TRY(ink_file_open(&file, out, model->allocator, error));
    bool same = ink_file_size(file) == ink_gguf_file_bytes(model->gguf) &&
                ink_file_modified(file) == ink_gguf_modified(model->gguf, 0);
    ink_file_close(file);
    return same ? INK_OK
                : ink_fail(error, INK_IO, 0,
                           "%.200s: has changed since it was opened; nothing was written", out);
}

static ink_status set_card(void *context, ink_gguf_writer *writer, ink_error *error)
{
    const ink_buffer *card = context;
    const ink_gguf_string text = {card->data, card->n_bytes};
    return ink_gguf_writer_set_string(writer, INK_CARD_KEY, text, error);
}

static ink_status write_copy(const ink_model *model, const char *out, ink_buffer *card,
                             const ink_card_options *options, ink_error *error)
{
    return ink_rewrite(&(ink_rewriter){.gguf = model->gguf,
                                       .allocator = model->allocator,
                                       .progress = &options->progress,
                                       .n_threads = 1,
                                       .doing = "writing the card",
                                       .context = card,
                                       .describe = set_card},
                       out, error);
}

ink_status ink_card_add(const ink_model *model, const char *out, const char *entry, size_t n_bytes,
                        const ink_card_options *options, ink_error *error)
{
    static const ink_card_options defaults;
    ink_gguf_string old = {"[]", 2};
    ink_buffer card;
    if (!options)
        options = &defaults;
    if (options->in_place)
        INK_TRY(check_place(model, out, error));
    if (!options->anew)
        INK_TRY(find_card(model, &old, error));
    ink_buffer_init(&card, model->allocator, SIZE_MAX);
    ink_status status = ink_card_join(&card, old.text, old.n_bytes, entry, n_bytes, error);
    if (status == INK_OK)
        status = write_copy(model, out, &card, options, error);
    ink_buffer_deinit(&card);
    return status;
}
