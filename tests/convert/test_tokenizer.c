/* tokenizer.json and tokenizer.model: what they become, and hostile ones. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include "base/status.h"
#include "convert/tokens.h"
#include "format/gguf.h"

#define SPACE "\xe2\x96\x81"
#define QWEN2                                                                         \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| " \
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define LEVEL(regex) "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":" regex "}"
#define SPLIT(pattern)                                                                      \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":" \
    "\"" pattern "\"},\"behavior\":\"Isolated\",\"invert\":false}," LEVEL("false") "]}"
#define BPE(vocab, merges) "{\"type\":\"BPE\",\"vocab\":{" vocab "},\"merges\":[" merges "]}"
#define ABC "\"a\":0,\"b\":1,\"ab\":2"
#define FALLBACK                                                                               \
    "{\"type\":\"BPE\",\"byte_fallback\":true,\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0," \
    "\"a\":1,"                                                                                 \
    "\"b\":2,\"ab\":3,\"<0x41>\":4},\"merges\":[[\"a\",\"b\"]]}"
#define PREPEND                                                                                 \
    "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"" SPACE "\"}," \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" SPACE "\"}]}"

enum { N_ROWS = 8 };

static ink_arena arena;

static ink_status read_json(const char *text, bool clean, ink_hf_tokens *tokens, ink_error *error)
{
    ink_value json;
    *error = (ink_error){.status = INK_OK};
    ink_arena_deinit(&arena);
    ink_arena_init(&arena, NULL, 1 << 24);
    ink_hf_tokens_init(tokens, N_ROWS, &arena);
    INK_TRY(
        ink_document_parse((ink_text){text, strlen(text)}, "tokenizer.json", &arena, &json, error));
    return ink_hf_tokens_read_json(tokens, json, clean, error);
}

static bool is(ink_text text, const char *wanted)
{
    return text.n_bytes == strlen(wanted) &&
           (text.n_bytes == 0 || memcmp(text.data, wanted, text.n_bytes) == 0);
}

static void good_ones(void **state)
{
    static const struct {
        const char *text;
        bool clean;
        const char *model, *pre;
    } rows[] = {
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE(ABC, "\"a b\"") "}", true, "gpt2",
         "gpt-2"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE(ABC, "\"a b\"") "}", false, "gpt2",
         "trillion"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\","
         "\"individual_digits\":true}," LEVEL("true") "]},\"model\":" BPE(ABC, "") "}",
         false, "gpt2", "smollm"},
        {"{\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":" SPLIT(QWEN2) ",\"model\":" BPE(
             ABC, "[\"a\",\"b\"]") "}",
         false, "gpt2", "qwen2"},
        {"{\"normalizer\":" PREPEND ",\"pre_tokenizer\":null,\"model\":" FALLBACK "}", false,
         "llama", ""},
        {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" SPACE
         "\",\"prepend_scheme\":\"never\"},\"model\":" FALLBACK "}",
         false, "llama", ""},
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},\"pre_tokenizer\":{"
         "\"type\":\"BertPreTokenizer\"},\"model\":{\"type\":\"WordPiece\","
         "\"continuing_subword_prefix\":\"##\",\"vocab\":{\"[UNK]\":0,\"a\":1,\"##b\":2}}}",
         false, "bert", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_hf_tokens tokens;
        ink_error error;
        if (read_json(rows[i].text, rows[i].clean, &tokens, &error) != INK_OK)
            fail_msg("%s: %s", rows[i].text, error.message);
        assert_true(is(tokens.source.model, rows[i].model));
        assert_true(is(tokens.source.pre, rows[i].pre));
        if (strcmp(rows[i].model, "llama") == 0) {
            assert_true(tokens.types[0] == INK_TOKEN_UNKNOWN && tokens.types[4] == INK_TOKEN_BYTE);
            assert_true(tokens.scores[3] == 0 && tokens.scores[1] < -1e8f);
            assert_int_equal(tokens.source.flags[INK_VOCAB_ADD_SPACE_PREFIX],
                             i == 4 ? INK_CHOICE_YES : INK_CHOICE_NO);
        }
        if (strcmp(rows[i].model, "bert") == 0) {
            assert_true(is(tokens.texts[1], SPACE "a") && is(tokens.texts[2], "b"));
        }
    }
}

static void added_tokens_and_ends(void **state)
{
    ink_hf_tokens t;
    ink_error error;
    (void)state;
    assert_int_equal(
        read_json("{\"added_tokens\":[{\"id\":3,\"content\":\"<s>\",\"special\":true},{\"id\":5,"
                  "\"content\":\"<x>\",\"special\":false}],\"pre_tokenizer\":" LEVEL(
                      "true") ",\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{"
                              "\"type\":\"ByteLevel\"},{\"type\":\"TemplateProcessing\","
                              "\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{"
                              "\"Sequence\":{\"id\":\"A\"}}]}]},\"model\":" BPE(ABC, "") "}",
                  true, &t, &error),
        INK_OK);
    assert_int_equal(t.n_tokens, 6);
    assert_true(t.types[3] == INK_TOKEN_CONTROL && t.types[5] == INK_TOKEN_USER_DEFINED);
    assert_true(t.types[4] == 0 && t.source.roles[INK_ROLE_BOS] == 3);
    assert_true(t.source.flags[INK_VOCAB_ADD_BOS] == INK_CHOICE_YES &&
                t.source.flags[INK_VOCAB_ADD_EOS] == INK_CHOICE_NO);
}

static void hostile_json(void **state)
{
    static const struct {
        const char *text;
        ink_status status;
        const char *message;
    } rows[] = {
        {"{}", INK_UNSUPPORTED, "these steps, type"},
        {"{\"model\":7}", INK_UNSUPPORTED, "these steps, type"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]]}}", INK_UNSUPPORTED, "Unigram"},
        {"{\"model\":" BPE(ABC, "") "}", INK_UNSUPPORTED, "type \"BPE\""},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":{\"type\":\"BPE\",\"vocab\":[],"
                                             "\"merges\":[]}}",
         INK_CORRUPT, "no model with a vocab"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE("", "") "}", INK_CORRUPT,
         "no tokens"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE("\"a\":-1", "") "}", INK_CORRUPT,
         "8 rows"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE("\"a\":2147483648", "") "}",
         INK_CORRUPT, "8 rows"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE("\"a\":1.5", "") "}", INK_CORRUPT,
         "no whole number"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE("\"a\":1,\"b\":1", "") "}",
         INK_CORRUPT, "same id"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE(ABC, "\"a c\"") "}", INK_CORRUPT,
         "merge 0"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE(ABC, "\"ab\"") "}", INK_CORRUPT,
         "merge 0"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE(ABC, "\" \"") "}", INK_CORRUPT,
         "merge 0"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE(ABC, "[\"a\"]") "}", INK_CORRUPT,
         "no two texts"},
        {"{\"pre_tokenizer\":" LEVEL("true") ",\"model\":" BPE(ABC, "7") "}", INK_CORRUPT,
         "no two texts"},
        {"{\"pre_tokenizer\":" SPLIT("(a+)+$") ",\"model\":" BPE(ABC, "") "}", INK_UNSUPPORTED,
         "cutting words by the pattern \"(a+)+$\""},
        {"{\"pre_tokenizer\":" SPLIT("x") ",\"normalizer\":{\"type\":\"Lowercase\"},\"model\":" BPE(
             ABC, "") "}",
         INK_UNSUPPORTED, "step \"Lowercase\""},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true},\"model\":" BPE(
             ABC, "") "}",
         INK_UNSUPPORTED, "ByteLevel"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\"},\"model\":" BPE(ABC, "") "}", INK_UNSUPPORTED,
         "these steps"},
        {"{\"pre_tokenizer\":{},\"model\":" BPE(ABC, "") "}", INK_UNSUPPORTED, "step \"\""},
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false},\"model\":{\"type\":"
         "\"WordPiece\",\"continuing_subword_prefix\":\"##\",\"vocab\":{\"a\":0}}}",
         INK_UNSUPPORTED, "BertNormalizer"},
        {"{\"added_tokens\":[{\"id\":9,\"content\":\"x\"}],\"pre_tokenizer\":" LEVEL(
             "true") ",\"model\":" BPE(ABC, "") "}",
         INK_CORRUPT, "8 rows"},
        {"{\"added_tokens\":[{\"content\":\"x\"}],\"pre_tokenizer\":" LEVEL(
             "true") ",\"model\":" BPE(ABC, "") "}",
         INK_CORRUPT, "no id"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_hf_tokens tokens;
        ink_error error;
        ink_status status = read_json(rows[i].text, true, &tokens, &error);
        if (status != rows[i].status || !strstr(error.message, rows[i].message))
            fail_msg("%s: status %d, \"%s\"", rows[i].text, (int)status, error.message);
    }
}

/* ---- SentencePiece. */

