/*
 * A real trained model, stories260K, against what its author's own program (llama2.c) said: logits,
 * the likelihood of a story, and greedy texts word for word.
 */
#include "../support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_VOCAB 512
#define N_STEPS 256 /* positions that the author's program went through, the prompt included */
#define N_TEXTS 8

/*
 * Sums of float32 products in another order, at logits around 10: 1e-6 relative, through five
 * layers.
 */
#define TOLERANCE 1e-4

typedef struct fixture {
    ink_model *model;
    ink_session *session;
} fixture;

static char *read_reference(const char *name, size_t *n_bytes)
{
    char relative[256], path[1024];
    (void)snprintf(relative, sizeof relative, "weights/%s", name);
    return ink_read_file(ink_shared_path(relative, path, sizeof path), n_bytes);
}

static fixture open_stories(void)
{
    char path[1024];
    ink_error error;
    fixture f = {NULL, NULL};
    ink_require_shared();
    if (ink_model_open(&f.model, ink_shared_path("weights/stories260K.gguf", path, sizeof path),
                       NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    const ink_session_options options = {.cache = "f32", .n_context = 512, .n_threads = 2};
    if (ink_session_new(&f.session, f.model, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    return f;
}

static void close_stories(fixture *f)
{
    ink_session_free(f->session);
    ink_model_free(f->model);
}

static ink_tokens tokenize(const fixture *f, const char *text)
{
    ink_tokens tokens = {0};
    ink_error error;
    if (ink_tokenize(f->model, text, strlen(text), INK_SPECIAL_ADD, &tokens, &error) != INK_OK)
        fail_msg("%s", error.message);
    return tokens;
}

static float *evaluate(const fixture *f, const ink_tokens *tokens)
{
    ink_error error;
    float *logits = calloc(tokens->n_tokens * N_VOCAB, sizeof *logits);
    assert_non_null(logits);
    if (ink_session_evaluate(f->session, tokens->ids, tokens->n_tokens, logits, NULL, &error) !=
        INK_OK)
        fail_msg("%s", error.message);
    return logits;
}

static void once_upon_a_time(void **state)
{
    (void)state;
    fixture f = open_stories();
    size_t n_bytes;
    char *bytes =
        read_reference("stories260K-greedy/stories260K_once_logits_f32_5x512.bin", &n_bytes);
    const float *wanted = (const float *)(const void *)bytes;
    ink_tokens tokens = tokenize(&f, "Once upon a time");
    assert_int_equal(n_bytes, tokens.n_tokens * N_VOCAB * sizeof(float));
    float *got = evaluate(&f, &tokens);
    for (size_t i = 0; i < tokens.n_tokens * N_VOCAB; i++)
        if (!(fabs((double)got[i] - wanted[i]) <= TOLERANCE))
            fail_msg("logit %zu at position %zu: %.6f instead of %.6f", i % N_VOCAB, i / N_VOCAB,
                     (double)got[i], (double)wanted[i]);
    free(got);
    free(bytes);
    ink_tokens_free(&tokens);
    close_stories(&f);
}

/* -log of the probability of `token`. */
static double nll(const float *logits, int32_t token)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < N_VOCAB; i++)
        most = logits[i] > most ? logits[i] : most;
    for (size_t i = 0; i < N_VOCAB; i++)
        sum += exp(logits[i] - most);
    return most + log(sum) - logits[token];
}

/*
 * The file has a line for each position: "pos 0 tok 1 argmax 403 ... nll_next 0.243743"; the last
 * has no nll_next.
 */
static void a_story_unheard(void **state)
{
    (void)state;
    fixture f = open_stories();
    size_t n_bytes, n_compared = 0;
    char *story = read_reference("stories260K-greedy/heldout_story.txt", &n_bytes);
    char *table = read_reference("stories260K-greedy/stories260K_heldout_nll.txt", &n_bytes);
    ink_tokens tokens = tokenize(&f, story);
    float *logits = evaluate(&f, &tokens);
    for (char *line = strstr(table, "\npos "); line; line = strstr(line + 1, "\npos ")) {
        unsigned long position = strtoul(line + strlen("\npos "), &line, 10);
        char *token = strstr(line, "tok "), *next = strstr(line, "nll_next "),
             *end = strchr(line, '\n');
        assert_true(position < tokens.n_tokens && token && token < end);
        assert_int_equal(strtol(token + strlen("tok "), NULL, 10), tokens.ids[position]);
        if (!next || next > end)
            continue;
        assert_true(position + 1 < tokens.n_tokens);
        double wanted = strtod(next + strlen("nll_next "), NULL);
        double got = nll(logits + position * N_VOCAB, tokens.ids[position + 1]);
        if (!(fabs(got - wanted) <= TOLERANCE))
            fail_msg("position %lu: %.6f instead of %.6f", position, got, wanted);
        n_compared++;
    }
    assert_int_equal(n_compared, tokens.n_tokens - 1);
    free(logits);
    free(table);
    free(story);
    ink_tokens_free(&tokens);
    close_stories(&f);
}

/* ---- Greedy texts. */

typedef struct written {
    char text[8192];
    size_t n_bytes;
} written;

static bool write_text(void *context, const char *text, size_t n_bytes)
{
    written *out = context;
    assert_true(out->n_bytes + n_bytes < sizeof out->text);
    memcpy(out->text + out->n_bytes, text, n_bytes);
    out->n_bytes += n_bytes;
    return true;
}

static void greedy_text(int number)
{
    char name[128];
    size_t n_prompt, n_wanted;
    ink_error error;
    fixture f = open_stories();
    (void)snprintf(name, sizeof name, "stories260K-greedy/stories260K_t0_%02d.prompt.txt", number);
    char *prompt = read_reference(name, &n_prompt);
    (void)snprintf(name, sizeof name, "stories260K-greedy/stories260K_t0_%02d.out.txt", number);
    char *wanted = read_reference(name, &n_wanted);
    assert_true(n_wanted > 0 && wanted[n_wanted - 1] == '\n');
    wanted[n_wanted - 1] = '\0'; /* the program's own */
    ink_tokens tokens = tokenize(&f, prompt);
    written got = {.n_bytes = n_prompt};
    memcpy(got.text, prompt, n_prompt);
    ink_generation generation;
    ink_generation_init(&generation);
    generation.sampling.temperature = 0;
    generation.max_tokens = N_STEPS + 1 - tokens.n_tokens;
    generation.write = write_text;
    generation.context = &got;
    if (ink_generate(f.session, tokens.ids, tokens.n_tokens, &generation, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    /* The program ends where the model begins another story (BOS); Inkling goes on. */
    assert_true(got.n_bytes >= n_wanted - 1);
    got.text[n_wanted - 1] = '\0';
    assert_string_equal(got.text, wanted);
    ink_tokens_free(&tokens);
    free(prompt);
    free(wanted);
    close_stories(&f);
}

static void greedy_texts(void **state)
{
    (void)state;
    for (int i = 1; i <= N_TEXTS; i++)
        greedy_text(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_upon_a_time),
        cmocka_unit_test(a_story_unheard),
        cmocka_unit_test(greedy_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
