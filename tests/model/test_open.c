/* Opening: options out of range, files that hold only a vocabulary, and what is warned of. */
#include "rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORIES "weights/stories260K.gguf"
#define BYTE_LEVEL "llama32-Q8_0"

typedef struct warnings {
    size_t n;
    char last[500];
} warnings;

static void keep_warning(void *context, ink_log_level level, const char *message)
{
    warnings *w = context;
    assert_int_equal(level, INK_LOG_WARNING);
    w->n++;
    (void)snprintf(w->last, sizeof w->last, "%s", message);
}

static ink_status open_shared(ink_model **model, const char *relative, ink_load load, int n_threads,
                              ink_error *error)
{
    char path[1024];
    ink_require_shared();
    return ink_model_open(model, ink_shared_path(relative, path, sizeof path),
                          &(ink_model_options){.load = load, .n_threads = n_threads}, error);
}

static void thread_counts(void **state)
{
    static const int wrong[] = {-1, -2147483647, 257, 2147483647};
    static const ink_load loads[] = {INK_LOAD_ALL, INK_LOAD_METADATA, INK_LOAD_VOCABULARY};
    ink_model *model = NULL, *none = NULL;
    ink_session *session = NULL;
    ink_session_plan plan;
    ink_error error;
    (void)state;
    assert_int_equal(open_shared(&model, STORIES, INK_LOAD_ALL, 0, &error), INK_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const ink_session_options options = {.n_threads = wrong[i]};
        for (size_t j = 0; j < sizeof loads / sizeof *loads; j++) {
            assert_int_equal(open_shared(&none, STORIES, loads[j], wrong[i], &error),
                             INK_BAD_ARGUMENT);
            assert_non_null(strstr(error.message, "threads; from 1 to 256"));
        }
        assert_int_equal(ink_session_new(&session, model, &options, &error), INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, "threads; from 1 to 256"));
        assert_int_equal(ink_session_plan_memory(model, &options, &plan, &error), INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, "threads; from 1 to 256"));
    }
    assert_null(none);
    assert_null(session);
    ink_model_free(model);
}

static void more_threads_need_more_work_space(void **state)
{
    ink_model *model = NULL;
    ink_session_plan one, many;
    ink_error error;
    (void)state;
    assert_int_equal(open_shared(&model, STORIES, INK_LOAD_METADATA, 1, &error), INK_OK);
    assert_int_equal(
        ink_session_plan_memory(model, &(ink_session_options){.n_threads = 1, .n_context = 64},
                                &one, &error),
        INK_OK);
    assert_int_equal(
        ink_session_plan_memory(model, &(ink_session_options){.n_threads = 256, .n_context = 64},
                                &many, &error),
        INK_OK);
    assert_int_equal(one.n_context, 64);
    assert_int_equal(one.cache_bytes, many.cache_bytes);
    assert_true(one.work_bytes < many.work_bytes);
    ink_model_free(model);
}

static void only_a_vocabulary(void **state)
{
    static const struct {
        const char *file, *architecture, *tokenizer, *pretokenizer;
        uint32_t n_vocab;
    } files[] = {
        {"vocab/ggml-vocab-llama-bpe.gguf", "llama", "gpt2", "llama-bpe", 128256},
        {"vocab/ggml-vocab-llama-spm.gguf", "llama", "llama", "", 32000},
        /* The architecture need not be one that Inkling runs. */
        {"vocab/ggml-vocab-gemma-4.gguf", "gemma4", "gemma4", "gemma4", 262144},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ink_model *model = NULL;
        ink_session *session = NULL;
        ink_model_info info;
        ink_model_format format;
        ink_session_plan plan;
        ink_error error;
        if (open_shared(&model, files[i].file, INK_LOAD_METADATA, 1, &error) != INK_OK)
            fail_msg("%s", error.message);
        ink_model_get_info(model, &info);
        assert_string_equal(info.architecture, files[i].architecture);
        assert_string_equal(info.tokenizer, files[i].tokenizer);
        assert_string_equal(info.pretokenizer, files[i].pretokenizer);
        assert_int_equal(info.n_vocab, files[i].n_vocab);
        assert_int_equal(info.n_parameters, 0);
        assert_false(ink_model_get_format(model, 0, &format));
        assert_int_equal(ink_session_plan_memory(model, NULL, &plan, &error), INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, files[i].file));
        assert_int_equal(ink_session_new(&session, model, NULL, &error), INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, files[i].file));
        ink_model_free(model);
    }
}

static void a_model_without_weights_does_not_run(void **state)
{
    ink_model *model = NULL;
    ink_error error;
    (void)state;
    assert_int_equal(
        open_shared(&model, "vocab/ggml-vocab-llama-spm.gguf", INK_LOAD_ALL, 1, &error),
        INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "a vocabulary only, no weights"));
    assert_null(model);
}