/* The published vocabulary, and what its author's converter made of it. */
static void a_published_spm(void **state)
{
    char path[1024];
    size_t n;
    ink_hf_tokens t;
    ink_gguf *gguf;
    ink_buffer out;
    const ink_gguf_value *texts, *types;
    (void)state;
    ink_require_shared();
    char *bytes = ink_read_file(ink_shared_path("weights/tok512.model", path, sizeof path), &n);
    ink_hf_tokens_init(&t, 512, &arena);
    assert_int_equal(ink_hf_tokens_read_spm(&t, (ink_text){bytes, n}, NULL), INK_OK);
    assert_int_equal(t.n_tokens, 512);
    ink_shared_path("weights/stories260K.gguf", path, sizeof path);
    assert_int_equal(ink_gguf_open(&gguf, path, NULL, NULL), INK_OK);
    texts = ink_gguf_find(gguf, "tokenizer.ggml.tokens");
    types = ink_gguf_find(gguf, "tokenizer.ggml.token_type");
    for (size_t i = 0; i < 512; i++) {
        int64_t type;
        ink_gguf_string text = ink_gguf_item_string(texts, i);
        assert_true(ink_gguf_item_i64(types, i, &type) && type == t.types[i]);
        assert_int_equal(text.n_bytes, t.texts[i].n_bytes);
        assert_memory_equal(text.text, t.texts[i].data, text.n_bytes);
        assert_true(i < 260 || t.scores[i] == -(float)(i - 259));
    }
    /* Written and read again it is the same. */
    ink_hf_tokens again;
    ink_vocab_source source = t.source;
    source.tokens = t.texts;
    source.types = t.types;
    source.scores = t.scores;
    source.n_tokens = t.n_tokens;
    ink_buffer_init(&out, NULL, 1 << 20);
    assert_int_equal(ink_spm_write(&source, &out, NULL), INK_OK);
    ink_hf_tokens_init(&again, 512, &arena);
    assert_int_equal(ink_hf_tokens_read_spm(&again, (ink_text){out.data, out.n_bytes}, NULL),
                     INK_OK);
    assert_int_equal(again.n_tokens, 512);
    assert_memory_equal(again.types, t.types, 512 * sizeof *t.types);
    assert_memory_equal(again.scores, t.scores, 512 * sizeof *t.scores);
    assert_memory_equal(again.source.roles, t.source.roles, sizeof t.source.roles);
    assert_memory_equal(again.source.flags, t.source.flags, sizeof t.source.flags);
    /* Cut anywhere it is no longer what it was, and never more than an error. */
    for (size_t cut = 0; cut < n; cut++) {
        ink_hf_tokens part;
        ink_arena_reset(&arena);
        ink_hf_tokens_init(&part, 512, &arena);
        char *exact = malloc(cut + 1);
        memcpy(exact, bytes, cut);
        ink_status status = ink_hf_tokens_read_spm(&part, (ink_text){exact, cut}, NULL);
        assert_true(status == INK_CORRUPT || (cut > 7000 && status != INK_NO_MEMORY));
        free(exact);
    }
    ink_buffer_deinit(&out);
    ink_gguf_free(gguf);
    free(bytes);
}

