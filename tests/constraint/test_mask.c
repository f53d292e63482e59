/*
 * Masks against their definition: a token is allowed exactly when its bytes are, one after the
 * other. And what is forced: it is the only text there is, spelled as the tokenizer spells it.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct source {
    ink_constraint_kind kind;
    ink_json_form form;
    const char *text;
} sources[] = {
    {INK_CONSTRAINT_SCHEMA, INK_JSON_PLAIN, "{}"},
    {INK_CONSTRAINT_SCHEMA, INK_JSON_ANY, "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"},
    {INK_CONSTRAINT_SCHEMA, INK_JSON_PLAIN,
     "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":40},"
     "\"note\":{"
     "\"type\":\"string\",\"pattern\":\"^[a-z "
     ",.]+$\",\"maxLength\":30},\"age\":{\"type\":\"integer\","
     "\"minimum\":0,\"maximum\":150},\"kind\":{\"enum\":[\"first one\",\"second one\"]},\"mail\":{"
     "\"format\":\"email\"}},\"required\":[\"name\",\"kind\"]}"},
    {INK_CONSTRAINT_REGEX, INK_JSON_PLAIN, "[a-zA-Z0-9_]{3,20}( [^\\n]{0,24})?\\n?"},
    {INK_CONSTRAINT_REGEX, INK_JSON_PLAIN, ".{5,50}|\\n+"},
    {INK_CONSTRAINT_REGEX, INK_JSON_PLAIN, "([ -~]{2,18}\\n){2,}"},
    {INK_CONSTRAINT_REGEX, INK_JSON_PLAIN, "[A-Z][a-z]{1,20}( [A-Za-z]{1,15}){2,12}[.!?]"},
    {INK_CONSTRAINT_REGEX, INK_JSON_PLAIN, "([a-z]{1,9}|[A-Z]{1,3}[0-9_]{0,6}|[a-zA-Z]{12})( |-)?"},
    {INK_CONSTRAINT_GRAMMAR, INK_JSON_PLAIN,
     "root ::= (\"if (\" word \")\" | word \" = \" [0-9]{1,40}) \";\" root?\nword ::= [a-z_]+"},
    {INK_CONSTRAINT_CHOICE, INK_JSON_PLAIN, "yes,no,it depends on the weather"},
};

static ink_model *open_vocabulary(const char *name)
{
    char path[512], relative[128];
    ink_model *model = NULL;
    ink_error error;
    const ink_model_options options = {.load = INK_LOAD_VOCABULARY};
    (void)snprintf(relative, sizeof relative, "vocab/ggml-vocab-%s.gguf", name);
    ink_require_shared();
    if (ink_model_open(&model, ink_shared_path(relative, path, sizeof path), &options, &error))
        fail_msg("%s", error.message);
    return model;
}

/* What the constraint has read so far, so that it can be put back there. */
typedef struct place {
    ink_constraint *constraint;
    char text[4096];
    size_t n_bytes;
} place;

static void go_back(place *p)
{
    ink_error error;
    size_t n;
    ink_constraint_reset(p->constraint);
    assert_int_equal(ink_constraint_accept(p->constraint, p->text, p->n_bytes, &n, &error), INK_OK);
    assert_int_equal(n, p->n_bytes);
}

static size_t token_text(const ink_model *model, int32_t token, char text[1100])
{
    /* Behind another token, so that no blank is dropped. */
    ink_string with = {0}, without = {0};
    ink_error error;
    int32_t pair[2] = {0, token};
    for (pair[0] = 300; ink_is_end_token(model, pair[0]); pair[0]++) {}
    assert_int_equal(ink_detokenize(model, pair, 1, 0, &without, &error), INK_OK);
    assert_int_equal(ink_detokenize(model, pair, 2, 0, &with, &error), INK_OK);
    size_t n = with.n_bytes - without.n_bytes;
    memcpy(text, with.data + without.n_bytes, n);
    ink_string_free(&with);
    ink_string_free(&without);
    return n;
}

/* By definition. */
static bool is_allowed(place *p, const char *text, size_t n_bytes)
{
    ink_error error;
    size_t n;
    if (n_bytes == 0)
        return false;
    go_back(p);
    assert_int_equal(ink_constraint_accept(p->constraint, text, n_bytes, &n, &error), INK_OK);
    return n == n_bytes;
}

