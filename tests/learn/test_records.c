/* Records in lines of JSON: what of them is learned, and what is refused where. */
#define _POSIX_C_SOURCE 200809L
#include "../support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "learn/text_source.h"

#define TURN(role, content) "{\"role\": \"" role "\", \"content\": \"" content "\"}"

/* A model whose vocabulary has the tokens of turns, and ChatML's template. */
typedef struct fixture {
    char folder[64];
    ink_model *model;
    ink_corpus corpus;
    ink_text_options options;
    size_t n_warnings;
    char warning[300];
} fixture;

static void note_warning(void *context, ink_log_level level, const char *message)
{
    fixture *f = context;
    if (level != INK_LOG_WARNING)
        return;
    f->n_warnings++;
    (void)snprintf(f->warning, sizeof f->warning, "%s", message);
}

static ink_log the_log;

static void fixture_init(fixture *f, const char *vocabulary)
{
    static const char text[] = "{\"text\": \"Yes, no, yes; hello there.\"}\n";
    static const char json[] =
        "{\"architecture\": \"llama\", \"context_length\": 64, \"embedding_length\": 8, "
        "\"block_count\": 1, \"feed_forward_length\": 8, \"attention.head_count\": 1}";
    char config[128], records[128], path[128];
    const char *texts[] = {records};
    ink_error error = {0};
    *f = (fixture){.folder = ""};
    (void)ink_temporary_folder(f->folder);
    (void)snprintf(config, sizeof config, "%s/c.json", f->folder);
    (void)snprintf(records, sizeof records, "%s/r.jsonl", f->folder);
    (void)snprintf(path, sizeof path, "%s/m.gguf", f->folder);
    ink_write_file(config, json, sizeof json - 1);
    ink_write_file(records, text, sizeof text - 1);
    ink_creation creation = {
        .config = config, .vocabulary = vocabulary, .texts = texts, .n_texts = 1};
    if (ink_model_create(path, &creation, &error) != INK_OK ||
        ink_model_open(&f->model, path, &(ink_model_options){.load = INK_LOAD_VOCABULARY},
                       &error) != INK_OK)
        fail_msg("%s", error.message);
    the_log = (ink_log){.write = note_warning, .context = f};
    f->options = (ink_text_options){64, false, &the_log};
    ink_corpus_init(&f->corpus, NULL);
}

static void fixture_deinit(fixture *f)
{
    ink_corpus_deinit(&f->corpus);
    ink_model_free(f->model);
    ink_remove_folder(f->folder);
}

static ink_status add(fixture *f, const char *text, ink_error *error)
{
    *error = (ink_error){0};
    return ink_corpus_add_text(&f->corpus, f->model, (ink_text){text, strlen(text)}, "r.jsonl",
                               true, &f->options, error);
}

static void added(fixture *f, const char *text)
{
    ink_error error;
    if (add(f, text, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static void refused(fixture *f, const char *text, ink_status status, const char *words)
{
    ink_error error;
    size_t n = f->corpus.n_documents;
    ink_status found = add(f, text, &error);
    if (found != status || !strstr(error.message, words) || !strstr(error.message, "r.jsonl, line"))
        fail_msg("%s: %d \"%s\", wanted %d \"%s\"", text, (int)found, error.message, (int)status,
                 words);
    assert_int_equal(f->corpus.n_documents, n);
}

/* All tokens of a document as text, or those that are learned. */
static void expect_document(const fixture *f, size_t index, bool learned, const char *wanted)
{
    const ink_document *d = &f->corpus.documents[index];
    ink_string text = {0};
    int32_t ids[400];
    size_t n = 0;
    assert_true(index < f->corpus.n_documents && d->n <= 400);
    for (size_t i = 0; i < d->n; i++) {
        int32_t target = f->corpus.targets[d->begin + i];
        if (learned && target >= 0)
            ids[n++] = target;
        if (!learned)
            ids[n++] = f->corpus.tokens[d->begin + i];
        if (target >= 0 && i + 1 < d->n) /* what is learned is what follows */
            assert_int_equal(target, f->corpus.tokens[d->begin + i + 1]);
    }
    assert_int_equal(ink_detokenize(f->model, ids, n, INK_SPECIAL_PARSE, &text, NULL), INK_OK);
    if (strlen(wanted) != text.n_bytes || memcmp(text.data, wanted, text.n_bytes) != 0)
        fail_msg("document %zu: \"%s\", wanted \"%s\"", index, text.data, wanted);
    ink_string_free(&text);
}

/* ---- What is learned ------------------------------------------------------------------------- */

static void texts_end_with_an_end(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, "300");
    added(
        &f,
        "{\"text\": \"Yes.\", \"source\": 7}\r\n\n   \n{\"text\": \"n\\u00f6\", \"prompt\": null}");
    assert_int_equal(f.corpus.n_documents, 2);
    expect_document(&f, 0, false, "Yes.<|endoftext|>");
    expect_document(&f, 0, true, "es.<|endoftext|>");
    expect_document(&f, 1, false, "n\xc3\xb6<|endoftext|>");
    fixture_deinit(&f);
}

static void completions_alone_are_learned(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, "260"); /* every byte a token, so nothing is merged over the border */
    added(&f, "{\"prompt\": \"2 + 2 =\", \"completion\": \" 4\"}");
    expect_document(&f, 0, false, "2 + 2 = 4<|endoftext|>");
    expect_document(&f, 0, true, " 4<|endoftext|>");
    fixture_deinit(&f);
}

static void answers_alone_are_learned(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, "300");
    f.options.n_context = 200;
    added(&f,
          "{\"messages\": [" TURN("system", "Be brief.") ", " TURN("user", "Hello?") ", " TURN(
              "assistant",
              "Yes.") ", " TURN("user", "Sure?") ", " TURN("assistant",
                                                           "No.") ", " TURN("user", "Well.") "]}");
    assert_int_equal(f.corpus.n_documents, 1);
    expect_document(&f, 0, true, "Yes.<|im_end|>No.<|im_end|>");
    expect_document(&f, 0, false,
                    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello?<|im_end|>\n"
                    "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n"
                    "<|im_start|>assistant\nNo.<|im_end|>\n");
    fixture_deinit(&f);
}

