/*
 * Each step of tokenizer.json, before a text is cut, around it and on the way back: known and as it
 * is done here, or refused by name. And what HOSTILE lists of such files.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/status.h"
#include "convert/tokens.h"
#include "published.h"

#define SPACE "\xe2\x96\x81"
#define LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define BYTES                                                                             \
    "\"pre_tokenizer\":" LEVEL ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1," \
    "\"ab\":2,\"<s>\":3,\"</s>\":4,\"<t>\":5},\"merges\":[\"a b\"]}"
#define PIECES                                                                         \
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","    \
    "\"prepend\":\"" SPACE "\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"}," \
    "\"content\":\"" SPACE "\"}]},\"model\":{\"type\":\"BPE\",\"byte_fallback\":true," \
    "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
#define WORDS                                                                              \
    "\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":"            \
    "\"BertPreTokenizer\"},\"added_tokens\":[{\"id\":1,\"content\":\"[CLS]\",\"special\":" \
    "true},{\"id\":2,\"content\":\"[SEP]\",\"special\":true}],\"model\":{\"type\":"        \
    "\"WordPiece\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100," \
    "\"vocab\":{\"a\":0,\"[CLS]\":1,\"[SEP]\":2}}"
#define TOKEN(text) "{\"SpecialToken\":{\"id\":\"" text "\",\"type_id\":0}}"
#define TEXT "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define ENDS(single) "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" single "]}"
#define BACK(steps) "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[" steps "]}"
#define RETURN_SPACES                                                                  \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"" SPACE "\"},\"content\":\" \"}," \
    "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}"
#define STRIP(start) "{\"type\":\"Strip\",\"content\":\" \",\"start\":" start ",\"stop\":0}"

enum { N_ROWS = 16 };

static ink_arena arena;

static ink_status read_bytes(const char *text, size_t n, ink_hf_tokens *tokens, ink_error *error)
{
    ink_value json;
    *error = (ink_error){.status = INK_OK};
    ink_arena_deinit(&arena);
    ink_arena_init(&arena, NULL, 1 << 24);
    ink_hf_tokens_init(tokens, N_ROWS, &arena);
    INK_TRY(ink_document_parse((ink_text){text, n}, "tokenizer.json", &arena, &json, error));
    return ink_hf_tokens_read_json(tokens, json, true, error);
}

typedef struct a_case {
    const char *text;
    ink_status status;
    const char *message;
} a_case;

static void check(const a_case *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ink_hf_tokens tokens;
        ink_error error;
        ink_status status = read_bytes(rows[i].text, strlen(rows[i].text), &tokens, &error);
        if (status != rows[i].status ||
            (status != INK_OK && !strstr(error.message, rows[i].message)))
            fail_msg("%s: status %d, \"%s\"", rows[i].text, (int)status, error.message);
    }
}

static void steps(void **state)
{
    static const a_case rows[] = {
        /* On the way back. */
        {"{" BYTES ",\"decoder\":{\"type\":\"ByteLevel\"}}", INK_OK, ""},
        {"{" BYTES ",\"decoder\":null}", INK_OK, ""},
        {"{" BYTES ",\"decoder\":{\"type\":\"Metaspace\"}}", INK_UNSUPPORTED, "\"Metaspace\""},
        {"{" BYTES ",\"decoder\":{\"type\":\"CTC\"}}", INK_UNSUPPORTED, "step \"CTC\" is not"},
        {"{" BYTES ",\"decoder\":{}}", INK_UNSUPPORTED, "step \"\""},
        {"{" PIECES "," BACK(RETURN_SPACES "," STRIP("1")) "}", INK_OK, ""},
        {"{" PIECES "," BACK(RETURN_SPACES "," STRIP("2")) "}", INK_UNSUPPORTED, "\"Strip\""},
        {"{" PIECES "," BACK(RETURN_SPACES "," STRIP("0")) "}", INK_UNSUPPORTED, "\"Strip\""},
        {"{" PIECES "," BACK("{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":"
                             "\" \"}") "}",
         INK_UNSUPPORTED, "as set up, step \"Replace\""},
        {"{" PIECES ",\"decoder\":{\"type\":\"ByteLevel\"}}", INK_UNSUPPORTED, "\"ByteLevel\""},
        {"{" WORDS ",\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}}",
         INK_OK, ""},
        {"{" WORDS ",\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"@@\"}}", INK_UNSUPPORTED,
         "\"WordPiece\""},
        {"{" WORDS ",\"decoder\":{\"type\":\"BPEDecoder\"}}", INK_UNSUPPORTED, "BPEDecoder"},
        /* Around a text. */
        {"{" BYTES ",\"post_processor\":{\"type\":\"ByteLevel\",\"trim_offsets\":true}}", INK_OK,
         ""},
        {"{" BYTES "," ENDS(TEXT) "}", INK_OK, ""},
        {"{" BYTES "," ENDS(TOKEN("<s>") "," TEXT "," TOKEN("</s>")) "}", INK_OK, ""},
        {"{" BYTES "," ENDS(TOKEN("<s>") "," TOKEN("<t>") "," TEXT) "}", INK_UNSUPPORTED,
         "as set up, step \"TemplateProcessing\""},
        {"{" BYTES "," ENDS(TEXT "," TOKEN("<s>") "," TOKEN("<t>")) "}", INK_UNSUPPORTED,
         "Template"},
        {"{" BYTES "," ENDS(TEXT "," TEXT) "}", INK_UNSUPPORTED, "Template"},
        {"{" BYTES "," ENDS("") "}", INK_UNSUPPORTED, "Template"},
        {"{" BYTES "," ENDS(TOKEN("<none>") "," TEXT) "}", INK_UNSUPPORTED, "Template"},
        {"{" BYTES ",\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":"
         "\"TemplateProcessing\",\"single\":[" TEXT "]},{\"type\":\"TemplateProcessing\","
         "\"single\":[" TOKEN("<s>") "," TEXT "]}]}}",
         INK_UNSUPPORTED, "Template"},
        {"{" BYTES ",\"post_processor\":{\"type\":\"RobertaProcessing\"}}", INK_UNSUPPORTED,
         "step \"RobertaProcessing\" is not"},
        {"{" BYTES ",\"post_processor\":{\"type\":\"BertProcessing\"}}", INK_UNSUPPORTED,
         "BertProcessing"},
        {"{" WORDS "," ENDS(TOKEN("[CLS]") "," TEXT "," TOKEN("[SEP]")) "}", INK_OK, ""},
        {"{" WORDS "," ENDS(TOKEN("[CLS]") "," TEXT) "}", INK_UNSUPPORTED, "Template"},
        {"{" WORDS ",\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",2],"
         "\"cls\":[\"[CLS]\",1]}}",
         INK_OK, ""},
        /* Before it is cut. */
        {"{\"normalizer\":{\"type\":\"NFKC\"}," BYTES "}", INK_UNSUPPORTED, "step \"NFKC\""},
        {"{\"normalizer\":{\"type\":\"Precompiled\"}," BYTES "}", INK_UNSUPPORTED, "Precompiled"},
        {"{\"normalizer\":{\"type\":\"StripAccents\"}," BYTES "}", INK_UNSUPPORTED, "StripAccents"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punctuation\"}"
         "," LEVEL "]},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
         INK_UNSUPPORTED, "Punctuation"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
         "\"BertPreTokenizer\"}," LEVEL
         "]},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
         INK_UNSUPPORTED, "BertPreTokenizer"},
        /* Keys. */
        {"{\"version\":\"1.0\",\"truncation\":{\"max_length\":128},\"padding\":null," BYTES "}",
         INK_OK, ""},
        {"{\"chunking\":{\"n\":2}," BYTES "}", INK_UNSUPPORTED, "key \"chunking\""},
        {"{\"pre_tokenizer\":" LEVEL ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":"
         "[],\"max_piece\":4}}",
         INK_UNSUPPORTED, "key \"max_piece\""},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]],\"unk_id\":0}}", INK_UNSUPPORTED,
         "Unigram models are not run here"},
    };
    (void)state;
    check(rows, sizeof rows / sizeof *rows);
}

