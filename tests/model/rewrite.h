/*
 * A golden model written again with something wrong in it: metadata, the table of tensors, or their
 * bytes.
 */
#ifndef INK_TESTS_REWRITE_H
#define INK_TESTS_REWRITE_H

#include "../support.h"

typedef enum ink_key_change {
    INK_KEY_KEEP, /* ends a list */
    INK_KEY_U32,
    INK_KEY_F32,
    INK_KEY_TEXT,
    INK_KEY_PAIR, /* an array of two uint32, both `number` */
    INK_KEY_DROP,
    INK_KEY_SHORTEN /* an array without its last item */
} ink_key_change;

typedef struct ink_key_edit {
    ink_key_change change;
    const char *key;
    double number;
    const char *text;
} ink_key_edit;

typedef struct ink_rewrite {
    const char *model; /* golden/models/NAME.gguf */
    ink_key_edit keys[4];
    const char *drop_tensor, *add_tensor; /* the new one is all zero, in F32, */
    uint64_t add_shape[2];                /* of this shape in file order */
    const char *tensor;                   /* the one that changes: */
    uint64_t shape[3];                    /* this shape in file order, where the first is not 0 */
    uint32_t n_bytes;                     /* and its first bytes */
    uint8_t bytes[8];
    uint32_t repeat; /* bytes from one of them to the next; 0: once */
} ink_rewrite;

/* Fails the test when it cannot be written. */
void ink_rewrite_model(const ink_rewrite *rewrite, const char *path);

#endif
