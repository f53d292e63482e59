/* Hostile headers, indexes and truncated files of safetensors; and what is well-formed is read. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "convert/source.h"
#include "published.h"

#define T(name, dtype, shape, from, to)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" from "," to \
    "]}"

/* A file of this header and so many bytes of data. */
static ink_status open_bytes(uint64_t length, const char *header, size_t n_data, ink_error *error)
{
    char bytes[4096] = {0};
    size_t n = strlen(header);
    ink_source source;
    ink_file *file;
    assert_true(n + n_data + 8 < sizeof bytes);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (char)(length >> 8 * i);
    memcpy(bytes + 8, header, n);
    char *exact = malloc(8 + n + n_data);
    assert_non_null(exact);
    memcpy(exact, bytes, 8 + n + n_data);
    assert_int_equal(ink_file_borrow(&file, exact, 8 + n + n_data, "x.safetensors", NULL, NULL),
                     INK_OK);
    ink_source_init(&source, NULL);
    ink_status status = ink_safetensors_add(&source, file, error);
    if (status == INK_OK)
        status = ink_source_sort(&source, error);
    if (status == INK_OK)
        for (size_t i = 0; i < source.n_tensors; i++)
            assert_true(source.tensors[i].offset + source.tensors[i].n_bytes <= 8 + n + n_data);
    ink_source_deinit(&source);
    free(exact);
    return status;
}

static const struct hostile {
    const char *header;
    size_t n_data;
    ink_status status;
    const char *message;
} cases[] = {
    {"{" T("a", "F32", "2", "0", "8") "," T("b", "F16", "2,1", "8", "12") "}", 12, INK_OK, ""},
    {"{\"__metadata__\":{\"format\":\"pt\"}," T("a", "U8", "", "0", "1") "}  ", 1, INK_OK, ""},
    {"{" T("a", "F32", "0", "0", "0") "}", 0, INK_OK, ""},
    {"{}", 0, INK_CORRUPT, "no tensors"},
    {"{}", 4, INK_CORRUPT, "4 bytes behind"},
    {"[]", 0, INK_CORRUPT, "no JSON object"},
    {"{\"a\"", 0, INK_CORRUPT, "x.safetensors"},
    {"{" T("a", "F32", "2", "0", "8") "," T("a", "F32", "2", "8", "16") "}", 16, INK_CORRUPT, "a"},
    {"{" T("a", "F32", "2", "0", "8") "," T("b", "F32", "2", "4", "12") "}", 12, INK_CORRUPT,
     "tensor b: overlaps"},
    {"{" T("a", "F32", "2", "0", "8") "," T("b", "F32", "2", "0", "8") "}", 8, INK_CORRUPT,
     "overlaps"},
    {"{" T("a", "F32", "2", "0", "8") "," T("b", "F32", "2", "12", "20") "}", 20, INK_CORRUPT,
     "tensor b: has a gap"},
    {"{" T("a", "F32", "2", "4", "12") "}", 12, INK_CORRUPT, "gap"},
    {"{" T("a", "F32", "2", "0", "8") "}", 4, INK_CORRUPT, "outside"},
    {"{" T("a", "F32", "2", "8", "0") "}", 8, INK_CORRUPT, "outside"},
    {"{" T("a", "F32", "2", "-8", "0") "}", 8, INK_CORRUPT, "outside"},
    {"{" T("a", "F32", "2", "0", "9223372036854775807") "}", 8, INK_CORRUPT, "outside"},
    {"{" T("a", "F32", "2", "0", "1e3") "}", 8, INK_CORRUPT, "outside"},
    {"{" T("a", "F32", "3", "0", "8") "}", 8, INK_CORRUPT, "do not fit shape"},
    {"{" T("a", "F16", "2", "0", "8") "}", 8, INK_CORRUPT, "do not fit shape"},
    {"{" T("a", "F32", "-2", "0", "8") "}", 8, INK_CORRUPT, "its shape"},
    {"{" T("a", "F32", "1,1,1,1,2", "0", "8") "}", 8, INK_CORRUPT, "at most 4"},
    {"{" T("a", "F32", "4294967296,4294967296,4", "0", "0") "}", 0, INK_CORRUPT, "too large"},
    {"{" T("a", "F128", "2", "0", "8") "}", 8, INK_UNSUPPORTED, "dtype"},
    {"{" T("a\\u0000b", "F32", "2", "0", "8") "}", 8, INK_CORRUPT, "NUL"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, INK_CORRUPT, "needs dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, INK_CORRUPT, "its shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, INK_CORRUPT, "outside"},
    {"{\"a\":7}", 8, INK_CORRUPT, "needs dtype"},
};

static void headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ink_error error = {.status = INK_OK};
        ink_status status =
            open_bytes(strlen(cases[i].header), cases[i].header, cases[i].n_data, &error);
        if (status != cases[i].status ||
            (status != INK_OK && !strstr(error.message, cases[i].message)))
            fail_msg("%s: status %d, \"%s\"", cases[i].header, (int)status, error.message);
    }
}

