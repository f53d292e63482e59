#include "rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format/gguf_writer.h"

#define MUST(expression)                                     \
    do {                                                     \
        ink_error error_ = {.status = INK_OK};               \
        if ((expression) != INK_OK)                          \
            fail_msg("%s: %s", #expression, error_.message); \
    } while (0)

/* ---- Metadata. */

static void shorten(ink_gguf_writer *writer, const ink_gguf_value *value)
{
    size_t n = value->n_items - 1;
    if (value->item_type != INK_GGUF_STRING) {
        MUST(ink_gguf_writer_set_array(writer, value->key, value->item_type, value->bytes, n,
                                       &error_));
        return;
    }
    ink_gguf_string *strings = calloc(n + 1, sizeof *strings);
    assert_non_null(strings);
    for (size_t i = 0; i < n; i++)
        strings[i] = ink_gguf_item_string(value, i);
    MUST(ink_gguf_writer_set_strings(writer, value->key, strings, n, &error_));
    free(strings);
}

static void edit_key(ink_gguf_writer *writer, const ink_gguf *gguf, const ink_key_edit *edit)
{
    const uint32_t whole =
        edit->number >= 0 && edit->number <= UINT32_MAX ? (uint32_t)edit->number : 0;
    const uint32_t pair[2] = {whole, whole};
    switch (edit->change) {
    case INK_KEY_U32:
        MUST(ink_gguf_writer_set_u32(writer, edit->key, whole, &error_));
        break;
    case INK_KEY_F32:
        MUST(ink_gguf_writer_set_f32(writer, edit->key, (float)edit->number, &error_));
        break;
    case INK_KEY_TEXT:
        MUST(ink_gguf_writer_set_text(writer, edit->key, edit->text, &error_));
        break;
    case INK_KEY_PAIR:
        MUST(ink_gguf_writer_set_array(writer, edit->key, INK_GGUF_U32, pair, 2, &error_));
        break;
    case INK_KEY_SHORTEN:
        assert_non_null(ink_gguf_find(gguf, edit->key));
        shorten(writer, ink_gguf_find(gguf, edit->key));
        break;
    default:
        assert_non_null(ink_gguf_find(gguf, edit->key)); /* dropping: it must have been there */
    }
}

static bool is_dropped(const ink_rewrite *rewrite, const char *key)
{
    for (int i = 0; i < 4 && rewrite->keys[i].key; i++)
        if (rewrite->keys[i].change == INK_KEY_DROP && strcmp(rewrite->keys[i].key, key) == 0)
            return true;
    return false;
}

static void write_keys(const ink_rewrite *rewrite, ink_gguf_writer *writer, const ink_gguf *gguf)
{
    for (size_t i = 0; i < ink_gguf_n_values(gguf); i++) {
        const ink_gguf_value *value = ink_gguf_get_value(gguf, i);
        if (!is_dropped(rewrite, value->key))
            MUST(ink_gguf_writer_set_value(writer, value->key, value, &error_));
    }
    for (int i = 0; i < 4 && rewrite->keys[i].key; i++)
        edit_key(writer, gguf, &rewrite->keys[i]);
}

/* ---- Tensors. */

static bool is(const char *name, const ink_gguf_tensor *tensor)
{
    return name && strcmp(name, tensor->name) == 0;
}

static void add_tensor(const ink_rewrite *rewrite, ink_gguf_writer *writer,
                       const ink_gguf_tensor *tensor)
{
    bool changed = is(rewrite->tensor, tensor) && rewrite->shape[0] > 0;
    const uint64_t *shape = changed ? rewrite->shape : tensor->shape;
    uint32_t n_dims = tensor->n_dims;
    if (changed)
        n_dims = rewrite->shape[2] ? 3 : rewrite->shape[1] ? 2 : 1;
    MUST(ink_gguf_writer_add_tensor(writer, tensor->name, tensor->gguf_type, n_dims, shape,
                                    &error_));
}

static uint64_t bytes_of_shape(const ink_rewrite *rewrite, const ink_gguf_tensor *tensor)
{
    uint32_t elements, bytes;
    uint64_t n = 1;
    assert_true(ink_gguf_block(tensor->gguf_type, &elements, &bytes));
    for (int d = 0; d < 3 && rewrite->shape[d]; d++)
        n *= rewrite->shape[d];
    return n / elements * bytes;
}

static void write_tensor(const ink_rewrite *rewrite, ink_gguf_writer *writer, const ink_gguf *gguf,
                         const ink_gguf_tensor *tensor)
{
    uint64_t n_bytes = tensor->n_bytes;
    if (is(rewrite->tensor, tensor) && rewrite->shape[0] > 0)
        n_bytes = bytes_of_shape(rewrite, tensor);
    char *data = calloc(1, (size_t)(n_bytes > tensor->n_bytes ? n_bytes : tensor->n_bytes));
    assert_non_null(data);
    MUST(ink_gguf_read(gguf, tensor, 0, (size_t)tensor->n_bytes, data, &error_));
    uint64_t step = rewrite->repeat ? rewrite->repeat : n_bytes;
    for (uint64_t at = 0; is(rewrite->tensor, tensor) && at + rewrite->n_bytes <= n_bytes;
         at += step)
        memcpy(data + at, rewrite->bytes, rewrite->n_bytes);
    MUST(ink_gguf_writer_write(writer, data, (size_t)n_bytes, &error_));
    free(data);
}

static void write_zeros(ink_gguf_writer *writer, size_t n)
{
    float *zeros = calloc(n, sizeof *zeros);
    assert_non_null(zeros);
    MUST(ink_gguf_writer_write(writer, zeros, n * sizeof *zeros, &error_));
    free(zeros);
}

static void write_tensors(const ink_rewrite *rewrite, ink_gguf_writer *writer, const ink_gguf *gguf,
                          const char *path)
{
    const uint64_t *added = rewrite->add_shape;
    size_t n = ink_gguf_n_tensors(gguf);
    for (size_t i = 0; i < n; i++)
        if (!is(rewrite->drop_tensor, ink_gguf_get_tensor(gguf, i)))
            add_tensor(rewrite, writer, ink_gguf_get_tensor(gguf, i));
    if (rewrite->add_tensor)
        MUST(ink_gguf_writer_add_tensor(writer, rewrite->add_tensor, 0, added[1] ? 2 : 1, added,
                                        &error_));
    MUST(ink_gguf_writer_begin(writer, path, &error_));
    for (size_t i = 0; i < n; i++)
        if (!is(rewrite->drop_tensor, ink_gguf_get_tensor(gguf, i)))
            write_tensor(rewrite, writer, gguf, ink_gguf_get_tensor(gguf, i));
    if (rewrite->add_tensor)
        write_zeros(writer, (size_t)(added[0] * (added[1] ? added[1] : 1)));
}

void ink_rewrite_model(const ink_rewrite *rewrite, const char *path)
{
    char relative[256], source[1024];
    ink_gguf *gguf = NULL;
    ink_gguf_writer *writer = NULL;
    (void)snprintf(relative, sizeof relative, "golden/models/%s.gguf", rewrite->model);
    MUST(ink_gguf_open(&gguf, ink_shared_path(relative, source, sizeof source), NULL, &error_));
    MUST(ink_gguf_writer_new(&writer, 0, NULL, &error_));
    assert_true(!rewrite->drop_tensor || ink_gguf_find_tensor(gguf, rewrite->drop_tensor));
    assert_true(!rewrite->tensor || ink_gguf_find_tensor(gguf, rewrite->tensor));
    write_keys(rewrite, writer, gguf);
    write_tensors(rewrite, writer, gguf, path);
    MUST(ink_gguf_writer_commit(writer, &error_));
    ink_gguf_writer_free(writer);
    ink_gguf_free(gguf);
}
