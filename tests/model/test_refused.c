/*
 * Models that are not what they say: a small golden model, rewritten with one thing changed, must
 * be refused with a message that names it, or run to a clear end.
 */
#include "../support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/gguf.h"
#include "format/gguf_writer.h"

#define MODEL "golden/models/llama-gqa-Q4_0.gguf"
#define EXPERTS "golden/models/llama-moe-Q4_K_M.gguf"

/* What is changed. An empty field: nothing. */
typedef struct change {
    const char *base;    /* the model to begin with; NULL: MODEL */
    const char *integer; /* this key gets `number` */
    uint32_t number;
    const char *real; /* this key gets `value` */
    float value;
    const char *text;    /* this key gets a string in place of a number */
    const char *without; /* this tensor is left out */
    bool extra;          /* a tensor that no architecture knows is added */
    bool not_a_number;   /* the scales of the output's first block become NaN */
    ink_status status;
    const char *says; /* part of the message */
} change;

static const change changes[] = {
    {.integer = "llama.block_count",
     .number = 0x80000000u,
     .status = INK_CORRUPT,
     .says = "block_count"},
    {.integer = "llama.block_count", .number = 0, .status = INK_CORRUPT, .says = "block_count"},
    {.integer = "llama.block_count", .number = 3, .status = INK_CORRUPT, .says = "blk.2."},
    {.integer = "llama.block_count", .number = 1, .status = INK_UNSUPPORTED, .says = "blk.1."},
    {.integer = "llama.attention.head_count", .number = 0, .status = INK_CORRUPT, .says = "heads"},
    {.integer = "llama.attention.head_count",
     .number = 7,
     .status = INK_CORRUPT,
     .says = "multiple"},
    {.integer = "llama.attention.head_count_kv",
     .number = 3,
     .status = INK_CORRUPT,
     .says = "multiple"},
    {.integer = "llama.attention.key_length",
     .number = 0xffffffffu,
     .status = INK_CORRUPT,
     .says = "width of a head"},
    {.integer = "llama.rope.dimension_count",
     .number = 31,
     .status = INK_CORRUPT,
     .says = "rope.dimension_count"},
    {.integer = "llama.rope.dimension_count",
     .number = 64,
     .status = INK_CORRUPT,
     .says = "rope.dimension_count"},
    {.integer = "llama.context_length",
     .number = 0x80000000u,
     .status = INK_CORRUPT,
     .says = "context_length"},
    {.integer = "llama.embedding_length",
     .number = 512,
     .status = INK_CORRUPT,
     .says = "token_embd.weight"},
    {.integer = "llama.feed_forward_length",
     .number = 0,
     .status = INK_CORRUPT,
     .says = "feed_forward_length"},
    {.base = EXPERTS,
     .integer = "llama.expert_used_count",
     .number = 5,
     .status = INK_CORRUPT,
     .says = "expert_used_count"},
    {.base = EXPERTS,
     .integer = "llama.expert_count",
     .number = 100000,
     .status = INK_CORRUPT,
     .says = "expert_count"},
    {.integer = "tokenizer.ggml.bos_token_id", .number = 544, .status = INK_CORRUPT, .says = "bos"},
    {.real = "llama.attention.layer_norm_rms_epsilon",
     .value = 0,
     .status = INK_CORRUPT,
     .says = "epsilon"},
    {.real = "llama.attention.layer_norm_rms_epsilon",
     .value = -1,
     .status = INK_CORRUPT,
     .says = "epsilon"},
    {.real = "llama.attention.layer_norm_rms_epsilon",
     .value = NAN,
     .status = INK_CORRUPT,
     .says = "epsilon"},
    {.real = "llama.rope.freq_base", .value = 0, .status = INK_CORRUPT, .says = "freq_base"},
    {.real = "llama.rope.scaling.factor",
     .value = NAN,
     .status = INK_CORRUPT,
     .says = "rope.scaling.factor"},
    {.real = "llama.rope.scaling.factor",
     .value = -4,
     .status = INK_CORRUPT,
     .says = "rope.scaling.factor"},
    {.text = "llama.block_count", .status = INK_CORRUPT, .says = "llama.block_count"},
    {.without = "blk.1.ffn_norm.weight", .status = INK_CORRUPT, .says = "blk.1.ffn_norm.weight"},
    {.without = "token_embd.weight", .status = INK_CORRUPT, .says = "token_embd.weight"},
    {.extra = true, .status = INK_UNSUPPORTED, .says = "blk.0.mystery.weight"},
    {.not_a_number = true, .status = INK_CORRUPT, .says = "not a number"},
};

