/*
 * config.json: what each key becomes, and that what cannot be honored is refused by its key. The
 * rows are objects that are read alone, without tensors.
 */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "convert/config.h"

#define BASE                                                                                      \
    "\"hidden_size\":64,\"num_hidden_layers\":4,\"num_attention_heads\":4,\"intermediate_size\":" \
    "96,\"max_position_embeddings\":128"
#define LLAMA "\"model_type\":\"llama\",\"rms_norm_eps\":1e-5," BASE
#define GEMMA3                                                                                    \
    "\"model_type\":\"gemma3_text\",\"rms_norm_eps\":1e-6,\"rope_theta\":1e6,\"sliding_window\":" \
    "16," BASE

#define MISTRAL "\"model_type\":\"mistral\",\"rms_norm_eps\":1e-5," BASE
#define QWEN2 "\"model_type\":\"qwen2\",\"rms_norm_eps\":1e-6," BASE
#define SMOLLM3 "\"model_type\":\"smollm3\",\"rms_norm_eps\":1e-6,\"rope_theta\":5e6," BASE

typedef struct warned {
    int n;
    char last[256];
} warned;

static void note(void *context, ink_log_level level, const char *message)
{
    warned *w = context;
    (void)level;
    w->n++;
    (void)snprintf(w->last, sizeof w->last, "%s", message);
}

static ink_status read_config(const char *text, ink_hf_config *config, ink_arena *arena, warned *w,
                              ink_error *error)
{
    ink_value json;
    ink_gguf_writer *writer;
    const ink_log log = {.write = note, .context = w};
    *error = (ink_error){.status = INK_OK};
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, NULL), INK_OK);
    ink_status status =
        ink_document_parse((ink_text){text, strlen(text)}, "config.json", arena, &json, error);
    if (status == INK_OK)
        status = ink_hf_config_read(config, json, writer, &log, arena, error);
    ink_gguf_writer_free(writer);
    return status;
}

