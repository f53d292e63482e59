/*
 * What is written reads back equal: every type, real models byte for byte, split sets and what can
 * be wrong with them.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "format/gguf_bytes.h"
#include "format/gguf_writer.h"

static char folder[64];
static char path[128];
static ink_error error;

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/out.gguf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

static void succeed(ink_status status)
{
    if (status != INK_OK)
        fail_msg("%s", error.message);
}

static void expect(ink_status status, ink_status wanted, const char *part_of_message)
{
    if (status != wanted || !strstr(error.message, part_of_message))
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)status, error.message, (int)wanted,
                 part_of_message);
}

static size_t count_files(void)
{
    size_t n_files = 0;
    DIR *opened = opendir(folder);
    assert_non_null(opened);
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;)
        n_files += entry->d_name[0] != '.';
    (void)closedir(opened);
    return n_files;
}

/* ---- Equality of two open files. */

static void expect_same_value(const ink_gguf_value *a, const ink_gguf_value *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->item_type, b->item_type);
    assert_int_equal(a->n_items, b->n_items);
    assert_int_equal(a->n_bytes, b->n_bytes);
    for (size_t i = 0; i < a->n_items; i++) {
        ink_gguf_string x = ink_gguf_item_string(a, i), y = ink_gguf_item_string(b, i);
        assert_int_equal(x.n_bytes, y.n_bytes);
        if (x.n_bytes)
            assert_memory_equal(x.text, y.text, x.n_bytes);
        if (ink_gguf_item_array(a, i))
            expect_same_value(ink_gguf_item_array(a, i), ink_gguf_item_array(b, i));
    }
    size_t item_bytes = ink_gguf_type_bytes(a->item_type);
    if (item_bytes && a->n_items)
        assert_memory_equal(a->bytes, b->bytes, item_bytes * a->n_items);
}

static void expect_same_tensor(const ink_gguf *a, const ink_gguf *b, size_t index)
{
    const ink_gguf_tensor *x = ink_gguf_get_tensor(a, index), *y = ink_gguf_get_tensor(b, index);
    size_t n_bytes = (size_t)x->n_bytes;
    uint8_t *data = malloc(n_bytes * 2);
    assert_non_null(data);
    assert_string_equal(x->name, y->name);
    assert_int_equal(x->gguf_type, y->gguf_type);
    assert_int_equal(x->n_dims, y->n_dims);
    assert_memory_equal(x->shape, y->shape, sizeof x->shape);
    succeed(ink_gguf_read(a, x, 0, n_bytes, data, &error));
    succeed(ink_gguf_read(b, y, 0, n_bytes, data + n_bytes, &error));
    assert_memory_equal(data, data + n_bytes, n_bytes);
    free(data);
}

/* All of a stands in b, in the same order; b may have keys of its set behind. */
static void expect_same(const ink_gguf *a, const ink_gguf *b)
{
    assert_true(ink_gguf_n_values(a) <= ink_gguf_n_values(b));
    for (size_t i = 0; i < ink_gguf_n_values(a); i++) {
        const ink_gguf_value *x = ink_gguf_get_value(a, i), *y = ink_gguf_get_value(b, i);
        assert_string_equal(x->key, y->key);
        expect_same_value(x, y);
    }
    assert_int_equal(ink_gguf_n_tensors(a), ink_gguf_n_tensors(b));
    for (size_t i = 0; i < ink_gguf_n_tensors(a); i++)
        expect_same_tensor(a, b, i);
}

/* ---- Copying whole files. */

/* Tensor data goes through in pieces of 1000 bytes, which end nowhere near a tensor's end. */
static void stream(ink_gguf_writer *writer, const ink_gguf *gguf)
{
    uint8_t piece[1000];
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        for (uint64_t at = 0; at < tensor->n_bytes; at += sizeof piece) {
            uint64_t left = tensor->n_bytes - at;
            size_t n_bytes = left < sizeof piece ? (size_t)left : sizeof piece;
            succeed(ink_gguf_read(gguf, tensor, at, n_bytes, piece, &error));
            succeed(ink_gguf_writer_write(writer, piece, n_bytes, &error));
        }
    }
}