static void hostile_spm(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        ink_status status;
    } rows[] = {
        {"", 0, INK_CORRUPT},
        {"\x0a", 1, INK_CORRUPT},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, INK_CORRUPT}, /* 2^64 - 1 bytes */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, INK_CORRUPT},
        {"\x0b\x0c", 2, INK_CORRUPT},             /* a group */
        {"\x0a\x03\x0a\x05\x61", 5, INK_CORRUPT}, /* text beyond its piece */
        {"\x0a\x05\x0a\x01\x61\x18\x09\x12\x02\x18\x02", 11, INK_CORRUPT}, /* type 9 */
        {"\x0a\x03\x0a\x01\x61\x12\x02\x18\x01", 9, INK_UNSUPPORTED},      /* unigrams */
        {"\x0a\x03\x0a\x01\x61", 5, INK_CORRUPT},                          /* no trainer */
        {"\x12\x02\x18\x02", 4, INK_CORRUPT},                              /* no pieces */
        {"\x0a\x03\x0a\x01\x61\x12\x02\x18\x02", 9, INK_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_hf_tokens t;
        ink_error error = {.status = INK_OK};
        ink_hf_tokens_init(&t, N_ROWS, &arena);
        ink_status status =
            ink_hf_tokens_read_spm(&t, (ink_text){rows[i].bytes, rows[i].n}, &error);
        if (status != rows[i].status)
            fail_msg("row %zu: status %d, \"%s\"", i, (int)status, error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),    cmocka_unit_test(added_tokens_and_ends),
        cmocka_unit_test(hostile_json), cmocka_unit_test(a_published_spm),
        cmocka_unit_test(hostile_spm),
    };
    ink_arena_init(&arena, NULL, 1 << 24);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    ink_arena_deinit(&arena);
    return n_failed;
}