static void what_ends_become(void **state)
{
    ink_hf_tokens t;
    ink_error error;
    static const char text[] = "{" BYTES "," ENDS(TEXT "," TOKEN("</s>")) "}";
    (void)state;
    assert_int_equal(read_bytes(text, sizeof text - 1, &t, &error), INK_OK);
    assert_int_equal(t.source.flags[INK_VOCAB_ADD_BOS], INK_CHOICE_NO);
    assert_int_equal(t.source.flags[INK_VOCAB_ADD_EOS], INK_CHOICE_YES);
    assert_int_equal(t.source.roles[INK_ROLE_EOS], 4);
    assert_false(t.strips);
}

static void tokens_that_strip(void **state)
{
    ink_hf_tokens t;
    ink_error error;
    static const char text[] = "{\"added_tokens\":[{\"id\":3,\"content\":\"<s>\",\"rstrip\":true,"
                               "\"special\":true}]," BYTES "}";
    (void)state;
    assert_int_equal(read_bytes(text, sizeof text - 1, &t, &error), INK_OK);
    assert_true(t.strips);
}

/* ---- Hostile ones. */

#define MODEL(vocab, merges)                                                     \
    "{\"pre_tokenizer\":" LEVEL ",\"model\":{\"type\":\"BPE\",\"vocab\":{" vocab \
    "},\"merges\":[" merges "]}}"

