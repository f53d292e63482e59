/*
 * Files of what a teacher expected: any bytes are refused, or hold in each window parts of
 * distributions. An input that begins with 's' is sealed first, so that rows are reached, too.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/teacher_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_TOKENS = 6, K = 3, N_VOCAB = 8, ROWS_BYTES = N_TOKENS * K * sizeof(ink_expected) };

static ink_window windows[2] = {{3, 2}, {0, 3}};

static void check_row(const ink_expected *row)
{
    double sum = 0;
    for (int i = 0; i < K; i++) {
        if (row[i].token < 0 || row[i].token >= N_VOCAB || isnan(row[i].log_p))
            abort();
        for (int j = 0; j < i; j++)
            if (row[i].token == row[j].token)
                abort();
        sum += exp((double)row[i].log_p);
    }
    if (!(sum < 1.02))
        abort();
}

static void read_file(const void *bytes, size_t n_bytes, const ink_teacher_head *wanted)
{
    const ink_corpus corpus = {.n_tokens = N_TOKENS, .windows = windows, .n_windows = 2};
    const ink_expected *rows;
    if (ink_teacher_file_read(&rows, bytes, n_bytes, wanted, &corpus, N_VOCAB, "kept", NULL) !=
        INK_OK)
        return;
    for (int i = 0; i < 2; i++)
        for (size_t at = windows[i].begin; at < windows[i].begin + windows[i].n; at++)
            check_row(rows + at * K);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t digest[INK_SHA256_BYTES] = "a digest";
    ink_teacher_head wanted = ink_teacher_head_of(K, N_TOKENS, digest);
    bool sealed = size == 1 + ROWS_BYTES && data[0] == 's';
    size_t n_bytes = sealed ? sizeof wanted + ROWS_BYTES : size;
    char *bytes = malloc(n_bytes + 1);
    if (!bytes)
        return 0;
    memcpy(bytes + (sealed ? sizeof wanted : 0), data + sealed, size - sealed);
    if (sealed) {
        ink_teacher_head head = wanted;
        ink_teacher_head_seal(&head, (const ink_expected *)(void *)(bytes + sizeof head));
        memcpy(bytes, &head, sizeof head);
    }
    read_file(bytes, n_bytes, &wanted);
    free(bytes);
    return 0;
}
