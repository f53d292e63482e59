/*
 * Files of what a teacher expected that were cut, damaged, made for something else, or made to
 * mislead: each is refused in words that name it.
 */
#include "learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/teacher_file.h"

enum { N_TOKENS = 6, K = 3, N_VOCAB = 8 };

typedef struct file {
    ink_teacher_head head;
    ink_expected rows[N_TOKENS][K];
} file;

static const uint8_t of_this[INK_SHA256_BYTES] = "this teacher, these texts";

/* The last token is in no window. */
static ink_window windows[2] = {{3, 2}, {0, 3}};
static const ink_corpus corpus = {.n_tokens = N_TOKENS, .windows = windows, .n_windows = 2};

static void seal(file *f)
{
    ink_teacher_head_seal(&f->head, f->rows[0]);
}

static file good_file(void)
{
    file f = {.head = ink_teacher_head_of(K, N_TOKENS, of_this)};
    for (int i = 0; i < N_TOKENS - 1; i++)
        for (int j = 0; j < K; j++)
            f.rows[i][j] = (ink_expected){(i + j) % N_VOCAB, -0.8f - (float)j};
    seal(&f);
    return f;
}

static ink_status read_bytes(const void *bytes, size_t n_bytes, ink_error *error)
{
    const ink_teacher_head wanted = ink_teacher_head_of(K, N_TOKENS, of_this);
    const ink_expected *rows = NULL;
    void *copy = malloc(n_bytes ? n_bytes : 1); /* a sanitizer sees one byte too far */
    assert_non_null(copy);
    memcpy(copy, bytes, n_bytes);
    ink_status status =
        ink_teacher_file_read(&rows, copy, n_bytes, &wanted, &corpus, N_VOCAB, "kept", error);
    assert_true((status == INK_OK) == (rows != NULL));
    free(copy);
    return status;
}

static void refuse(const file *f, ink_status status, const char *word)
{
    ink_error error = {0};
    assert_int_equal(read_bytes(f, sizeof *f, &error), status);
    if (!strstr(error.message, "kept: ") || !strstr(error.message, word))
        fail_msg("\"%s\" is not in \"%s\"", word, error.message);
}

static void a_good_one_is_read(void **state)
{
    (void)state;
    file f = good_file();
    ink_error error;
    assert_int_equal(read_bytes(&f, sizeof f, &error), INK_OK);
    f.rows[1][1].log_p = f.rows[1][2].log_p = -INFINITY; /* as a teacher may say */
    seal(&f);
    assert_int_equal(read_bytes(&f, sizeof f, &error), INK_OK);
}

static void cut_at_each_byte_or_longer(void **state)
{
    (void)state;
    file f[2] = {good_file(), good_file()};
    ink_error error;
    for (size_t n = 0; n <= sizeof f; n++)
        if (n != sizeof *f)
            assert_int_equal(read_bytes(f, n, &error), INK_BAD_ARGUMENT);
}

static void with_a_bit_flipped(void **state)
{
    (void)state;
    file f = good_file();
    for (size_t bit = 0; bit < 8 * sizeof f; bit++) {
        uint8_t *byte = (uint8_t *)&f + bit / 8;
        bool in_head =
            bit / 8 < offsetof(ink_teacher_head, checksum) ||
            (bit / 8 >= offsetof(ink_teacher_head, padding) && bit / 8 < sizeof(ink_teacher_head));
        *byte = (uint8_t)(*byte ^ (1u << bit % 8));
        refuse(&f, in_head ? INK_BAD_ARGUMENT : INK_CORRUPT, "remove it");
        *byte = (uint8_t)(*byte ^ (1u << bit % 8));
    }
}

static void of_something_else(void **state)
{
    (void)state;
    file f = good_file();
    const ink_teacher_head heads[] = {
        ink_teacher_head_of(K + 1, N_TOKENS, of_this),
        ink_teacher_head_of(K, N_TOKENS + 1, of_this),
        ink_teacher_head_of(K, N_TOKENS,
                            (const uint8_t[INK_SHA256_BYTES]){'o', 't', 'h', 'e', 'r'}),
        ink_teacher_head_of(2 * K, N_TOKENS / 2, of_this), /* as many bytes */
        ink_teacher_head_of(SIZE_MAX, SIZE_MAX, of_this),
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        f.head = heads[i];
        f.head.checksum = good_file().head.checksum;
        refuse(&f, INK_BAD_ARGUMENT, "is not what this teacher expects");
    }
}

/* Sealed by someone who knows how. */
static void that_mislead(void **state)
{
    static const struct {
        int row, column;
        ink_expected e;
    } cases[] = {
        {0, 0, {-1, -0.8f}},
        {0, 0, {N_VOCAB, -0.8f}},
        {4, 2, {INT32_MAX, -2.8f}},
        {4, 2, {INT32_MIN, -2.8f}},
        {2, 1, {3, NAN}},
        {2, 0, {2, NAN}},
        {2, 0, {2, INFINITY}},
        {0, 0, {0, 0}},
        {0, 0, {0, 1e30f}},
        {3, 1, {3, -1.8f}},
        {3, 2, {3, -9}},
        {1, 1, {2, -0.5f}},
        {1, 2, {0, -1.8f}} /* equals in the wrong order */,
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file f = good_file();
        f.rows[cases[i].row][cases[i].column] = cases[i].e;
        seal(&f);
        refuse(&f, INK_CORRUPT, "is no distribution");
    }
}

static void sizes_that_overflow(void **state)
{
    (void)state;
    file f = good_file();
    const ink_expected *rows = NULL;
    ink_error error;
    for (size_t n_tokens = SIZE_MAX; n_tokens > SIZE_MAX / 64; n_tokens /= 2) {
        const ink_teacher_head wanted = ink_teacher_head_of(64, n_tokens, of_this);
        assert_int_equal(
            ink_teacher_file_read(&rows, &f, sizeof f, &wanted, &corpus, N_VOCAB, "kept", &error),
            INK_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_is_read), cmocka_unit_test(cut_at_each_byte_or_longer),
        cmocka_unit_test(with_a_bit_flipped), cmocka_unit_test(of_something_else),
        cmocka_unit_test(that_mislead),       cmocka_unit_test(sizes_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
