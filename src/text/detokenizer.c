#include "text/detokenizer.h"

#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "text/vocab_tables.h"

#define SPACE "\xe2\x96\x81" /* U+2581 */
#define SPACE_BYTES 3

/*
 * Reads one character of an escaped text; the bytes it stands for to out. Returns the bytes read.
 */
static size_t read_escaped(ink_text text, char *out, size_t *n_out)
{
    *n_out = 1;
    if (text.n_bytes >= SPACE_BYTES && memcmp(text.data, SPACE, SPACE_BYTES) == 0) {
        *out = ' ';
        return SPACE_BYTES;
    }
    *out = *text.data;
    return 1;
}

/* A character outside the alphabet stands for itself. */
static size_t read_byte_level(ink_text text, char *out, size_t *n_out)
{
    uint32_t code_point = 0;
    size_t length = ink_utf8_decode(text.data, text.n_bytes, &code_point);
    int byte = length ? ink_byte_level_read(code_point) : -1;
    length = length ? length : 1;
    if (byte >= 0) {
        *out = (char)byte;
        *n_out = 1;
    } else {
        memcpy(out, text.data, length);
        *n_out = length;
    }
    return length;
}

/* At most as many bytes as the token's text has; the return value is how many. */
static size_t spell(const ink_vocab *vocab, ink_text text, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n_bytes;) {
        ink_text rest = {text.data + at, text.n_bytes - at};
        size_t n_out = 0;
        at += vocab->kind->spelling == INK_SPELLING_ESCAPED
                  ? read_escaped(rest, out + n, &n_out)
                  : read_byte_level(rest, out + n, &n_out);
        n += n_out;
    }
    return n;
}

/* The bytes of one token, at most as many as its text has. */
static size_t render(const ink_vocab *vocab, int32_t token, bool render_special, char *out)
{
    ink_text text = vocab->tokens[token];
    ink_token_type type = (ink_token_type)vocab->types[token];
    int byte = type == INK_TOKEN_BYTE ? ink_vocab_named_byte(text) : -1;
    bool special = type == INK_TOKEN_UNKNOWN || type == INK_TOKEN_CONTROL;
    if (type == INK_TOKEN_UNUSED || (special && !render_special))
        return 0;
    if (byte >= 0) {
        *out = (char)byte;
        return 1;
    }
    bool as_it_stands =
        type == INK_TOKEN_USER_DEFINED && vocab->kind->spelling == INK_SPELLING_BYTE_LEVEL;
    if (!special && !as_it_stands)
        return spell(vocab, text, out);
    if (text.n_bytes > 0)
        memcpy(out, text.data, text.n_bytes);
    return text.n_bytes;
}

size_t ink_vocab_token_bytes(const ink_vocab *vocab, int32_t token,
                             char out[INK_VOCAB_MAX_TOKEN_BYTES])
{
    return token < 0 || token >= vocab->n_tokens ? 0 : render(vocab, token, false, out);
}

void ink_detokenizer_init(ink_detokenizer *stream, const ink_vocab *vocab,
                          ink_decode_options options)
{
    bool strip = vocab->flags[INK_VOCAB_ADD_SPACE_PREFIX] && !options.continues;
    *stream = (ink_detokenizer){.vocab = vocab, .options = options, .strip_space = strip};
}

static ink_status report_full(const ink_buffer *out, size_t n_bytes, ink_error *error)
{
    if (n_bytes <= out->max_bytes && out->n_bytes <= out->max_bytes - n_bytes)
        return ink_fail_memory(error, "decoded text");
    return ink_fail(error, INK_LIMIT, 0,
                    "the decoded text is longer than the %zu bytes there is room for",
                    out->max_bytes);
}

ink_status ink_detokenizer_feed(ink_detokenizer *stream, int32_t token, ink_buffer *out,
                                ink_error *error)
{
    const ink_vocab *vocab = stream->vocab;
    if (token < 0 || token >= vocab->n_tokens)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "token %" PRId32 " is not in the vocabulary of %" PRId32 " tokens", token,
                        vocab->n_tokens);
    size_t room = stream->n_pending + vocab->tokens[token].n_bytes;
    char *to = ink_buffer_reserve(out, room);
    if (!to)
        return report_full(out, room, error);
    size_t n_old = stream->n_pending;
    size_t n_new = render(vocab, token, stream->options.render_special, to + n_old);
    if (n_new == 0)
        return INK_OK;
    if (stream->strip_space && to[n_old] == ' ')
        memmove(to + n_old, to + n_old + 1, --n_new);
    stream->strip_space = false;
    memcpy(to, stream->pending, n_old);
    size_t n_shown = ink_utf8_complete(to, n_old + n_new);
    stream->n_pending = (uint8_t)(n_old + n_new - n_shown);
    memcpy(stream->pending, to + n_shown, stream->n_pending);
    out->n_bytes += n_shown;
    out->data[out->n_bytes] = '\0';
    return INK_OK;
}

ink_status ink_detokenizer_flush(ink_detokenizer *stream, ink_buffer *out, ink_error *error)
{
    if (!ink_buffer_append(out, stream->pending, stream->n_pending))
        return report_full(out, stream->n_pending, error);
    stream->n_pending = 0;
    return INK_OK;
}

/*
 * What cleaning drops, in this order over the whole text (transformers'
 * clean_up_tokenization_spaces).
 */
static const struct cleaning {
    const char *from, *to;
} cleanings[][4] = {
    {{" ?", "?"}, {" !", "!"}, {" .", "."}, {" ,", ","}},
    {{" ' ", "'"}},
    {{" 's", "'s"}, {" 'm", "'m"}, {" 're", "'re"}, {" 've", "'ve"}},
};

/* One pass in place; the text only gets shorter. Returns its new length. */
static size_t clean_pass(char *text, size_t n_bytes, const struct cleaning rows[4])
{
    size_t n = 0;
    for (size_t at = 0; at < n_bytes;) {
        const struct cleaning *row = NULL;
        for (size_t i = 0; i < 4 && rows[i].from && text[at] == ' ' && !row; i++) {
            size_t length = strlen(rows[i].from);
            if (length <= n_bytes - at && memcmp(text + at, rows[i].from, length) == 0)
                row = &rows[i];
        }
        if (!row) {
            text[n++] = text[at++];
            continue;
        }
        at += strlen(row->from);
        memcpy(text + n, row->to, strlen(row->to));
        n += strlen(row->to);
    }
    return n;
}

static void clean_spaces(ink_buffer *out, size_t from)
{
    if (out->n_bytes == from)
        return;
    size_t n = out->n_bytes - from;
    for (size_t pass = 0; pass < sizeof cleanings / sizeof cleanings[0]; pass++)
        n = clean_pass(out->data + from, n, cleanings[pass]);
    out->n_bytes = from + n;
    out->data[out->n_bytes] = '\0';
}

ink_status ink_vocab_decode(const ink_vocab *vocab, const int32_t *tokens, size_t n_tokens,
                            ink_decode_options options, ink_buffer *out, ink_error *error)
{
    ink_detokenizer stream;
    ink_detokenizer_init(&stream, vocab, options);
    size_t n_before = out->n_bytes;
    ink_status status = INK_OK;
    for (size_t i = 0; i < n_tokens && status == INK_OK; i++)
        status = ink_detokenizer_feed(&stream, tokens[i], out, error);
    if (status == INK_OK)
        status = ink_detokenizer_flush(&stream, out, error);
    if (status != INK_OK) {
        out->n_bytes = n_before;
        return status;
    }
    if (options.clean_spaces && vocab->cleans_spaces)
        clean_spaces(out, n_before);
    return INK_OK;
}
