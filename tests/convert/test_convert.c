/*
 * Folders and llama2.c files to GGUF: formats, names left out, tensors that are missing or too
 * many, values that no format holds, full disks; and what stood at the output stays when it fails.
 */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "format/gguf.h"
#include "published.h"

static published p;

static int make(void **state)
{
    (void)state;
    published_make(&p, "F32");
    return 0;
}

static int end(void **state)
{
    (void)state;
    published_remove(&p);
    return 0;
}

static void expect(ink_status wanted, const char *message)
{
    ink_error error;
    ink_status status = published_convert(&p, NULL, &error);
    if (status != wanted || (status != INK_OK && !strstr(error.message, message)))
        fail_msg("status %d, \"%s\", wanted \"%s\"", (int)status, error.message, message);
}

static float *logits_of(const char *path, size_t *n)
{
    static const int32_t tokens[] = {1, 5, 9, 30, 2, 77};
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_model_info info;
    ink_error error;
    if (ink_model_open(&model, path, &(ink_model_options){.n_threads = 1}, &error) != INK_OK ||
        ink_session_new(&session, model, &(ink_session_options){.n_threads = 1}, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_model_get_info(model, &info);
    *n = 6u * info.n_vocab;
    float *logits = calloc(*n, sizeof *logits);
    assert_int_equal(ink_session_evaluate(session, tokens, 6, logits, NULL, NULL), INK_OK);
    ink_session_free(session);
    ink_model_free(model);
    return logits;
}

static void assert_same_logits(const char *a, const char *b)
{
    size_t n, m;
    float *x = logits_of(a, &n), *y = logits_of(b, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * sizeof *x);
    free(x);
    free(y);
}

/* ---- Good ones. */

static void the_same_bits(void **state)
{
    (void)state;
    expect(INK_OK, "");
    assert_same_logits(p.model, p.out);
}

/* Those of one value each, and those that quantizing makes. */
static void formats(void **state)
{
    static const char *const types[] = {"F16", "bf16", "Q8_0", "Q4_0", "IQ4_NL"};
    ink_error error;
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ink_gguf *gguf;
        if (published_convert(&p, types[i], &error) != INK_OK)
            fail_msg("%s: %s", types[i], error.message);
        assert_int_equal(ink_gguf_open(&gguf, p.out, NULL, NULL), INK_OK);
        const ink_gguf_tensor *matrix = ink_gguf_find_tensor(gguf, "blk.0.ffn_up.weight");
        const ink_gguf_tensor *norm = ink_gguf_find_tensor(gguf, "blk.0.ffn_norm.weight");
        ink_format format;
        assert_true(ink_format_by_name(types[i], &format) && matrix->format == format);
        assert_int_equal(norm->format, INK_FORMAT_F32);
        ink_gguf_free(gguf);
    }
    assert_int_equal(published_convert(&p, "Q9", &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "there is no type \"Q9\"; there are F32"));
}

/* Byte by byte what `quantize` makes of the converted file, and nothing else is left beside it. */
static void as_quantize_does_it(void **state)
{
    static const char *const types[] = {"Q4_K_M", "Q5_1"};
    char quantized[160];
    ink_error error;
    (void)state;
    (void)snprintf(quantized, sizeof quantized, "%s/quantized.gguf", p.folder);
    for (size_t i = 0; i < 2; i++) {
        size_t n, m;
        const ink_quantizing options = {.type = types[i], .n_threads = 1};
        assert_int_equal(published_convert(&p, NULL, &error), INK_OK);
        if (ink_quantize_model(p.out, quantized, &options, &error) != INK_OK)
            fail_msg("%s", error.message);
        assert_int_equal(published_convert(&p, types[i], &error), INK_OK);
        char *a = ink_read_file(quantized, &n), *b = ink_read_file(p.out, &m);
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n);
        free(a);
        free(b);
        published_expect_alone(&p);
    }
}

static bool until(void *context, float part)
{
    float *most = context;
    return part < *most;
}

/* In either half; what stood there stays, and nothing else does. */
static void broken_off(void **state)
{
    (void)state;
    ink_write_file(p.out, "as it was", 9);
    for (float most = 0.2f; most < 1; most += 0.4f) {
        const ink_conversion conversion = {.type = "Q8_0", .progress = {until, &most}};
        size_t n;
        assert_int_equal(ink_convert(p.dir, p.out, &conversion, NULL), INK_CANCELLED);
        char *bytes = ink_read_file(p.out, &n);
        assert_int_equal(n, 9);
        free(bytes);
        published_expect_alone(&p);
    }
}

