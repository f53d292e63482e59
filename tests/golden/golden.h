/*
 * What the golden tests share: the reference runs of ../shared/golden, and how far two rows of
 * logits are apart. The rules of comparison are those of the README beside the data.
 *
 * Cases are made from the index, one of cmocka's tests a run, so the index is read before any test
 * begins: without it a test list has one test, which fails or skips (ink_golden_main).
 */
#ifndef INK_TESTS_GOLDEN_H
#define INK_TESTS_GOLDEN_H

#include "../support.h"

#include <jansson.h>

/* One model file. */
typedef struct ink_golden_case {
    const json_t *json;
    const char *id, *arch, *quant;
    bool embedding;
    bool use_median; /* experts or depth amplify rounding: means are ruled by single flips */
    bool dense;      /* counts in the sums over a weight type */
    bool required;   /* architecture and formats that must be supported */
    bool floats;     /* all weights are F32, F16 or BF16: activations are never quantized */
} ink_golden_case;

typedef struct ink_golden_run {
    const json_t *json;
    const ink_golden_case *of;
    const char *id;
    int32_t *prompt;
    size_t n_prompt, n_context, n_vocab;
} ink_golden_run;

typedef struct ink_golden {
    json_t *index;
    ink_golden_case *cases;
    ink_golden_run *runs;
    size_t n_cases, n_runs;
} ink_golden;

/* Adds the tests of one file to a list that grows. */
typedef struct ink_test_list {
    struct CMUnitTest *tests;
    size_t n_tests, capacity;
} ink_test_list;

void ink_test_list_add(ink_test_list *list, const char *name, CMUnitTestFunction function,
                       void *state);

/* Reads the index, lets `list_tests` make the tests, runs them, and returns what main returns. */
int ink_golden_main(void (*list_tests)(const ink_golden *golden, ink_test_list *list));

/* The case of this id; NULL when there is none. */
const ink_golden_case *ink_golden_find(const ink_golden *golden, const char *id);

/*
 * The model of a case. One that is not required may be refused: then NULL, after checking that it
 * is UNSUPPORTED and that the message names the architecture or a format of the file. Any other
 * failure fails the test.
 */
ink_model *ink_golden_open(const ink_golden_case *of);

/*
 * A new session, isolated, so that nothing is compared with itself; fails the test when there is
 * none.
 */
ink_session *ink_golden_session(const ink_model *model, const ink_session_options *options);

/* Logits [n_tokens][n_vocab] of the tokens in a new session. Ended by free(). */
float *ink_golden_logits(const ink_model *model, const ink_session_options *options,
                         const int32_t *tokens, size_t n_tokens);

/* A stored file of n floats, named by `key` of the object. Ended by free(). */
float *ink_golden_floats(const json_t *object, const char *key, size_t n);

double ink_golden_number(const json_t *object, const char *key);

/*
 * Over the rows: KL(truth || got) in nats, softmax in double precision; not a number when an input
 * is not.
 */
typedef struct ink_golden_divergence {
    double mean, median, largest;
    double max_difference; /* of single logits */
} ink_golden_divergence;

ink_golden_divergence ink_diverge(const float *truth, const float *got, size_t n_rows,
                                  size_t n_columns);

/*
 * Fails the test with a message that names the first difference unless all n floats have the same
 * bits.
 */
void ink_assert_same_bits(const float *wanted, const float *got, size_t n, const char *what);

#endif
