/* Reading well-formed GGUF: every type, both versions, getters, tensors, real files. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "format/gguf_bytes.h"

static gguf_bytes file;

static ink_gguf *open_file(void)
{
    ink_gguf *gguf = NULL;
    ink_error error = {.message = ""};
    if (ink_gguf_open_memory(&gguf, file.bytes, file.n_bytes, "test.gguf", NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    return gguf;
}

/* ---- Values */

static const uint64_t ones = UINT64_MAX;
static const float third = 1.0f / 3;
static const double seventh = 1.0 / 7;

/*
 * One key of every type of numbers, named after it, holding all ones (floats: a fraction; bool:
 * true).
 */
static void put_every_number(void)
{
#define X(name, value, text, bytes)                                            \
    if (bytes) {                                                               \
        const void *number = value == INK_GGUF_F32    ? (const void *)&third   \
                             : value == INK_GGUF_F64  ? (const void *)&seventh \
                             : value == INK_GGUF_BOOL ? (const void *)"\1"     \
                                                      : (const void *)&ones;   \
        put_key(&file, text, value);                                           \
        put(&file, number, bytes);                                             \
    }
    INK_GGUF_TYPE_TABLE(X)
#undef X
}

static void reads_every_number_type(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        put_header(&file, version, 0, 11);
        put_every_number();
        ink_gguf *gguf = open_file();
        assert_int_equal(ink_gguf_version(gguf), version);
        assert_int_equal(ink_gguf_n_values(gguf), 11);
        const struct {
            const char *key;
            int64_t number;
        } integers[] = {{"uint8", 255},         {"int8", -1},  {"uint16", 65535}, {"int16", -1},
                        {"uint32", 4294967295}, {"int32", -1}, {"int64", -1}};
        for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
            int64_t number = 0;
            assert_int_equal(ink_gguf_get_i64(gguf, integers[i].key, &number, NULL), INK_OK);
            assert_int_equal(number, integers[i].number);
        }
        uint64_t largest = 0;
        float narrow = 0;
        double wide = 0;
        bool truth = false;
        assert_int_equal(ink_gguf_get_u64(gguf, "uint64", &largest, NULL), INK_OK);
        assert_true(largest == UINT64_MAX);
        assert_int_equal(ink_gguf_get_f32(gguf, "float32", &narrow, NULL), INK_OK);
        assert_true(narrow == third);
        assert_true(ink_gguf_item_f64(ink_gguf_find(gguf, "float64"), 0, &wide));
        assert_true(wide == seventh);
        assert_int_equal(ink_gguf_get_bool(gguf, "bool", &truth, NULL), INK_OK);
        assert_true(truth);
        ink_gguf_free(gguf);
    }
}

static void reads_strings_with_any_byte(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 2);
    put_key(&file, "odd", INK_GGUF_STRING);
    put_u64(&file, 5);
    put(&file, "a\0\xff\nb", 5);
    put_key_text(&file, "empty", "");
    ink_gguf *gguf = open_file();
    ink_gguf_string string = {NULL, 0};
    assert_int_equal(ink_gguf_get_string(gguf, "odd", &string, NULL), INK_OK);
    assert_int_equal(string.n_bytes, 5);
    assert_memory_equal(string.text, "a\0\xff\nb\0", 6);
    assert_int_equal(ink_gguf_get_string(gguf, "empty", &string, NULL), INK_OK);
    assert_int_equal(string.n_bytes, 0);
    assert_string_equal(string.text, "");
    ink_gguf_free(gguf);
}

