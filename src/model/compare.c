/* Whether two models speak of the same tokens. */
#include <string.h>

#include "model/model.h"

static ink_status check_has(const ink_model *model, ink_error *error)
{
    if (model->vocab)
        return INK_OK;
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s has no vocabulary (tokenizer.ggml.model)",
                    ink_gguf_name(model->gguf));
}

static bool is_same(ink_text a, ink_text b)
{
    return a.n_bytes == b.n_bytes && (a.n_bytes == 0 || memcmp(a.data, b.data, a.n_bytes) == 0);
}

ink_status ink_compare_vocabularies(const ink_model *model, const ink_model *other,
                                    ink_error *error)
{
    ink_model_info a, b;
    INK_TRY(check_has(model, error));
    INK_TRY(check_has(other, error));
    ink_model_get_info(model, &a);
    ink_model_get_info(other, &b);
    if (a.n_vocab != b.n_vocab)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s and %s have different vocabularies: %" PRIu32 " and %" PRIu32 " tokens",
                        a.path, b.path, a.n_vocab, b.n_vocab);
    for (int32_t i = 0; i < (int32_t)a.n_vocab; i++)
        if (!is_same(ink_vocab_token_text(model->vocab, i), ink_vocab_token_text(other->vocab, i)))
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "%s and %s have different vocabularies: token %" PRId32
                            " is not the same text in both",
                            a.path, b.path, i);
    return INK_OK;
}
