/*
 * Tokenizers: a vocabulary and a text out of one input. Ids are in range, text becomes control
 * tokens only when asked and where the template wrote it, a stream shows what decoding shows, and
 * byte-level vocabularies with all bytes give the text back.
 *
 * Input: kind, options, family; then tokens as (length, type, score, bytes) and merges as (length,
 * bytes), each list ended by a length of 0; the rest is the text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/detokenizer.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"

#define MAX_ITEMS 600
#define MAX_TOKENS 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bits of the options byte. */
enum { PARSES = 1, ADDS = 2, RENDERS = 4, HAS_BYTES = 8, NO_PREFIX = 16, IS_PHI = 32 };

typedef struct input {
    const uint8_t *data;
    size_t size;
    ink_vocab_source source;
    ink_text tokens[MAX_ITEMS], merges[MAX_ITEMS];
    float scores[MAX_ITEMS];
    int32_t types[MAX_ITEMS];
    char bytes[256][8];
} input;

static uint8_t take(input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static ink_text take_text(input *in, size_t n_bytes)
{
    n_bytes = n_bytes < in->size ? n_bytes : in->size;
    ink_text text = {(const char *)in->data, n_bytes};
    in->data += n_bytes;
    in->size -= n_bytes;
    return text;
}

static void add_token(input *in, ink_text text, int32_t type, float score)
{
    size_t n = in->source.n_tokens++;
    in->tokens[n] = text;
    in->types[n] = type;
    in->scores[n] = score;
}

/* The characters of GPT-2's alphabet: printable Latin-1, then U+0100 on for the others. */
static size_t spell(int byte, char *out)
{
    int code = byte;
    if (byte <= 0x20)
        code = 0x100 + byte;
    else if (byte >= 0x7f && byte <= 0xa0)
        code = 0x121 + byte - 0x7f;
    else if (byte == 0xad)
        code = 0x143;
    if (code < 0x80)
        return (size_t)snprintf(out, 8, "%c", code);
    return (size_t)snprintf(out, 8, "%c%c", 0xc0 | code >> 6, 0x80 | (code & 0x3f));
}

static void add_bytes(input *in, bool byte_level)
{
    for (int byte = 0; byte < 256; byte++) {
        size_t n = byte_level ? spell(byte, in->bytes[byte])
                              : (size_t)snprintf(in->bytes[byte], 8, "<0x%02X>", (unsigned)byte);
        add_token(in, (ink_text){in->bytes[byte], n},
                  byte_level ? INK_TOKEN_NORMAL : INK_TOKEN_BYTE, 0);
    }
}

static void read_lists(input *in)
{
    for (uint8_t n; in->source.n_tokens < MAX_ITEMS && (n = take(in));) {
        int32_t type = (int8_t)take(in);
        float score = (float)(int8_t)take(in);
        add_token(in, take_text(in, n), type, score);
    }
    for (uint8_t n; in->source.n_merges < MAX_ITEMS && (n = take(in));)
        in->merges[in->source.n_merges++] = take_text(in, n);
}

static uint8_t read_source(input *in)
{
    static const char *const kinds[] = {"llama", "gpt2", "gemma4", "bert"};
    ink_vocab_source_init(&in->source);
    const char *kind = kinds[take(in) % 4];
    uint8_t options = take(in);
    size_t family = take(in);
    const char *names = ink_pretokenizer_family(family);
    in->source.model = (ink_text){kind, strlen(kind)};
    in->source.pre = names ? (ink_text){names, strcspn(names, " ")} : (ink_text){0};
    in->source.name = (options & IS_PHI) ? (ink_text){"Phi-3", 5} : (ink_text){0};
    in->source.flags[INK_VOCAB_ADD_SPACE_PREFIX] =
        (options & NO_PREFIX) ? INK_CHOICE_NO : INK_CHOICE_DEFAULT;
    in->source.tokens = in->tokens;
    in->source.types = in->types;
    in->source.scores = in->scores;
    in->source.merges = in->merges;
    if (options & HAS_BYTES)
        add_bytes(in, strcmp(kind, "gpt2") == 0);
    read_lists(in);
    return options;
}

static void check_ids(const ink_vocab *vocab, const ink_token_list *list, bool parses)
{
    for (size_t i = 0; i < list->n_tokens; i++) {
        if (list->ids[i] < 0 || list->ids[i] >= ink_vocab_n_tokens(vocab))
            abort();
        bool unknown = list->ids[i] == ink_vocab_role(vocab, INK_ROLE_UNKNOWN); /* of any type */
        if (!parses && !unknown && ink_vocab_token_type(vocab, list->ids[i]) == INK_TOKEN_CONTROL)
            abort();
    }
}

static void check_decoding(const ink_vocab *vocab, const ink_token_list *list, ink_text text,
                           uint8_t options)
{
    ink_buffer whole, streamed;
    ink_detokenizer stream;
    ink_decode_options how = {.render_special = options & RENDERS};
    ink_buffer_init(&whole, NULL, SIZE_MAX / 2);
    ink_buffer_init(&streamed, NULL, SIZE_MAX / 2);
    ink_detokenizer_init(&stream, vocab, how);
    if (ink_vocab_decode(vocab, list->ids, list->n_tokens, how, &whole, NULL) != INK_OK)
        abort();
    for (size_t i = 0; i < list->n_tokens; i++)
        if (ink_detokenizer_feed(&stream, list->ids[i], &streamed, NULL) != INK_OK)
            abort();
    if (ink_detokenizer_flush(&stream, &streamed, NULL) != INK_OK ||
        whole.n_bytes != streamed.n_bytes)
        abort();
    if (whole.n_bytes && memcmp(whole.data, streamed.data, whole.n_bytes) != 0)
        abort();
    bool whole_text = (options & (HAS_BYTES | PARSES | IS_PHI)) == HAS_BYTES &&
                      strcmp(ink_vocab_kind_name(vocab), "gpt2") == 0;
    if (whole_text && (whole.n_bytes != text.n_bytes ||
                       (text.n_bytes && memcmp(whole.data, text.data, text.n_bytes))))
        abort();
    how.clean_spaces = true;
    if (ink_vocab_decode(vocab, list->ids, list->n_tokens, how, &whole, NULL) != INK_OK)
        abort();
    ink_buffer_deinit(&streamed);
    ink_buffer_deinit(&whole);
}

static void encode(const ink_vocab *vocab, ink_text text, bool parses, const char *origins,
                   ink_token_list *list)
{
    ink_encode_options how = {.parse_special = parses, .origins = origins};
    list->n_tokens = 0;
    if (ink_vocab_encode(vocab, text, how, list, NULL) != INK_OK)
        list->n_tokens = 0;
}

/* Of a text that is all the template's, all data, and some of each. */
static void check_origins(const ink_vocab *vocab, ink_text text)
{
    static const char others[] = {INK_ORIGIN_TEMPLATE, INK_ORIGIN_DATA, 7};
    ink_token_list wanted, got;
    char *origins = calloc(text.n_bytes + 1, 1);
    ink_token_list_init(&wanted, NULL, MAX_TOKENS);
    ink_token_list_init(&got, NULL, MAX_TOKENS);
    for (size_t i = 0; i < sizeof others && origins; i++) {
        bool mixed = others[i] == 7;
        for (size_t at = 0; at < text.n_bytes; at++)
            origins[at] = mixed ? (text.data[at] & 7) != 7 : others[i];
        encode(vocab, text, others[i] == INK_ORIGIN_TEMPLATE, NULL, &wanted);
        encode(vocab, text, true, origins, &got);
        if (!mixed &&
            (wanted.n_tokens != got.n_tokens ||
             (got.n_tokens && memcmp(wanted.ids, got.ids, got.n_tokens * sizeof *got.ids) != 0)))
            abort();
    }
    free(origins);
    ink_token_list_deinit(&wanted);
    ink_token_list_deinit(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input *in = calloc(1, sizeof *in);
    if (!in)
        return 0;
    in->data = data;
    in->size = size;
    uint8_t options = read_source(in);
    ink_vocab *vocab = NULL;
    ink_token_list list;
    ink_error error = {0};
    ink_token_list_init(&list, NULL, MAX_TOKENS);
    if (ink_vocab_new(&vocab, &in->source, NULL, &error) != INK_OK) {
        if (error.message[0] == '\0')
            abort();
    } else {
        ink_encode_options how = {.add_special = false, .parse_special = options & PARSES};
        ink_text text = take_text(in, in->size);
        if (ink_vocab_encode(vocab, text, how, &list, &error) == INK_OK) {
            check_ids(vocab, &list, how.parse_special);
            check_decoding(vocab, &list, text, options);
        }
        how.add_special = options & ADDS;
        if (ink_vocab_encode(vocab, text, how, &list, &error) == INK_OK)
            check_ids(vocab, &list, true);
        check_origins(vocab, text);
    }
    ink_token_list_deinit(&list);
    ink_vocab_free(vocab);
    free(in);
    return 0;
}