typedef struct vocabulary {
    ink_model *model;
    char (*texts)[40]; /* of most tokens; longer ones are asked for again */
    uint8_t *lengths;
    size_t n;
} vocabulary;

static void check_mask(place *p, const vocabulary *v, const uint32_t *mask)
{
    char text[1100];
    bool may_end;
    go_back(p);
    may_end = ink_constraint_may_end(p->constraint);
    for (size_t i = 0; i < v->n; i++) {
        int32_t token = (int32_t)i;
        size_t n = v->lengths[i];
        const char *bytes = v->texts[i];
        if (n > sizeof v->texts[0]) {
            n = token_text(v->model, token, text);
            bytes = text;
        }
        bool wanted = is_allowed(p, bytes, n);
        if (ink_is_end_token(v->model, token) && may_end)
            wanted = true;
        if ((mask[i / 32] >> (i % 32) & 1) != (uint32_t)wanted)
            fail_msg("behind '%.*s': token %zu '%.*s' should %sbe allowed", (int)p->n_bytes,
                     p->text, i, (int)n, bytes, wanted ? "" : "not ");
    }
    go_back(p);
}

/* A token that is allowed, none that ends; -1: there is none. */
static int32_t pick(const vocabulary *v, const uint32_t *mask, uint64_t *random)
{
    size_t start = (size_t)(ink_test_random(random) % v->n);
    for (size_t i = 0; i < v->n; i++) {
        size_t token = (start + i) % v->n;
        if (mask[token / 32] >> (token % 32) & 1 && !ink_is_end_token(v->model, (int32_t)token))
            return (int32_t)token;
    }
    return -1;
}

/* The forced tokens spell what must come, and each is allowed. */
static void check_forced(place *p, const vocabulary *v)
{
    ink_tokens forced = {0};
    ink_error error;
    assert_int_equal(ink_constraint_forced(p->constraint, &forced, &error), INK_OK);
    for (size_t i = 0; i < forced.n_tokens; i++) {
        const uint32_t *mask;
        assert_int_equal(ink_constraint_mask(p->constraint, &mask, &error), INK_OK);
        assert_true(mask[forced.ids[i] / 32] >> (forced.ids[i] % 32) & 1);
        for (size_t token = 0; token < v->n; token++) /* any other says a part of the same */
            if (mask[token / 32] >> (token % 32) & 1)
                assert_int_equal(v->texts[token][0], v->texts[forced.ids[i]][0]);
        assert_int_equal(ink_constraint_accept_token(p->constraint, forced.ids[i], &error), INK_OK);
    }
    ink_tokens_free(&forced);
    go_back(p);
}

static void walk(const struct source *source, const vocabulary *v, size_t n_steps, uint64_t random)
{
    place p = {.n_bytes = 0};
    ink_error error;
    const ink_constraint_source from = {source->kind, source->text, strlen(source->text),
                                        source->form, INK_THINKING_NONE};
    if (ink_constraint_new(&p.constraint, v->model, &from, &error))
        fail_msg("%s: %s", source->text, error.message);
    assert_true(ink_constraint_mask_words(p.constraint) * 32 >= v->n);
    for (size_t step = 0; step < n_steps; step++) {
        char text[1100];
        const uint32_t *mask;
        assert_int_equal(ink_constraint_mask(p.constraint, &mask, &error), INK_OK);
        uint32_t *copy = malloc(ink_constraint_mask_words(p.constraint) * sizeof *copy);
        assert_non_null(copy);
        memcpy(copy, mask, ink_constraint_mask_words(p.constraint) * sizeof *copy);
        check_mask(&p, v, copy);
        check_forced(&p, v);
        int32_t token = pick(v, copy, &random);
        free(copy);
        if (token < 0) {
            assert_true(ink_constraint_must_end(p.constraint));
            break;
        }
        size_t n = token_text(v->model, token, text);
        assert_int_equal(ink_constraint_accept_token(p.constraint, token, &error), INK_OK);
        assert_true(p.n_bytes + n < sizeof p.text);
        memcpy(p.text + p.n_bytes, text, n);
        p.n_bytes += n;
    }
    ink_constraint_free(p.constraint);
}

