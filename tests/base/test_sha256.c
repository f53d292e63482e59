/* SHA-256: the examples of FIPS 180-4 (NIST's example values), and every way to cut the input. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "base/sha256.h"

static void assert_digest(ink_sha256 *sum, const char *expected)
{
    uint8_t digest[INK_SHA256_BYTES];
    char text[2 * INK_SHA256_BYTES + 1];
    ink_sha256_finish(sum, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, expected);
}

static void the_examples(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        ink_sha256 sum;
        ink_sha256_init(&sum);
        ink_sha256_add(&sum, examples[i][0], strlen(examples[i][0]));
        assert_digest(&sum, examples[i][1]);
    }
}

static void a_million_letters_in_odd_pieces(void **state)
{
    (void)state;
    static char letters[997];
    ink_sha256 sum;
    memset(letters, 'a', sizeof letters);
    ink_sha256_init(&sum);
    for (size_t left = 1000000, piece = 1; left > 0; piece = piece % sizeof letters + 1) {
        size_t n = piece < left ? piece : left;
        ink_sha256_add(&sum, letters, n);
        left -= n;
    }
    assert_digest(&sum, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Lengths around the place where the padding needs a block of its own. */
static void any_two_pieces_are_the_whole(void **state)
{
    (void)state;
    uint8_t bytes[200], whole[INK_SHA256_BYTES], parts[INK_SHA256_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        ink_sha256 sum;
        ink_sha256_init(&sum);
        ink_sha256_add(&sum, bytes, n);
        ink_sha256_finish(&sum, whole);
        for (size_t cut = 0; cut <= n; cut += 7) {
            ink_sha256_init(&sum);
            ink_sha256_add(&sum, bytes, cut);
            ink_sha256_add(&sum, bytes + cut, n - cut);
            ink_sha256_finish(&sum, parts);
            assert_memory_equal(whole, parts, sizeof whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples),
        cmocka_unit_test(a_million_letters_in_odd_pieces),
        cmocka_unit_test(any_two_pieces_are_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