/* The path of the first part; valid until the next call. */
static const char *copy(const ink_gguf *gguf, uint64_t max_part_bytes)
{
    static char written[160];
    ink_gguf_writer *writer = NULL;
    succeed(ink_gguf_writer_new(&writer, max_part_bytes, NULL, &error));
    succeed(ink_gguf_writer_set_all(writer, gguf, &error));
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        succeed(ink_gguf_writer_add_tensor(writer, tensor->name, tensor->gguf_type, tensor->n_dims,
                                           tensor->shape, &error));
    }
    succeed(ink_gguf_writer_begin(writer, path, &error));
    stream(writer, gguf);
    succeed(ink_gguf_writer_commit(writer, &error));
    (void)snprintf(written, sizeof written, "%s", ink_gguf_writer_path(writer));
    ink_gguf_writer_free(writer);
    return written;
}

static void copy_is_identical(const char *original)
{
    ink_gguf *gguf = NULL;
    size_t n_original, n_copied;
    succeed(ink_gguf_open(&gguf, original, NULL, &error));
    const char *copied_path = copy(gguf, 0);
    ink_gguf_free(gguf);
    char *before = ink_read_file(original, &n_original),
         *after = ink_read_file(copied_path, &n_copied);
    if (n_original != n_copied || memcmp(before, after, n_original) != 0)
        fail_msg("%s: the copy differs", original);
    free(before);
    free(after);
}

static void models_and_vocabularies_copy_byte_for_byte(void **state)
{
    (void)state;
    ink_require_shared();
    const char *folders[] = {"golden/models", "vocab", "weights"};
    size_t n_files = 0;
    for (size_t i = 0; i < 3; i++) {
        char shared[1024], original[2048];
        DIR *opened = opendir(ink_shared_path(folders[i], shared, sizeof shared));
        assert_non_null(opened);
        for (struct dirent *entry; (entry = readdir(opened)) != NULL;) {
            size_t n_bytes = strlen(entry->d_name);
            if (n_bytes < 5 || strcmp(entry->d_name + n_bytes - 5, ".gguf") != 0)
                continue;
            (void)snprintf(original, sizeof original, "%s/%s", shared, entry->d_name);
            copy_is_identical(original);
            n_files++;
        }
        (void)closedir(opened);
    }
    assert_true(n_files >= 77 + 9 + 1);
}

/* ---- Every type. */

static void set_every_type(ink_gguf_writer *writer)
{
    const uint64_t ones = UINT64_MAX;
    const double reals[] = {0.1, -1e300};
    const ink_gguf_string words[] = {{"one", 3}, {"", 0}, {"a\0b", 3}};
    uint8_t numbers[64];
    memset(numbers, 1, sizeof numbers);
#define X(name, value, text, bytes)                                                                \
    if (bytes) {                                                                                   \
        const void *number = value == INK_GGUF_BOOL ? (const void *)numbers : (const void *)&ones; \
        succeed(ink_gguf_writer_set_number(writer, "one." text, value, number, &error));           \
        succeed(ink_gguf_writer_set_array(writer, "many." text, value, numbers, 5, &error));       \
    }
    INK_GGUF_TYPE_TABLE(X)
#undef X
    succeed(ink_gguf_writer_set_u32(writer, "u32", 7, &error));
    succeed(ink_gguf_writer_set_f32(writer, "f32", 0.25f, &error));
    succeed(ink_gguf_writer_set_bool(writer, "bool", true, &error));
    succeed(ink_gguf_writer_set_text(writer, "text", "words", &error));
    succeed(ink_gguf_writer_set_string(writer, "string", words[2], &error));
    succeed(ink_gguf_writer_set_strings(writer, "strings", words, 3, &error));
    succeed(ink_gguf_writer_set_array(writer, "reals", INK_GGUF_F64, reals, 2, &error));
    succeed(ink_gguf_writer_set_array(writer, "none", INK_GGUF_U8, NULL, 0, &error));
    succeed(ink_gguf_writer_set_strings(writer, "no strings", NULL, 0, &error));
}

