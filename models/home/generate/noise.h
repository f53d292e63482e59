/* What happens to sentences on the way to the assistant; the lists are in models/home/noise. */
#ifndef INK_GENERATE_NOISE_H
#define INK_GENERATE_NOISE_H

#include "expand.h"

enum { MAX_PHRASES = 400 };

typedef struct phrases {
    const char *said[MAX_PHRASES], *heard[MAX_PHRASES]; /* heard: of slips, else NULL */
    size_t n;
} phrases;

typedef struct noise {
    unsigned share;      /* percent of sentences that are disturbed */
    phrases ask, before; /* what opens a command; what opens any sentence */
    phrases after, fillers, slips;
} noise;

/* Ends the program when a list is missing. */
void noise_read(noise *n, const char *folder);

/* Politeness, hesitation, lost words, typing errors, slips of speech recognition: some of them. */
void sentence_disturb(sentence *s, const noise *n, uint64_t *random);

#endif
