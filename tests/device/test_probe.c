/*
 * The probes of what a processor can do at most: one that skipped bytes or products would overstate
 * the limit that everything is judged by.
 */
#include "../support.h"

#include "kernel/probe.h"

#define N_BYTES (3u * INK_PROBE_MAX_STREAMS * INK_PROBE_LINE)

/* Rows of INK_CPU_TABLE that this processor has, each with its probe. */
static const ink_probe *probe_at(size_t index)
{
    static const uint32_t sets[] = {
#define X(name, NAME, features) INK_CPU_##NAME,
        INK_CPU_TABLE(X)
#undef X
    };
    uint32_t found = ink_cpu_features();
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if ((found & sets[i]) == sets[i] && index-- == 0)
            return ink_probe_find(sets[i]);
    return NULL;
}

/* What comes back depends on every bit, so a change of any byte shows. */
static void every_byte_is_read(void **state)
{
    static uint8_t bytes[N_BYTES];
    uint64_t random = 1;
    const ink_probe *probe;
    (void)state;
    for (size_t i = 0; i < N_BYTES; i++)
        bytes[i] = (uint8_t)(ink_test_random(&random) >> 40);
    for (size_t p = 0; (probe = probe_at(p)); p++)
        for (size_t n_streams = 1; n_streams <= INK_PROBE_MAX_STREAMS; n_streams *= 2)
            for (size_t i = 0; i < N_BYTES; i += 31) {
                uint64_t before = probe->read(bytes, N_BYTES, n_streams);
                bytes[i] ^= 1;
                assert_true(probe->read(bytes, N_BYTES, n_streams) != before);
            }
}

/* Each product is 3 x -2, and two operations with its sum. */
static void every_product_is_computed(void **state)
{
    const ink_probe *probe;
    (void)state;
    for (size_t p = 0; (probe = probe_at(p)); p++)
        for (size_t n_rounds = 0; n_rounds <= 1000; n_rounds += 250)
            assert_int_equal((uint32_t)probe->dot(n_rounds),
                             (uint32_t)(-6 * (int64_t)(probe->dot_ops / 2) * (int64_t)n_rounds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_is_read),
                                       cmocka_unit_test(every_product_is_computed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