static void refusals(void **state)
{
    static const struct {
        const char *text;
        ink_status status;
        const char *message;
    } rows[] = {
        {"{}", INK_UNSUPPORTED, "these can: llama,"},
        {"{\"model_type\":\"mamba\"}", INK_UNSUPPORTED, "model_type \"mamba\" cannot"},
        {"{\"model_type\":7}", INK_UNSUPPORTED, "cannot be converted"},
        {"[]", INK_CORRUPT, "no JSON object"},
        {"{\"model_type\":\"llama\"}", INK_CORRUPT, "head_dim is out of range"},
        {"{" LLAMA ",\"hidden_size\":64}", INK_CORRUPT, "the same key twice"},
        {"{" LLAMA ",\"hidden_act\":\"gelu\"}", INK_UNSUPPORTED, "hidden_act"},
        {"{" LLAMA ",\"quantization_config\":{}}", INK_UNSUPPORTED, "quantization_config"},
        {"{" LLAMA ",\"use_bidirectional_attention\":true}", INK_UNSUPPORTED, "bidirectional"},
        {"{" LLAMA ",\"head_dim\":\"x\"}", INK_CORRUPT, "head_dim is no number"},
        {"{" LLAMA ",\"head_dim\":-16}", INK_CORRUPT, "out of range"},
        {"{" LLAMA ",\"head_dim\":1e300}", INK_CORRUPT, "out of range"},
        {"{" LLAMA ",\"head_dim\":15}", INK_CORRUPT, "rope.dimension_count"},
        {"{" LLAMA ",\"head_dim\":1}", INK_CORRUPT, "head_dim is out of range"},
        {"{" LLAMA ",\"num_key_value_heads\":3}", INK_CORRUPT, "multiple"},
        {"{" LLAMA ",\"num_key_value_heads\":0}", INK_CORRUPT, "multiple"},
        {"{" LLAMA ",\"rope_theta\":-1}", INK_CORRUPT, "head_dim is out of range"},
        {"{" LLAMA ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}", INK_UNSUPPORTED,
         "rope_scaling is of an unknown type"},
        {"{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}", INK_UNSUPPORTED,
         "rope_scaling is out of range"},
        {"{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":\"2\"}}", INK_CORRUPT,
         "factor is no number"},
        {"{" LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2,\"mscale\":1}}",
         INK_UNSUPPORTED, "mscale"},
        {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
         "\"low_freq_factor\":4,\"high_freq_factor\":1}}",
         INK_UNSUPPORTED, "out of range"},
        {"{" LLAMA ",\"rope_scaling\":{\"type\":\"longrope\",\"long_factor\":[1],"
         "\"short_factor\":[1]}}",
         INK_CORRUPT, "8 long_factor"},
        {"{" LLAMA ",\"layer_types\":[\"full_attention\"]}", INK_UNSUPPORTED,
         "layer_types is not one a layer"},
        {"{" LLAMA ",\"layer_types\":[\"full_attention\",\"conv\",\"conv\",\"conv\"]}",
         INK_UNSUPPORTED, "names unknown layers"},
        {"{" SMOLLM3 ",\"no_rope_layers\":[1,1,0,1]}", INK_UNSUPPORTED,
         "no_rope_layers is not what is computed here"},
        {"{\"model_type\":\"gemma3_text\"," BASE "}", INK_CORRUPT, "rope_theta"},
        {"{\"model_type\":\"phi\"," BASE "}", INK_CORRUPT, "partial_rotary_factor"},
        {"{" GEMMA3 ",\"query_pre_attn_scalar\":17}", INK_UNSUPPORTED, "query_pre_attn_scalar"},
        {"{" GEMMA3 ",\"sliding_window_pattern\":-1}", INK_UNSUPPORTED, "out of range"},
        {"{" LLAMA ",\"logit_bend\":2}", INK_UNSUPPORTED,
         "config.json: logit_bend is not known of llama and may change what the model computes; "
         "if it does not, take it out"},
        {"{" LLAMA ",\"logit_bend\":false}", INK_UNSUPPORTED, "logit_bend"},
        {"{" LLAMA ",\"\":1}", INK_UNSUPPORTED, "is not known"},
        {"{" LLAMA ",\"dropout_of_heads\":1}", INK_UNSUPPORTED, "dropout_of_heads"},
        {"{" LLAMA ",\"alibi\":false}", INK_UNSUPPORTED, "alibi is not known"}, /* in a llama */
        {"{" LLAMA ",\"is_decoder\":true}", INK_UNSUPPORTED, "it can only be false, or 0"},
        {"{" LLAMA ",\"scale_attn_weights\":false}", INK_UNSUPPORTED, "only be true, or 1"},
        {"{" LLAMA ",\"mlp_only_layers\":[1]}", INK_UNSUPPORTED, "it can only be empty"},
        {"{" LLAMA ",\"pruned_heads\":{\"0\":[1]}}", INK_UNSUPPORTED, "it can only be empty"},
        {"{\"model_type\":\"starcoder2\",\"norm_epsilon\":1e-5,\"norm_type\":\"rms_norm\"," BASE
         "}",
         INK_UNSUPPORTED, "norm_type is not supported as it is: here it can only be layer_norm"},
        {"{\"model_type\":\"starcoder2\",\"norm_epsilon\":1e-5,\"norm_type\":0," BASE "}",
         INK_UNSUPPORTED, "norm_type"},
        {"{\"model_type\":\"bert\",\"position_embedding_type\":\"relative_key\"," BASE "}",
         INK_UNSUPPORTED, "position_embedding_type"},
        {"{" LLAMA ",\"hidden_act\":7}", INK_UNSUPPORTED, "hidden_act"},
        {"{" LLAMA ",\"hidden_act\":\"silu_clipped\"}", INK_UNSUPPORTED, "\"silu_clipped\""},
        {"{\"model_type\":\"gpt2\",\"activation_function\":\"gelu_10\"," BASE "}", INK_UNSUPPORTED,
         "\"gelu_10\" is not what is computed here: gelu|gelu_new"},
        {"{" LLAMA ",\"layer_types\":\"full\"}", INK_CORRUPT, "layer_types is no list"},
        {"{" LLAMA ",\"no_rope_layers\":4}", INK_CORRUPT, "no_rope_layers is no list"},
        {"{" LLAMA ",\"rope_scaling\":\"linear\"}", INK_CORRUPT, "rope_scaling is no object"},
        {"{" LLAMA ",\"rope_scaling\":{\"factor\":2}}", INK_CORRUPT, "rope_scaling has no type"},
        {"{" LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2,\"truncate\":false}}",
         INK_UNSUPPORTED, "rope_scaling.truncate is not known"},
        {"{" LLAMA ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}}",
         INK_UNSUPPORTED, "full_attention is not known"},
        {"{" GEMMA3 ",\"sliding_window_pattern\":\"LLG\"}", INK_UNSUPPORTED, "out of range"},
        {"{\"model_type\":\"lfm2\",\"norm_eps\":1e-5,\"conv_L_cache\":3," BASE "}", INK_UNSUPPORTED,
         "layer_types is not one a layer"},
        {"{\"model_type\":\"lfm2\",\"norm_eps\":1e-5,\"conv_L_cache\":3,\"layer_types\":["
         "\"conv\",\"conv\",\"sliding_attention\",\"conv\"]," BASE "}",
         INK_UNSUPPORTED, "names unknown layers"},
        {"{\"model_type\":\"lfm2\",\"norm_eps\":1e-5,\"conv_L_cache\":3,\"block_multiple_of\":0,"
         "\"layer_types\":[\"conv\",\"conv\",\"conv\",\"conv\"]," BASE "}",
         INK_CORRUPT, "feed_forward_length"},
        {"{\"model_type\":\"mamba2\",\"hidden_size\":64,\"num_hidden_layers\":2,"
         "\"layer_norm_epsilon\":1e-5,\"head_dim\":64,\"num_heads\":0,\"n_groups\":1,"
         "\"state_size\":16,\"conv_kernel\":4}",
         INK_CORRUPT, "ssm.inner_size"},
        {"{\"model_type\":\"mamba2\",\"time_step_limit\":[0,1]}", INK_UNSUPPORTED,
         "time_step_limit is not known"},
        {"{\"model_type\":\"falcon\",\"alibi\":true," BASE "}", INK_UNSUPPORTED, "alibi"},
        {"{\"model_type\":\"falcon\",\"alibi\":\"false\"," BASE "}", INK_UNSUPPORTED, "alibi"},
        {"{\"model_type\":\"falcon\",\"alibi\":\"no\"," BASE "}", INK_UNSUPPORTED, "alibi"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_arena arena;
        ink_hf_config config;
        ink_error error;
        warned w = {0};
        ink_arena_init(&arena, NULL, 1 << 24);
        ink_status status = read_config(rows[i].text, &config, &arena, &w, &error);
        if (status != rows[i].status || !strstr(error.message, rows[i].message))
            fail_msg("%s: status %d, \"%s\"", rows[i].text, (int)status, error.message);
        ink_arena_deinit(&arena);
    }
}

