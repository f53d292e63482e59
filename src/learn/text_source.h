/* From files to documents of tokens: plain text is one document a file. */
#ifndef INK_LEARN_TEXT_SOURCE_H
#define INK_LEARN_TEXT_SOURCE_H

#include "learn/corpus.h"

/* By the model's vocabulary. The message names the file, and the line where there are lines. */
ink_status ink_corpus_add_file(ink_corpus *corpus, const ink_model *model, const char *path,
                               ink_error *error);

#endif