static void writes_every_type(void **state)
{
    (void)state;
    ink_gguf_writer *writer = NULL;
    ink_gguf *gguf = NULL, *again = NULL;
    succeed(ink_gguf_writer_new(&writer, 0, NULL, &error));
    set_every_type(writer);
    succeed(ink_gguf_writer_begin(writer, path, &error));
    succeed(ink_gguf_writer_commit(writer, &error));
    ink_gguf_writer_free(writer);
    succeed(ink_gguf_open(&gguf, path, NULL, &error));
    assert_int_equal(ink_gguf_n_values(gguf), 22 + 9);
    uint32_t number = 0;
    float real = 0;
    bool truth = false;
    double wide = 0;
    ink_gguf_string string = {NULL, 0};
    succeed(ink_gguf_get_u32(gguf, "u32", &number, &error));
    succeed(ink_gguf_get_f32(gguf, "f32", &real, &error));
    succeed(ink_gguf_get_bool(gguf, "bool", &truth, &error));
    succeed(ink_gguf_get_string(gguf, "string", &string, &error));
    assert_true(number == 7 && real == 0.25f && truth);
    assert_memory_equal(string.text, "a\0b\0", 4);
    assert_true(ink_gguf_item_f64(ink_gguf_find(gguf, "reals"), 1, &wide));
    assert_true(wide == -1e300);
    assert_memory_equal(ink_gguf_item_string(ink_gguf_find(gguf, "strings"), 2).text, "a\0b", 3);
    succeed(ink_gguf_get_u32(gguf, "one.uint16", &number, &error));
    assert_int_equal(number, 65535);
    succeed(ink_gguf_open(&again, copy(gguf, 0), NULL, &error));
    expect_same(gguf, again);
    ink_gguf_free(again);
    ink_gguf_free(gguf);
}

static void copies_arrays_of_arrays(void **state)
{
    (void)state;
    static gguf_bytes file;
    ink_gguf *gguf = NULL, *again = NULL;
    put_header(&file, 2, 0, 1);
    put_key(&file, "nested", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_ARRAY, 2);
    put_array(&file, INK_GGUF_STRING, 1);
    put_text(&file, "x");
    put_array(&file, INK_GGUF_U8, 2);
    put(&file, "\1\2", 2);
    succeed(ink_gguf_open_memory(&gguf, file.bytes, file.n_bytes, "nested", NULL, &error));
    succeed(ink_gguf_open(&again, copy(gguf, 0), NULL, &error));
    assert_int_equal(ink_gguf_version(again), 3);
    expect_same(gguf, again);
    ink_gguf_free(again);
    ink_gguf_free(gguf);
}

static void setting_a_key_again_replaces_its_value(void **state)
{
    (void)state;
    ink_gguf_writer *writer = NULL;
    ink_gguf *gguf = NULL;
    uint32_t number = 0;
    succeed(ink_gguf_writer_new(&writer, 0, NULL, &error));
    succeed(ink_gguf_writer_set_text(writer, "first", "old", &error));
    succeed(ink_gguf_writer_set_u32(writer, "second", 2, &error));
    succeed(ink_gguf_writer_set_u32(writer, "first", 1, &error));
    succeed(ink_gguf_writer_begin(writer, path, &error));
    succeed(ink_gguf_writer_commit(writer, &error));
    ink_gguf_writer_free(writer);
    succeed(ink_gguf_open(&gguf, path, NULL, &error));
    assert_int_equal(ink_gguf_n_values(gguf), 2);
    assert_string_equal(ink_gguf_get_value(gguf, 0)->key, "first");
    succeed(ink_gguf_get_u32(gguf, "first", &number, &error));
    assert_int_equal(number, 1);
    ink_gguf_free(gguf);
}