static void reads_arrays(void **state)
{
    (void)state;
    const int32_t numbers[] = {-5, 0, 7};
    put_header(&file, 3, 0, 3);
    put_key(&file, "numbers", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_I32, 3);
    put(&file, numbers, sizeof numbers);
    put_key(&file, "words", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_STRING, 3);
    put_text(&file, "one");
    put_text(&file, "");
    put_text(&file, "three");
    put_key(&file, "nothing", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_F64, 0);
    ink_gguf *gguf = open_file();
    const ink_gguf_value *array = NULL;
    int64_t number = 0;
    assert_int_equal(ink_gguf_get_array(gguf, "numbers", INK_GGUF_I32, &array, NULL), INK_OK);
    assert_int_equal(array->n_items, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(ink_gguf_item_i64(array, i, &number));
        assert_int_equal(number, numbers[i]);
    }
    assert_int_equal(ink_gguf_get_array(gguf, "words", INK_GGUF_STRING, &array, NULL), INK_OK);
    assert_int_equal(ink_gguf_item_string(array, 1).n_bytes, 0);
    assert_int_equal(ink_gguf_item_string(array, 2).n_bytes, 5);
    assert_memory_equal(ink_gguf_item_string(array, 2).text, "three", 5);
    assert_int_equal(ink_gguf_get_array(gguf, "nothing", INK_GGUF_N_TYPES, &array, NULL), INK_OK);
    assert_int_equal(array->n_items, 0);
    ink_gguf_free(gguf);
}

static void reads_arrays_of_arrays(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 1);
    put_key(&file, "nested", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_ARRAY, 2);
    put_array(&file, INK_GGUF_U32, 2);
    put_u32(&file, 10);
    put_u32(&file, 11);
    put_array(&file, INK_GGUF_ARRAY, 1);
    put_array(&file, INK_GGUF_STRING, 1);
    put_text(&file, "deep");
    ink_gguf *gguf = open_file();
    const ink_gguf_value *nested = ink_gguf_find(gguf, "nested");
    uint64_t number = 0;
    assert_int_equal(nested->n_items, 2);
    assert_true(ink_gguf_item_u64(ink_gguf_item_array(nested, 0), 1, &number));
    assert_int_equal(number, 11);
    const ink_gguf_value *inner = ink_gguf_item_array(ink_gguf_item_array(nested, 1), 0);
    assert_memory_equal(ink_gguf_item_string(inner, 0).text, "deep", 4);
    assert_null(ink_gguf_item_array(inner, 0));
    assert_false(ink_gguf_item_u64(nested, 0, &number));
    ink_gguf_free(gguf);
}

/* ---- Getters */

static void open_getter_file(ink_gguf **gguf)
{
    put_header(&file, 3, 0, 6);
    put_key_u32(&file, "count", 300);
    put_key_text(&file, "word", "x");
    put_key(&file, "negative", INK_GGUF_I8);
    put_u8(&file, 0xff);
    put_key(&file, "huge", INK_GGUF_U64);
    put_u64(&file, UINT64_MAX);
    put_key(&file, "by_layer", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_U16, 2);
    put(&file, "\4\0\2\0", 4);
    put_key(&file, "real", INK_GGUF_F64);
    put(&file, &seventh, sizeof seventh);
    *gguf = open_file();
}

static void absent_keys_leave_the_default(void **state)
{
    (void)state;
    ink_gguf *gguf;
    open_getter_file(&gguf);
    uint32_t number = 42;
    ink_gguf_string string = {"default", 7};
    const ink_gguf_value *array = NULL;
    ink_error error;
    assert_int_equal(ink_gguf_get_u32(gguf, "absent", &number, &error), INK_OK);
    assert_int_equal(ink_gguf_get_u32s(gguf, "absent", 1, &number, &error), INK_OK);
    assert_int_equal(ink_gguf_get_string(gguf, "absent", &string, &error), INK_OK);
    assert_int_equal(ink_gguf_get_array(gguf, "absent", INK_GGUF_U8, &array, &error), INK_OK);
    assert_int_equal(number, 42);
    assert_string_equal(string.text, "default");
    assert_null(array);
    assert_int_equal(ink_gguf_need(gguf, "absent", &error), INK_CORRUPT);
    assert_string_equal(error.message, "test.gguf: key absent is missing");
    assert_int_equal(ink_gguf_need(gguf, "count", &error), INK_OK);
    ink_gguf_free(gguf);
}

static void expect_message(const ink_error *error, const char *beginning)
{
    assert_int_equal(error->status, INK_CORRUPT);
    assert_true(error->offset > 0);
    if (strncmp(error->message, beginning, strlen(beginning)) != 0)
        fail_msg("\"%s\" does not begin \"%s\"", error->message, beginning);
}

