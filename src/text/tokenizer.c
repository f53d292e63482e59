#include "text/tokenizer.h"

#include <string.h>
#include "base/status.h"
#include "text/token_encode.h"

ink_status ink_encoder_add(ink_encoder *encoder, int32_t token)
{
    const ink_token_list *out = encoder->out;
    if (ink_token_list_add(encoder->out, token))
        return INK_OK;
    if (out->n_tokens < out->max_tokens)
        return ink_fail_memory(encoder->error, "a list of tokens");
    return ink_fail(encoder->error, INK_LIMIT, 0,
                    "the text has more than the %zu tokens there is room for; shorten it",
                    out->max_tokens);
}

/*
 * Whether a special token written in the text becomes that token: a control token does only where
 * nobody could have slipped it in.
 */
static bool accept(const void *context, int32_t token, size_t at, size_t n_bytes)
{
    const ink_encoder *encoder = context;
    const char *origins = encoder->options.origins;
    if (encoder->vocab->types[token] == INK_TOKEN_USER_DEFINED)
        return true;
    return encoder->options.parse_special &&
           (!origins || !memchr(origins + at, INK_ORIGIN_DATA, n_bytes));
}

/* Whitespace as isspace has it in the C locale. */
static size_t skip_space(ink_text text, size_t at)
{
    while (at < text.n_bytes &&
           (text.data[at] == ' ' || (text.data[at] >= '\t' && text.data[at] <= '\r')))
        at++;
    return at;
}

static ink_status encode_body(ink_encoder *encoder, ink_text text)
{
    const ink_vocab *vocab = encoder->vocab;
    for (size_t at = 0; at < text.n_bytes;) {
        ink_special_hit hit = ink_special_map_find(&vocab->special, text, at, accept, encoder);
        if (hit.at > at) {
            INK_TRY(vocab->kind->encode(encoder, (ink_text){text.data + at, hit.at - at}));
            encoder->at_start = false;
        }
        if (hit.token < 0)
            break;
        INK_TRY(ink_encoder_add(encoder, hit.token));
        encoder->at_start = true;
        at = hit.at + hit.n_bytes;
        if (vocab->marks[hit.token] & INK_TOKEN_EATS_SPACE)
            at = skip_space(text, at);
    }
    return INK_OK;
}

static ink_status add_role(ink_encoder *encoder, ink_vocab_flag flag, ink_token_role role)
{
    const ink_vocab *vocab = encoder->vocab;
    bool wanted = vocab->flags[flag] && vocab->roles[role] >= 0;
    return wanted ? ink_encoder_add(encoder, vocab->roles[role]) : INK_OK;
}

/* A text that wrote the opening token itself does not get a second one. */
static void drop_double(ink_token_list *out, size_t first, size_t body)
{
    if (body == first || out->n_tokens == body || out->ids[first] != out->ids[body])
        return;
    out->n_tokens--;
    memmove(out->ids + first, out->ids + body, (out->n_tokens - first) * sizeof *out->ids);
}

static ink_status encode_all(ink_encoder *encoder, ink_text text)
{
    size_t first = encoder->out->n_tokens;
    const ink_encode_options *options = &encoder->options;
    if (options->add_special || options->open_prompt)
        INK_TRY(add_role(encoder, INK_VOCAB_ADD_BOS, INK_ROLE_BOS));
    size_t body = encoder->out->n_tokens;
    INK_TRY(encode_body(encoder, text));
    if (options->open_prompt)
        drop_double(encoder->out, first, body);
    if (!options->add_special)
        return INK_OK;
    return add_role(encoder, encoder->vocab->kind->end_flag, encoder->vocab->kind->end_role);
}

ink_status ink_vocab_encode(const ink_vocab *vocab, ink_text text, ink_encode_options options,
                            ink_token_list *out, ink_error *error)
{
    if (text.n_bytes > INK_ENCODE_MAX_BYTES)
        return ink_fail(error, INK_LIMIT, 0,
                        "the text has %zu bytes, at most %u can be encoded at once", text.n_bytes,
                        INK_ENCODE_MAX_BYTES);
    ink_encoder encoder = {
        .vocab = vocab, .out = out, .options = options, .error = error, .at_start = true};
    size_t n_before = out->n_tokens;
    ink_merger_init(&encoder.merger, vocab->allocator);
    ink_buffer_init(&encoder.text, vocab->allocator, SIZE_MAX);
    ink_status status = INK_OK;
    if (vocab->pretokenizer.n_passes > 0) {
        ink_word_sink *sink = vocab->kind->spelling == INK_SPELLING_BYTE_LEVEL
                                  ? ink_encode_bpe_word
                                  : ink_encode_escaped_word;
        status =
            ink_word_splitter_init(&encoder.splitter, &vocab->pretokenizer, sink, &encoder, error);
    }
    if (status == INK_OK)
        status = encode_all(&encoder, text);
    if (status != INK_OK)
        out->n_tokens = n_before;
    ink_word_splitter_deinit(&encoder.splitter);
    ink_buffer_deinit(&encoder.text);
    ink_merger_deinit(&encoder.merger);
    return status;
}
