/*
 * Orders of rows: what one says, the other takes back; and the definitions, spelled out for small
 * heads.
 */
#include "support.h"

#include "convert/rows.h"

static void there_and_back(void **state)
{
    static const ink_row_map maps[] = {
        {INK_ROWS_PLAIN, 7, 3, 2},    {INK_ROWS_QUERIES, 32, 4, 2}, {INK_ROWS_KEYS, 32, 8, 2},
        {INK_ROWS_GROUPED, 64, 4, 2}, {INK_ROWS_GROUPED, 48, 4, 4}, {INK_ROWS_GROUPED, 24, 4, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        assert_true(ink_row_map_fits(&maps[i]));
        for (uint64_t row = 0; row < maps[i].n_rows; row++) {
            uint64_t there = ink_row_move(&maps[i], row, false);
            assert_true(there < maps[i].n_rows);
            assert_int_equal(ink_row_move(&maps[i], there, true), row);
        }
    }
}

static void definitions(void **state)
{
    /* Two heads of four: pairs (0, 1), (2, 3) here are (0, 2), (1, 3) there. */
    static const uint64_t halves[] = {0, 2, 1, 3, 4, 6, 5, 7};
    /* Four queries, two heads of keys, one row each: q q k v q q k v there. */
    static const uint64_t grouped[] = {0, 1, 4, 5, 2, 6, 3, 7};
    const ink_row_map query = {INK_ROWS_QUERIES, 8, 2, 1}, group = {INK_ROWS_GROUPED, 8, 4, 2};
    (void)state;
    for (uint64_t row = 0; row < 8; row++) {
        assert_int_equal(ink_row_move(&query, row, false), halves[row]);
        assert_int_equal(ink_row_move(&group, row, false), grouped[row]);
    }
}

static void what_does_not_fit(void **state)
{
    static const ink_row_map maps[] = {
        {INK_ROWS_QUERIES, 7, 2, 1},  {INK_ROWS_QUERIES, 6, 2, 1},  {INK_ROWS_KEYS, 8, 2, 0},
        {INK_ROWS_QUERIES, 8, 0, 0},  {INK_ROWS_GROUPED, 10, 3, 2}, {INK_ROWS_GROUPED, 7, 4, 2},
        {INK_ROWS_GROUPED, 14, 3, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        assert_false(ink_row_map_fits(&maps[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(definitions),
        cmocka_unit_test(what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
