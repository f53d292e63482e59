/*
 * Real models cut at every byte of the header: an error each time, and under the address sanitizer
 * no read beyond.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format/gguf.h"

/* Of a block of exactly n_bytes. */
static ink_status open_cut(const uint8_t *bytes, size_t n_bytes)
{
    ink_gguf *gguf = NULL;
    ink_error error = {.status = INK_OK, .message = ""};
    uint8_t *cut = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(cut);
    memcpy(cut, bytes, n_bytes);
    ink_status status = ink_gguf_open_memory(&gguf, cut, n_bytes, "cut.gguf", NULL, &error);
    if (status != INK_OK && !strstr(error.message, " at byte "))
        fail_msg("\"%s\" does not say where", error.message);
    ink_gguf_free(gguf);
    free(cut);
    return status;
}

/* Where the tensors' data begins: nothing shorter can be valid. */
static size_t header_bytes(const char *bytes, size_t n_bytes)
{
    ink_gguf *gguf = NULL;
    assert_int_equal(ink_gguf_open_memory(&gguf, bytes, n_bytes, "whole", NULL, NULL), INK_OK);
    uint64_t first = n_bytes;
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++)
        if (ink_gguf_get_tensor(gguf, i)->offset < first)
            first = ink_gguf_get_tensor(gguf, i)->offset;
    ink_gguf_free(gguf);
    return (size_t)first;
}

static void models_cut_at_every_byte_of_the_header(void **state)
{
    (void)state;
    ink_require_shared();
    const char *files[] = {"llama-types-Q1_0", "llama-types-IQ1_S", "llama-types-TQ1_0",
                           "command-r-Q4_0", "bert-Q8_0"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char relative[64], path[1024];
        size_t n_bytes;
        (void)snprintf(relative, sizeof relative, "golden/models/%s.gguf", files[i]);
        char *bytes = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_bytes);
        size_t n_header = header_bytes(bytes, n_bytes);
        assert_true(n_header > 1000 && n_header < n_bytes);
        for (size_t length = 0; length <= n_header; length++)
            assert_int_equal(open_cut((const uint8_t *)bytes, length), INK_CORRUPT);
        assert_int_equal(open_cut((const uint8_t *)bytes, n_bytes), INK_OK);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_cut_at_every_byte_of_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
