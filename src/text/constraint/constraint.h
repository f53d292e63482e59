/*
 * A constraint from inside: a compiled grammar, the place in it, and the vocabulary whose tokens it
 * is asked about. What is public of it stands in inkling.h.
 */
#ifndef INK_TEXT_CONSTRAINT_CONSTRAINT_H
#define INK_TEXT_CONSTRAINT_CONSTRAINT_H

#include "text/constraint/token_mask.h"

/* Longest stretch that is forced at once. */
enum { INK_FORCED_MAX_BYTES = 1024 };

#define INK_CHOICE_MAX_BYTES ((size_t)16 << 20)

struct ink_constraint {
    const ink_allocator *allocator;
    ink_grammar grammar;
    ink_expr root, state;
    size_t n_bytes;         /* of the text so far */
    const ink_vocab *vocab; /* NULL: for texts only; so is trie */
    const ink_token_trie *trie;
    ink_token_mask masks;
    bool marked;              /* control tokens may be a part of the text */
    uint32_t *mask;           /* [trie->n_words]: with end tokens */
    uint16_t class_size[256]; /* bytes of each class */
};

/*
 * `trie`, and the vocabulary that it is of, outlive it; both may be NULL. With `tools` the source
 * says nothing but `thinking`.
 */
INK_MUST_USE
ink_status ink_constraint_make(ink_constraint **out, const ink_constraint_source *source,
                               const struct ink_tools *tools, const ink_token_trie *trie,
                               const ink_allocator *allocator, ink_error *error);

#endif
