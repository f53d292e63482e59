/* What the tests of shrinking share: models in a folder, quantizing them, and what they say. */
#ifndef INK_TESTS_SHRINK_SMALL_H
#define INK_TESTS_SHRINK_SMALL_H

#include "../support.h"

#define STORY                                                                                  \
    "Once upon a time there was a little girl named Lily. She liked to play outside in the "   \
    "park with her red ball. One day a big dog came and took the ball. Lily was sad. \"Can I " \
    "have my ball?\" she asked. The dog was kind and gave it back. They were friends. "

/* Paths in a folder of the test's own. Only inside a test: skips it without the models. */
typedef struct small {
    char folder[64], text[128], out[128], other[128], statistics[128];
    char stories[1024], experts[1024], k_model[1024];
    const char *texts[1];
} small;

void small_init(small *s);
void small_deinit(small *s);

/* Fails the test unless it succeeds. */
void quantize_or_fail(const char *in, const char *out, const ink_quantizing *options);

/* Mean distance KL(a || b) over the tokens of a text, in nats. */
double divergence(const char *a, const char *b);

bool same_bytes(const char *a, const char *b);
bool there_is(const char *path);

#endif
