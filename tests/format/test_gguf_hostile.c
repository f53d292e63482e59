/*
 * Malformed GGUF: every case ends in the right status and a message that says what is wrong and
 * where.
 */
#include "support.h"

#include <stdlib.h>
#include "format/gguf_bytes.h"

#define F32 0u
#define Q4_0 2u

static gguf_bytes file;

static void refuse_bytes(const uint8_t *bytes, size_t n_bytes, ink_status wanted,
                         const char *part_of_message)
{
    ink_gguf *gguf = NULL;
    ink_error error = {.status = INK_OK, .message = ""};
    ink_status status = ink_gguf_open_memory(&gguf, bytes, n_bytes, "bad.gguf", NULL, &error);
    assert_null(gguf);
    if (status != wanted || error.status != wanted || !strstr(error.message, part_of_message) ||
        strncmp(error.message, "bad.gguf: ", 10) != 0)
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)status, error.message, (int)wanted,
                 part_of_message);
}

/* From a block of exactly the file's size, so that the address sanitizer sees one byte too far. */
static void refuse(ink_status wanted, const char *part_of_message)
{
    uint8_t *bytes = malloc(file.n_bytes ? file.n_bytes : 1);
    assert_non_null(bytes);
    memcpy(bytes, file.bytes, file.n_bytes);
    refuse_bytes(bytes, file.n_bytes, wanted, part_of_message);
    free(bytes);
}

static void accept(void)
{
    ink_gguf *gguf = NULL;
    ink_error error = {.message = ""};
    if (ink_gguf_open_memory(&gguf, file.bytes, file.n_bytes, "good.gguf", NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_gguf_free(gguf);
}

/* ---- The fixed header */

static void empty_file(void **state)
{
    (void)state;
    file.n_bytes = 0;
    refuse(INK_CORRUPT, "4 bytes expected, the file has 0 more at byte 0");
}

static void other_magic(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 0);
    file.bytes[0] = 'X';
    refuse(INK_CORRUPT, "not a GGUF file: it begins with 58 47 55 46");
    memcpy(file.bytes, "tjgg", 4);
    refuse(INK_UNSUPPORTED, "older format than GGUF");
}

static void version_0(void **state)
{
    (void)state;
    put_header(&file, 0, 0, 0);
    refuse(INK_CORRUPT, "GGUF version 0, supported are 2 and 3, at byte 4");
}

static void version_1(void **state)
{
    (void)state;
    put_header(&file, 1, 0, 0);
    refuse(INK_UNSUPPORTED, "GGUF version 1; convert");
}

static void version_4(void **state)
{
    (void)state;
    put_header(&file, 4, 0, 0);
    refuse(INK_UNSUPPORTED, "GGUF version 4, supported");
}

static void version_2_to_the_31(void **state)
{
    (void)state;
    put_header(&file, 0x80000001u, 0, 0);
    refuse(INK_UNSUPPORTED, "GGUF version 2147483649");
    put_header(&file, 0x80000000u, 0, 0);
    refuse(INK_UNSUPPORTED, "version 0x80000000");
}

static void big_endian_version(void **state)
{
    (void)state;
    put_header(&file, 0x03000000u, 0, 0);
    refuse(INK_UNSUPPORTED, "big-endian");
}

static void big_endian_magic(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 0);
    memcpy(file.bytes, "FUGG", 4);
    refuse(INK_UNSUPPORTED, "big-endian");
}

static void key_counts_too_large(void **state)
{
    (void)state;
    put_header(&file, 3, 0, UINT64_C(1) << 32);
    refuse(INK_LIMIT, "4294967296 keys, at most 65536 are supported, at byte 24");
    put_header(&file, 3, 0, UINT64_C(1) << 63);
    refuse(INK_LIMIT, "9223372036854775808 keys");
    put_header(&file, 3, 0, 1000);
    refuse(INK_CORRUPT, "1000 keys cannot fit in the 0 bytes that are left");
}

static void tensor_counts_too_large(void **state)
{
    (void)state;
    put_header(&file, 3, UINT64_C(1) << 32, 0);
    refuse(INK_LIMIT, "4294967296 tensors, at most 65536 are supported");
    put_header(&file, 3, UINT64_C(1) << 63, 0);
    refuse(INK_LIMIT, "9223372036854775808 tensors");
    put_header(&file, 3, 1000, 0);
    refuse(INK_CORRUPT, "1000 tensors cannot fit in the 0 bytes that are left");
}

