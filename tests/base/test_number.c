/* Numbers as people write them: short, and the same float when they are read again. */
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/number.h"

static void known_numbers(void **state)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {-100, "-100"},
                 {0.01f, "0.01"},
                 {1e-5f, "1e-05"},
                 {0.3f, "0.3"},
                 {10000, "10000"},
                 {5e8f, "500000000"},
                 {16777217.0f, "16777216"},
                 {1e20f, "1e+20"},
                 {FLT_MAX, "3.4028235e+38"},
                 {INFINITY, "inf"}};
    char text[INK_FLOAT_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(ink_print_float(cases[i].value, text), cases[i].text);
}

static void every_float_comes_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0xff000000u; bits += 0x3fff1) {
        float value;
        char text[INK_FLOAT_BYTES];
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            assert_true(strtof(ink_print_float(value, text), NULL) == value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(every_float_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