static void check_vocabulary(const char *name, size_t n_steps)
{
    vocabulary v = {.model = open_vocabulary(name)};
    ink_model_info info;
    ink_model_get_info(v.model, &info);
    v.n = info.n_vocab;
    v.texts = calloc(v.n, sizeof *v.texts);
    v.lengths = calloc(v.n, 1);
    assert_true(v.texts && v.lengths);
    for (size_t i = 0; i < v.n; i++) {
        char text[1100];
        size_t n = token_text(v.model, (int32_t)i, text);
        v.lengths[i] = (uint8_t)(n < 255 ? n : 255);
        memcpy(v.texts[i], text, n < sizeof v.texts[i] ? n : sizeof v.texts[i]);
    }
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        walk(&sources[i], &v, n_steps, 88172645463325252u + i);
    free(v.texts);
    free(v.lengths);
    ink_model_free(v.model);
}

static void of_pieces(void **state)
{
    (void)state;
    check_vocabulary("llama-spm", 12);
}

static void of_bytes(void **state)
{
    (void)state;
    check_vocabulary("gpt-2", 10);
}

static void of_many(void **state)
{
    (void)state;
    check_vocabulary("llama-bpe", 3);
}

/* A whole stretch at once, in the tokens of the tokenizer. */
static void forces_keys(void **state)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"temperature\":{\"type\":"
                                 "\"integer\"}},\"required\":["
                                 "\"temperature\"],\"additionalProperties\":false}";
    const ink_constraint_source from = {INK_CONSTRAINT_SCHEMA, schema, strlen(schema),
                                        INK_JSON_PLAIN, INK_THINKING_NONE};
    ink_model *model = open_vocabulary("gpt-2");
    ink_constraint *constraint;
    ink_tokens forced = {0}, whole = {0};
    ink_string text = {0};
    ink_error error;
    (void)state;
    assert_int_equal(ink_constraint_new(&constraint, model, &from, &error), INK_OK);
    assert_int_equal(ink_constraint_forced(constraint, &forced, &error), INK_OK);
    assert_true(forced.n_tokens >= 2);
    assert_int_equal(ink_detokenize(model, forced.ids, forced.n_tokens, 0, &text, &error), INK_OK);
    assert_memory_equal(text.data, "{\"temperature", 13);
    assert_int_equal(ink_tokenize(model, "{\"temperature\":", 15, 0, &whole, &error), INK_OK);
    assert_memory_equal(forced.ids, whole.ids, forced.n_tokens * sizeof *forced.ids);
    ink_string_free(&text);
    ink_tokens_free(&forced);
    ink_tokens_free(&whole);
    ink_constraint_free(constraint);
    ink_model_free(model);
}

static void refuses_tokens(void **state)
{
    const ink_constraint_source from = {INK_CONSTRAINT_CHOICE, "yes", 3, INK_JSON_PLAIN,
                                        INK_THINKING_NONE};
    ink_model *model = open_vocabulary("gpt-2");
    ink_constraint *constraint, *bare;
    ink_tokens no = {0};
    const uint32_t *mask;
    ink_error error;
    (void)state;
    assert_int_equal(ink_constraint_new(&constraint, model, &from, &error), INK_OK);
    assert_int_equal(ink_tokenize(model, "no", 2, 0, &no, &error), INK_OK);
    assert_int_equal(ink_constraint_accept_token(constraint, no.ids[0], &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_constraint_accept_token(constraint, -1, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_constraint_accept_token(constraint, 1 << 30, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_constraint_new(&bare, NULL, &from, &error), INK_OK);
    assert_int_equal(ink_constraint_mask(bare, &mask, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_constraint_mask_words(bare), 0);
    ink_tokens_free(&no);
    ink_constraint_free(bare);
    ink_constraint_free(constraint);
    ink_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_pieces), cmocka_unit_test(of_bytes),
                                       cmocka_unit_test(of_many), cmocka_unit_test(forces_keys),
                                       cmocka_unit_test(refuses_tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