static void a_guessed_pretokenizer_is_warned_of(void **state)
{
    const ink_rewrite rewrite = {.model = BYTE_LEVEL,
                                 .keys = {{INK_KEY_DROP, "tokenizer.ggml.pre", 0, NULL}}};
    char folder[64], path[128];
    warnings w = {.n = 0};
    const ink_model_options options = {.log = {keep_warning, &w}, .load = INK_LOAD_VOCABULARY};
    ink_model *model = NULL;
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    ink_rewrite_model(&rewrite, path);
    if (ink_model_open(&model, path, &options, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(w.n, 1);
    assert_non_null(strstr(w.last, "tokenizer.ggml.pre"));
    assert_non_null(strstr(w.last, path));
    ink_model_free(model);
    ink_remove_folder(folder);

    char whole[1024];
    w.n = 0;
    assert_int_equal(
        ink_model_open(&model,
                       ink_shared_path("golden/models/" BYTE_LEVEL ".gguf", whole, sizeof whole),
                       &options, &error),
        INK_OK);
    assert_int_equal(w.n, 0);
    ink_model_free(model);
}

static void vectors_that_are_no_numbers_are_corrupt(void **state)
{
    static const int32_t tokens[] = {1, 2, 3};
    const ink_rewrite rewrite = {.model = "bert-Q8_0",
                                 .tensor = "blk.0.ffn_down.weight",
                                 .n_bytes = 2,
                                 .bytes = {0x00, 0x7e},
                                 .repeat = 34};
    char folder[64], path[128];
    float vector[128];
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    ink_rewrite_model(&rewrite, path);
    if (ink_model_open(&model, path, NULL, &error) != INK_OK ||
        ink_session_new(&session, model, NULL, &error) != INK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(ink_session_embed(session, tokens, 3, true, vector, &error), INK_CORRUPT);
    assert_non_null(strstr(error.message, path));
    ink_session_free(session);
    ink_model_free(model);
    ink_remove_folder(folder);
}

/* bert-Q8_0 has cls.bias and cls.output.bias, but not their weights. */
static void a_bias_left_out_is_warned_of(void **state)
{
    char path[1024];
    warnings w = {.n = 0};
    const ink_model_options options = {.log = {keep_warning, &w}, .load = INK_LOAD_METADATA};
    ink_model *model = NULL;
    ink_error error;
    (void)state;
    ink_require_shared();
    ink_shared_path("golden/models/bert-Q8_0.gguf", path, sizeof path);
    assert_int_equal(ink_model_open(&model, path, &options, &error), INK_OK);
    assert_int_equal(w.n, 2);
    assert_non_null(strstr(w.last, "cls.output.bias is left out: there is no cls.output.weight"));
    ink_model_free(model);
}

static void a_model_in_memory_is_the_same(void **state)
{
    static const int32_t tokens[] = {1, 2, 3};
    char path[1024];
    size_t n_bytes;
    ink_model *models[2] = {0};
    ink_session *sessions[2] = {0};
    ink_model_info info;
    ink_error error;
    (void)state;
    ink_require_shared();
    char *bytes = ink_read_file(ink_shared_path(STORIES, path, sizeof path), &n_bytes);
    assert_int_equal(ink_model_open(&models[0], path, NULL, &error), INK_OK);
    assert_int_equal(ink_model_open_memory(&models[1], bytes, n_bytes, "here", NULL, &error),
                     INK_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ink_session_new(&sessions[i], models[i], NULL, &error), INK_OK);
        assert_int_equal(ink_session_evaluate(sessions[i], tokens, 3, NULL, NULL, &error), INK_OK);
    }
    ink_model_get_info(models[1], &info);
    assert_memory_equal(ink_session_logits(sessions[0]), ink_session_logits(sessions[1]),
                        info.n_vocab * sizeof(float));
    for (size_t i = 0; i < 2; i++) {
        ink_session_free(sessions[i]);
        ink_model_free(models[i]);
    }
    const ink_model_options cached = {.pack_cache = "/nowhere"};
    ink_model *none = NULL;
    assert_int_equal(ink_model_open_memory(&none, bytes, n_bytes, "here", &cached, &error),
                     INK_BAD_ARGUMENT);
    assert_int_not_equal(ink_model_open_memory(&none, bytes, n_bytes / 2, "here", NULL, &error),
                         INK_OK);
    assert_non_null(strstr(error.message, "here"));
    assert_null(none);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_in_memory_is_the_same),
        cmocka_unit_test(thread_counts),
        cmocka_unit_test(more_threads_need_more_work_space),
        cmocka_unit_test(only_a_vocabulary),
        cmocka_unit_test(a_model_without_weights_does_not_run),
        cmocka_unit_test(a_guessed_pretokenizer_is_warned_of),
        cmocka_unit_test(a_bias_left_out_is_warned_of),
        cmocka_unit_test(vectors_that_are_no_numbers_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
