/*
 * tokenizer.model: what SentencePiece writes. Only the fields that say how texts become tokens are
 * read, the others passed over.
 *
 * Source: sentencepiece_model.proto (google/sentencepiece), and the wire format of Protocol
 * Buffers.
 */
#include <string.h>
#include "base/half.h"
#include "base/status.h"
#include "convert/tokens.h"

#define FILE_NAME "tokenizer.model"

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };
enum { MODEL_PIECES = 1, MODEL_TRAINER, MODEL_NORMALIZER };
enum { PIECE_TEXT = 1, PIECE_SCORE, PIECE_TYPE };
enum { TRAINER_TYPE = 3, TRAINER_UNKNOWN = 40, TRAINER_BOS, TRAINER_EOS, TRAINER_PAD };
enum { NORMALIZER_PREFIX = 3, NORMALIZER_EXTRA_SPACES };
enum { TYPE_UNIGRAM = 1, TYPE_BPE };

typedef struct field {
    uint64_t number, value; /* value: of a varint, or the bits of a fixed one */
    unsigned wire;
    ink_text bytes;
} field;

/* ---- Reading --------------------------------------------------------------------------------- */

static bool take_varint(ink_text *in, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && in->n_bytes > 0; shift += 7) {
        uint8_t byte = (uint8_t)*in->data++;
        in->n_bytes--;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool take_fixed(ink_text *in, size_t n, uint64_t *out)
{
    if (in->n_bytes < n)
        return false;
    *out = 0;
    for (size_t i = n; i-- > 0;)
        *out = *out << 8 | (uint8_t)in->data[i];
    in->data += n;
    in->n_bytes -= n;
    return true;
}

static bool take_field(ink_text *in, field *f)
{
    uint64_t tag, n;
    if (!take_varint(in, &tag))
        return false;
    *f = (field){.number = tag >> 3, .wire = tag & 7};
    switch (f->wire) {
    case WIRE_VARINT:
        return take_varint(in, &f->value);
    case WIRE_64:
        return take_fixed(in, 8, &f->value);
    case WIRE_32:
        return take_fixed(in, 4, &f->value);
    case WIRE_BYTES:
        if (!take_varint(in, &n) || n > in->n_bytes)
            return false;
        f->bytes = (ink_text){in->data, (size_t)n};
        in->data += n;
        in->n_bytes -= (size_t)n;
        return true;
    default:
        return false;
    }
}

static ink_status corrupt(ink_error *error)
{
    return ink_fail(error, INK_CORRUPT, 0, FILE_NAME ": is no SentencePiece model");
}

static ink_status read_piece(ink_hf_tokens *t, ink_text in, ink_error *error)
{
    ink_text text = {"", 0};
    uint64_t bits = 0, type = INK_TOKEN_NORMAL;
    field f;
    while (in.n_bytes > 0) {
        if (!take_field(&in, &f))
            return corrupt(error);
        if (f.number == PIECE_TEXT && f.wire == WIRE_BYTES)
            text = f.bytes;
        else if (f.number == PIECE_SCORE && f.wire == WIRE_32)
            bits = f.value;
        else if (f.number == PIECE_TYPE && f.wire == WIRE_VARINT)
            type = f.value;
    }
    if (type < INK_TOKEN_NORMAL || type > INK_TOKEN_BYTE)
        return corrupt(error);
    return ink_hf_tokens_put(t, (int64_t)t->n_tokens, text, (ink_token_type)type,
                             ink_float_from_bits((uint32_t)bits), error);
}

/* Ids that are not said are SentencePiece's own: 0, 1, 2 and none. */
static ink_status read_trainer(ink_hf_tokens *t, ink_text in, ink_error *error)
{
    static const struct {
        uint64_t number;
        ink_token_role role;
    } rows[] = {{TRAINER_UNKNOWN, INK_ROLE_UNKNOWN},
                {TRAINER_BOS, INK_ROLE_BOS},
                {TRAINER_EOS, INK_ROLE_EOS},
                {TRAINER_PAD, INK_ROLE_PADDING}};
    uint64_t type = TYPE_UNIGRAM;
    field f;
    while (in.n_bytes > 0) {
        if (!take_field(&in, &f))
            return corrupt(error);
        if (f.number == TRAINER_TYPE && f.wire == WIRE_VARINT)
            type = f.value;
        for (size_t i = 0; i < 4; i++)
            if (f.number == rows[i].number && f.wire == WIRE_VARINT)
                t->source.roles[rows[i].role] = f.value <= INT32_MAX ? (int32_t)f.value : -1;
    }
    if (type == TYPE_BPE)
        return INK_OK;
    return ink_fail(error, INK_UNSUPPORTED, 0,
                    FILE_NAME ": is of kind %d%s; only 2, byte pairs, is run here",
                    (int)(type < 100 ? type : 100), type == TYPE_UNIGRAM ? " (unigrams)" : "");
}

static ink_status read_normalizer(ink_hf_tokens *t, ink_text in, ink_error *error)
{
    uint64_t prefix = 1;
    field f;
    while (in.n_bytes > 0) {
        if (!take_field(&in, &f))
            return corrupt(error);
        if (f.number == NORMALIZER_PREFIX && f.wire == WIRE_VARINT)
            prefix = f.value;
    }
    t->source.flags[INK_VOCAB_ADD_SPACE_PREFIX] = prefix ? INK_CHOICE_YES : INK_CHOICE_NO;
    return INK_OK;
}

ink_status ink_hf_tokens_read_spm(ink_hf_tokens *t, ink_text in, ink_error *error)
{
    bool trained = false;
    field f;
    t->has_scores = true;
    t->source.model = (ink_text){"llama", 5};
    t->source.roles[INK_ROLE_UNKNOWN] = 0;
    t->source.roles[INK_ROLE_BOS] = 1;
    t->source.roles[INK_ROLE_EOS] = 2;
    while (in.n_bytes > 0) {
        if (!take_field(&in, &f))
            return corrupt(error);
        if (f.wire != WIRE_BYTES)
            continue;
        if (f.number == MODEL_PIECES)
            INK_TRY(read_piece(t, f.bytes, error));
        if (f.number == MODEL_NORMALIZER)
            INK_TRY(read_normalizer(t, f.bytes, error));
        if (f.number == MODEL_TRAINER)
            INK_TRY(read_trainer(t, f.bytes, error));
        trained = trained || f.number == MODEL_TRAINER;
    }
    return t->n_tokens > 0 && trained ? INK_OK : corrupt(error);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void put_varint(ink_buffer *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        (void)ink_buffer_append(out, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    (void)ink_buffer_append(out, &(uint8_t){(uint8_t)value}, 1);
}

static void put_number(ink_buffer *out, uint64_t number, uint64_t value)
{
    put_varint(out, number << 3 | WIRE_VARINT);
    put_varint(out, value);
}

static void put_bytes(ink_buffer *out, uint64_t number, const void *bytes, size_t n)
{
    put_varint(out, number << 3 | WIRE_BYTES);
    put_varint(out, n);
    (void)ink_buffer_append(out, bytes, n);
}

static void put_piece(ink_buffer *out, ink_buffer *part, const ink_vocab_source *s, size_t id)
{
    uint32_t bits = ink_float_bits(s->scores ? s->scores[id] : 0);
    uint8_t score[5] = {PIECE_SCORE << 3 | WIRE_32, (uint8_t)bits, (uint8_t)(bits >> 8),
                        (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
    int32_t type = s->types ? s->types[id] : INK_TOKEN_NORMAL;
    part->n_bytes = 0;
    put_bytes(part, PIECE_TEXT, s->tokens[id].data, s->tokens[id].n_bytes);
    (void)ink_buffer_append(part, score, sizeof score);
    if (type > INK_TOKEN_NORMAL)
        put_number(part, PIECE_TYPE, (uint64_t)type);
    put_bytes(out, MODEL_PIECES, part->data, part->n_bytes);
}

static void put_role(ink_buffer *part, uint64_t number, int32_t token, int32_t usual)
{
    if (token != usual)
        put_number(part, number, (uint64_t)(int64_t)token);
}

ink_status ink_spm_write(const ink_vocab_source *s, ink_buffer *out, ink_error *error)
{
    ink_buffer part;
    ink_buffer_init(&part, out->allocator, 4 * INK_VOCAB_MAX_TOKEN_BYTES);
    for (size_t i = 0; i < s->n_tokens; i++)
        put_piece(out, &part, s, i);
    part.n_bytes = 0;
    put_number(&part, TRAINER_TYPE, TYPE_BPE);
    put_role(&part, TRAINER_UNKNOWN, s->roles[INK_ROLE_UNKNOWN], 0);
    put_role(&part, TRAINER_BOS, s->roles[INK_ROLE_BOS], 1);
    put_role(&part, TRAINER_EOS, s->roles[INK_ROLE_EOS], 2);
    put_role(&part, TRAINER_PAD, s->roles[INK_ROLE_PADDING], -1);
    put_bytes(out, MODEL_TRAINER, part.data, part.n_bytes);
    part.n_bytes = 0;
    put_number(&part, NORMALIZER_PREFIX, s->flags[INK_VOCAB_ADD_SPACE_PREFIX] != INK_CHOICE_NO);
    put_number(&part, NORMALIZER_EXTRA_SPACES, 0);
    put_bytes(out, MODEL_NORMALIZER, part.data, part.n_bytes);
    bool failed = part.failed || out->failed;
    ink_buffer_deinit(&part);
    return failed ? ink_fail_memory(error, "a vocabulary") : INK_OK;
}
