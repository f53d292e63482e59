/* Any change of one word shows, wherever it is; pieces give what the whole gives. */
#include "../support.h"

#include <string.h>
#include "base/checksum.h"

enum { N_BYTES = 1000 };

static ink_checksum sum_of(const uint8_t *bytes, size_t n_bytes)
{
    ink_checksum sum;
    ink_checksum_init(&sum);
    ink_checksum_add(&sum, bytes, n_bytes);
    return sum;
}

static void fill(uint8_t *bytes, size_t n_bytes)
{
    uint64_t random = 7;
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)ink_test_random(&random);
}

static void each_flipped_bit_shows(void **state)
{
    uint8_t bytes[N_BYTES];
    (void)state;
    fill(bytes, N_BYTES);
    const ink_checksum whole = sum_of(bytes, N_BYTES);
    for (size_t bit = 0; bit < 8 * N_BYTES; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ink_checksum flipped = sum_of(bytes, N_BYTES);
        assert_memory_not_equal(&flipped, &whole, sizeof whole);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* The same bit of two words of a lane, the highest too, does not cancel. */
static void pairs_of_flipped_bits_show(void **state)
{
    uint8_t bytes[N_BYTES];
    (void)state;
    fill(bytes, N_BYTES);
    const ink_checksum whole = sum_of(bytes, N_BYTES);
    for (size_t bit = 0; bit + 8 * INK_CHECKSUM_BYTES < 8 * N_BYTES; bit++) {
        size_t other = bit + 8 * INK_CHECKSUM_BYTES;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bytes[other / 8] ^= (uint8_t)(1u << bit % 8);
        ink_checksum flipped = sum_of(bytes, N_BYTES);
        assert_memory_not_equal(&flipped, &whole, sizeof whole);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bytes[other / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void exchanged_words_show(void **state)
{
    uint8_t bytes[N_BYTES], other[N_BYTES];
    (void)state;
    fill(bytes, N_BYTES);
    for (size_t i = 1; i < N_BYTES / 8; i++) {
        memcpy(other, bytes, N_BYTES);
        memcpy(other, bytes + 8 * i, 8);
        memcpy(other + 8 * i, bytes, 8);
        ink_checksum a = sum_of(bytes, N_BYTES), b = sum_of(other, N_BYTES);
        assert_memory_not_equal(&a, &b, sizeof a);
    }
}

static void pieces_give_the_whole(void **state)
{
    uint8_t bytes[N_BYTES];
    (void)state;
    fill(bytes, N_BYTES);
    const ink_checksum whole = sum_of(bytes, N_BYTES);
    for (size_t first = 0; first < N_BYTES; first += INK_CHECKSUM_BYTES) {
        ink_checksum sum = sum_of(bytes, first);
        ink_checksum_add(&sum, bytes + first, N_BYTES - first);
        assert_memory_equal(&sum, &whole, sizeof sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flipped_bit_shows),
        cmocka_unit_test(pairs_of_flipped_bits_show),
        cmocka_unit_test(exchanged_words_show),
        cmocka_unit_test(pieces_give_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
