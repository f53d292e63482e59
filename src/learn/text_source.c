#include "learn/text_source.h"

#include <string.h>
#include "base/file.h"

#define MAX_TEXT_BYTES ((uint64_t)4 << 30)

static ink_status add_text(ink_corpus *corpus, const ink_model *model, const char *text,
                           size_t n_bytes, ink_error *error)
{
    ink_tokens tokens = {0};
    ink_status status = ink_tokenize(model, text, n_bytes, INK_SPECIAL_NONE, &tokens, error);
    if (status == INK_OK)
        status = ink_corpus_add(corpus, tokens.ids, NULL, tokens.n_tokens, error);
    ink_tokens_free(&tokens);
    return status;
}

static ink_status read_file(const ink_file *file, char **text, const ink_allocator *allocator,
                            ink_error *error)
{
    uint64_t n_bytes = ink_file_size(file);
    if (n_bytes > MAX_TEXT_BYTES || n_bytes > SIZE_MAX)
        return ink_fail(error, INK_LIMIT, 0, "%s: is larger than 4 GiB; split it",
                        ink_file_name(file));
    *text = ink_resize(allocator, NULL, (size_t)n_bytes + 1, 1);
    if (!*text)
        return ink_fail(error, INK_NO_MEMORY, 0, "%s: out of memory for its text",
                        ink_file_name(file));
    return ink_file_read(file, 0, (size_t)n_bytes, *text, error);
}

ink_status ink_corpus_add_file(ink_corpus *corpus, const ink_model *model, const char *path,
                               ink_error *error)
{
    ink_file *file;
    char *text = NULL;
    INK_TRY(ink_file_open(&file, path, corpus->allocator, error));
    ink_status status = read_file(file, &text, corpus->allocator, error);
    if (status == INK_OK)
        status = add_text(corpus, model, text, (size_t)ink_file_size(file), error);
    ink_delete(corpus->allocator, text);
    ink_file_close(file);
    return status;
}
