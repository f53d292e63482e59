/* A constraint for a model: the public way to make one. */
#include "text/constraint/constraint.h"

#include "base/status.h"
#include "model/model.h"

ink_status ink_constraint_new(ink_constraint **out, const ink_model *model,
                              const ink_constraint_source *source, ink_error *error)
{
    const ink_token_trie *trie = NULL;
    if (model && !model->vocab)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s has no vocabulary (tokenizer.ggml.model), so nothing can be asked of "
                        "its texts",
                        ink_gguf_name(model->gguf));
    if (model)
        INK_TRY(ink_vocab_trie(model->vocab, &trie, error));
    return ink_constraint_make(out, source, NULL, trie, model ? model->allocator : NULL, error);
}
