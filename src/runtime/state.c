/* What saving and restoring share: the header in bytes, and what identifies a model. */
#include "runtime/state.h"

#include <string.h>
#include "base/half.h"
#include "model/lora.h"

#define SAMPLE_BYTES 1024 /* of each weight */

void ink_state_put_u64(uint8_t bytes[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

uint64_t ink_state_get_u64(const uint8_t bytes[8])
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

void ink_state_header_encode(const ink_state_header *header, uint8_t bytes[INK_STATE_HEADER_BYTES])
{
    memcpy(bytes, INK_STATE_MAGIC, INK_STATE_MAGIC_BYTES);
    bytes += INK_STATE_MAGIC_BYTES;
#define X(field)                             \
    ink_state_put_u64(bytes, header->field); \
    bytes += sizeof(uint64_t);
    INK_STATE_FIELDS(X)
#undef X
    memcpy(bytes, header->format, INK_STATE_FORMAT_BYTES);
    memcpy(bytes + INK_STATE_FORMAT_BYTES, header->model, INK_SHA256_BYTES);
    memcpy(bytes + INK_STATE_FORMAT_BYTES + INK_SHA256_BYTES, header->sum, INK_SHA256_BYTES);
}

bool ink_state_header_decode(ink_state_header *header, const uint8_t bytes[INK_STATE_HEADER_BYTES])
{
    if (memcmp(bytes, INK_STATE_MAGIC, INK_STATE_MAGIC_BYTES) != 0)
        return false;
    bytes += INK_STATE_MAGIC_BYTES;
#define X(field)                              \
    header->field = ink_state_get_u64(bytes); \
    bytes += sizeof(uint64_t);
    INK_STATE_FIELDS(X)
#undef X
    memcpy(header->format, bytes, INK_STATE_FORMAT_BYTES);
    memcpy(header->model, bytes + INK_STATE_FORMAT_BYTES, INK_SHA256_BYTES);
    memcpy(header->sum, bytes + INK_STATE_FORMAT_BYTES + INK_SHA256_BYTES, INK_SHA256_BYTES);
    return true;
}

/* ---- Identity: texts and lists stand behind their length, so that no two inputs read alike. */

static void add_u64(ink_sha256 *sum, uint64_t value)
{
    uint8_t bytes[8];
    ink_state_put_u64(bytes, value);
    ink_sha256_add(sum, bytes, sizeof bytes);
}

static void add_text(ink_sha256 *sum, const char *text)
{
    size_t n_bytes = strlen(text);
    add_u64(sum, n_bytes);
    ink_sha256_add(sum, text, n_bytes);
}

#define add_u32 add_u64
#define add_bool add_u64
static void add_f32(ink_sha256 *sum, float value)
{
    add_u64(sum, ink_float_bits(value));
}

static void add_hparams(ink_sha256 *sum, const ink_hparams *h)
{
#define HPARAM(type, field, key, fallback) add_##type(sum, h->field);
#include "model/hparams.def"
#undef HPARAM
    add_u32(sum, h->n_vocab);
    add_f32(sum, h->epsilon);
    add_u32(sum, (uint64_t)h->scaling);
    for (size_t i = 0; i < h->n_layers; i++) {
        const ink_layer_hparams *layer = &h->layers[i];
        add_u32(sum, layer->n_heads);
        add_u32(sum, layer->n_kv_heads);
        add_u32(sum, layer->n_ff);
        add_bool(sum, layer->windowed);
        add_bool(sum, layer->rotated);
    }
}

static ink_status add_tensor(ink_sha256 *sum, const ink_gguf *gguf, const ink_gguf_tensor *tensor,
                             ink_error *error)
{
    uint8_t sample[SAMPLE_BYTES];
    size_t n_bytes = tensor->n_bytes < SAMPLE_BYTES ? (size_t)tensor->n_bytes : SAMPLE_BYTES;
    add_text(sum, tensor->name);
    add_u32(sum, tensor->gguf_type);
    add_u32(sum, tensor->n_dims);
    for (uint32_t i = 0; i < tensor->n_dims; i++)
        add_u64(sum, tensor->shape[i]);
    INK_TRY(ink_gguf_read(gguf, tensor, 0, n_bytes, sample, error));
    ink_sha256_add(sum, sample, n_bytes);
    return INK_OK;
}

/* All of them: they are small. Their matrices lie one way for models that run. */
static void add_adapters(ink_sha256 *sum, const ink_model *model)
{
    for (const ink_lora *lora = model->loras; lora; lora = lora->next) {
        add_u64(sum, lora->n_pairs);
        for (size_t i = 0; i < lora->n_pairs; i++) {
            add_text(sum, lora->pairs[i].name);
            add_f32(sum, lora->pairs[i].scale);
            add_u64(sum, lora->pairs[i].a.n_rows);
        }
        ink_sha256_add(sum, lora->memory, lora->memory ? lora->n_bytes : 0);
    }
}

ink_status ink_state_identify(const ink_model *model, uint8_t digest[INK_SHA256_BYTES],
                              ink_error *error)
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    add_text(&sum, model->arch->name);
    add_hparams(&sum, &model->hparams);
    add_u64(&sum, ink_gguf_n_tensors(model->gguf));
    for (size_t i = 0; i < ink_gguf_n_tensors(model->gguf); i++)
        INK_TRY(add_tensor(&sum, model->gguf, ink_gguf_get_tensor(model->gguf, i), error));
    add_adapters(&sum, model);
    ink_sha256_finish(&sum, digest);
    return INK_OK;
}