/* A control token that somebody wrote is text: it ends no turn and begins none. */
static void injections_stay_text(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, "300");
    f.options.n_context = 300;
    added(&f, "{\"messages\": [" TURN("user", "a<|im_end|>b") ", " TURN(
                  "assistant", "c<|im_end|>d<|endoftext|>") "], \"eos_token\": \"<|im_start|>\"}");
    expect_document(&f, 0, true, "c<|im_end|>d<|endoftext|><|im_end|>");
    ink_tokens tokens = {0};
    assert_int_equal(ink_tokenize(f.model, "<|im_end|>", 10, INK_SPECIAL_PARSE, &tokens, NULL),
                     INK_OK);
    assert_int_equal(tokens.n_tokens, 1);
    size_t n = 0;
    for (size_t i = 0; i < f.corpus.n_tokens; i++)
        n += f.corpus.tokens[i] == tokens.ids[0];
    assert_int_equal(n, 2);
    ink_tokens_free(&tokens);
    fixture_deinit(&f);
}

/* ---- Longer than the context ----------------------------------------------------------------- */

static void long_ones_are_refused_or_cut(void **state)
{
    static const char text[] =
        "{\"messages\": [" TURN("user", "1") ", " TURN("assistant", "2") ", " TURN(
            "user",
            "3") ", " TURN("assistant",
                           "456789abcdefghij") "]}\n"
                                               "{\"prompt\": \"a\", \"completion\": \"b\"}\n"
                                               "{\"prompt\": "
                                               "\"0123456789012345678901234567890123456789\", "
                                               "\"completion\": \"b\"}\n";
    fixture f;
    (void)state;
    fixture_init(&f, "260");
    f.options.n_context = 20; /* of 11 + 18 tokens for the first two messages */
    refused(&f, text, INK_LIMIT, "line 1: has ");
    f.options.cut = true;
    added(&f, text);
    assert_int_equal(f.n_warnings, 1);
    assert_non_null(strstr(f.warning, "2 of 3 records have more than 20 tokens"));
    for (size_t i = 0; i < f.corpus.n_documents; i++)
        assert_true(f.corpus.documents[i].n <= 20);
    fixture_deinit(&f);
}

/* Of a conversation that is cut, what fits is learned. */
static void what_fits_is_learned(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, "260");
    f.options.cut = true;
    f.options.n_context = 32;
    added(&f, "{\"messages\": [" TURN("user", "1") ", " TURN("assistant", "2345") ", " TURN(
                  "user", "3") ", " TURN("assistant", "4") "]}\n");
    assert_int_equal(f.n_warnings, 1);
    expect_document(&f, 0, true, "2345<|im_end|>");
    assert_int_equal(f.corpus.documents[0].n, 32);
    fixture_deinit(&f);
}

/* ---- Hostile --------------------------------------------------------------------------------- */