static void wrong_types_are_named(void **state)
{
    (void)state;
    ink_gguf *gguf;
    open_getter_file(&gguf);
    uint32_t number = 42;
    int32_t integer = 42;
    float real = 42;
    bool truth = true;
    ink_gguf_string string = {NULL, 0};
    const ink_gguf_value *array = NULL;
    ink_error error;
#define WRONG(call, message)               \
    assert_int_equal((call), INK_CORRUPT); \
    expect_message(&error, "test.gguf: key " message)
    WRONG(ink_gguf_get_u32(gguf, "word", &number, &error), "word: expected uint32, found string");
    WRONG(ink_gguf_get_u32(gguf, "negative", &number, &error),
          "negative: expected uint32, found -1");
    WRONG(ink_gguf_get_u32(gguf, "huge", &number, &error),
          "huge: expected uint32, found 18446744073709551615");
    WRONG(ink_gguf_get_i32(gguf, "huge", &integer, &error), "huge: expected int32, found 1844");
    WRONG(ink_gguf_get_u32(gguf, "real", &number, &error), "real: expected uint32, found float64");
    WRONG(ink_gguf_get_u32(gguf, "by_layer", &number, &error),
          "by_layer: expected uint32, found an array of 2 uint16");
    WRONG(ink_gguf_get_f32(gguf, "count", &real, &error), "count: expected float32, found uint32");
    WRONG(ink_gguf_get_bool(gguf, "count", &truth, &error), "count: expected bool, found uint32");
    WRONG(ink_gguf_get_string(gguf, "count", &string, &error),
          "count: expected string, found uint32");
    WRONG(ink_gguf_get_string(gguf, "by_layer", &string, &error),
          "by_layer: expected string, found an array of uint16");
    WRONG(ink_gguf_get_array(gguf, "count", INK_GGUF_F32, &array, &error),
          "count: expected an array of float32, found uint32");
    WRONG(ink_gguf_get_array(gguf, "by_layer", INK_GGUF_F32, &array, &error),
          "by_layer: expected an array of float32, found one of uint16");
    WRONG(ink_gguf_get_u32s(gguf, "by_layer", 3, &number, &error),
          "by_layer: expected one value or 3, found 2");
#undef WRONG
    assert_int_equal(number, 42);
    assert_int_equal(integer, 42);
    assert_null(array);
    ink_gguf_free(gguf);
}

static void one_value_stands_for_all_layers(void **state)
{
    (void)state;
    ink_gguf *gguf;
    open_getter_file(&gguf);
    uint32_t numbers[3] = {0};
    int32_t integers[2] = {0};
    assert_int_equal(ink_gguf_get_u32s(gguf, "count", 3, numbers, NULL), INK_OK);
    assert_true(numbers[0] == 300 && numbers[1] == 300 && numbers[2] == 300);
    assert_int_equal(ink_gguf_get_u32s(gguf, "by_layer", 2, numbers, NULL), INK_OK);
    assert_true(numbers[0] == 4 && numbers[1] == 2 && numbers[2] == 300);
    assert_int_equal(ink_gguf_get_i32s(gguf, "negative", 2, integers, NULL), INK_OK);
    assert_true(integers[0] == -1 && integers[1] == -1);
    float reals[1] = {0};
    assert_int_equal(ink_gguf_get_f32s(gguf, "real", 1, reals, NULL), INK_OK);
    assert_true(reals[0] == (float)seventh);
    ink_gguf_free(gguf);
}

/* ---- Tensors */

