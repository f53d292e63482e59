/*
 * What a teacher expected after each token of a corpus, in a file: the k likeliest tokens with the
 * logarithms of their probabilities. The file says by a digest for which teacher, texts, windows
 * and temperature it is; it is written once, in a pass over the windows that come each epoch, and
 * mapped afterwards.
 */
#ifndef INK_LEARN_TEACHER_CACHE_H
#define INK_LEARN_TEACHER_CACHE_H

#include "base/file.h"
#include "learn/teacher.h"
#include "learn/teacher_file.h"

typedef struct ink_teacher_cache {
    ink_mapping mapping;
    const ink_expected *expected; /* [n_tokens of the corpus][k], likeliest first */
    size_t k;
} ink_teacher_cache;

/*
 * Maps the file at `path`, or writes it first when it is not there; see ink_teacher_file_read for
 * those that are refused. The corpus has begun, with the same windows each epoch. CORRUPT: the
 * teacher's logits are not numbers.
 * CANCELLED when progress says so: nothing is kept then.
 */
ink_status ink_teacher_cache_open(ink_teacher_cache *cache, const char *path, size_t k,
                                  float temperature, const ink_corpus *corpus, ink_teacher *teacher,
                                  const ink_progress *progress, ink_error *error);
void ink_teacher_cache_close(ink_teacher_cache *cache);

#endif
