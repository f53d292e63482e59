/*
 * UTF-8 against an independent formulation: a table of the well-formed byte ranges (Unicode 15,
 * table 3-7), over all code points and all sequences of two and three bytes, and four bytes with
 * every lead.
 */
#include <string.h>

#include "base/utf8.h"
#include "support.h"

/* Table 3-7: a well-formed sequence takes each byte from the range of its row. */
static const struct {
    size_t length;
    unsigned char low[4], high[4];
} rows[] = {
    {1, {0x00}, {0x7f}},
    {2, {0xc2, 0x80}, {0xdf, 0xbf}},
    {3, {0xe0, 0xa0, 0x80}, {0xe0, 0xbf, 0xbf}},
    {3, {0xe1, 0x80, 0x80}, {0xec, 0xbf, 0xbf}},
    {3, {0xed, 0x80, 0x80}, {0xed, 0x9f, 0xbf}},
    {3, {0xee, 0x80, 0x80}, {0xef, 0xbf, 0xbf}},
    {4, {0xf0, 0x90, 0x80, 0x80}, {0xf0, 0xbf, 0xbf, 0xbf}},
    {4, {0xf1, 0x80, 0x80, 0x80}, {0xf3, 0xbf, 0xbf, 0xbf}},
    {4, {0xf4, 0x80, 0x80, 0x80}, {0xf4, 0x8f, 0xbf, 0xbf}},
};
#define N_ROWS (sizeof rows / sizeof *rows)

/* How many of the bytes fit the row, from the first on. */
static size_t matching(size_t row, const unsigned char *bytes, size_t n_bytes)
{
    size_t n = 0;
    while (n < n_bytes && n < rows[row].length && bytes[n] >= rows[row].low[n] &&
           bytes[n] <= rows[row].high[n])
        n++;
    return n;
}

static size_t table_length(const unsigned char *bytes, size_t n_bytes)
{
    for (size_t row = 0; row < N_ROWS; row++)
        if (matching(row, bytes, n_bytes) == rows[row].length)
            return rows[row].length;
    return 0;
}

static bool table_valid(const unsigned char *bytes, size_t n_bytes)
{
    for (size_t at = 0, length; at < n_bytes; at += length)
        if ((length = table_length(bytes + at, n_bytes - at)) == 0)
            return false;
    return true;
}

/* The longest tail that is a proper beginning of some row is what must wait. */
static size_t table_complete(const unsigned char *bytes, size_t n_bytes)
{
    for (size_t tail = n_bytes < 3 ? n_bytes : 3; tail > 0; tail--)
        for (size_t row = 0; row < N_ROWS; row++)
            if (rows[row].length > tail && matching(row, bytes + n_bytes - tail, tail) == tail)
                return n_bytes - tail;
    return n_bytes;
}

static void check(const unsigned char *bytes, size_t n_bytes)
{
    uint32_t code_point = 0;
    size_t length = ink_utf8_decode((const char *)bytes, n_bytes, &code_point);
    if (length != table_length(bytes, n_bytes) ||
        ink_utf8_valid((const char *)bytes, n_bytes) != table_valid(bytes, n_bytes) ||
        ink_utf8_complete((const char *)bytes, n_bytes) != table_complete(bytes, n_bytes))
        fail_msg("%02x %02x %02x %02x, %zu bytes", bytes[0], bytes[1], bytes[2], bytes[3], n_bytes);
}

static void every_code_point_comes_back(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point < 0x120000; code_point++) {
        char text[4];
        uint32_t back = 0;
        size_t length = ink_utf8_encode(code_point, text);
        bool exists = code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff);
        size_t expected = code_point < 0x80      ? 1
                          : code_point < 0x800   ? 2
                          : code_point < 0x10000 ? 3
                                                 : 4;
        if (length != (exists ? expected : 0))
            fail_msg("U+%04X takes %zu bytes", code_point, length);
        if (!exists)
            continue;
        if (table_length((unsigned char *)text, length) != length ||
            ink_utf8_decode(text, length, &back) != length || back != code_point)
            fail_msg("U+%04X comes back as U+%04X", code_point, back);
        for (size_t cut = 0; cut < length; cut++)
            if (ink_utf8_decode(text, cut, &back) != 0 || ink_utf8_complete(text, cut) != 0)
                fail_msg("U+%04X cut to %zu bytes", code_point, cut);
    }
    char text[4];
    assert_int_equal(ink_utf8_encode(UINT32_MAX, text), 0);
}

static void all_sequences_of_up_to_three_bytes(void **state)
{
    (void)state;
    unsigned char bytes[4] = {0};
    for (uint32_t value = 0; value < 1u << 24; value++) {
        bytes[0] = (unsigned char)(value >> 16);
        bytes[1] = (unsigned char)(value >> 8);
        bytes[2] = (unsigned char)value;
        check(bytes, 3);
        if (bytes[2] == 0)
            check(bytes, 2);
        if ((value & 0xffff) == 0)
            check(bytes, 1);
    }
}

static void four_bytes_at_every_edge(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                          0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff};
    unsigned char bytes[4];
    for (uint32_t value = 0; value < 256u << 12; value++) {
        bytes[0] = (unsigned char)(value >> 12);
        for (unsigned i = 0; i < 3; i++)
            bytes[i + 1] = edges[value >> (4 * i) & 15];
        check(bytes, 4);
    }
}

static void long_texts_split_anywhere_are_shown_whole(void **state)
{
    (void)state;
    const char *text = "plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x96\x8b, end";
    size_t n_bytes = strlen(text), shown = 0;
    assert_true(ink_utf8_valid(text, n_bytes));
    for (size_t have = 0; have <= n_bytes; have++) {
        size_t complete = ink_utf8_complete(text, have);
        assert_true(complete >= shown && complete <= have && have - complete < 4);
        assert_true(ink_utf8_valid(text, complete));
        shown = complete;
    }
    assert_int_equal(shown, n_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(all_sequences_of_up_to_three_bytes),
        cmocka_unit_test(four_bytes_at_every_edge),
        cmocka_unit_test(long_texts_split_anywhere_are_shown_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