/* ---- What is read. */

static ink_arena arena;
static ink_hf_config config;
static warned warnings;

static const ink_hparams *read_good(const char *text)
{
    ink_error error;
    ink_arena_deinit(&arena);
    ink_arena_init(&arena, NULL, 1 << 24);
    warnings = (warned){0};
    if (read_config(text, &config, &arena, &warnings, &error) != INK_OK)
        fail_msg("%s: %s", text, error.message);
    return &config.hparams;
}

static void keys(void **state)
{
    (void)state;
    const ink_hparams *h = read_good("{" LLAMA ",\"num_key_value_heads\":2,\"rope_theta\":5e5}");
    assert_string_equal(config.arch->name, "llama");
    assert_true(h->n_embedding == 64 && h->n_layers == 4 && h->n_context == 128);
    assert_true(h->layers[3].n_heads == 4 && h->layers[3].n_kv_heads == 2);
    assert_true(h->k_dim == 16 && h->rope_dims == 16 && h->rope_base == 5e5f);
    assert_true(h->epsilon == 1e-5f && !config.tied && warnings.n == 0);
    read_good("{" LLAMA ",\"tie_word_embeddings\":true,\"logit_bend\":null}");
    assert_true(config.tied && warnings.n == 0);
    h = read_good(
        "{\"model_type\":\"phi\",\"layer_norm_eps\":1e-5,\"partial_rotary_factor\":0.5," BASE
        ",\"tie_word_embeddings\":true}");
    assert_true(h->rope_dims == 8 && !config.tied); /* it has an output of its own */
    h = read_good(
        "{\"model_type\":\"gpt2\",\"layer_norm_epsilon\":1e-5,\"n_embd\":64,\"n_layer\":1,"
        "\"n_head\":4,\"n_positions\":32,\"n_inner\":null}");
    assert_int_equal(h->layers[0].n_ff, 256);
    h = read_good(
        "{\"model_type\":\"falcon\",\"layer_norm_epsilon\":1e-5,\"multi_query\":true," BASE "}");
    assert_int_equal(h->layers[0].n_kv_heads, 1);
    h = read_good("{\"model_type\":\"gpt_neox\",\"layer_norm_eps\":1e-5,\"rotary_pct\":0.25," BASE
                  "}");
    assert_true(h->parallel && h->rope_dims == 4);
    h = read_good("{\"model_type\":\"minicpm\",\"rms_norm_eps\":1e-5,\"scale_emb\":12,"
                  "\"scale_depth\":1.4,\"dim_model_base\":16," BASE "}");
    assert_true(h->embedding_scale == 12 && h->residual_scale == 0.7f && h->logit_scale == 4);
}