static void reads_tensors(void **state)
{
    (void)state;
    const tensor_row rows[] = {{"late", 2, {32, 2}, 2 /* Q4_0 */, 32},
                               {"early", 1, {3}, 0 /* F32 */, 0}};
    put_header(&file, 3, 2, 0);
    put_tensor(&file, &rows[0]);
    put_tensor(&file, &rows[1]);
    put_data(&file, 32, 68);
    ink_gguf *gguf = open_file();
    const ink_gguf_tensor *late = ink_gguf_find_tensor(gguf, "late");
    assert_ptr_equal(late, ink_gguf_get_tensor(gguf, 0));
    assert_int_equal(late->format, INK_FORMAT_Q4_0);
    assert_int_equal(late->n_bytes, 36);
    assert_int_equal(late->shape[1], 2);
    assert_int_equal(late->shape[2], 1);
    assert_null(ink_gguf_find_tensor(gguf, "lat"));
    uint8_t bytes[3] = {0};
    ink_error error;
    assert_int_equal(ink_gguf_read(gguf, late, 33, 3, bytes, &error), INK_OK);
    assert_memory_equal(bytes, ((uint8_t[]){66, 67, 68}), 3);
    assert_memory_equal(ink_gguf_memory(gguf, late), ((uint8_t[]){33}), 1);
    assert_int_equal(ink_gguf_read(gguf, late, 34, 3, bytes, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_gguf_read(gguf, late, UINT64_MAX, 3, bytes, &error), INK_BAD_ARGUMENT);
    ink_gguf_free(gguf);
}

static void honors_the_alignment(void **state)
{
    (void)state;
    const tensor_row rows[] = {{"a", 1, {1}, 0, 0}, {"b", 1, {1}, 0, 8}};
    put_header(&file, 3, 2, 1);
    put_key(&file, "general.alignment", INK_GGUF_U64);
    put_u64(&file, 8);
    put_tensor(&file, &rows[0]);
    put_tensor(&file, &rows[1]);
    put_data(&file, 8, 12);
    ink_gguf *gguf = open_file();
    uint8_t byte = 0;
    assert_int_equal(ink_gguf_alignment(gguf), 8);
    assert_int_equal(ink_gguf_read(gguf, ink_gguf_find_tensor(gguf, "b"), 0, 1, &byte, NULL),
                     INK_OK);
    assert_int_equal(byte, 9);
    ink_gguf_free(gguf);
}

static void keeps_unsupported_types_in_the_table(void **state)
{
    (void)state;
    const tensor_row row = {"blk.0.weight", 1, {256}, 16 /* IQ2_XXS */, 0};
    put_header(&file, 3, 1, 0);
    put_tensor(&file, &row);
    put_data(&file, 32, 66);
    ink_gguf *gguf = open_file();
    const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, 0);
    ink_error error;
    assert_int_equal(tensor->format, INK_N_FORMATS);
    assert_string_equal(tensor->type_name, "IQ2_XXS");
    assert_int_equal(tensor->n_bytes, 66);
    assert_int_equal(ink_gguf_check_format(gguf, tensor, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "tensor blk.0.weight has type IQ2_XXS"));
    ink_gguf_free(gguf);
}

/* ---- Real files */

/* Calls `check` with every *.gguf of a folder below the shared one; returns how many there were. */
static size_t for_each_file(const char *relative, void (*check)(const char *path))
{
    char folder_path[1024], path[2048];
    DIR *folder = opendir(ink_shared_path(relative, folder_path, sizeof folder_path));
    assert_non_null(folder);
    size_t n_files = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t n_bytes = strlen(entry->d_name);
        if (n_bytes < 5 || strcmp(entry->d_name + n_bytes - 5, ".gguf") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder_path, entry->d_name);
        check(path);
        n_files++;
    }
    (void)closedir(folder);
    return n_files;
}

