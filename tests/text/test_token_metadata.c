/*
 * From a file's metadata to a vocabulary: every known key with a wrong type, lists that disagree,
 * absent parts.
 */
#include "../support.h"

#include <stdio.h>
#include <string.h>
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "model/vocab_source.h"

#define KEY(name) "tokenizer.ggml." name

/* A file with a small vocabulary, and whatever the test changed in `writer` before. */
static ink_gguf_writer *small_file(void)
{
    static const ink_gguf_string tokens[] = {{"<unk>", 5}, {"<s>", 3}, {"</s>", 4}, {"a", 1}};
    static const float scores[] = {0, 0, 0, -1};
    static const int32_t types[] = {2, 3, 3, 1};
    ink_gguf_writer *writer = NULL;
    ink_error error = {0};
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_set_text(writer, KEY("model"), "llama", &error), INK_OK);
    assert_int_equal(ink_gguf_writer_set_strings(writer, KEY("tokens"), tokens, 4, &error), INK_OK);
    assert_int_equal(
        ink_gguf_writer_set_array(writer, KEY("scores"), INK_GGUF_F32, scores, 4, &error), INK_OK);
    assert_int_equal(
        ink_gguf_writer_set_array(writer, KEY("token_type"), INK_GGUF_I32, types, 4, &error),
        INK_OK);
    return writer;
}

/*
 * Writes the file, opens it and makes a vocabulary; ends the writer. `check` sees the vocabulary
 * when there is one.
 */
static ink_status open_written(ink_gguf_writer *writer, void (*check)(const ink_vocab *vocab),
                               ink_error *error)
{
    char folder[64], path[128];
    (void)snprintf(path, sizeof path, "%s/vocab.gguf", ink_temporary_folder(folder));
    assert_int_equal(ink_gguf_writer_begin(writer, path, error), INK_OK);
    assert_int_equal(ink_gguf_writer_commit(writer, error), INK_OK);
    ink_gguf_writer_free(writer);
    ink_gguf *gguf = NULL;
    ink_vocab *vocab = NULL;
    assert_int_equal(ink_gguf_open(&gguf, path, NULL, error), INK_OK);
    ink_status status = ink_model_vocab_open(&vocab, gguf, NULL, error);
    if (status == INK_OK && check)
        check(vocab);
    ink_vocab_free(vocab);
    ink_gguf_free(gguf);
    ink_remove_folder(folder);
    return status;
}

static void expect_refused(ink_gguf_writer *writer, ink_status status, const char *part)
{
    ink_error error = {0};
    assert_int_equal(open_written(writer, NULL, &error), status);
    if (!strstr(error.message, part))
        fail_msg("'%s' does not hold '%s'", error.message, part);
}

static void see_defaults(const ink_vocab *vocab)
{
    assert_int_equal(ink_vocab_n_tokens(vocab), 4);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_BOS), 1);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_PADDING), -1);
    assert_int_equal(ink_vocab_token_type(vocab, 3), INK_TOKEN_NORMAL);
    assert_true(ink_vocab_token_score(vocab, 3) == -1.0f);
    assert_true(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_BOS));
    assert_false(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_EOS));
}

static void see_choices(const ink_vocab *vocab)
{
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_BOS), 3);
    assert_int_equal(ink_vocab_role(vocab, INK_ROLE_PADDING), -1);
    assert_false(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_BOS));
    assert_true(ink_vocab_flag_value(vocab, INK_VOCAB_ADD_EOS));
}

static void check_values(void **state)
{
    (void)state;
    ink_error error = {0};
    assert_int_equal(open_written(small_file(), see_defaults, &error), INK_OK);
    ink_gguf_writer *writer = small_file();
    assert_int_equal(ink_gguf_writer_set_u32(writer, KEY("bos_token_id"), 3, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_set_u32(writer, KEY("padding_token_id"), UINT32_MAX, &error),
                     INK_OK);
    assert_int_equal(ink_gguf_writer_set_bool(writer, KEY("add_bos_token"), false, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_set_bool(writer, KEY("add_eos_token"), true, &error), INK_OK);
    assert_int_equal(open_written(writer, see_choices, &error), INK_OK);
}

/* Each key as a float, which none of them may be, or as an array of bools. */
static void check_wrong_types(void **state)
{
    (void)state;
    static const char *const keys[] = {KEY("model"),
                                       KEY("pre"),
                                       KEY("tokens"),
                                       KEY("merges"),
                                       KEY("scores"),
                                       KEY("token_type"),
                                       "general.name",
#define X(name, stem) KEY(stem "_token_id"),
                                       INK_TOKEN_ROLES(X)
#undef X
#define X(name, stem) KEY(stem),
                                           INK_VOCAB_FLAGS(X)
#undef X
    };
    static const bool truths[4] = {0};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        ink_error error = {0};
        ink_gguf_writer *writer = small_file();
        assert_int_equal(ink_gguf_writer_set_f32(writer, keys[i], 1, &error), INK_OK);
        expect_refused(writer, INK_CORRUPT, keys[i]);
        writer = small_file();
        assert_int_equal(
            ink_gguf_writer_set_array(writer, keys[i], INK_GGUF_BOOL, truths, 4, &error), INK_OK);
        expect_refused(writer, INK_CORRUPT, keys[i]);
    }
}

static void check_lists_that_disagree(void **state)
{
    (void)state;
    static const float scores[5] = {0};
    static const int32_t types[3] = {1, 1, 1};
    ink_error error = {0};
    ink_gguf_writer *writer = small_file();
    assert_int_equal(
        ink_gguf_writer_set_array(writer, KEY("scores"), INK_GGUF_F32, scores, 5, &error), INK_OK);
    expect_refused(writer, INK_CORRUPT, "4 tokens");
    writer = small_file();
    assert_int_equal(
        ink_gguf_writer_set_array(writer, KEY("token_type"), INK_GGUF_I32, types, 3, &error),
        INK_OK);
    expect_refused(writer, INK_CORRUPT, "4 tokens");
}

static void check_roles(void **state)
{
    (void)state;
    static const int64_t wrong[] = {4, -2, INT64_MAX, INT64_MIN, (int64_t)UINT32_MAX + 1};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ink_error error = {0};
        ink_gguf_writer *writer = small_file();
        assert_int_equal(ink_gguf_writer_set_number(writer, KEY("eos_token_id"), INK_GGUF_I64,
                                                    &wrong[i], &error),
                         INK_OK);
        expect_refused(writer, INK_CORRUPT, "eos_token_id");
    }
}

static void check_no_vocabulary(void **state)
{
    (void)state;
    ink_error error = {0};
    ink_gguf_writer *writer = NULL;
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_set_text(writer, "general.architecture", "llama", &error),
                     INK_OK);
    expect_refused(writer, INK_UNSUPPORTED, "no vocabulary");
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, &error), INK_OK);
    assert_int_equal(ink_gguf_writer_set_text(writer, KEY("model"), "llama", &error), INK_OK);
    expect_refused(writer, INK_UNSUPPORTED, "tokens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_values),
        cmocka_unit_test(check_wrong_types),
        cmocka_unit_test(check_lists_that_disagree),
        cmocka_unit_test(check_roles),
        cmocka_unit_test(check_no_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
