/*
 * The file of what a teacher expected: a head, and for each token of a corpus the k likeliest that
 * follow, likeliest first. Rows of tokens in no window are never looked at, and zero.
 *
 * Its checksum is against damage; what rows say is checked all the same, since whoever can write
 * the file can also seal it.
 */
#ifndef INK_LEARN_TEACHER_FILE_H
#define INK_LEARN_TEACHER_FILE_H

#include "base/checksum.h"
#include "learn/corpus.h"

typedef struct ink_expected {
    int32_t token;
    float log_p;
} ink_expected;

typedef struct ink_teacher_head {
    char magic[8];
    uint32_t endian, k;
    uint64_t n_tokens;
    uint8_t digest[INK_SHA256_BYTES]; /* of teacher, corpus and temperature */
    ink_checksum checksum;            /* of what follows */
    uint8_t padding[8];
} ink_teacher_head;

_Static_assert(sizeof(ink_teacher_head) == 128, "what follows is aligned");

/* The order of a row. */
static inline bool ink_expected_before(ink_expected a, ink_expected b)
{
    return a.log_p > b.log_p || (a.log_p == b.log_p && a.token < b.token);
}

/* All but the checksum. */
ink_teacher_head ink_teacher_head_of(size_t k, size_t n_tokens,
                                     const uint8_t digest[INK_SHA256_BYTES]);

/* Bytes behind the head; false when they are more than can be addressed. */
bool ink_teacher_file_bytes(const ink_teacher_head *head, size_t *n_bytes);

void ink_teacher_head_seal(ink_teacher_head *head, const ink_expected *rows);

/*
 * Finds the rows, [n_tokens][k], in a file, aligned as they are, that must be of the wanted head.
 * BAD_ARGUMENT: it is of another teacher, corpus, temperature or k. CORRUPT: it is damaged, or what
 * it says of a token in a window is no part of a distribution over n_vocab tokens.
 */
ink_status ink_teacher_file_read(const ink_expected **rows, const void *bytes, size_t n_bytes,
                                 const ink_teacher_head *wanted, const ink_corpus *corpus,
                                 size_t n_vocab, const char *path, ink_error *error);

#endif
