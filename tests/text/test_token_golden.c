/*
 * Every stored vector of every vocabulary: ids for all four options, and the texts they decode to.
 */
#include "../support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "format/gguf.h"
#include "model/vocab_source.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

#define MAX_TEXT_BYTES ((size_t)1 << 20)

typedef struct loaded {
    ink_gguf *gguf;
    ink_vocab *vocab;
} loaded;

static loaded load(const char *relative)
{
    char path[4096];
    ink_error error = {0};
    loaded file = {0};
    if (ink_gguf_open(&file.gguf, ink_shared_path(relative, path, sizeof path), NULL, &error) !=
        INK_OK)
        fail_msg("%s", error.message);
    if (ink_model_vocab_open(&file.vocab, file.gguf, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    return file;
}

static void unload(loaded *file)
{
    ink_vocab_free(file->vocab);
    ink_gguf_free(file->gguf);
}

/* The ids as text, for messages. */
static char *print_ids(const ink_token_list *list)
{
    ink_buffer out;
    ink_buffer_init(&out, NULL, MAX_TEXT_BYTES);
    for (size_t i = 0; i < list->n_tokens; i++)
        ink_buffer_format(&out, "%d ", list->ids[i]);
    return out.data ? out.data : calloc(1, 1);
}

static bool same_ids(const ink_token_list *list, const json_t *expected)
{
    if (list->n_tokens != json_array_size(expected))
        return false;
    for (size_t i = 0; i < list->n_tokens; i++)
        if (json_integer_value(json_array_get(expected, i)) != list->ids[i])
            return false;
    return true;
}

/* 1 when the ids differ, after saying how. */
static int check_ids(const ink_vocab *vocab, ink_text text, ink_encode_options options,
                     const json_t *expected, const char *label)
{
    ink_token_list list;
    ink_error error = {0};
    ink_token_list_init(&list, NULL, MAX_TEXT_BYTES);
    int wrong = 0;
    if (ink_vocab_encode(vocab, text, options, &list, &error) != INK_OK) {
        print_error("%s: %s\n", label, error.message);
        wrong = 1;
    } else if (!same_ids(&list, expected)) {
        char *got = print_ids(&list), *want = json_dumps(expected, JSON_COMPACT);
        print_error("%s: '%.*s'\n  got  %s\n  want %s\n", label, (int)text.n_bytes, text.data, got,
                    want);
        free(got);
        free(want);
        wrong = 1;
    }
    ink_token_list_deinit(&list);
    return wrong;
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* The expected bytes: the key's text, or the bytes its _hex form spells. Ended by free(). */
static char *expected_bytes(const json_t *vector, const char *key, size_t *n_bytes)
{
    char hex_key[64];
    (void)snprintf(hex_key, sizeof hex_key, "%s_hex", key);
    const json_t *text = json_object_get(vector, key), *hex = json_object_get(vector, hex_key);
    assert_true(text || hex);
    *n_bytes = text ? json_string_length(text) : json_string_length(hex) / 2;
    char *bytes = calloc(*n_bytes + 1, 1);
    assert_non_null(bytes);
    if (text)
        memcpy(bytes, json_string_value(text), *n_bytes);
    for (size_t i = 0; !text && i < *n_bytes; i++) {
        const char *pair = json_string_value(hex) + 2 * i;
        bytes[i] = (char)(hex_value(pair[0]) * 16 + hex_value(pair[1]));
    }
    return bytes;
}

/* Feeding a stream gives the same as decoding at once. */
static void decode_stream(const ink_vocab *vocab, const ink_token_list *ids,
                          ink_decode_options options, ink_buffer *out)
{
    ink_detokenizer stream;
    ink_error error = {0};
    ink_detokenizer_init(&stream, vocab, options);
    for (size_t i = 0; i < ids->n_tokens; i++)
        assert_int_equal(ink_detokenizer_feed(&stream, ids->ids[i], out, &error), INK_OK);
    assert_int_equal(ink_detokenizer_flush(&stream, out, &error), INK_OK);
}

static bool same_bytes(const ink_buffer *got, const char *want, size_t n_bytes)
{
    return got->n_bytes == n_bytes && (n_bytes == 0 || memcmp(got->data, want, n_bytes) == 0);
}

static int check_text(const ink_vocab *vocab, const json_t *vector, const char *ids_key,
                      const char *text_key, bool render_special)
{
    ink_token_list ids;
    ink_buffer whole, raw, streamed;
    ink_error error = {0};
    ink_token_list_init(&ids, NULL, MAX_TEXT_BYTES);
    ink_buffer_init(&whole, NULL, MAX_TEXT_BYTES);
    ink_buffer_init(&raw, NULL, MAX_TEXT_BYTES);
    ink_buffer_init(&streamed, NULL, MAX_TEXT_BYTES);
    size_t index, n_want;
    const json_t *id;
    json_array_foreach(json_object_get(vector, ids_key), index, id)
        assert_true(ink_token_list_add(&ids, (int32_t)json_integer_value(id)));
    ink_decode_options clean = {.render_special = render_special, .clean_spaces = true};
    ink_decode_options as_is = {.render_special = render_special};
    assert_int_equal(ink_vocab_decode(vocab, ids.ids, ids.n_tokens, clean, &whole, &error), INK_OK);
    assert_int_equal(ink_vocab_decode(vocab, ids.ids, ids.n_tokens, as_is, &raw, &error), INK_OK);
    decode_stream(vocab, &ids, as_is, &streamed);
    assert_true(same_bytes(&streamed, raw.data ? raw.data : "", raw.n_bytes));
    char *want = expected_bytes(vector, text_key, &n_want);
    int wrong = same_bytes(&whole, want, n_want) ? 0 : 1;
    if (wrong)
        print_error("%s\n  got  '%.*s'\n  want '%.*s'\n", text_key, (int)whole.n_bytes, whole.data,
                    (int)n_want, want);
    free(want);
    ink_buffer_deinit(&streamed);
    ink_buffer_deinit(&raw);
    ink_buffer_deinit(&whole);
    ink_token_list_deinit(&ids);
    return wrong;
}

static int check_vector(const ink_vocab *vocab, const json_t *vector)
{
    static const struct {
        const char *key;
        ink_encode_options options;
    } forms[] = {
        {"ids", {0}},
        {"ids_special", {.add_special = true}},
        {"ids_parse", {.parse_special = true}},
        {"ids_special_parse", {.add_special = true, .parse_special = true}},
    };
    const json_t *text = json_object_get(vector, "text");
    ink_text view = {json_string_value(text), json_string_length(text)};
    int wrong = 0;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        wrong += check_ids(vocab, view, forms[i].options, json_object_get(vector, forms[i].key),
                           forms[i].key);
    wrong += check_text(vocab, vector, "ids", "detok", false);
    wrong += check_text(vocab, vector, "ids_special_parse", "detok_special_parse", true);
    return wrong;
}

static void check_lines(const char *name)
{
    ink_require_shared();
    char relative[256], path[4096];
    (void)snprintf(relative, sizeof relative, "vocab/ggml-vocab-%s.gguf", name);
    loaded file = load(relative);
    (void)snprintf(relative, sizeof relative, "golden/tokenizer/%s.jsonl", name);
    size_t n_bytes, n_vectors = 0;
    char *lines = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_bytes);
    int wrong = 0;
    for (char *line = lines; *line;) {
        size_t n = strcspn(line, "\n");
        json_error_t problem;
        json_t *vector = json_loadb(line, n, JSON_ALLOW_NUL, &problem);
        if (!vector)
            fail_msg("%s line %zu: %s", relative, n_vectors + 1, problem.text);
        wrong += check_vector(file.vocab, vector);
        json_decref(vector);
        n_vectors++;
        line += n + (line[n] == '\n');
    }
    free(lines);
    unload(&file);
    print_message("%s: %zu vectors, %d of %zu results wrong\n", name, n_vectors, wrong,
                  6 * n_vectors);
    assert_true(n_vectors >= 200);
    assert_int_equal(wrong, 0);
}

#define VOCABULARIES(X)       \
    X(bert_bge, "bert-bge")   \
    X(falcon, "falcon")       \
    X(gemma_4, "gemma-4")     \
    X(gpt_2, "gpt-2")         \
    X(llama_bpe, "llama-bpe") \
    X(llama_spm, "llama-spm") \
    X(phi_3, "phi-3")         \
    X(qwen2, "qwen2")         \
    X(starcoder, "starcoder")
#define X(id, name)                                \
    static void check_##id##_vectors(void **state) \
    {                                              \
        (void)state;                               \
        check_lines(name);                         \
    }
VOCABULARIES(X)
#undef X

/*
 * The vectors distributed beside the vocabularies: texts between marks, one line of ids each, no
 * special tokens.
 */
static int check_distributed(const char *name)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    char relative[256], path[4096];
    (void)snprintf(relative, sizeof relative, "vocab/ggml-vocab-%s.gguf", name);
    loaded file = load(relative);
    size_t n_in, n_out;
    (void)snprintf(relative, sizeof relative, "vocab/ggml-vocab-%s.gguf.inp", name);
    char *texts = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_in);
    (void)snprintf(relative, sizeof relative, "vocab/ggml-vocab-%s.gguf.out", name);
    char *ids = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_out);
    int wrong = 0, n = 0;
    char *line = ids;
    for (char *text = texts, *end; (end = strstr(text, mark)); text = end + strlen(mark), n++) {
        json_t *expected = json_array();
        char *stop = line + strcspn(line, "\n");
        for (char *next; line < stop; line = next) {
            long id = strtol(line, &next, 10);
            if (next == line)
                break;
            json_array_append_new(expected, json_integer(id));
        }
        wrong += check_ids(file.vocab, (ink_text){text, (size_t)(end - text)},
                           (ink_encode_options){0}, expected, name);
        line = stop + 1;
        json_decref(expected);
    }
    free(ids);
    free(texts);
    unload(&file);
    print_message("%s: %d distributed vectors, %d wrong\n", name, n, wrong);
    assert_true(n >= 40);
    return wrong;
}

