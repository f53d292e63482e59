#include "learn/teacher_file.h"

#include <math.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "kernel/math.h"

#define MAGIC "INKTEACH"

/* Probabilities of a row: each is off by 2^-24 of the logits, which are taken to be below 2^17. */
#define MAX_SUM 1.01

ink_teacher_head ink_teacher_head_of(size_t k, size_t n_tokens,
                                     const uint8_t digest[INK_SHA256_BYTES])
{
    ink_teacher_head head = {.endian = 0x01020304u, .k = (uint32_t)k, .n_tokens = n_tokens};
    memcpy(head.magic, MAGIC, sizeof head.magic);
    memcpy(head.digest, digest, sizeof head.digest);
    return head;
}

bool ink_teacher_file_bytes(const ink_teacher_head *head, size_t *n_bytes)
{
    return head->n_tokens <= SIZE_MAX && ink_size_mul((size_t)head->n_tokens, head->k, n_bytes) &&
           ink_size_mul(*n_bytes, sizeof(ink_expected), n_bytes);
}

void ink_teacher_head_seal(ink_teacher_head *head, const ink_expected *rows)
{
    size_t n_bytes = 0;
    (void)ink_teacher_file_bytes(head, &n_bytes); /* they are there */
    ink_checksum_init(&head->checksum);
    ink_checksum_add(&head->checksum, rows, n_bytes);
}

/* seen[n_vocab]: the last position whose row names the token, from 1. */
static bool is_distribution(const ink_expected *row, size_t k, size_t *seen, size_t position,
                            size_t n_vocab)
{
    double sum = 0;
    for (size_t i = 0; i < k; i++) {
        if (row[i].token < 0 || (size_t)row[i].token >= n_vocab || !(row[i].log_p <= INFINITY) ||
            seen[row[i].token] == position + 1 || (i && !ink_expected_before(row[i - 1], row[i])))
            return false;
        seen[row[i].token] = position + 1;
        sum += (double)ink_expf(row[i].log_p);
    }
    return sum <= MAX_SUM;
}

static ink_status check_rows(const ink_expected *rows, size_t k, const ink_corpus *corpus,
                             size_t n_vocab, const char *path, ink_error *error)
{
    size_t *seen = ink_new(corpus->allocator, n_vocab, sizeof *seen);
    ink_status status = seen ? INK_OK : ink_fail_memory(error, path);
    for (size_t i = 0; status == INK_OK && i < corpus->n_windows; i++) {
        const ink_window *w = &corpus->windows[i];
        for (size_t at = w->begin; status == INK_OK && at < w->begin + w->n; at++)
            if (!is_distribution(rows + at * k, k, seen, at, n_vocab))
                status = ink_fail(
                    error, INK_CORRUPT, sizeof(ink_teacher_head) + at * k * sizeof *rows,
                    "%s: what is kept of token %zu is no distribution; remove it", path, at);
    }
    ink_delete(corpus->allocator, seen);
    return status;
}

ink_status ink_teacher_file_read(const ink_expected **out, const void *bytes, size_t n_bytes,
                                 const ink_teacher_head *wanted, const ink_corpus *corpus,
                                 size_t n_vocab, const char *path, ink_error *error)
{
    ink_teacher_head head = *wanted;
    size_t n_wanted = 0;
    if (!ink_teacher_file_bytes(wanted, &n_wanted))
        return ink_fail(error, INK_LIMIT, 0, "%s: the texts are too large for it", path);
    if (n_bytes >= sizeof head) /* all that it may differ in */
        memcpy(&head.checksum, (const char *)bytes + offsetof(ink_teacher_head, checksum),
               sizeof head.checksum);
    if (n_bytes < sizeof head || n_bytes - sizeof head != n_wanted ||
        memcmp(&head, bytes, sizeof head) != 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: is not what this teacher expects of these texts; remove it, or name "
                        "another file",
                        path);
    const ink_expected *rows =
        (const ink_expected *)(const void *)((const char *)bytes + sizeof head);
    ink_teacher_head sealed = *wanted;
    ink_teacher_head_seal(&sealed, rows);
    if (memcmp(&sealed.checksum, &head.checksum, sizeof head.checksum) != 0)
        return ink_fail(error, INK_CORRUPT, 0, "%s: is damaged; remove it", path);
    INK_TRY(check_rows(rows, wanted->k, corpus, n_vocab, path, error));
    *out = rows;
    return INK_OK;
}