static void names_without_their_beginning(void **state)
{
    char path[160];
    size_t n;
    (void)state;
    char *bytes = ink_read_file(published_file(&p, "model.safetensors", path), &n);
    for (char *at = bytes + 8; at < bytes + n - 14; at++)
        if (memcmp(at, "\"model.", 7) == 0 && at[7] != 's') { /* "layers.0...": as long a header */
            char *close = strchr(at + 1, '"');
            memmove(at + 1, at + 7, (size_t)(close - at - 7));
            memcpy(close - 6, "\"     ", 6);
            memcpy(close, " ", 1);
        }
    ink_write_file(path, bytes, n);
    free(bytes);
    expect(INK_OK, "");
    assert_same_logits(p.model, p.out);
}

/* ---- Wrong ones. */

static void edit_weights(const char *old, const char *new)
{
    char path[160];
    size_t n, length = strlen(old);
    assert_int_equal(length, strlen(new));
    char *bytes = ink_read_file(published_file(&p, "model.safetensors", path), &n);
    size_t at = 8;
    while (at + length < n && memcmp(bytes + at, old, length) != 0)
        at++;
    assert_true(at + length < n);
    memcpy(bytes + at, new, length);
    ink_write_file(path, bytes, n);
    free(bytes);
}

static void a_tensor_that_nothing_reads(void **state)
{
    (void)state;
    edit_weights("layers.0.mlp.up_proj", "layers.0.mlp.xx_proj");
    expect(INK_UNSUPPORTED, "mlp.xx_proj.weight is not known");
}

static void a_tensor_that_is_missing(void **state)
{
    (void)state;
    edit_weights("layers.0.self_attn.q_proj", "layers.0.self_attn.x_proj");
    expect(INK_CORRUPT, "what blk.0.attn_q.weight is made of is missing");
}

static void a_shape_that_is_another(void **state)
{
    (void)state;
    published_edit(&p, "config.json", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4");
    expect(INK_CORRUPT, "blk.0.attn_k.weight is 32 x 16");
    assert_int_not_equal(access(p.out, F_OK), 0);
}

/* What config.json says of tensors and is not so, both ways; and of rows. */
static void tensors_that_are_other_than_said(void **state)
{
    (void)state;
    published_edit(&p, "config.json", "\"attention_bias\": false", "\"attention_bias\": true");
    expect(INK_CORRUPT, "attention_bias is not so: there are no tensors of this kind");
    published_edit(&p, "config.json", "\"attention_bias\": true", "\"attention_bias\": \"no\"");
    expect(INK_CORRUPT, "attention_bias");
    published_edit(&p, "config.json", "\"attention_bias\": \"no\"", "\"attention_bias\": null");
    expect(INK_OK, "");
    published_edit(&p, "config.json", "\"vocab_size\": ", "\"vocab_size\": 9");
    expect(INK_CORRUPT, "config.json: vocab_size is 9");
}

static void numbers_that_are_not_read(void **state)
{
    (void)state;
    edit_weights("\"dtype\":\"F32\"", "\"dtype\":\"I32\"");
    expect(INK_UNSUPPORTED, "is I32, not F32");
}

static void values_that_are_none(void **state)
{
    char path[160];
    size_t n;
    (void)state;
    char *bytes = ink_read_file(published_file(&p, "model.safetensors", path), &n);
    memset(bytes + n - 4, 0xff, 4);
    ink_write_file(path, bytes, n);
    free(bytes);
    ink_write_file(p.out, "as it was", 9);
    expect(INK_CORRUPT, "nan, which F32 cannot");
    bytes = ink_read_file(p.out, &n);
    assert_true(n == 9 && memcmp(bytes, "as it was", 9) == 0);
    free(bytes);
}

static void files_that_are_missing(void **state)
{
    static const char *const names[] = {"tokenizer.json", "model.safetensors", "config.json"};
    char path[160];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(unlink(published_file(&p, names[i], path)), 0);
        expect(INK_IO, names[i]);
    }
}

static void more_tokens_than_rows(void **state)
{
    (void)state;
    published_edit(&p, "tokenizer.json", "\"id\":0", "\"id\":264");
    expect(INK_CORRUPT, "the embedding has");
}

/* A limit on file sizes stands for a full disk. */
static void a_full_disk(void **state)
{
    struct rlimit before, small;
    char inside[160];
    ink_error error;
    (void)state;
    (void)snprintf(inside, sizeof inside, "%s/again", p.folder);
    const ink_conversion conversion = {.type = "F32"};
    ink_write_file(p.out, "as it was", 9);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 20000;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ink_status one = published_convert(&p, NULL, &error);
    ink_status two = ink_export(p.model, inside, &conversion, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, old);
    assert_int_equal(one, INK_IO);
    assert_int_equal(two, INK_IO);
    assert_int_not_equal(access(inside, F_OK), 0);
    (void)snprintf(inside, sizeof inside, "%s/again.unfinished", p.folder);
    assert_int_not_equal(access(inside, F_OK), 0);
    size_t n;
    char *bytes = ink_read_file(p.out, &n);
    assert_int_equal(n, 9);
    free(bytes);
}