static void copy_metadata(ink_gguf_writer *writer, const ink_gguf *gguf, const change *c)
{
    for (size_t i = 0; i < ink_gguf_n_values(gguf); i++) {
        const ink_gguf_value *value = ink_gguf_get_value(gguf, i);
        bool changed = (c->integer && strcmp(value->key, c->integer) == 0) ||
                       (c->real && strcmp(value->key, c->real) == 0) ||
                       (c->text && strcmp(value->key, c->text) == 0);
        if (!changed)
            assert_int_equal(ink_gguf_writer_set_value(writer, value->key, value, NULL), INK_OK);
    }
    if (c->integer)
        assert_int_equal(ink_gguf_writer_set_u32(writer, c->integer, c->number, NULL), INK_OK);
    if (c->real)
        assert_int_equal(ink_gguf_writer_set_f32(writer, c->real, c->value, NULL), INK_OK);
    if (c->text)
        assert_int_equal(ink_gguf_writer_set_text(writer, c->text, "two", NULL), INK_OK);
}

static bool kept(const ink_gguf_tensor *tensor, const change *c)
{
    return !c->without || strcmp(tensor->name, c->without) != 0;
}

static void copy_data(ink_gguf_writer *writer, const ink_gguf *gguf, const change *c)
{
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        if (!kept(tensor, c))
            continue;
        uint8_t *bytes = malloc((size_t)tensor->n_bytes);
        assert_int_equal(ink_gguf_read(gguf, tensor, 0, (size_t)tensor->n_bytes, bytes, NULL),
                         INK_OK);
        if (c->not_a_number && strcmp(tensor->name, "blk.0.attn_q.weight") == 0)
            bytes[0] = 0xff, bytes[1] = 0x7f;
        assert_int_equal(ink_gguf_writer_write(writer, bytes, (size_t)tensor->n_bytes, NULL),
                         INK_OK);
        free(bytes);
    }
    const float one = 1;
    if (c->extra)
        assert_int_equal(ink_gguf_writer_write(writer, &one, sizeof one, NULL), INK_OK);
}

static void rewrite(const char *path, const change *c)
{
    char from[4096];
    ink_gguf *gguf;
    ink_gguf_writer *writer;
    const uint64_t one[1] = {1};
    ink_shared_path(c->base ? c->base : MODEL, from, sizeof from);
    assert_int_equal(ink_gguf_open(&gguf, from, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, NULL), INK_OK);
    copy_metadata(writer, gguf, c);
    for (size_t i = 0; i < ink_gguf_n_tensors(gguf); i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        if (kept(tensor, c))
            assert_int_equal(ink_gguf_writer_add_tensor(writer, tensor->name, tensor->gguf_type,
                                                        tensor->n_dims, tensor->shape, NULL),
                             INK_OK);
    }
    if (c->extra)
        assert_int_equal(
            ink_gguf_writer_add_tensor(writer, "blk.0.mystery.weight", 0, 1, one, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_begin(writer, path, NULL), INK_OK);
    copy_data(writer, gguf, c);
    assert_int_equal(ink_gguf_writer_commit(writer, NULL), INK_OK);
    ink_gguf_writer_free(writer);
    ink_gguf_free(gguf);
}

static ink_status use(const char *path, ink_error *error)
{
    ink_model *model = NULL;
    ink_session *session = NULL;
    ink_generation generation;
    ink_generated result;
    const int32_t prompt[3] = {1, 300, 301};
    const ink_model_options options = {.n_threads = 1};
    const ink_session_options session_options = {.n_context = 64, .n_threads = 1};
    ink_generation_init(&generation);
    generation.max_tokens = 2;
    ink_status status = ink_model_open(&model, path, &options, error);
    if (status == INK_OK)
        status = ink_session_new(&session, model, &session_options, error);
    if (status == INK_OK)
        status = ink_generate(session, prompt, 3, &generation, &result, error);
    ink_session_free(session);
    ink_model_free(model);
    return status;
}

static void each_change_is_refused(void **state)
{
    char folder[64], path[96];
    (void)state;
    ink_require_shared();
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        ink_error error = {.message = ""};
        rewrite(path, &changes[i]);
        ink_status status = use(path, &error);
        if (status != changes[i].status || !strstr(error.message, changes[i].says))
            fail_msg("change %zu (\"%s\"): status %d, \"%s\"", i, changes[i].says, status,
                     error.message);
    }
    ink_remove_folder(folder);
}

static void nothing_changed_is_accepted(void **state)
{
    char folder[64], path[96];
    ink_error error = {.message = ""};
    const change none = {.base = NULL};
    (void)state;
    ink_require_shared();
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    rewrite(path, &none);
    if (use(path, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_is_accepted),
        cmocka_unit_test(each_change_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
