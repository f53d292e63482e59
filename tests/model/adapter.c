#include "adapter.h"

#include <stdlib.h>
#include "format/gguf_writer.h"
#include "kernel/kernel.h"

#define MUST(expression)                                     \
    do {                                                     \
        ink_error error_ = {.status = INK_OK};               \
        if ((expression) != INK_OK)                          \
            fail_msg("%s: %s", #expression, error_.message); \
    } while (0)

const ink_test_adapter ink_plain_adapter = {
    ADAPTER_HEAD,
    .seed = 7,
    .tensors = {{"blk.0.attn_q.weight.lora_a", {64, 4}, 0, 0},
                {"blk.0.attn_q.weight.lora_b", {4, 64}, 0, 0},
                {"blk.3.ffn_down.weight.lora_b", {4, 64}, 0, 0},
                {"blk.3.ffn_down.weight.lora_a", {172, 4}, 0, 0}},
};

static void write_text(ink_gguf_writer *writer, const char *key, const char *text)
{
    if (text)
        MUST(ink_gguf_writer_set_text(writer, key, text, &error_));
}

static void write_keys(ink_gguf_writer *writer, const ink_test_adapter *adapter)
{
    const uint32_t tokens[2] = {1, 2};
    write_text(writer, "general.type", adapter->general_type);
    write_text(writer, "adapter.type", adapter->adapter_type);
    write_text(writer, "general.architecture", adapter->architecture);
    if (adapter->text_alpha)
        write_text(writer, "adapter.lora.alpha", "eight");
    else if (!adapter->no_alpha)
        MUST(ink_gguf_writer_set_f32(writer, "adapter.lora.alpha", adapter->alpha, &error_));
    if (adapter->alora)
        MUST(ink_gguf_writer_set_array(writer, "adapter.alora.invocation_tokens", INK_GGUF_U32,
                                       tokens, 2, &error_));
}

static uint32_t count_dims(const ink_test_tensor *tensor)
{
    return tensor->shape[2] ? 3 : tensor->shape[1] ? 2 : 1;
}

static ink_format format_of(const ink_test_tensor *tensor)
{
    for (ink_format format = 0; format < INK_N_FORMATS; format++)
        if (ink_formats[format].gguf_id == tensor->type)
            return format;
    fail_msg("no format %u", tensor->type);
    return INK_N_FORMATS;
}

static void write_values(ink_gguf_writer *writer, const ink_test_tensor *tensor, uint64_t *random)
{
    const ink_format_info *info = &ink_formats[format_of(tensor)];
    size_t n = 1;
    for (uint32_t d = 0; d < count_dims(tensor); d++)
        n *= (size_t)tensor->shape[d];
    float *values = calloc(n, sizeof *values);
    void *blocks = calloc(n, sizeof *values);
    assert_true(values && blocks);
    for (size_t i = 0; i < n; i++)
        values[i] = ((float)(ink_test_random(random) >> 40) * 0x1p-23f - 1) / 8;
    if (tensor->first != 0)
        values[0] = tensor->first;
    assert_true(ink_encode(format_of(tensor), blocks, values, n));
    MUST(ink_gguf_writer_write(writer, blocks, n / info->block_elements * info->block_bytes,
                               &error_));
    free(values);
    free(blocks);
}

void ink_write_adapter(const ink_test_adapter *adapter, const char *path)
{
    const ink_test_tensor *tensors = adapter->tensors;
    uint64_t random = adapter->seed + 1;
    ink_gguf_writer *writer = NULL;
    MUST(ink_gguf_writer_new(&writer, 0, NULL, &error_));
    write_keys(writer, adapter);
    for (size_t i = 0; i < 6 && tensors[i].name; i++)
        MUST(ink_gguf_writer_add_tensor(writer, tensors[i].name, tensors[i].type,
                                        count_dims(&tensors[i]), tensors[i].shape, &error_));
    MUST(ink_gguf_writer_begin(writer, path, &error_));
    for (size_t i = 0; i < 6 && tensors[i].name; i++)
        write_values(writer, &tensors[i], &random);
    MUST(ink_gguf_writer_commit(writer, &error_));
    ink_gguf_writer_free(writer);
}