static void hostile(void **state)
{
    static const a_case rows[] = {
        {MODEL("\"\":0,\"a\":1", ""), INK_OK, ""}, /* an empty token only decodes */
        {MODEL("\"\\u0000\":0,\"a\\u0000b\":1", ""), INK_OK, ""},
        {MODEL("\"\\u200b\":0,\"\\ufeff\":1", ""), INK_OK, ""}, /* without width */
        {MODEL("\"\\ud800\":0", ""), INK_CORRUPT, "tokenizer.json"},
        {MODEL("\"\\udc00\\ud800\":0", ""), INK_CORRUPT, "tokenizer.json"},
        {MODEL("\"a\":0,\"a\":1", ""), INK_CORRUPT, "the same key twice"},
        {MODEL("\"a\":-9223372036854775808", ""), INK_CORRUPT, "rows"},
        {MODEL("\"a\":9223372036854775808", ""), INK_CORRUPT, "no whole number"},
        {MODEL("\"a\":1e400", ""), INK_CORRUPT, ""},
        {MODEL("\"a\":0", "\"a  a\""), INK_CORRUPT, "merge 0"},
        {MODEL("\"a\":0", "\"\""), INK_CORRUPT, "merge 0"},
        {MODEL("\"a\":0", "[\"\",\"a\"]"), INK_CORRUPT, "merge 0"},
        {"{\"added_tokens\":[{\"id\":2147483647,\"content\":\"x\"}]," BYTES "}", INK_CORRUPT,
         "rows"},
        {"{\"added_tokens\":[{\"id\":-1,\"content\":\"x\"}]," BYTES "}", INK_CORRUPT, "rows"},
        {"{\"added_tokens\":[{\"id\":3,\"content\":7}]," BYTES "}", INK_CORRUPT, "no id"},
        {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"((a*)*)*b\"},"
         "\"behavior\":\"Isolated\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}",
         INK_UNSUPPORTED, ""},
    };
    (void)state;
    check(rows, sizeof rows / sizeof *rows);
}

/* "<0x41>" is a byte; what only looks like one is a text. */
static void tokens_like_bytes(void **state)
{
    static const struct {
        const char *text;
        int type;
    } rows[] = {{"<0x41>", INK_TOKEN_BYTE},    {"<0x-1>", INK_TOKEN_NORMAL},
                {"<0xZZ>", INK_TOKEN_NORMAL},  {"<0x1FF>", INK_TOKEN_NORMAL},
                {"<0x4>", INK_TOKEN_NORMAL},   {"<0x 1>", INK_TOKEN_NORMAL},
                {"<0x41> ", INK_TOKEN_NORMAL}, {"<0x>", INK_TOKEN_NORMAL}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        ink_hf_tokens t;
        ink_error error;
        int n = snprintf(text, sizeof text,
                         "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
                         "\"content\":\"" SPACE "\"},\"model\":{\"type\":\"BPE\","
                         "\"byte_fallback\":true,\"vocab\":{\"%s\":0},\"merges\":[]}}",
                         rows[i].text);
        if (read_bytes(text, (size_t)n, &t, &error) != INK_OK)
            fail_msg("%s: %s", rows[i].text, error.message);
        if (t.types[0] != rows[i].type)
            fail_msg("%s: type %d", rows[i].text, (int)t.types[0]);
    }
}

/* Bytes that are no UTF-8, in the file itself. */
static void broken_utf8(void **state)
{
    static const char text[] = MODEL("\"\xff\xfe\":0", "");
    ink_hf_tokens t;
    ink_error error;
    (void)state;
    ink_status status = read_bytes(text, sizeof text - 1, &t, &error);
    assert_true(status == INK_CORRUPT || (status == INK_OK && t.n_tokens == 1));
}