/* ---- Metadata */

static void begin_key(const char *key, uint32_t type)
{
    put_header(&file, 3, 0, 1);
    put_key(&file, key, type);
}

static void key_length_2_to_the_63(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 1);
    put_u64(&file, UINT64_C(1) << 63);
    put_data(&file, 1, 64);
    refuse(INK_CORRUPT, "a string of 9223372036854775808 bytes, the file has 64 more, at byte 24");
}

static void key_longer_than_the_limit(void **state)
{
    (void)state;
    size_t n_bytes = 24 + 8 + INK_GGUF_MAX_KEY_BYTES + 1 + 8;
    uint8_t *bytes = calloc(n_bytes, 1);
    assert_non_null(bytes);
    put_header(&file, 3, 0, 1);
    put_u64(&file, INK_GGUF_MAX_KEY_BYTES + 1);
    memcpy(bytes, file.bytes, file.n_bytes);
    memset(bytes + 32, 'k', INK_GGUF_MAX_KEY_BYTES + 1);
    refuse_bytes(bytes, n_bytes, INK_LIMIT, "a name of 65536 bytes, at most 65535 are supported");
    free(bytes);
}

static void key_names_that_are_none(void **state)
{
    (void)state;
    const char *names[] = {"", "\xff", "a\nb", "\x1b[2J", "\x7f"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        begin_key(names[i], INK_GGUF_U8);
        put_u32(&file, 0);
        refuse(INK_CORRUPT,
               "a name that is empty, not UTF-8 or holds control characters at byte 24");
    }
    put_header(&file, 3, 0, 1);
    put_u64(&file, 3);
    put(&file, "a\0b", 3);
    put_data(&file, 1, 8);
    refuse(INK_CORRUPT, "control characters");
}

static void string_length_2_to_the_63(void **state)
{
    (void)state;
    begin_key("k", INK_GGUF_STRING);
    put_u64(&file, UINT64_C(1) << 63);
    refuse(INK_CORRUPT, "key k: a string of 9223372036854775808 bytes");
}

static void string_past_the_end(void **state)
{
    (void)state;
    begin_key("k", INK_GGUF_STRING);
    put_u64(&file, 5);
    put(&file, "four", 4);
    refuse(INK_CORRUPT, "key k: a string of 5 bytes, the file has 4 more, at byte 37");
}

static void value_type_out_of_range(void **state)
{
    (void)state;
    begin_key("k", 13);
    put_u32(&file, 0);
    refuse(INK_CORRUPT, "key k: value type 13, the types are 0 to 12, at byte 33");
    begin_key("k", UINT32_MAX);
    put_u32(&file, 0);
    refuse(INK_CORRUPT, "value type 4294967295");
    begin_key("k", INK_GGUF_ARRAY);
    put_array(&file, 99, 1);
    put_u32(&file, 0);
    refuse(INK_CORRUPT, "value type 99");
}

static void bool_of_two(void **state)
{
    (void)state;
    begin_key("k", INK_GGUF_BOOL);
    put_u8(&file, 2);
    refuse(INK_CORRUPT, "key k: a bool of value 2 at byte 37");
    begin_key("k", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_BOOL, 3);
    put(&file, "\1\0\xff", 3);
    refuse(INK_CORRUPT, "a bool of value 255 at byte 51");
}

static void array_counts_too_large(void **state)
{
    (void)state;
    const uint32_t item_types[] = {INK_GGUF_U8, INK_GGUF_F64, INK_GGUF_STRING, INK_GGUF_ARRAY};
    const uint64_t counts[] = {100, UINT64_C(1) << 32, UINT64_C(1) << 61, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            begin_key("k", INK_GGUF_ARRAY);
            put_array(&file, item_types[i], counts[k]);
            put_data(&file, 1, 16);
            refuse(INK_CORRUPT, "cannot fit in the 16 bytes that are left at byte 49");
        }
    }
}

static void array_of_numbers_past_the_end(void **state)
{
    (void)state;
    begin_key("k", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_U32, 4);
    put_data(&file, 1, 15);
    refuse(INK_CORRUPT, "4 items cannot fit in the 15 bytes");
}

static void array_of_strings_past_the_end(void **state)
{
    (void)state;
    begin_key("k", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_STRING, 2);
    put_text(&file, "a");
    put_u64(&file, 2);
    put_u8(&file, 'b');
    refuse(INK_CORRUPT, "key k: a string of 2 bytes, the file has 1 more");
}

