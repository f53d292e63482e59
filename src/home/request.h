/*
 * A sentence, prepared: its words, and of the home what it may be about.
 *
 * Selection: each name and alias is compared with each stretch of words, both run together, so that
 * "bed room" finds Bedroom; a letter in four may be wrong (Damerau-Levenshtein), digits never. What
 * lies within a longer exact match is dropped, of equal names the device in an area that the
 * sentence or the speaker's place names is kept, and the best nine remain. The area where it was
 * spoken is always among them.
 *
 * The prompt shows no names but those the sentence has: candidates are numbers with their kind and
 * place behind the words that name them, before all words where none does; a letter before each
 * word is what answers refer to. Numbers are '#'. "turn off the kitchen lights" in a home with such
 * an area becomes
 *
 *     A turn B off C the D kitchen 1 area E lights =
 *
 * and the answer is " HassTurnOff area 1 domain light". So names cannot be learned by heart.
 */
#ifndef INK_HOME_REQUEST_H
#define INK_HOME_REQUEST_H

#include "home/home.h"

enum { INK_HOME_MAX_CANDIDATES = 9, INK_SENTENCE_MAX_BYTES = 1000 };

typedef struct ink_candidate {
    uint32_t thing;
    uint8_t first, n_words; /* n_words 0: the sentence does not name it */
    uint8_t distance;       /* letters that are wrong */
    uint16_t n_letters;     /* of the name that was found */
} ink_candidate;

typedef struct ink_request {
    const ink_home *home;
    const char *sentence; /* [n_bytes], borrowed */
    size_t n_bytes;
    ink_words words;
    ink_candidate candidates[INK_HOME_MAX_CANDIDATES];
    size_t n_candidates;
    size_t here; /* the candidate that is the area where it was spoken; n_candidates: unknown */
} ink_request;

/*
 * `spoken_in`: an area of the home, or INK_THING_NOWHERE. CORRUPT: not UTF-8; LIMIT: too long;
 * BAD_ARGUMENT: no words. `home` and `sentence` outlive the request.
 */
INK_MUST_USE
ink_status ink_request_read(ink_request *out, const ink_home *home, const char *sentence,
                            size_t n_bytes, uint32_t spoken_in, ink_error *error);

/* Appends what the model reads. */
void ink_request_prompt(const ink_request *request, ink_buffer *out);

/* Appends the grammar (GBNF) of the answers that are valid for it. */
void ink_request_grammar(const ink_request *request, ink_buffer *out);

/* A stretch of the sentence as it was written, from word to word, both included. */
static inline const char *ink_request_text(const ink_request *request, size_t first, size_t last,
                                           size_t *n_bytes)
{
    *n_bytes = request->words.items[last].end - request->words.items[first].begin;
    return request->sentence + request->words.items[first].begin;
}

/* Whether a candidate may stand in a slot. */
bool ink_request_fits(const ink_request *request, size_t candidate, ink_slot_kind kind);

#endif