/* The same from a path and from memory: every tensor's bytes agree. */
static void check_model(const char *path)
{
    ink_gguf *gguf = NULL, *borrowed = NULL;
    ink_error error;
    size_t n_bytes;
    char *bytes = ink_read_file(path, &n_bytes);
    if (ink_gguf_open(&gguf, path, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ink_gguf_open_memory(&borrowed, bytes, n_bytes, path, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_file_bytes(gguf), n_bytes);
    assert_int_equal(ink_gguf_n_tensors(gguf), ink_gguf_n_tensors(borrowed));
    assert_true(ink_gguf_n_tensors(gguf) > 0);
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        void *data = malloc((size_t)tensor->n_bytes);
        assert_non_null(data);
        assert_null(ink_gguf_memory(gguf, tensor));
        assert_int_equal(ink_gguf_read(gguf, tensor, 0, (size_t)tensor->n_bytes, data, NULL),
                         INK_OK);
        assert_memory_equal(data, ink_gguf_memory(borrowed, ink_gguf_get_tensor(borrowed, i)),
                            (size_t)tensor->n_bytes);
        free(data);
    }
    ink_gguf_free(borrowed);
    ink_gguf_free(gguf);
    free(bytes);
}

static void opens_every_golden_model(void **state)
{
    (void)state;
    ink_require_shared();
    assert_int_equal(for_each_file("golden/models", check_model), 77);
}

static void check_vocabulary(const char *path)
{
    ink_gguf *gguf = NULL;
    ink_error error;
    const ink_gguf_value *tokens = NULL;
    size_t n_bytes = 0;
    if (ink_gguf_open(&gguf, path, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(
        ink_gguf_get_array(gguf, "tokenizer.ggml.tokens", INK_GGUF_STRING, &tokens, NULL), INK_OK);
    assert_non_null(tokens);
    assert_true(tokens->n_items > 1000);
    for (size_t i = 0; i < tokens->n_items; i++)
        n_bytes += ink_gguf_item_string(tokens, i).n_bytes + sizeof(uint64_t);
    assert_int_equal(n_bytes + 12, tokens->n_bytes);
    ink_gguf_free(gguf);
}

static void opens_every_vocabulary(void **state)
{
    (void)state;
    ink_require_shared();
    assert_int_equal(for_each_file("vocab", check_vocabulary), 9);
}

/* A vocabulary must not cost an allocation a token. */
static void a_vocabulary_takes_few_allocations(void **state)
{
    (void)state;
    ink_require_shared();
    char path[1024];
    ink_gguf *gguf = NULL;
    ink_test_allocator memory;
    ink_test_allocator_init(&memory, 0);
    ink_shared_path("vocab/ggml-vocab-gpt-2.gguf", path, sizeof path);
    assert_int_equal(ink_gguf_open(&gguf, path, &memory.allocator, NULL), INK_OK);
    assert_true(memory.n_calls < 32);
    assert_true(memory.n_bytes < ink_gguf_file_bytes(gguf) * 2);
    ink_gguf_free(gguf);
    assert_int_equal(memory.n_blocks, 0);
}

static void a_file_that_shrinks_is_an_error(void **state)
{
    (void)state;
    char folder[64], path[128], message[256];
    const tensor_row row = {"a", 1, {64}, 0, 0};
    put_header(&file, 3, 1, 0);
    put_tensor(&file, &row);
    put_data(&file, 32, 256);
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/a.gguf", folder);
    ink_write_file(path, file.bytes, file.n_bytes);
    ink_gguf *gguf = NULL;
    ink_error error;
    uint8_t data[256];
    assert_int_equal(ink_gguf_open(&gguf, path, NULL, &error), INK_OK);
    const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, 0);
    assert_int_equal(ink_gguf_read(gguf, tensor, 0, 256, data, &error), INK_OK);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(ink_gguf_read(gguf, tensor, 0, 256, data, &error), INK_IO);
    (void)snprintf(message, sizeof message, "%s: shrank from %zu to 100 bytes while in use", path,
                   file.n_bytes);
    assert_string_equal(error.message, message);
    ink_gguf_free(gguf);
    ink_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_number_type),
        cmocka_unit_test(reads_strings_with_any_byte),
        cmocka_unit_test(reads_arrays),
        cmocka_unit_test(reads_arrays_of_arrays),
        cmocka_unit_test(absent_keys_leave_the_default),
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(one_value_stands_for_all_layers),
        cmocka_unit_test(reads_tensors),
        cmocka_unit_test(honors_the_alignment),
        cmocka_unit_test(keeps_unsupported_types_in_the_table),
        cmocka_unit_test(opens_every_golden_model),
        cmocka_unit_test(opens_every_vocabulary),
        cmocka_unit_test(a_vocabulary_takes_few_allocations),
        cmocka_unit_test(a_file_that_shrinks_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