static void nest(uint32_t depth)
{
    begin_key("k", INK_GGUF_ARRAY);
    for (uint32_t i = 0; i < depth; i++)
        put_array(&file, INK_GGUF_ARRAY, 1);
    put_array(&file, INK_GGUF_U8, 0);
}

static void arrays_nested_too_deep(void **state)
{
    (void)state;
    nest(INK_GGUF_MAX_DEPTH);
    accept();
    nest(INK_GGUF_MAX_DEPTH + 1);
    refuse(INK_LIMIT, "arrays nest deeper than 8, the most supported,");
}

/* 10^5 levels, more than the builder's buffer holds. */
static void arrays_nested_100000_deep(void **state)
{
    (void)state;
    begin_key("k", INK_GGUF_ARRAY);
    size_t n_bytes = file.n_bytes + 100000 * 12;
    uint8_t *bytes = calloc(n_bytes, 1);
    assert_non_null(bytes);
    memcpy(bytes, file.bytes, file.n_bytes);
    for (size_t at = file.n_bytes; at < n_bytes; at += 12) {
        bytes[at] = INK_GGUF_ARRAY;
        bytes[at + 4] = 1;
    }
    refuse_bytes(bytes, n_bytes, INK_LIMIT, "arrays nest deeper than 8");
    free(bytes);
}

/* Many arrays in one array, each small in the file and larger in memory. */
static void too_many_arrays_in_an_array(void **state)
{
    (void)state;
    begin_key("k", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_ARRAY, INK_GGUF_MAX_NESTED + 1);
    size_t n_bytes = file.n_bytes + (INK_GGUF_MAX_NESTED + 1) * 12;
    uint8_t *bytes = calloc(n_bytes, 1);
    assert_non_null(bytes);
    memcpy(bytes, file.bytes, file.n_bytes);
    refuse_bytes(bytes, n_bytes, INK_LIMIT, "more than 65536 arrays within arrays");
    free(bytes);
}

static void duplicate_keys(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 3);
    put_key_u32(&file, "b", 1);
    put_key_u32(&file, "a", 2);
    put_key_u32(&file, "b", 1);
    refuse(INK_CORRUPT, "key b: this key was there before at byte 71");
}

static void align_to(uint32_t alignment)
{
    put_header(&file, 3, 0, 1);
    put_key_u32(&file, "general.alignment", alignment);
}

static void alignments_that_are_none(void **state)
{
    (void)state;
    const uint32_t alignments[] = {0,        1,         3, 4, 24, 33, INK_GGUF_MAX_ALIGNMENT * 2,
                                   1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        align_to(alignments[i]);
        refuse(INK_CORRUPT, "possible are powers of two from 8 to 1048576, at byte 53");
    }
    align_to(INK_GGUF_MAX_ALIGNMENT);
    accept();
}

static void alignment_of_another_type(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 1);
    put_key_text(&file, "general.alignment", "32");
    refuse(INK_CORRUPT, "key general.alignment: expected uint32, found string");
    begin_key("general.alignment", INK_GGUF_U64);
    put_u64(&file, UINT64_C(1) << 40);
    refuse(INK_CORRUPT, "key general.alignment: expected uint32, found 1099511627776");
    begin_key("general.alignment", INK_GGUF_I32);
    put_u32(&file, (uint32_t)-32);
    refuse(INK_CORRUPT, "key general.alignment: expected uint32, found -32");
}

static void part_of_a_set_in_memory(void **state)
{
    (void)state;
    put_header(&file, 3, 0, 1);
    put_key_u32(&file, "split.count", 2);
    refuse(INK_UNSUPPORTED, "a split model can only be opened by its path");
    put_header(&file, 3, 0, 1);
    put_key_u32(&file, "split.count", INK_GGUF_MAX_PARTS + 1);
    refuse(INK_LIMIT, "one of 513 parts, at most 512");
    put_header(&file, 3, 0, 2);
    put_key_u32(&file, "split.count", 2);
    put_key_u32(&file, "split.no", 2);
    refuse(INK_CORRUPT, "part 3 of 2 cannot be");
}

/* ---- Tensors */

static void one_tensor(tensor_row row, size_t data_bytes)
{
    put_header(&file, 3, 1, 0);
    put_tensor(&file, &row);
    put_data(&file, 32, data_bytes);
}