/* Beyond the window a model that cannot see one would compute something else. */
static void windows(void **state)
{
    (void)state;
    const ink_hparams *h = read_good("{" MISTRAL ",\"sliding_window\":32}");
    assert_true(h->n_context == 32 && warnings.n == 1);
    h = read_good("{" QWEN2 ",\"sliding_window\":32,\"use_sliding_window\":false}");
    assert_true(h->n_context == 128 && warnings.n == 0);
    h = read_good("{" MISTRAL ",\"sliding_window\":null}");
    assert_int_equal(h->n_context, 128);
    h = read_good("{" GEMMA3 "}");
    assert_true(h->window == 16 && h->layers[0].windowed && h->layers[3].windowed);
    h = read_good("{" GEMMA3 ",\"sliding_window_pattern\":\"LLLLLG\"}");
    assert_true(h->layers[0].windowed && h->layers[3].windowed);
    h = read_good("{" GEMMA3 ",\"sliding_window_pattern\":2}");
    assert_true(h->layers[0].windowed && !h->layers[1].windowed);
    h = read_good("{" GEMMA3 ",\"layer_types\":[\"full_attention\",\"sliding_attention\","
                  "\"sliding_attention\",\"full_attention\"]}");
    assert_true(!h->layers[0].windowed && h->layers[1].windowed && !h->layers[3].windowed);
}

/*
 * Llama 3.1's factors by its published rule, at three pairs: those that turn fast are left, slow
 * ones stretched by all of it, and in between.
 */
static void rotations(void **state)
{
    (void)state;
    (void)read_good("{" LLAMA ",\"head_dim\":128,\"rope_theta\":500000,\"rope_scaling\":{"
                    "\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
                    "\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}}");
    assert_int_equal(config.n_made, 1);
    const float *f = config.made[0].values;
    assert_true(config.made[0].n == 64 && f[0] == 1 && f[63] == 8);
    double wave = 2 * 3.14159265358979 * pow(500000, 32 * 2 / 128.0); /* 4442.9: in between */
    double smooth = (8192 / wave - 1) / 3;
    assert_true(fabs((double)f[32] - 1 / ((1 - smooth) / 8 + smooth)) < 1e-5);
    const ink_hparams *h =
        read_good("{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,"
                  "\"original_max_position_embeddings\":32,\"attention_factor\":1}}");
    assert_true(h->scaling == INK_SCALING_YARN && h->rope_factor == 4);
    assert_int_equal(h->n_context_original, 32);
    assert_true(fabs((double)h->rope_magnitude * (1 + 0.1 * log(4)) - 1) < 1e-6);
    h = read_good("{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}");
    assert_true(h->scaling == INK_SCALING_LINEAR && h->rope_factor == 2);
    h = read_good(
        "{\"model_type\":\"phi3\",\"rms_norm_eps\":1e-5," BASE
        ",\"original_max_position_embeddings\":64,\"rope_scaling\":{\"type\":\"longrope\","
        "\"long_factor\":[1,2,3,4,5,6,7,8],\"short_factor\":[1,1,1,1,1,1,1,1]}}");
    assert_true(config.n_made == 2 && config.made[0].values[7] == 8);
    assert_true(fabs((double)h->rope_magnitude - sqrt(1 + log(2) / log(64))) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(keys),
        cmocka_unit_test(windows),
        cmocka_unit_test(rotations),
    };
    ink_arena_init(&arena, NULL, 1 << 24);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    ink_arena_deinit(&arena);
    return n_failed;
}