static void check_distributed_vectors(void **state)
{
    (void)state;
    ink_require_shared();
    int wrong = 0;
#define X(id, name) wrong += check_distributed(name);
    VOCABULARIES(X)
#undef X
    assert_int_equal(wrong, 0);
}

/* The small vocabularies inside the golden models. */
static void check_model_texts(void **state)
{
    (void)state;
    ink_require_shared();
    char path[4096], relative[512];
    json_t *index =
        json_load_file(ink_shared_path("golden/index.json", path, sizeof path), 0, NULL);
    assert_non_null(index);
    size_t at, i, n_texts = 0;
    json_t *entry, *text;
    int wrong = 0;
    json_array_foreach(json_object_get(index, "cases"), at, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "file"));
        (void)snprintf(relative, sizeof relative, "golden/%s%s",
                       strncmp(name, "models/", 7) ? "models/" : "", name);
        loaded file = load(relative);
        json_array_foreach(json_object_get(entry, "text"), i, text)
        {
            const json_t *string = json_object_get(text, "text");
            ink_text view = {json_string_value(string), json_string_length(string)};
            wrong += check_ids(file.vocab, view, (ink_encode_options){.add_special = true},
                               json_object_get(text, "ids"), name);
            n_texts++;
        }
        unload(&file);
    }
    json_decref(index);
    print_message("models: %zu texts, %d wrong\n", n_texts, wrong);
    assert_true(n_texts >= 77);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define X(id, name) cmocka_unit_test(check_##id##_vectors),
        VOCABULARIES(X)
#undef X
            cmocka_unit_test(check_distributed_vectors),
        cmocka_unit_test(check_model_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
