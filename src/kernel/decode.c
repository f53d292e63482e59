/*
 * Blocks to floats, exactly as the file format defines each value: w = (d * scale) * q + m, each
 * step rounded. For embedding rows, for tests, and for a device that has no kernel of a format.
 */
#include "kernel/reference.h"

#include "base/half.h"

static void decode_groups(const ink_group_reader *reader, float *out, const void *block,
                          size_t n_groups)
{
    for (size_t g = 0; g < n_groups; g++, out += INK_Q8_GROUP) {
        ink_group group;
        reader->read(&group, block, g);
        for (int k = 0; k < INK_Q8_GROUP; k++) {
            int half = k / (INK_Q8_GROUP / 2);
            out[k] = group.d * (float)group.scale[half] * (float)group.q[k];
            if (reader->kind == INK_GROUP_M32 || reader->kind == INK_GROUP_M16)
                out[k] = out[k] + group.m[half];
        }
    }
}

static void decode_f16(float *out, const ink_block_f16 *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ink_half_to_float(blocks[i].value);
}

static void decode_bf16(float *out, const ink_block_bf16 *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ink_bfloat_to_float(blocks[i].value);
}

void ink_decode_rows(ink_format format, float *out, const void *blocks, size_t n_blocks)
{
    const ink_format_info *info = &ink_formats[format];
    const ink_group_reader *reader = &ink_group_readers[format];
    if (format == INK_FORMAT_F32) {
        memcpy(out, blocks, n_blocks * sizeof *out);
    } else if (format == INK_FORMAT_F16) {
        decode_f16(out, blocks, n_blocks);
    } else if (format == INK_FORMAT_BF16) {
        decode_bf16(out, blocks, n_blocks);
    } else {
        for (size_t b = 0; b < n_blocks; b++)
            decode_groups(reader, out + b * info->block_elements,
                          (const uint8_t *)blocks + b * info->block_bytes,
                          info->block_elements / INK_Q8_GROUP);
    }
}

void ink_decode(ink_format format, float *out, const void *blocks, size_t n_blocks)
{
    ink_decode_rows(format, out, blocks, n_blocks);
    if (ink_format_rotates(format))
        ink_unspread(out, n_blocks * ink_formats[format].block_elements);
}
