/* A random sentence of a template, for a home, with what it means. */
#ifndef INK_GENERATE_EXPAND_H
#define INK_GENERATE_EXPAND_H

#include "grammar.h"
#include "home/request.h"
#include "homes.h"

enum { MAX_PIECES = 64, MAX_PIECE = 128, MAX_MARKS = 12, MAX_SKELETON = 1024 };

/* A stretch of pieces that a slot is about, or a word that it is set to. */
typedef struct mark {
    ink_home_slot slot;
    const char *word; /* set to this; else pieces from first to before `end` */
    size_t first, end;
    uint32_t thing; /* of devices, areas and floors */
} mark;

typedef struct sentence {
    char pieces[MAX_PIECES][MAX_PIECE];
    bool fixed[MAX_PIECES]; /* part of a text that must stay as it is */
    size_t n_pieces;
    mark marks[MAX_MARKS];
    size_t n_marks;
    char skeleton[MAX_SKELETON]; /* its words, slots by their names: what is held out */
    bool impossible;             /* the home lacks what it needs */
} sentence;

typedef struct expansion {
    const grammar *grammar;
    const name_lists *names;
    const ink_home *home;
    uint32_t spoken_in;
    bool held_out;
    uint64_t *random;
    const template *template;
} expansion;

void sentence_expand(const expansion *e, sentence *out);

/* The pieces with blanks; begins and ends of each go to `offsets` ([2 * n_pieces]). */
size_t sentence_write(const sentence *s, char *out, size_t room, uint32_t *offsets);

/*
 * The answer as the model is to write it. False: the selection does not offer what it needs, or the
 * words do not stand where they should.
 */
bool sentence_answer(const sentence *s, const expansion *e, const ink_request *request,
                     const uint32_t *offsets, ink_buffer *out);

/*
 * Whether all `words` are a sentence of the template; "{slot}" is a word that stands for a value.
 */
bool template_matches(const grammar *g, const template *t, const char *const *words,
                      size_t n_words);

#endif