static void lengths(void **state)
{
    static const uint64_t wrong[] = {0, 1, 1000, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
    char deep[2048];
    ink_error error;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(open_bytes(wrong[i], cases[0].header, 12, &error), INK_CORRUPT);
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(open_bytes(strlen(deep), deep, 0, &error), INK_LIMIT);
}

/* Cut at each byte, a file is refused, in words that name it. */
static void truncated(void **state)
{
    published p;
    char path[160];
    size_t n;
    ink_error error;
    (void)state;
    published_make(&p, "F16");
    char *bytes = ink_read_file(published_file(&p, "model.safetensors", path), &n);
    size_t header = 8;
    for (unsigned i = 0; i < 8; i++)
        header += (size_t)(uint8_t)bytes[i] << 8 * i;
    for (size_t cut = 0; cut < n; cut += cut < header + 64 ? 1 : 997) {
        ink_write_file(path, bytes, cut);
        ink_status status = published_convert(&p, NULL, &error);
        if (status != INK_CORRUPT || !strstr(error.message, "model.safetensors"))
            fail_msg("cut at %zu: status %d, %s", cut, (int)status, error.message);
        assert_int_not_equal(access(p.out, F_OK), 0);
    }
    ink_write_file(path, bytes, n);
    assert_int_equal(published_convert(&p, NULL, &error), INK_OK);
    free(bytes);
    published_remove(&p);
}

/* ---- Several files. */

static const char one[] = "{" T("a", "F32", "2", "0", "8") "}",
                  two[] = "{" T("b", "F32", "2", "0", "8") "}";

static void write_part(const char *folder, const char *name, const char *header)
{
    char path[160], bytes[256] = {0};
    size_t n = strlen(header);
    bytes[0] = (char)n;
    memcpy(bytes + 8, header, n);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    ink_write_file(path, bytes, 8 + n + 8);
}

static void indexes(void **state)
{
    static const struct {
        const char *index;
        ink_status status;
        const char *message;
    } rows[] = {
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}", INK_OK, ""},
        {"{\"weight_map\":{\"a\":\"1.safetensors\"}}", INK_OK, ""},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"}}", INK_CORRUPT,
         "does not name the tensors"},
        {"{\"weight_map\":{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"}}", INK_CORRUPT,
         "does not name the tensors"},
        {"{\"weight_map\":{\"c\":\"1.safetensors\"}}", INK_CORRUPT, "does not name the tensors"},
        {"{\"weight_map\":{\"a\":\"../x.safetensors\"}}", INK_CORRUPT, "not one of this folder"},
        {"{\"weight_map\":{\"a\":\"../../x\"}}", INK_CORRUPT, "not one of this folder"},
        {"{\"weight_map\":{\"a\":\"../../x.safetensors\"}}", INK_CORRUPT, "not one of this folder"},
        {"{\"weight_map\":{\"a\":\"/etc/x.safetensors\"}}", INK_CORRUPT, "not one of this folder"},
        {"{\"weight_map\":{\"a\":\"..safetensors\"}}", INK_CORRUPT, "not one of this folder"},
        {"{\"weight_map\":{\"a\":\"passwd\"}}", INK_CORRUPT, "not one of this folder"},
        {"{\"weight_map\":{\"a\":7}}", INK_CORRUPT, "not one of this folder"},
        {"{\"weight_map\":{\"a\":\"3.safetensors\"}}", INK_IO, "3.safetensors"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"a2\":\"copy.safetensors\"}}", INK_CORRUPT,
         "tensor a is in"},
        {"{\"weight_map\":[]}", INK_CORRUPT, "no weight_map"},
        {"{\"weight_map\":{}}", INK_CORRUPT, "no tensors"},
        {"{}", INK_CORRUPT, "no weight_map"},
        {"{", INK_CORRUPT, "model.safetensors.index.json"},
    };
    char folder[64], path[160];
    (void)state;
    ink_temporary_folder(folder);
    write_part(folder, "1.safetensors", one);
    write_part(folder, "2.safetensors", two);
    write_part(folder, "copy.safetensors", one);
    (void)snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_source source;
        ink_error error = {.status = INK_OK};
        ink_write_file(path, rows[i].index, strlen(rows[i].index));
        ink_source_init(&source, NULL);
        ink_status status = ink_safetensors_open(&source, folder, &error);
        if (status != rows[i].status ||
            (status != INK_OK && !strstr(error.message, rows[i].message)))
            fail_msg("%s: status %d, \"%s\"", rows[i].index, (int)status, error.message);
        if (status == INK_OK)
            assert_non_null(ink_source_find(&source, "a"));
        ink_source_deinit(&source);
    }
    ink_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(truncated),
        cmocka_unit_test(indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
