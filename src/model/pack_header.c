#include "model/pack_header.h"

#include <stddef.h>
#include <string.h>
#include "base/size.h"

#define MAX_SAMPLES 64
#define SAMPLE_BYTES 1024

static void add_number(ink_sha256 *sum, uint64_t number)
{
    ink_sha256_add(sum, &number, sizeof number);
}

/* With its end, so that two texts never run into each other. */
static void add_text(ink_sha256 *sum, const char *text)
{
    ink_sha256_add(sum, text, strlen(text) + 1);
}

static void add_binding(ink_sha256 *sum, const ink_binding *binding)
{
    const ink_gguf_tensor *tensor = binding->tensor;
    add_text(sum, tensor->name);
    add_text(sum, ink_formats[tensor->format].name);
    for (size_t i = 0; i < INK_GGUF_MAX_DIMS; i++)
        add_number(sum, tensor->shape[i]);
    add_number(sum, tensor->n_bytes);
    add_number(sum, binding->offset);
    add_number(sum, binding->n_bytes);
    add_number(sum, binding->matrix ? 1 + binding->matrix->packed : 0);
}

static ink_status add_sample(ink_sha256 *sum, const ink_gguf *gguf, const ink_gguf_tensor *tensor,
                             ink_error *error)
{
    uint8_t sample[SAMPLE_BYTES];
    size_t n_bytes = tensor->n_bytes < SAMPLE_BYTES ? (size_t)tensor->n_bytes : SAMPLE_BYTES;
    INK_TRY(ink_gguf_read(gguf, tensor, (tensor->n_bytes - n_bytes) / 2, n_bytes, sample, error));
    ink_sha256_add(sum, sample, n_bytes);
    return INK_OK;
}

static ink_status digest_model(uint8_t digest[INK_SHA256_BYTES], const struct ink_model *model,
                               const ink_bindings *bindings, ink_error *error)
{
    size_t step = ink_size_groups(bindings->n, MAX_SAMPLES);
    ink_sha256 sum;
    ink_sha256_init(&sum);
    add_text(&sum, model->arch->name);
    add_number(&sum, ink_gguf_file_bytes(model->gguf));
    for (size_t i = 0; i < bindings->n; i++) {
        add_binding(&sum, &bindings->all[i]);
        if (i % step == 0)
            INK_TRY(add_sample(&sum, model->gguf, bindings->all[i].tensor, error));
    }
    ink_sha256_finish(&sum, digest);
    return INK_OK;
}

static void digest_layout(uint8_t digest[INK_SHA256_BYTES], const ink_bindings *bindings)
{
    bool used[INK_N_FORMATS] = {false};
    ink_sha256 sum;
    for (size_t i = 0; i < bindings->n; i++)
        used[bindings->all[i].tensor->format] = true;
    ink_sha256_init(&sum);
    for (int format = 0; format < INK_N_FORMATS; format++) {
        const ink_format_info *info = &ink_formats[format];
        if (!used[format])
            continue;
        add_text(&sum, info->name);
        add_number(&sum, info->block_bytes);
        for (int i = 0; i < INK_MAX_FORMAT_FIELDS; i++) {
            add_number(&sum, info->fields[i].unit_bytes);
            add_number(&sum, info->fields[i].count);
            add_number(&sum, info->fields[i].spread);
        }
    }
    ink_sha256_finish(&sum, digest);
}

static void digest_source(uint8_t digest[INK_SHA256_BYTES], const ink_gguf *gguf)
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    for (uint32_t part = 0; part < ink_gguf_n_parts(gguf); part++)
        add_number(&sum, ink_gguf_modified(gguf, part));
    ink_sha256_finish(&sum, digest);
}

ink_status ink_pack_header_init(ink_pack_header *header, const struct ink_model *model,
                                const ink_bindings *bindings, ink_error *error)
{
    *header = (ink_pack_header){
        .magic = INK_PACK_MAGIC,
        .endian = INK_PACK_ENDIAN,
        .version = INK_PACK_VERSION,
        .tile_version = INK_TILE_VERSION,
        .tile_rows = INK_TILE_ROWS,
        .data_bytes = bindings->memory_bytes,
    };
    digest_layout(header->layout, bindings);
    digest_source(header->source, model->gguf);
    return digest_model(header->model, model, bindings, error);
}

static void digest_header(uint8_t digest[INK_SHA256_BYTES], const ink_pack_header *header)
{
    ink_sha256 sum;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, header, offsetof(ink_pack_header, digest));
    ink_sha256_finish(&sum, digest);
}

void ink_pack_header_seal(ink_pack_header *header)
{
    digest_header(header->digest, header);
}

const char *ink_pack_header_refuse(const ink_pack_header *wanted, const void *file, size_t n_bytes)
{
    ink_pack_header found;
    uint8_t digest[INK_SHA256_BYTES];
    if (n_bytes < INK_PACK_DATA_OFFSET)
        return "is too short for a header";
    memcpy(&found, file, sizeof found);
    digest_header(digest, &found);
    if (memcmp(found.magic, wanted->magic, sizeof found.magic) != 0)
        return "is no file of packed weights";
    if (found.endian != wanted->endian)
        return "is from a machine with another order of bytes";
    if (found.version != wanted->version)
        return "is from another version of Inkling";
    if (memcmp(found.digest, digest, sizeof digest) != 0)
        return "has a damaged header";
    if (memcmp(found.model, wanted->model, sizeof found.model) != 0 ||
        found.data_bytes != wanted->data_bytes)
        return "belongs to another model";
    if (found.tile_version != wanted->tile_version || found.tile_rows != wanted->tile_rows ||
        memcmp(found.layout, wanted->layout, sizeof found.layout) != 0)
        return "holds weights in another layout";
    if (memcmp(found.source, wanted->source, sizeof found.source) != 0)
        return "is of an earlier state of the model, which was changed since";
    if (n_bytes - INK_PACK_DATA_OFFSET != found.data_bytes)
        return "has another size than its header says: it was cut, or is not whole";
    return NULL;
}