static void tensor_types_unknown(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 1, {32}, 4, 0}, 128);
    refuse(INK_UNSUPPORTED, "tensor w: tensor type 4 is unknown or was removed from GGUF");
    one_tensor((tensor_row){"w", 1, {32}, 1000, 0}, 128);
    refuse(INK_UNSUPPORTED, "tensor w: tensor type 1000");
    one_tensor((tensor_row){"w", 1, {32}, UINT32_MAX, 0}, 128);
    refuse(INK_UNSUPPORTED, "tensor w: tensor type 4294967295");
}

static void dimension_counts(void **state)
{
    (void)state;
    const uint32_t counts[] = {0, 5, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        one_tensor((tensor_row){"w", counts[i], {1, 1, 1, 1}, F32, 0}, 128);
        refuse(INK_CORRUPT, "dimensions, 1 to 4 are possible, at byte 33");
    }
}

static void dimensions_zero_or_negative(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 2, {4, 0}, F32, 0}, 128);
    refuse(INK_CORRUPT, "tensor w: a dimension is zero or negative: [4, 0, 1, 1] of F32");
    one_tensor((tensor_row){"w", 1, {0}, F32, 0}, 128);
    refuse(INK_CORRUPT, "a dimension is zero or negative");
    one_tensor((tensor_row){"w", 1, {(uint64_t)-1}, F32, 0}, 128);
    refuse(INK_CORRUPT, "a dimension is zero or negative");
    one_tensor((tensor_row){"w", 1, {UINT64_C(1) << 63}, F32, 0}, 128);
    refuse(INK_CORRUPT, "a dimension is zero or negative");
}

static void shape_overflows(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 2, {UINT64_C(1) << 32, UINT64_C(1) << 32}, F32, 0}, 128);
    refuse(INK_CORRUPT, "the number of elements overflows");
    one_tensor((tensor_row){"w", 4, {1 << 16, 1 << 16, 1 << 16, 1 << 16}, F32, 0}, 128);
    refuse(INK_CORRUPT, "the number of elements overflows");
    one_tensor((tensor_row){"w", 1, {UINT64_C(1) << 62}, F32, 0}, 128);
    refuse(INK_CORRUPT, "the number of bytes overflows");
}

static void row_is_not_whole_blocks(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 2, {33, 32}, Q4_0, 0}, 1024);
    refuse(INK_CORRUPT, "a row is not a whole number of blocks: [33, 32, 1, 1] of Q4_0");
}

static void bytes_and_padding_overflow(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 1, {(UINT64_C(1) << 61) - 1}, F32, UINT64_MAX - 31}, 128);
    refuse(INK_CORRUPT, "reaches past the end of the file");
    one_tensor((tensor_row){"w", 1, {1}, F32, UINT64_MAX - 31}, 128);
    refuse(INK_CORRUPT, "reaches past the end of the file");
}

static void data_past_the_end(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 1, {33}, F32, 0}, 131);
    refuse(INK_CORRUPT, "tensor w: data of 132 bytes reaches past the end of the file (195 bytes)");
    one_tensor((tensor_row){"w", 1, {1}, F32, 128}, 131);
    refuse(INK_CORRUPT, "reaches past the end of the file");
    one_tensor((tensor_row){"w", 1, {1}, F32, 1 << 20}, 128);
    refuse(INK_CORRUPT, "tensor w: data of 4 bytes at offset 1048576 reaches past");
    one_tensor((tensor_row){"w", 1, {33}, F32, 0}, 132);
    accept();
}

static void data_misaligned(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 1, {1}, F32, 16}, 128);
    refuse(INK_CORRUPT, "tensor w: data offset 16 is no multiple of the alignment 32 at byte 49");
}

static void two_tensors(tensor_row first, tensor_row second)
{
    put_header(&file, 3, 2, 0);
    put_tensor(&file, &first);
    put_tensor(&file, &second);
    put_data(&file, 32, 256);
}

static void data_overlaps(void **state)
{
    (void)state;
    two_tensors((tensor_row){"a", 1, {9}, F32, 0}, (tensor_row){"b", 1, {1}, F32, 32});
    refuse(INK_CORRUPT, "tensor b: data overlaps that of tensor a");
    two_tensors((tensor_row){"a", 1, {1}, F32, 64}, (tensor_row){"b", 1, {1}, F32, 64});
    refuse(INK_CORRUPT, "data overlaps that of tensor");
    two_tensors((tensor_row){"a", 1, {8}, F32, 64}, (tensor_row){"b", 1, {17}, F32, 0});
    refuse(INK_CORRUPT, "tensor a: data overlaps that of tensor b");
    two_tensors((tensor_row){"a", 1, {8}, F32, 64}, (tensor_row){"b", 1, {16}, F32, 0});
    accept();
}

