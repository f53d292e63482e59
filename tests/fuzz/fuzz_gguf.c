/*
 * Any bytes as a GGUF file: opening ends in an error or in a file whose every item and byte can be
 * read, and whose metadata and tensor table the writer accepts.
 */
#include <stdlib.h>
#include <string.h>
#include "format/gguf_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE_BYTES 4096

static void demand(bool truth)
{
    if (!truth)
        abort();
}

static size_t sum; /* keeps reads from being optimized away */

static void read_items(const ink_gguf_value *value)
{
    for (size_t i = 0; i < value->n_items; i++) {
        bool truth = false;
        uint64_t natural = 0;
        int64_t integer = 0;
        double real = 0;
        int kinds = ink_gguf_item_bool(value, i, &truth) + ink_gguf_item_f64(value, i, &real);
        ink_gguf_string string = ink_gguf_item_string(value, i);
        for (size_t k = 0; k < string.n_bytes; k++)
            sum += (unsigned char)string.text[k];
        if (ink_gguf_item_u64(value, i, &natural) || ink_gguf_item_i64(value, i, &integer))
            kinds++;
        demand(kinds <= 1);
        sum += (size_t)truth + (size_t)natural + (size_t)integer + (real != 0);
        if (ink_gguf_item_array(value, i))
            read_items(ink_gguf_item_array(value, i));
    }
}

static void read_metadata(const ink_gguf *gguf)
{
    for (size_t i = 0; i < ink_gguf_n_values(gguf); i++) {
        const ink_gguf_value *value = ink_gguf_get_value(gguf, i), *array = NULL;
        ink_error error;
        uint32_t number[3] = {0};
        ink_gguf_string text = {NULL, 0};
        demand(ink_gguf_find(gguf, value->key) == value);
        (void)ink_gguf_get_u32(gguf, value->key, number, &error);
        (void)ink_gguf_get_u32s(gguf, value->key, 3, number, &error);
        demand((ink_gguf_get_string(gguf, value->key, &text, &error) == INK_OK) ==
               (value->type == INK_GGUF_STRING));
        demand((ink_gguf_get_array(gguf, value->key, INK_GGUF_N_TYPES, &array, &error) == INK_OK) ==
               (value->type == INK_GGUF_ARRAY));
        demand(!text.text || text.text[text.n_bytes] == '\0');
        read_items(value);
    }
}

static void read_tensors(const ink_gguf *gguf, size_t size)
{
    uint8_t piece[PIECE_BYTES];
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        ink_error error;
        demand(ink_gguf_find_tensor(gguf, tensor->name) == tensor);
        demand(tensor->offset <= size && tensor->n_bytes <= size - tensor->offset);
        demand(tensor->offset % ink_gguf_alignment(gguf) == 0);
        for (uint64_t at = 0; at < tensor->n_bytes; at += PIECE_BYTES) {
            uint64_t left = tensor->n_bytes - at;
            size_t n_bytes = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
            demand(ink_gguf_read(gguf, tensor, at, n_bytes, piece, &error) == INK_OK);
            sum += piece[0];
        }
    }
}

static void copy_header(const ink_gguf *gguf)
{
    ink_gguf_writer *writer = NULL;
    demand(ink_gguf_writer_new(&writer, 0, NULL, NULL) == INK_OK);
    demand(ink_gguf_writer_set_all(writer, gguf, NULL) != INK_BAD_ARGUMENT);
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        demand(ink_gguf_writer_add_tensor(writer, tensor->name, tensor->gguf_type, tensor->n_dims,
                                          tensor->shape, NULL) == INK_OK);
    }
    ink_gguf_writer_free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ink_gguf *gguf = NULL;
    ink_error error = {.status = INK_OK};
    ink_status status = ink_gguf_open_memory(&gguf, data, size, "input.gguf", NULL, &error);
    if (status != INK_OK) {
        demand(error.status == status && strncmp(error.message, "input.gguf: ", 12) == 0);
        demand(gguf == NULL);
        return 0;
    }
    read_metadata(gguf);
    read_tensors(gguf, size);
    copy_header(gguf);
    ink_gguf_free(gguf);
    return 0;
}