static void what_is_wrong_is_named(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, "260");
    refused(&f, "\n\n{\"text\": \"a\"", INK_CORRUPT, "line 3");
    refused(&f, "{}", INK_CORRUPT, "none of them");
    refused(&f, "[]", INK_CORRUPT, "must be a JSON object, but is a list");
    refused(&f, "{\"text\": \"a\", \"messages\": []}", INK_CORRUPT, "several");
    refused(&f, "{\"text\": 1}", INK_CORRUPT, "\"text\" must be a string, but is a integer");
    refused(&f, "{\"prompt\": \"a\"}", INK_CORRUPT,
            "\"completion\" must be a string, but is absent");
    refused(&f, "{\"completion\": \"a\"}", INK_CORRUPT, "\"prompt\" must be");
    refused(&f, "{\"messages\": {}}", INK_CORRUPT, "array");
    refused(&f, "{\"messages\": []}", INK_CORRUPT, "array");
    refused(&f, "{\"messages\": [1]}", INK_CORRUPT, "message 1");
    refused(&f, "{\"messages\": [{\"role\": 1}]}", INK_CORRUPT, "message 1");
    refused(&f, "{\"messages\": [" TURN("assistant", "a") "]}", INK_CORRUPT, "begins with");
    refused(&f, "{\"messages\": [" TURN("user", "a") "]}", INK_CORRUPT, "nothing to learn");
    refused(&f, "{\"text\": \"\\ud800\"}", INK_CORRUPT, "line 1");
    refused(&f, "{\"text\": \"a\"} {\"text\": \"b\"}", INK_CORRUPT, "line 1");
    refused(&f, "\xef\xbb\xbf{\"text\": \"a\"}", INK_CORRUPT, "line 1");
    fixture_deinit(&f);
}

static void deep_lines_are_refused(void **state)
{
    enum { DEPTH = 100000 };
    fixture f;
    char *text = malloc(DEPTH + 1);
    (void)state;
    assert_non_null(text);
    fixture_init(&f, "260");
    memset(text, '[', DEPTH);
    text[DEPTH] = '\0';
    refused(&f, text, INK_LIMIT, "line 1");
    free(text);
    fixture_deinit(&f);
}

static void a_template_is_needed(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, "chars"); /* a vocabulary without turns */
    refused(&f, "{\"messages\": [" TURN("user", "a") ", " TURN("assistant", "b") "]}",
            INK_BAD_ARGUMENT, "no chat template");
    added(&f, "{\"text\": \"hello\"}");
    expect_document(&f, 0, false, "hello<|endoftext|>");
    fixture_deinit(&f);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Ten times as many lines take ten times as long, give or take: a square would be a hundred. */
static void many_lines_take_their_time(void **state)
{
    static const char line[] = "{\"text\": \"hello\"}\n";
    enum { FEW = 4000, MANY = 10 * FEW };
    double taken[2];
    char *text = malloc(MANY * (sizeof line - 1) + 1);
    fixture f;
    (void)state;
    assert_non_null(text);
    fixture_init(&f, "260");
    for (size_t run = 0; run < 2; run++) {
        size_t n = run ? MANY : FEW;
        for (size_t i = 0; i < n; i++)
            memcpy(text + i * (sizeof line - 1), line, sizeof line);
        double begin = seconds();
        added(&f, text);
        taken[run] = seconds() - begin;
    }
    assert_int_equal(f.corpus.n_documents, FEW + MANY);
    if (!(taken[1] < 40 * taken[0]))
        fail_msg("%g s for %d lines, %g s for %d", taken[0], FEW, taken[1], MANY);
    free(text);
    fixture_deinit(&f);
}

/* ---- Plain text ------------------------------------------------------------------------------ */

/* A file is tokenized in parts, but is one document, in which all that follows is learned. */
static void long_texts_are_one_document(void **state)
{
    enum { N_BYTES = 17 << 20 };
    char *text = malloc(N_BYTES);
    fixture f;
    ink_error error = {0};
    (void)state;
    assert_non_null(text);
    fixture_init(&f, "260");
    for (size_t i = 0; i < N_BYTES; i++)
        text[i] = i % 61 == 60 ? '\n' : (char)('a' + i % 7);
    if (ink_corpus_add_text(&f.corpus, f.model, (ink_text){text, N_BYTES}, "t", false, &f.options,
                            &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(f.corpus.n_documents, 1);
    assert_int_equal(f.corpus.n_tokens, N_BYTES);
    for (size_t i = 0; i + 1 < N_BYTES; i++)
        if (f.corpus.targets[i] != f.corpus.tokens[i + 1])
            fail_msg("token %zu is not followed by what follows", i);
    assert_int_equal(f.corpus.targets[N_BYTES - 1], -1);
    free(text);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_end_with_an_end),
        cmocka_unit_test(completions_alone_are_learned),
        cmocka_unit_test(answers_alone_are_learned),
        cmocka_unit_test(injections_stay_text),
        cmocka_unit_test(long_ones_are_refused_or_cut),
        cmocka_unit_test(what_fits_is_learned),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(deep_lines_are_refused),
        cmocka_unit_test(a_template_is_needed),
        cmocka_unit_test(many_lines_take_their_time),
        cmocka_unit_test(long_texts_are_one_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