/* An offset that wraps around to the header. */
static void data_in_the_header(void **state)
{
    (void)state;
    one_tensor((tensor_row){"w", 1, {1}, F32, (uint64_t)-64}, 128);
    refuse(INK_CORRUPT, "reaches past the end of the file");
}

static void duplicate_tensor_names(void **state)
{
    (void)state;
    two_tensors((tensor_row){"a", 1, {1}, F32, 0}, (tensor_row){"a", 1, {1}, F32, 32});
    refuse(INK_CORRUPT, "two tensors have the name a; the data of the second is at byte 128");
}

static void tensor_names_that_are_none(void **state)
{
    (void)state;
    char name[INK_GGUF_MAX_NAME_BYTES + 2];
    one_tensor((tensor_row){"", 1, {8}, F32, 0}, 128);
    refuse(INK_CORRUPT, "a name that is empty");
    one_tensor((tensor_row){"\x1b[2J", 1, {8}, F32, 0}, 128);
    refuse(INK_CORRUPT, "control characters");
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    one_tensor((tensor_row){name, 1, {8}, F32, 0}, 128);
    refuse(INK_LIMIT, "a name of 256 bytes, at most 255 are supported");
    one_tensor((tensor_row){name + 1, 1, {8}, F32, 0}, 128);
    accept();
}

/* ---- Cut at every byte */

static void cut_at_every_byte(void **state)
{
    (void)state;
    put_header(&file, 3, 1, 3);
    put_key_text(&file, "general.architecture", "llama");
    put_key(&file, "words", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_STRING, 2);
    put_text(&file, "a");
    put_text(&file, "bc");
    put_key(&file, "nested", INK_GGUF_ARRAY);
    put_array(&file, INK_GGUF_ARRAY, 1);
    put_array(&file, INK_GGUF_U16, 2);
    put_u32(&file, 0);
    put_tensor(&file, &(tensor_row){"w", 2, {32, 2}, Q4_0, 0});
    put_data(&file, 32, 36);
    accept();
    while (file.n_bytes-- > 0)
        refuse(INK_CORRUPT, " at byte ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_file),
        cmocka_unit_test(other_magic),
        cmocka_unit_test(version_0),
        cmocka_unit_test(version_1),
        cmocka_unit_test(version_4),
        cmocka_unit_test(version_2_to_the_31),
        cmocka_unit_test(big_endian_version),
        cmocka_unit_test(big_endian_magic),
        cmocka_unit_test(key_counts_too_large),
        cmocka_unit_test(tensor_counts_too_large),
        cmocka_unit_test(key_length_2_to_the_63),
        cmocka_unit_test(key_longer_than_the_limit),
        cmocka_unit_test(key_names_that_are_none),
        cmocka_unit_test(string_length_2_to_the_63),
        cmocka_unit_test(string_past_the_end),
        cmocka_unit_test(value_type_out_of_range),
        cmocka_unit_test(bool_of_two),
        cmocka_unit_test(array_counts_too_large),
        cmocka_unit_test(array_of_numbers_past_the_end),
        cmocka_unit_test(array_of_strings_past_the_end),
        cmocka_unit_test(arrays_nested_too_deep),
        cmocka_unit_test(arrays_nested_100000_deep),
        cmocka_unit_test(too_many_arrays_in_an_array),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(alignments_that_are_none),
        cmocka_unit_test(alignment_of_another_type),
        cmocka_unit_test(part_of_a_set_in_memory),
        cmocka_unit_test(tensor_types_unknown),
        cmocka_unit_test(dimension_counts),
        cmocka_unit_test(dimensions_zero_or_negative),
        cmocka_unit_test(shape_overflows),
        cmocka_unit_test(row_is_not_whole_blocks),
        cmocka_unit_test(bytes_and_padding_overflow),
        cmocka_unit_test(data_past_the_end),
        cmocka_unit_test(data_misaligned),
        cmocka_unit_test(data_overlaps),
        cmocka_unit_test(data_in_the_header),
        cmocka_unit_test(duplicate_tensor_names),
        cmocka_unit_test(tensor_names_that_are_none),
        cmocka_unit_test(cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
