/* The small files beside the tensors of a published model: JSON and others, read whole. */
#ifndef INK_CONVERT_DOCUMENT_H
#define INK_CONVERT_DOCUMENT_H

#include "text/json.h"
#include "text/vocab.h"

enum { INK_DOCUMENT_PATH_BYTES = 4096 };

/* "folder/name"; INK_BAD_ARGUMENT when it is too long. */
ink_status ink_document_path(const char *folder, const char *name,
                             char out[INK_DOCUMENT_PATH_BYTES], ink_error *error);

/* The bytes of a file, in the arena; {NULL, 0} where there is no such file. */
ink_status ink_document_bytes(const char *folder, const char *name, ink_arena *arena, ink_text *out,
                              ink_error *error);

/* A JSON object; undefined where there is no such file. Messages name the file. */
ink_status ink_document_read(const char *folder, const char *name, ink_arena *arena, ink_value *out,
                             ink_error *error);

/* The same of bytes. */
ink_status ink_document_parse(ink_text text, const char *name, ink_arena *arena, ink_value *out,
                              ink_error *error);

/*
 * What an object says under the first of some names ("hidden_size|n_embd") that it has; NULL: none,
 * or null, or `object` is no object, or NULL.
 */
const ink_value *ink_document_get(const ink_value *object, const char *names);

/* The list under a name; an empty one where there is none. */
const ink_value_list *ink_document_list(const ink_value *object, const char *names);

/* Numbers, true is 1; false for anything else and for what is not finite. */
bool ink_document_number(const ink_value *value, double *out);

/* The text under a name; {NULL, 0}: there is none. */
ink_text ink_document_text(const ink_value *object, const char *names);

bool ink_document_is_text(const ink_value *object, const char *names, const char *text);

/* Whether it is said to be, with what stands for it where nothing is said. */
bool ink_document_flag(const ink_value *object, const char *names, bool fallback);

/* JSON behind what `out` has; NO_MEMORY when it is full. */
ink_status ink_document_write(ink_buffer *out, ink_value value, const ink_json_style *style,
                              ink_error *error);

/* Goes through alternatives and lists: the word at *at, whose end is `mark`; false behind the last.
 */
bool ink_document_word(const char **at, char mark, ink_text *out);

/* In a word a '*' at one end stands for any text, also for none. */
bool ink_document_fits(ink_text word, ink_text text);

/* Whether `text` fits one of the words. */
bool ink_document_has_word(const char *words, char mark, ink_text text);

#endif
