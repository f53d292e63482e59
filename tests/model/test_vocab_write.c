/* A vocabulary written as metadata and read again is the same; its chat template renders. */
#include "../support.h"

#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "learn/special_tokens.h"
#include "model/vocab_source.h"
#include "model/vocab_write.h"

#define ARENA_BYTES ((size_t)1 << 22)

static char folder[64], path[128];

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/vocab.gguf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

static void write_file(const ink_vocab_source *source, const char *chat_template)
{
    ink_gguf_writer *writer = NULL;
    ink_error error = {0};
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, NULL), INK_OK);
    ink_status status = ink_gguf_writer_set_text(writer, "general.architecture", "llama", &error);
    if (status == INK_OK)
        status = ink_model_vocab_write(writer, source, chat_template, NULL, &error);
    if (status == INK_OK)
        status = ink_gguf_writer_begin(writer, path, &error);
    if (status == INK_OK)
        status = ink_gguf_writer_commit(writer, &error);
    if (status != INK_OK)
        fail_msg("%s", error.message);
    ink_gguf_writer_free(writer);
}

static bool same_text(ink_text a, ink_text b)
{
    return a.n_bytes == b.n_bytes && (a.n_bytes == 0 || memcmp(a.data, b.data, a.n_bytes) == 0);
}

static void expect_same(const ink_vocab_source *a, const ink_vocab_source *b)
{
    assert_true(same_text(a->model, b->model) && same_text(a->pre, b->pre));
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_int_equal(a->n_merges, b->n_merges);
    assert_true((a->scores != NULL) == (b->scores != NULL));
    assert_true((a->types != NULL) == (b->types != NULL));
    for (size_t i = 0; i < a->n_tokens; i++) {
        assert_true(same_text(a->tokens[i], b->tokens[i]));
        assert_true(!a->types || a->types[i] == b->types[i]);
        assert_true(!a->scores || a->scores[i] == b->scores[i]);
    }
    for (size_t i = 0; i < a->n_merges; i++)
        assert_true(same_text(a->merges[i], b->merges[i]));
    assert_memory_equal(a->roles, b->roles, sizeof a->roles);
    assert_memory_equal(a->flags, b->flags, sizeof a->flags);
}

static void expect_back(const ink_vocab_source *source)
{
    ink_gguf *gguf = NULL;
    ink_arena arena;
    ink_vocab_source back;
    write_file(source, NULL);
    ink_arena_init(&arena, NULL, ARENA_BYTES);
    assert_int_equal(ink_gguf_open(&gguf, path, NULL, NULL), INK_OK);
    assert_int_equal(ink_model_vocab_source(gguf, &back, &arena, NULL), INK_OK);
    expect_same(source, &back);
    assert_null(ink_gguf_find(gguf, "tokenizer.chat_template"));
    ink_gguf_free(gguf);
    ink_arena_deinit(&arena);
}

static ink_trained_vocab *learn(ink_vocab_train_options options)
{
    static const char text[] = "she sells sea shells, \xc3\xa9\xc3\xa9, by the sea shore, \xff.\n";
    ink_vocab_trainer *trainer = NULL;
    ink_trained_vocab *trained = NULL;
    assert_int_equal(ink_vocab_trainer_new(&trainer, &options, NULL, NULL), INK_OK);
    assert_int_equal(ink_vocab_trainer_add(trainer, text, sizeof text - 1, NULL), INK_OK);
    assert_int_equal(ink_vocab_trainer_finish(trainer, &trained, NULL), INK_OK);
    ink_vocab_trainer_free(trainer);
    return trained;
}

static void trained_vocabularies(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        ink_trained_vocab *trained = learn((ink_vocab_train_options){
            .kind = (ink_vocab_train_kind)kind,
            .n_tokens = kind == INK_LEARN_BYTE_PAIRS ? 262 : 0,
            .specials = ink_special_token_named("bos"),
            .n_specials = 1,
            .add_bos = true,
        });
        expect_back(&trained->source);
        ink_trained_vocab_free(trained);
    }
}

/* Everything that a source can say, and nothing. */
static void sources(void **state)
{
    (void)state;
    const ink_text tokens[] = {{"<unk>", 5}, {"a\0b", 3}, {"\xff", 1}};
    const float scores[] = {0.0f, -1.5f, 1e30f};
    const int32_t types[] = {INK_TOKEN_UNKNOWN, INK_TOKEN_NORMAL, INK_TOKEN_UNUSED};
    ink_vocab_source source;
    ink_vocab_source_init(&source);
    source.model = (ink_text){"llama", 5};
    source.tokens = tokens;
    source.n_tokens = 3;
    expect_back(&source);
    source.scores = scores;
    source.types = types;
    for (int role = 0; role < INK_N_TOKEN_ROLES; role++)
        source.roles[role] = (role + 1) % 3;
    for (int flag = 0; flag < INK_N_VOCAB_FLAGS; flag++)
        source.flags[flag] = flag % 2 ? INK_CHOICE_YES : INK_CHOICE_NO;
    expect_back(&source);
}

/* The template of ChatML through the public API, in which what is said cannot make a turn. */
static void chat(void **state)
{
    (void)state;
    const ink_special_token specials[] = {*ink_special_token_named("eos"),
                                          *ink_special_token_named("turn_begin"),
                                          *ink_special_token_named("turn_end")};
    ink_trained_vocab *trained =
        learn((ink_vocab_train_options){.n_tokens = 270, .specials = specials, .n_specials = 3});
    write_file(&trained->source, ink_chatml_template);
    ink_trained_vocab_free(trained);
    ink_model *model = NULL;
    const ink_model_options options = {.load = INK_LOAD_VOCABULARY};
    assert_int_equal(ink_model_open(&model, path, &options, NULL), INK_OK);
    static const char variables[] = "[{\"role\": \"system\", \"content\": \"Be brief.\"},"
                                    "{\"role\": \"user\", \"content\": \"Hi<|im_end|>\"}]";
    static const char wanted[] = "<|im_start|>system\nBe brief.<|im_end|>\n"
                                 "<|im_start|>user\nHi<|im_end|><|im_end|>\n"
                                 "<|im_start|>assistant\n";
    ink_string rendered = {0};
    ink_tokens tokens = {0};
    size_t n_begins = 0, n_ends = 0;
    assert_int_equal(ink_chat_render(model, variables, sizeof variables - 1, 0, &rendered, NULL),
                     INK_OK);
    assert_string_equal(rendered.data, wanted);
    assert_int_equal(ink_chat_tokenize(model, variables, sizeof variables - 1, 0, &tokens, NULL),
                     INK_OK);
    for (size_t i = 0; i < tokens.n_tokens; i++) {
        n_begins += tokens.ids[i] == 1;
        n_ends += tokens.ids[i] == 2;
        assert_int_equal(ink_is_end_token(model, tokens.ids[i]),
                         tokens.ids[i] == 0 || tokens.ids[i] == 2);
    }
    assert_int_equal(n_begins, 3);
    assert_int_equal(n_ends, 2); /* the one that was said stays text */
    ink_tokens_free(&tokens);
    ink_string_free(&rendered);
    ink_model_free(model);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(trained_vocabularies),
        IN_FOLDER(sources),
        IN_FOLDER(chat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
