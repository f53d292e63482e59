/* What lies beside the output while layers are learned: the matrices of each that is done. */
#include <stdio.h>
#include <string.h>
#include "format/gguf_writer.h"
#include "shrink/learn_internal.h"

#define DIGEST_KEY "inkling.learned"

enum { PIECE_BYTES = 1 << 16 };

const char *ink_learning_path(const ink_learning *l, const char *suffix)
{
    (void)snprintf(l->path, strlen(l->o->out) + INK_LEARNING_SUFFIX_BYTES, "%s%s", l->o->out,
                   suffix);
    return l->path;
}

const char *ink_learning_layer_path(const ink_learning *l, uint32_t layer)
{
    char suffix[INK_LEARNING_SUFFIX_BYTES];
    (void)snprintf(suffix, sizeof suffix, ".learned-%u", layer);
    return ink_learning_path(l, suffix);
}

/* Of all that decides what is learned: both models, the text, the steps. */
ink_status ink_learning_digest(ink_learning *l, ink_error *error)
{
    const ink_layer_learning *o = l->o;
    char piece[PIECE_BYTES];
    ink_sha256 sum;
    ink_file *file = NULL;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, ink_version(), strlen(ink_version()) + 1);
    ink_sha256_add(&sum, &o->n_steps, sizeof o->n_steps);
    ink_sha256_add(&sum, &l->n_window, sizeof l->n_window);
    ink_sha256_add(&sum, o->text->tokens.ids,
                   l->n_windows * l->n_window * sizeof *o->text->tokens.ids);
    for (uint32_t part = 0; part < ink_gguf_n_parts(l->original->gguf); part++) {
        uint64_t facts[2] = {ink_gguf_modified(l->original->gguf, part),
                             ink_gguf_file_bytes(l->original->gguf)};
        ink_sha256_add(&sum, facts, sizeof facts);
    }
    INK_TRY(ink_file_open(&file, o->rounded, o->allocator, error));
    ink_status status = INK_OK;
    for (uint64_t at = 0, n, all = ink_file_size(file); status == INK_OK && at < all; at += n) {
        n = all - at < PIECE_BYTES ? all - at : PIECE_BYTES;
        status = ink_file_read(file, at, (size_t)n, piece, error);
        ink_sha256_add(&sum, piece, (size_t)n);
    }
    ink_file_close(file);
    ink_sha256_finish(&sum, l->digest);
    return status;
}

static ink_status write_subjects(ink_learning *l, ink_gguf_writer *writer, ink_error *error)
{
    char words[INK_SHA256_TEXT_BYTES];
    ink_sha256_print(l->digest, INK_SHA256_BYTES, words);
    INK_TRY(ink_gguf_writer_set_text(writer, DIGEST_KEY, words, error));
    for (size_t i = 0; i < l->n_subjects; i++) {
        const ink_gguf_tensor *t = l->subjects[i].tensor;
        INK_TRY(
            ink_gguf_writer_add_tensor(writer, t->name, t->gguf_type, t->n_dims, t->shape, error));
    }
    INK_TRY(ink_gguf_writer_begin(writer, ink_learning_layer_path(l, l->layer), error));
    for (size_t i = 0; i < l->n_subjects; i++) {
        const ink_learned_matrix *m = &l->subjects[i];
        for (size_t row = 0; row < m->matrix->n_rows; row++) {
            ink_learned_get_row(m, row, l->rooms);
            INK_TRY(ink_gguf_writer_write(writer, l->rooms, m->row_bytes, error));
        }
    }
    return ink_gguf_writer_commit(writer, error);
}

ink_status ink_learning_keep(ink_learning *l, ink_error *error)
{
    ink_gguf_writer *writer = NULL;
    INK_TRY(ink_gguf_writer_new(&writer, 0, l->o->allocator, error));
    ink_status status = write_subjects(l, writer, error);
    ink_gguf_writer_free(writer);
    return status;
}

/* A layer that was done before; NULL: it was not, or by another command. */
ink_gguf *ink_learning_find(const ink_learning *l, uint32_t layer)
{
    char words[INK_SHA256_TEXT_BYTES];
    ink_gguf *gguf = NULL;
    ink_gguf_string found = {"", 0};
    ink_sha256_print(l->digest, INK_SHA256_BYTES, words);
    if (ink_gguf_open(&gguf, ink_learning_layer_path(l, layer), l->o->allocator, NULL) != INK_OK)
        return NULL;
    if (ink_gguf_get_string(gguf, DIGEST_KEY, &found, NULL) == INK_OK &&
        found.n_bytes == strlen(words) && memcmp(found.text, words, found.n_bytes) == 0)
        return gguf;
    ink_gguf_free(gguf);
    return NULL;
}

ink_status ink_learning_read(ink_learning *l, const ink_gguf *gguf, ink_learned_matrix *m,
                             ink_error *error)
{
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, m->tensor->name);
    if (!tensor || tensor->n_bytes != m->tensor->n_bytes)
        return ink_fail(error, INK_CORRUPT, 0, "%s: has no %s; remove this file",
                        ink_gguf_name(gguf), m->tensor->name);
    for (size_t row = 0; row < m->matrix->n_rows; row++) {
        INK_TRY(ink_gguf_read(gguf, tensor, row * m->row_bytes, m->row_bytes, l->rooms, error));
        ink_learned_put_row(m, row, l->rooms);
    }
    return INK_OK;
}
