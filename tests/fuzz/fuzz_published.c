/*
 * Any bytes as config.json, tokenizer.json or tokenizer.model, by the first of them: refused in
 * words, or a vocabulary and hyperparameters that a model can be opened with.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "convert/config.h"
#include "convert/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_ROWS = 4096 };

static void demand(bool truth)
{
    if (!truth)
        abort();
}

static void check_tokens(ink_hf_tokens *t)
{
    demand(t->n_tokens > 0 && t->n_tokens <= N_ROWS);
    for (size_t i = 0; i < t->n_tokens; i++)
        demand(t->types[i] >= 0 && t->types[i] <= INK_TOKEN_BYTE);
}

static ink_status read_tokens(ink_text text, bool spm, ink_arena *arena, ink_error *error)
{
    ink_hf_tokens tokens;
    ink_value json;
    ink_hf_tokens_init(&tokens, N_ROWS, arena);
    if (spm) {
        INK_TRY(ink_hf_tokens_read_spm(&tokens, text, error));
    } else {
        INK_TRY(ink_document_parse(text, "tokenizer.json", arena, &json, error));
        INK_TRY(ink_hf_tokens_read_json(&tokens, json, true, error));
    }
    check_tokens(&tokens);
    return INK_OK;
}

static ink_status read_config(ink_text text, ink_arena *arena, ink_error *error)
{
    ink_value json;
    ink_hf_config config;
    ink_gguf_writer *writer;
    const ink_log log = {.write = NULL};
    INK_TRY(ink_document_parse(text, "config.json", arena, &json, error));
    INK_TRY(ink_gguf_writer_new(&writer, 0, NULL, error));
    ink_status status = ink_hf_config_read(&config, json, writer, &log, arena, error);
    ink_gguf_writer_free(writer);
    if (status == INK_OK)
        demand(config.arch && config.hparams.n_layers > 0 && config.hparams.layers);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ink_arena arena;
    ink_error error = {.status = INK_OK};
    if (size == 0)
        return 0;
    ink_text text = {(const char *)data + 1, size - 1};
    ink_arena_init(&arena, NULL, (size_t)1 << 26);
    ink_status status = data[0] == 'c' ? read_config(text, &arena, &error)
                                       : read_tokens(text, data[0] == 's', &arena, &error);
    demand(status == INK_OK || (error.status == status && error.message[0] != '\0'));
    ink_arena_deinit(&arena);
    return 0;
}