/* Steps in steps, as deep as JSON may be, and deeper. */
static void nested_steps(void **state)
{
    static const char open[] = "{\"type\":\"Sequence\",\"normalizers\":[";
    char text[32 * 200];
    (void)state;
    for (int depth = 10; depth <= 100; depth += 10) {
        ink_hf_tokens t;
        ink_error error;
        size_t n = (size_t)snprintf(text, sizeof text, "{\"normalizer\":");
        for (int i = 0; i < depth; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", open);
        for (int i = 0; i < depth; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "]}");
        n += (size_t)snprintf(text + n, sizeof text - n, "," BYTES "}");
        assert_true(n < sizeof text);
        ink_status status = read_bytes(text, n, &t, &error);
        assert_int_equal(status, depth <= 30 ? INK_OK : INK_LIMIT);
    }
}

/* More merges than there is memory for, and a file of more bytes than are read. */
static void endless_merges(void **state)
{
    enum { N_MERGES = 1000000, EACH = 6 };
    static const char head[] = "{\"pre_tokenizer\":" LEVEL
                               ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},"
                               "\"merges\":[";
    char *text = malloc(sizeof head + (size_t)N_MERGES * EACH + 4);
    ink_hf_tokens t;
    ink_error error;
    (void)state;
    assert_non_null(text);
    size_t n = sizeof head - 1;
    memcpy(text, head, n);
    for (size_t i = 0; i < N_MERGES; i++, n += EACH)
        memcpy(text + n, "\"a b\",", EACH);
    memcpy(text + n - 1, "]}}", 3);
    assert_int_equal(read_bytes(text, n + 2, &t, &error), INK_NO_MEMORY);
    free(text);
}

static void a_file_that_is_too_long(void **state)
{
    published p;
    char path[160];
    ink_error error;
    (void)state;
    published_make(&p, "F16");
    assert_int_equal(truncate(published_file(&p, "tokenizer.json", path), (64 << 20) + 1), 0);
    assert_int_equal(published_convert(&p, NULL, &error), INK_LIMIT);
    assert_non_null(strstr(error.message, "tokenizer.json"));
    assert_int_equal(truncate(published_file(&p, "config.json", path), (64 << 20) + 1), 0);
    assert_int_equal(published_convert(&p, NULL, &error), INK_LIMIT);
    assert_non_null(strstr(error.message, "config.json"));
    published_remove(&p);
}

/* ---- SentencePiece: the same of pieces. */

static void hostile_pieces(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        ink_status status;
    } rows[] = {
        {"\x0a\x02\x0a\x00\x12\x02\x18\x02", 8, INK_OK},                   /* empty */
        {"\x0a\x03\x0a\x01\x00\x12\x02\x18\x02", 9, INK_OK},               /* NUL */
        {"\x0a\x04\x0a\x02\xff\xfe\x12\x02\x18\x02", 10, INK_OK},          /* no UTF-8 */
        {"\x0a\x05\x0a\x01\x61\x18\x00\x12\x02\x18\x02", 11, INK_CORRUPT}, /* type 0 */
        {"\x0a\x0e\x0a\x01\x61\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x02\x18\x02", 20,
         INK_CORRUPT},                                                /* type -1 */
        {"\x12\x02\x18\x63\x0a\x03\x0a\x01\x61", 9, INK_UNSUPPORTED}, /* kind 99 */
        {"\x12\x0d\x18\x02\xc0\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x0a\x03\x0a\x01\x61", 20,
         INK_OK}, /* unknown: id 2^63 - 1 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_hf_tokens t;
        ink_error error = {.status = INK_OK};
        ink_arena_reset(&arena);
        ink_hf_tokens_init(&t, N_ROWS, &arena);
        ink_status status =
            ink_hf_tokens_read_spm(&t, (ink_text){rows[i].bytes, rows[i].n}, &error);
        if (status != rows[i].status)
            fail_msg("row %zu: status %d, \"%s\"", i, (int)status, error.message);
    }
}

/* More pieces than the embedding has rows. */
static void too_many_pieces(void **state)
{
    char bytes[5 * (N_ROWS + 1) + 4];
    ink_hf_tokens t;
    ink_error error;
    (void)state;
    for (size_t i = 0; i <= N_ROWS; i++)
        memcpy(bytes + 5 * i, "\x0a\x03\x0a\x01\x61", 5);
    memcpy(bytes + sizeof bytes - 4, "\x12\x02\x18\x02", 4);
    ink_arena_reset(&arena);
    ink_hf_tokens_init(&t, N_ROWS, &arena);
    assert_int_equal(ink_hf_tokens_read_spm(&t, (ink_text){bytes, sizeof bytes}, &error),
                     INK_CORRUPT);
    assert_non_null(strstr(error.message, "rows"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps),
        cmocka_unit_test(what_ends_become),
        cmocka_unit_test(tokens_that_strip),
        cmocka_unit_test(hostile),
        cmocka_unit_test(tokens_like_bytes),
        cmocka_unit_test(broken_utf8),
        cmocka_unit_test(nested_steps),
        cmocka_unit_test(endless_merges),
        cmocka_unit_test(a_file_that_is_too_long),
        cmocka_unit_test(hostile_pieces),
        cmocka_unit_test(too_many_pieces),
    };
    ink_arena_init(&arena, NULL, 1 << 24);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    ink_arena_deinit(&arena);
    return n_failed;
}