static void exports_that_are_refused(void **state)
{
    char bert[1024];
    ink_error error;
    const ink_conversion q8 = {.type = "Q8_0"}, plain = {0}, own = {.tokenizer = "t"};
    (void)state;
    assert_int_equal(ink_export(p.model, p.dir, &plain, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "is there already"));
    assert_int_equal(ink_export(p.model, p.out, &q8, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_export(p.model, p.out, &own, &error), INK_BAD_ARGUMENT);
    assert_int_equal(ink_export(p.model, "", &plain, &error), INK_BAD_ARGUMENT);
    ink_require_shared();
    ink_shared_path("golden/models/qwen35-Q4_K_M.gguf", bert, sizeof bert);
    assert_int_equal(ink_export(bert, p.out, &plain, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "qwen35"));
    ink_shared_path("vocab/ggml-vocab-gpt-2.gguf", bert, sizeof bert);
    assert_int_equal(ink_export(bert, p.out, &plain, &error), INK_UNSUPPORTED);
}

/* ---- llama2.c. */

static char bin[1024], tok[1024], gguf[1024];

static ink_status convert_bin(const char *in, const char *tokenizer, ink_error *error)
{
    const ink_conversion conversion = {.tokenizer = tokenizer};
    return ink_convert(in, p.out, &conversion, error);
}

/* What the converter of its author's friends made of the same file. */
static void a_published_llama2c(void **state)
{
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_shared_path("weights/stories260K.bin", bin, sizeof bin);
    ink_shared_path("weights/tok512.bin", tok, sizeof tok);
    ink_shared_path("weights/stories260K.gguf", gguf, sizeof gguf);
    if (convert_bin(bin, tok, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_same_logits(gguf, p.out);
    ink_model *a, *b;
    assert_int_equal(ink_model_open(&a, gguf, NULL, NULL), INK_OK);
    assert_int_equal(ink_model_open(&b, p.out, NULL, NULL), INK_OK);
    assert_int_equal(ink_compare_vocabularies(a, b, &error), INK_OK);
    ink_model_free(a);
    ink_model_free(b);
}

static void hostile_llama2c(void **state)
{
    char path[160];
    size_t n, n_tokens;
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_shared_path("weights/stories260K.bin", bin, sizeof bin);
    ink_shared_path("weights/tok512.bin", tok, sizeof tok);
    char *bytes = ink_read_file(bin, &n), *tokens = ink_read_file(tok, &n_tokens);
    (void)snprintf(path, sizeof path, "%s/x.bin", p.folder);
    for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : 77777) {
        ink_write_file(path, bytes, cut);
        assert_int_equal(convert_bin(path, tok, &error), INK_CORRUPT);
    }
    for (size_t at = 0; at < 28; at += 4) /* each of its numbers */
        for (int value = 0; value < 256; value += 255) {
            char before[4];
            memcpy(before, bytes + at, 4);
            memset(bytes + at, value, 4);
            ink_write_file(path, bytes, n);
            assert_int_equal(convert_bin(path, tok, &error), INK_CORRUPT);
            memcpy(bytes + at, before, 4);
        }
    (void)snprintf(path, sizeof path, "%s/tokenizer.bin", p.folder);
    for (size_t cut = 0; cut < n_tokens; cut += 13) {
        ink_write_file(path, tokens, cut);
        assert_int_equal(convert_bin(bin, path, &error), INK_CORRUPT);
    }
    assert_int_equal(convert_bin(bin, "/no/such", &error), INK_IO);
    free(bytes);
    free(tokens);
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, make, end)
    const struct CMUnitTest tests[] = {
        FRESH(the_same_bits),
        FRESH(formats),
        FRESH(as_quantize_does_it),
        FRESH(broken_off),
        FRESH(names_without_their_beginning),
        FRESH(a_tensor_that_nothing_reads),
        FRESH(a_tensor_that_is_missing),
        FRESH(a_shape_that_is_another),
        FRESH(tensors_that_are_other_than_said),
        FRESH(numbers_that_are_not_read),
        FRESH(values_that_are_none),
        FRESH(files_that_are_missing),
        FRESH(more_tokens_than_rows),
        FRESH(a_full_disk),
        FRESH(exports_that_are_refused),
        FRESH(a_published_llama2c),
        FRESH(hostile_llama2c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