/* ---- Split sets. */

#define N_TENSORS 5

/* Five tensors of 32, 64, 96, 128 and 160 bytes; an alignment of 64. */
static void open_small(ink_gguf **gguf, const char *architecture)
{
    static gguf_bytes file;
    put_header(&file, 3, N_TENSORS, 3);
    put_key_text(&file, "general.architecture", architecture);
    put_key_u32(&file, "general.alignment", 64);
    put_key_u32(&file, "llama.block_count", 2);
    uint64_t offset = 0;
    for (uint32_t i = 0; i < N_TENSORS; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        put_tensor(&file, &(tensor_row){name, 1, {(i + 1) * 8}, 0, offset});
        offset += ((i + 1) * 32 + 63) / 64 * 64;
    }
    put_data(&file, 64, (size_t)offset);
    succeed(ink_gguf_open_memory(gguf, file.bytes, file.n_bytes, "small", NULL, &error));
}

static void part_path(char out[160], uint32_t no, uint32_t count)
{
    (void)snprintf(out, 160, "%s/out-%05u-of-%05u.gguf", folder, (unsigned)no, (unsigned)count);
}

static void split_sets_read_as_one(void **state)
{
    (void)state;
    const struct {
        uint64_t max_part_bytes;
        uint32_t n_parts;
    } cases[] = {{1, 5},   {64, 5},  {128, 4}, {192, 4}, {256, 3},
                 {384, 2}, {575, 2}, {576, 1}, {0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ink_gguf *gguf = NULL, *again = NULL;
        open_small(&gguf, "llama");
        succeed(ink_gguf_open(&again, copy(gguf, cases[i].max_part_bytes), NULL, &error));
        assert_int_equal(ink_gguf_n_parts(again), cases[i].n_parts);
        assert_int_equal(ink_gguf_alignment(again), 64);
        expect_same(gguf, again);
        assert_int_equal(ink_gguf_get_tensor(again, N_TENSORS - 1)->part, cases[i].n_parts - 1);
        assert_non_null(ink_gguf_find_tensor(again, "e"));
        ink_gguf_free(again);
        ink_gguf_free(gguf);
    }
}

/* A set is joined again by copying it; the copy has no split keys. */
static void a_split_golden_model_joins_again(void **state)
{
    (void)state;
    ink_require_shared();
    char original[1024];
    ink_gguf *gguf = NULL;
    ink_shared_path("golden/models/llama-types-Q4_0.gguf", original, sizeof original);
    succeed(ink_gguf_open(&gguf, original, NULL, &error));
    const char *first = copy(gguf, 100000);
    ink_gguf_free(gguf);
    succeed(ink_gguf_open(&gguf, first, NULL, &error));
    assert_true(ink_gguf_n_parts(gguf) > 2);
    const char *joined = copy(gguf, 0);
    ink_gguf_free(gguf);
    size_t n_before, n_after;
    char *before = ink_read_file(original, &n_before), *after = ink_read_file(joined, &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    free(before);
    free(after);
}

/* A set of three parts of the model `architecture`. */
static void write_set(const char *architecture)
{
    ink_gguf *gguf = NULL;
    open_small(&gguf, architecture);
    (void)copy(gguf, 256);
    ink_gguf_free(gguf);
}

static void expect_broken_set(ink_status wanted, const char *part_of_message)
{
    char first[160];
    ink_gguf *gguf = NULL;
    part_path(first, 1, 3);
    expect(ink_gguf_open(&gguf, first, NULL, &error), wanted, part_of_message);
    assert_null(gguf);
}

static void a_missing_part_is_named(void **state)
{
    (void)state;
    char part[160];
    write_set("llama");
    part_path(part, 2, 3);
    assert_int_equal(unlink(part), 0);
    expect_broken_set(INK_IO, "out-00002-of-00003.gguf: cannot open: no such file");
}

static void a_doubled_part_is_named(void **state)
{
    (void)state;
    char from[160], to[160];
    write_set("llama");
    part_path(from, 2, 3);
    part_path(to, 3, 3);
    assert_int_equal(unlink(to), 0);
    assert_int_equal(link(from, to), 0);
    expect_broken_set(INK_CORRUPT,
                      "out-00003-of-00003.gguf: holds part 2 again, expected part 3 of 3");
}

static void a_part_of_another_model_is_named(void **state)
{
    (void)state;
    char part[160], kept[160];
    write_set("llama");
    part_path(part, 3, 3);
    (void)snprintf(kept, sizeof kept, "%s/kept", folder);
    assert_int_equal(rename(part, kept), 0);
    write_set("gemma");
    assert_int_equal(rename(kept, part), 0);
    expect_broken_set(INK_CORRUPT, "out-00003-of-00003.gguf: belongs to another model: key "
                                   "general.architecture differs from that of the first part");
}

static void only_the_first_part_opens_a_set(void **state)
{
    (void)state;
    char part[160], renamed[160];
    ink_gguf *gguf = NULL;
    write_set("llama");
    part_path(part, 2, 3);
    expect(ink_gguf_open(&gguf, part, NULL, &error), INK_BAD_ARGUMENT,
           "part 2 of 3; open the first part, *-00001-of-00003.gguf");
    part_path(part, 1, 3);
    (void)snprintf(renamed, sizeof renamed, "%s/model.gguf", folder);
    assert_int_equal(rename(part, renamed), 0);
    expect(ink_gguf_open(&gguf, renamed, NULL, &error), INK_BAD_ARGUMENT,
           "its name must end in -00001-of-00003.gguf");
    assert_null(gguf);
}

/* Parts by hand, so that each can lie. */
static void write_part(uint32_t no, uint32_t n_tensors, const char *tensor)
{
    static gguf_bytes file;
    char part[160];
    put_header(&file, 3, 1, 3);
    put_key_u32(&file, "split.no", no);
    put_key_u32(&file, "split.count", 3);
    put_key_u32(&file, "split.tensors.count", n_tensors);
    put_tensor(&file, &(tensor_row){tensor, 1, {8}, 0, 0});
    put_data(&file, 32, 32);
    part_path(part, no + 1, 3);
    ink_write_file(part, file.bytes, file.n_bytes);
}

static void parts_must_agree_on_the_set(void **state)
{
    (void)state;
    write_part(0, 3, "a");
    write_part(1, 4, "b");
    write_part(2, 3, "c");
    expect_broken_set(INK_CORRUPT, "out-00002-of-00003.gguf: belongs to another model: a set of 3 "
                                   "parts and 4 tensors, expected 3 parts and 3 tensors");
    write_part(1, 3, "a");
    expect_broken_set(INK_CORRUPT, "two tensors have the name a");
    write_part(0, 9, "a");
    write_part(1, 9, "b");
    write_part(2, 9, "c");
    expect_broken_set(INK_CORRUPT, "the parts have 3 tensors together, expected 9");
}

/* ---- Refusals, and nothing left behind. */

static void refuses_what_could_not_be_opened(void **state)
{
    (void)state;
    ink_gguf_writer *writer = NULL;
    const uint64_t shape[] = {32, 2}, zero[] = {32, 0};
    const uint8_t two = 2;
    succeed(ink_gguf_writer_new(&writer, 0, NULL, &error));
    expect(ink_gguf_writer_set_u32(writer, "", 0, &error), INK_BAD_ARGUMENT, "a key of 0 bytes");
    expect(ink_gguf_writer_set_u32(writer, "a\n", 0, &error), INK_BAD_ARGUMENT,
           "control characters");
    expect(ink_gguf_writer_set_u32(writer, "split.no", 0, &error), INK_BAD_ARGUMENT,
           "by the writer");
    expect(ink_gguf_writer_set_u32(writer, "general.alignment", 3, &error), INK_BAD_ARGUMENT,
           "a power of two");
    expect(ink_gguf_writer_set_text(writer, "general.alignment", "32", &error), INK_BAD_ARGUMENT,
           "must be an integer");
    expect(ink_gguf_writer_set_number(writer, "b", INK_GGUF_BOOL, &two, &error), INK_BAD_ARGUMENT,
           "a bool is neither 0 nor 1");
    expect(ink_gguf_writer_set_number(writer, "s", INK_GGUF_STRING, &two, &error), INK_BAD_ARGUMENT,
           "string is no type of numbers");
    expect(ink_gguf_writer_add_tensor(writer, "w", 4, 2, shape, &error), INK_BAD_ARGUMENT,
           "tensor w: unknown type");
    expect(ink_gguf_writer_add_tensor(writer, "w", 12, 2, shape, &error), INK_BAD_ARGUMENT,
           "a row is not a whole number of blocks");
    expect(ink_gguf_writer_add_tensor(writer, "w", 0, 2, zero, &error), INK_BAD_ARGUMENT, "zero");
    expect(ink_gguf_writer_add_tensor(writer, "w", 0, 5, shape, &error), INK_BAD_ARGUMENT,
           "1 to 4");
    expect(ink_gguf_writer_write(writer, shape, 1, &error), INK_BAD_ARGUMENT, "has not begun");
    expect(ink_gguf_writer_commit(writer, &error), INK_BAD_ARGUMENT, "has not begun");
    succeed(ink_gguf_writer_add_tensor(writer, "w", 0, 2, shape, &error));
    succeed(ink_gguf_writer_add_tensor(writer, "w", 0, 2, shape, &error));
    expect(ink_gguf_writer_begin(writer, path, &error), INK_BAD_ARGUMENT,
           "two tensors have the name w");
    ink_gguf_writer_free(writer);
    assert_int_equal(count_files(), 0);
}

static void missing_data_leaves_what_was_there(void **state)
{
    (void)state;
    ink_gguf_writer *writer = NULL;
    const uint64_t shape[] = {32};
    const float data[33] = {0};
    size_t n_bytes;
    ink_write_file(path, "precious", 8);
    succeed(ink_gguf_writer_new(&writer, 0, NULL, &error));
    succeed(ink_gguf_writer_add_tensor(writer, "w", 0, 1, shape, &error));
    succeed(ink_gguf_writer_begin(writer, path, &error));
    succeed(ink_gguf_writer_write(writer, data, 100, &error));
    expect(ink_gguf_writer_commit(writer, &error), INK_BAD_ARGUMENT,
           "tensor w has 100 of its 128 bytes");
    expect(ink_gguf_writer_write(writer, data, 29, &error), INK_BAD_ARGUMENT,
           "1 bytes more than the tensors have");
    ink_gguf_writer_free(writer);
    char *bytes = ink_read_file(path, &n_bytes);
    assert_string_equal(bytes, "precious");
    free(bytes);
    assert_int_equal(count_files(), 1);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(models_and_vocabularies_copy_byte_for_byte),
        IN_FOLDER(writes_every_type),
        IN_FOLDER(copies_arrays_of_arrays),
        IN_FOLDER(setting_a_key_again_replaces_its_value),
        IN_FOLDER(split_sets_read_as_one),
        IN_FOLDER(a_split_golden_model_joins_again),
        IN_FOLDER(a_missing_part_is_named),
        IN_FOLDER(a_doubled_part_is_named),
        IN_FOLDER(a_part_of_another_model_is_named),
        IN_FOLDER(only_the_first_part_opens_a_set),
        IN_FOLDER(parts_must_agree_on_the_set),
        IN_FOLDER(refuses_what_could_not_be_opened),
        IN_FOLDER(missing_data_leaves_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
