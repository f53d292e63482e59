/* Vocabularies learned in the test, and texts there and back through Inkling's own tokenizer. */
#ifndef INK_TESTS_TRAIN_SMALL_H
#define INK_TESTS_TRAIN_SMALL_H

#include "../support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "learn/special_tokens.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

static inline ink_text text_of(const char *text)
{
    return (ink_text){text, strlen(text)};
}

static inline bool same_text(ink_text a, ink_text b)
{
    return a.n_bytes == b.n_bytes && memcmp(a.data, b.data, a.n_bytes) == 0;
}

static inline ink_vocab_trainer *trainer_of(const ink_vocab_train_options *options)
{
    ink_vocab_trainer *trainer = NULL;
    ink_error error = {0};
    if (ink_vocab_trainer_new(&trainer, options, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    return trainer;
}

static inline ink_trained_vocab *learn_texts(const ink_vocab_train_options *options,
                                             const ink_text *texts, size_t n_texts)
{
    ink_vocab_trainer *trainer = trainer_of(options);
    ink_trained_vocab *trained = NULL;
    ink_error error = {0};
    for (size_t i = 0; i < n_texts; i++)
        if (ink_vocab_trainer_add(trainer, texts[i].data, texts[i].n_bytes, &error) != INK_OK)
            fail_msg("%s", error.message);
    if (ink_vocab_trainer_finish(trainer, &trained, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_vocab_trainer_free(trainer);
    return trained;
}

static inline ink_trained_vocab *learn_text(const ink_vocab_train_options *options, ink_text text)
{
    return learn_texts(options, &text, 1);
}

/* No merge may be left out: what was learned is what is used. */
static inline ink_vocab *open_trained(const ink_trained_vocab *trained)
{
    ink_vocab *vocab = NULL;
    ink_error error = {0};
    if (ink_vocab_new(&vocab, &trained->source, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ink_vocab_n_ignored_merges(vocab), 0);
    return vocab;
}

static inline void encode_text(const ink_vocab *vocab, ink_text text, ink_token_list *out)
{
    ink_token_list_init(out, NULL, SIZE_MAX);
    assert_int_equal(ink_vocab_encode(vocab, text, (ink_encode_options){0}, out, NULL), INK_OK);
}

/* The text comes back byte for byte. Returns how many tokens it is. */
static inline size_t expect_back(const ink_vocab *vocab, ink_text text)
{
    ink_token_list list;
    ink_buffer back;
    encode_text(vocab, text, &list);
    ink_buffer_init(&back, NULL, SIZE_MAX / 2);
    assert_int_equal(
        ink_vocab_decode(vocab, list.ids, list.n_tokens, (ink_decode_options){0}, &back, NULL),
        INK_OK);
    assert_int_equal(back.n_bytes, text.n_bytes);
    assert_true(text.n_bytes == 0 || memcmp(back.data, text.data, text.n_bytes) == 0);
    size_t n_tokens = list.n_tokens;
    ink_buffer_deinit(&back);
    ink_token_list_deinit(&list);
    return n_tokens;
}

static inline void expect_same(const ink_vocab_source *a, const ink_vocab_source *b)
{
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_int_equal(a->n_merges, b->n_merges);
    for (size_t i = 0; i < a->n_tokens; i++)
        assert_true(same_text(a->tokens[i], b->tokens[i]) && a->types[i] == b->types[i]);
    for (size_t i = 0; i < a->n_merges; i++)
        assert_true(same_text(a->merges[i], b->merges[i]));
}

static const char *const shared_texts[] = {"tinyshakespeare.txt", "frankenstein.txt",
                                           "war-and-peace.txt"};
#define N_SHARED_TEXTS (sizeof shared_texts / sizeof shared_texts[0])

/* Ended by free(). */
static inline char *read_shared_text(const char *name, size_t *n_bytes)
{
    char path[1024], relative[64];
    (void)snprintf(relative, sizeof relative, "text/%s", name);
    return ink_read_file(ink_shared_path(relative, path, sizeof path), n_bytes);
}

#endif
