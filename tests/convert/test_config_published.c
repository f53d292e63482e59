/*
 * Configurations with the keys that published ones have: all of them are known, and what is said
 * becomes what the rows beside them expect. Sizes are small ones; keys are facts of the format.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "convert/config.h"

#define SIZES(layers)                                                                \
    "\"hidden_size\":64,\"num_hidden_layers\":" layers ",\"num_attention_heads\":4," \
    "\"intermediate_size\":96,\"max_position_embeddings\":128,\"vocab_size\":320,"
#define ALL                                                                            \
    "\"bos_token_id\":1,\"eos_token_id\":[2,3],\"pad_token_id\":null,\"torch_dtype\":" \
    "\"bfloat16\",\"transformers_version\":\"4.45.0\",\"use_cache\":true,"             \
    "\"initializer_range\":0.02,\"architectures\":[\"X\"],\"_name_or_path\":\"x/y\","  \
    "\"tie_word_embeddings\":false,\"attention_dropout\":0.0,"
#define RMS "\"rms_norm_eps\":1e-6,"
#define SILU "\"hidden_act\":\"silu\","

static const struct published {
    const char *text, *arch;
    int n_warnings;
} rows[] = {
    /* Llama 3.2 */
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"llama\",\"attention_bias\":false,\"mlp_bias\":false,\"head_dim\":16,"
     "\"num_key_value_heads\":2,\"pretraining_tp\":1,\"rope_theta\":500000.0,\"rope_scaling\":{"
     "\"factor\":32.0,\"high_freq_factor\":4.0,\"low_freq_factor\":1.0,"
     "\"original_max_position_embeddings\":8192,\"rope_type\":\"llama3\"}}",
     "llama", 0},
    /* SmolLM2 */
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"llama\",\"attention_bias\":false,\"is_llama_config\":true,"
     "\"rope_interleaved\":false,\"rope_scaling\":null,\"rope_theta\":100000,"
     "\"transformers.js_config\":{\"dtype\":\"q4\"}}",
     "llama", 0},
    /* Written by a library that says where rotations are scaled in one object */
    {"{" ALL SIZES("2") RMS SILU "\"model_type\":\"llama\",\"dtype\":\"float32\","
                                 "\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":"
                                 "\"default\"}}",
     "llama", 0},
    /* Mistral 7B v0.1 */
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"mistral\",\"num_key_value_heads\":2,\"rope_theta\":10000.0,"
     "\"sliding_window\":32}",
     "llama", 1},
    /* Mixtral */
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"mixtral\",\"num_experts_per_tok\":2,\"num_local_experts\":8,"
     "\"output_router_logits\":false,\"router_aux_loss_coef\":0.02,\"router_jitter_noise\":0.0,"
     "\"rope_theta\":1e6,\"sliding_window\":null}",
     "llama", 0},
    /* Qwen 2.5 */
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"qwen2\",\"max_window_layers\":2,\"rope_theta\":1e6,\"sliding_window\":64,"
     "\"use_mrope\":false,\"use_sliding_window\":false}",
     "qwen2", 0},
    /* Qwen 3 */
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"qwen3\",\"attention_bias\":false,\"head_dim\":32,\"max_window_layers\":2,"
     "\"rope_scaling\":null,\"rope_theta\":1000000,\"sliding_window\":null,"
     "\"use_sliding_window\":false}",
     "qwen3", 0},
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"qwen3_moe\",\"attention_bias\":false,\"decoder_sparse_step\":1,"
     "\"mlp_only_layers\":[],\"moe_intermediate_size\":32,\"norm_topk_prob\":true,"
     "\"num_experts\":8,\"num_experts_per_tok\":2,\"output_router_logits\":false,"
     "\"router_aux_loss_coef\":0.001,\"max_window_layers\":48}",
     "qwen3moe", 0},
    /* Gemma: an activation that the library does not read */
    {"{" ALL SIZES("2") RMS
     "\"model_type\":\"gemma\",\"attention_bias\":false,\"head_dim\":32,\"hidden_act\":\"gelu\","
     "\"hidden_activation\":null,\"rope_theta\":10000.0,\"rope_scaling\":null}",
     "gemma", 0},
    {"{" ALL SIZES("2") RMS
     "\"model_type\":\"gemma2\",\"attention_bias\":false,\"attn_logit_softcapping\":50.0,"
     "\"cache_implementation\":\"hybrid\",\"final_logit_softcapping\":30.0,\"head_dim\":32,"
     "\"hidden_act\":\"gelu_pytorch_tanh\",\"hidden_activation\":\"gelu_pytorch_tanh\","
     "\"query_pre_attn_scalar\":32,\"sliding_window\":64}",
     "gemma2", 0},
    {"{" ALL SIZES("6") RMS
     "\"model_type\":\"gemma3_text\",\"attention_bias\":false,\"attn_logit_softcapping\":null,"
     "\"cache_implementation\":\"hybrid\",\"final_logit_softcapping\":null,\"head_dim\":32,"
     "\"hidden_activation\":\"gelu_pytorch_tanh\",\"query_pre_attn_scalar\":32,"
     "\"rope_local_base_freq\":10000,\"rope_scaling\":null,\"rope_theta\":1000000,"
     "\"sliding_window\":64,\"sliding_window_pattern\":6,\"_sliding_window_pattern\":6,"
     "\"use_bidirectional_attention\":false}",
     "gemma3", 0},
    /* EmbeddingGemma */
    {"{" ALL SIZES("6") RMS
     "\"model_type\":\"gemma3_text\",\"attention_bias\":false,\"head_dim\":32,"
     "\"hidden_activation\":\"gelu_pytorch_tanh\",\"query_pre_attn_scalar\":32,"
     "\"rope_local_base_freq\":10000.0,\"rope_theta\":1000000.0,\"sliding_window\":64,"
     "\"use_bidirectional_attention\":true}",
     "gemma-embedding", 0},
    /* Phi-3 mini and Phi-4 mini */
    {"{" ALL SIZES(
         "2") "\"rms_norm_eps\":1e-5," SILU "\"model_type\":\"phi3\",\"attention_bias\":false,"
              "\"auto_map\":{\"AutoConfig\":\"c.C\"},"
              "\"embd_pdrop\":0.0,\"resid_pdrop\":0.0,\"original_max_position_embeddings\":128,"
              "\"rope_theta\":10000.0,\"sliding_window\":64}",
     "phi3", 1},
    {"{" ALL SIZES(
         "2") "\"rms_norm_eps\":1e-5," SILU
              "\"model_type\":\"phi3\",\"attention_bias\":false,\"full_attn_mod\":1,"
              "\"interpolate_factor\":1,\"lm_head_bias\":false,\"mlp_bias\":false,"
              "\"original_max_position_embeddings\":64,\"partial_rotary_factor\":0.75,\"rope_"
              "scaling\":{"
              "\"long_factor\":[1,2,3,4,5,6],\"short_factor\":[1,1,1,1,1,1],\"type\":\"longrope\"},"
              "\"rope_theta\":10000.0,\"sliding_window\":262144}",
     "phi3", 0},
    {"{" ALL SIZES("2") "\"model_type\":\"phi\",\"embd_pdrop\":0.0,\"resid_pdrop\":0.1,"
                        "\"hidden_act\":\"gelu_new\",\"layer_norm_eps\":1e-5,"
                        "\"partial_rotary_factor\":0.5,\"qk_layernorm\":false}",
     "phi2", 0},
    {"{\"model_type\":\"gpt2\",\"activation_function\":\"gelu_new\",\"architectures\":["
     "\"GPT2LMHeadModel\"],\"attn_pdrop\":0.1,\"bos_token_id\":50256,\"embd_pdrop\":0.1,"
     "\"eos_token_id\":50256,\"initializer_range\":0.02,\"layer_norm_epsilon\":1e-5,"
     "\"n_ctx\":128,\"n_embd\":64,\"n_head\":4,\"n_inner\":null,\"n_layer\":2,"
     "\"n_positions\":128,\"reorder_and_upcast_attn\":false,\"resid_pdrop\":0.1,"
     "\"scale_attn_by_inverse_layer_idx\":false,\"scale_attn_weights\":true,"
     "\"summary_activation\":null,\"summary_first_dropout\":0.1,\"summary_proj_to_labels\":true,"
     "\"summary_type\":\"cls_index\",\"summary_use_proj\":true,\"task_specific_params\":{"
     "\"text-generation\":{\"do_sample\":true,\"max_length\":50}},\"vocab_size\":320}",
     "gpt2", 0},
    /* Pythia: GELU by its definition, which is said */
    {"{" ALL SIZES("2") "\"model_type\":\"gpt_neox\",\"attention_bias\":true,\"hidden_act\":"
                        "\"gelu\",\"layer_norm_eps\":1e-5,\"rotary_emb_base\":10000,"
                        "\"rotary_pct\":0.25,\"use_parallel_residual\":true,"
                        "\"classifier_dropout\":0.1,\"hidden_dropout\":0.0}",
     "gptneox", 1},
    {"{" ALL SIZES("2") "\"model_type\":\"starcoder2\",\"activation_function\":\"gelu\","
                        "\"attention_softmax_in_fp32\":true,"
                        "\"embedding_dropout\":0.1,\"hidden_act\":\"gelu_pytorch_tanh\","
                        "\"mlp_type\":\"default\",\"norm_epsilon\":1e-5,\"norm_type\":"
                        "\"layer_norm\",\"num_key_value_heads\":2,\"residual_dropout\":0.1,"
                        "\"rope_theta\":1e5,\"scale_attention_softmax_in_fp32\":true,"
                        "\"scale_attn_weights\":true,\"sliding_window\":4096,\"use_bias\":true}",
     "starcoder2", 0},
    {"{" ALL SIZES("2") SILU
     "\"model_type\":\"stablelm\",\"hidden_dropout\":0.0,\"layer_norm_eps\":1e-5,"
     "\"partial_rotary_factor\":0.25,\"qk_layernorm\":false,\"rope_theta\":10000,"
     "\"use_parallel_residual\":false,\"use_qkv_bias\":true}",
     "stablelm", 0},
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"olmo2\",\"attention_bias\":false,\"rope_scaling\":null,"
     "\"rope_theta\":500000}",
     "olmo2", 0},
    {"{" ALL SIZES("4") RMS SILU
     "\"model_type\":\"smollm3\",\"attention_bias\":false,\"layer_types\":[\"full_attention\","
     "\"full_attention\",\"full_attention\",\"full_attention\"],\"max_window_layers\":28,"
     "\"mlp_bias\":false,\"no_rope_layer_interval\":4,\"no_rope_layers\":[1,1,1,0],"
     "\"pretraining_tp\":2,\"rope_theta\":5000000.0,\"sliding_window\":null,"
     "\"use_sliding_window\":false}",
     "smollm3", 0},
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"granite\",\"attention_bias\":false,\"attention_multiplier\":0.0625,"
     "\"embedding_multiplier\":12.0,\"logits_scaling\":8.0,\"mlp_bias\":false,"
     "\"residual_multiplier\":0.22,\"rope_theta\":1e7}",
     "granite", 0},
    {"{" ALL SIZES("2") SILU
     "\"model_type\":\"cohere\",\"attention_bias\":false,\"layer_norm_eps\":1e-5,"
     "\"logit_scale\":0.0625,\"rope_theta\":8e6,\"use_qk_norm\":false}",
     "command-r", 0},
    {"{" ALL SIZES("4") SILU
     "\"model_type\":\"cohere2\",\"attention_bias\":false,\"cache_implementation\":\"hybrid\","
     "\"head_dim\":16,\"layer_norm_eps\":1e-5,\"logit_scale\":0.25,"
     "\"order_of_interleaved_layers\":\"local_attn_first\",\"position_embedding_type\":"
     "\"rope_gptj\",\"rope_theta\":50000,\"rotary_pct\":1.0,\"sliding_window\":64,"
     "\"sliding_window_pattern\":4,\"use_embedding_sharing\":true,\"use_gated_activation\":true,"
     "\"use_parallel_block\":true,\"use_parallel_embedding\":true}",
     "cohere2", 0},
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"glm4\",\"attention_bias\":true,\"head_dim\":16,\"num_key_value_heads\":2,"
     "\"partial_rotary_factor\":0.5,\"rope_theta\":10000.0}",
     "glm4", 0},
    /* Falcon 7B */
    {"{" ALL SIZES("2") "\"model_type\":\"falcon\",\"alibi\":false,"
                        "\"apply_residual_connection_post_layernorm\":false,\"bias\":false,"
                        "\"hidden_dropout\":0.0,\"layer_norm_epsilon\":1e-5,\"multi_query\":true,"
                        "\"new_decoder_architecture\":false,\"parallel_attn\":true}",
     "falcon", 0},
    {"{" ALL SIZES("2") "\"model_type\":\"nemotron\",\"attention_bias\":false,\"head_dim\":16,"
                        "\"hidden_act\":\"relu2\",\"hidden_dropout\":0.0,\"mlp_bias\":false,"
                        "\"norm_eps\":1e-5,\"partial_rotary_factor\":0.5,\"rope_theta\":10000}",
     "nemotron", 0},
    {"{" ALL SIZES("4") RMS SILU
     "\"model_type\":\"exaone4\",\"head_dim\":16,\"layer_types\":[\"sliding_attention\","
     "\"sliding_attention\",\"sliding_attention\",\"full_attention\"],\"rope_theta\":1000000,"
     "\"sliding_window\":64,\"sliding_window_pattern\":\"LLLG\"}",
     "exaone4", 0},
    {"{" ALL SIZES("2") RMS SILU
     "\"model_type\":\"minicpm\",\"dim_model_base\":16,\"rope_scaling\":null,"
     "\"scale_depth\":1.4,\"scale_emb\":12}",
     "minicpm", 0},
    {"{" ALL SIZES("2") RMS SILU "\"model_type\":\"bitnet\",\"rope_theta\":500000.0}", "bitnet", 0},
    {"{" ALL SIZES(
         "3") "\"model_type\":\"lfm2\",\"block_auto_adjust_ff_dim\":true,\"block_dim\":64,"
              "\"block_ff_dim\":96,\"block_ffn_dim_multiplier\":1.0,\"block_mlp_init_scale\":1.0,"
              "\"block_multiple_of\":16,\"block_norm_eps\":1e-5,\"block_out_init_scale\":1.0,"
              "\"block_use_swiglu\":true,\"block_use_xavier_init\":true,\"conv_L_cache\":3,"
              "\"conv_bias\":false,\"conv_dim\":64,\"conv_dim_out\":64,\"conv_use_xavier_init\":"
              "true,"
              "\"full_attn_idxs\":[2],\"layer_types\":[\"conv\",\"conv\",\"full_attention\"],"
              "\"norm_eps\":1e-5,\"num_heads\":4,\"num_key_value_heads\":2,\"rope_theta\":1000000."
              "0,"
              "\"use_pos_enc\":true}",
     "lfm2", 0},
    {"{" ALL SIZES(
         "3") "\"model_type\":\"lfm2_moe\",\"conv_L_cache\":3,\"conv_bias\":false,\"layer_types\":["
              "\"conv\",\"conv\",\"full_attention\"],\"moe_intermediate_size\":32,\"norm_eps\":1e-"
              "5,"
              "\"norm_topk_prob\":true,\"num_dense_layers\":1,\"num_experts\":4,"
              "\"num_experts_per_tok\":2,\"num_key_value_heads\":2,\"rope_theta\":1000000.0,"
              "\"routed_scaling_factor\":1.0,\"use_expert_bias\":true}",
     "lfm2moe", 0},
    {"{" ALL SILU "\"model_type\":\"mamba2\",\"chunk_size\":256,\"conv_kernel\":4,\"expand\":2,"
     "\"head_dim\":16,\"hidden_size\":64,\"layer_norm_epsilon\":1e-5,"
     "\"n_groups\":1,\"norm_before_gate\":true,\"num_heads\":8,"
     "\"num_hidden_layers\":2,\"rescale_prenorm_residual\":false,"
     "\"residual_in_fp32\":true,\"rms_norm\":true,\"state_size\":16,"
     "\"time_step_floor\":0.0001,\"time_step_max\":0.1,\"time_step_min\":0.001,"
     "\"time_step_rank\":4,\"use_bias\":false,\"use_conv_bias\":true,"
     "\"vocab_size\":320}",
     "mamba2", 0},
    /* Granite 4, without experts */
    {"{" ALL SIZES("3") RMS SILU
     "\"model_type\":\"granitemoehybrid\",\"attention_bias\":false,\"attention_multiplier\":0.0625,"
     "\"embedding_multiplier\":12,\"init_method\":\"mup\",\"layer_types\":[\"mamba\",\"mamba\","
     "\"attention\"],\"logits_scaling\":3,\"mamba_chunk_size\":256,\"mamba_conv_bias\":true,"
     "\"mamba_d_conv\":4,\"mamba_d_head\":32,\"mamba_d_state\":16,\"mamba_expand\":2,"
     "\"mamba_n_groups\":1,\"mamba_n_heads\":4,\"mamba_proj_bias\":false,"
     "\"normalization_function\":\"rmsnorm\",\"num_experts_per_tok\":0,"
     "\"num_key_value_heads\":2,\"num_local_experts\":0,\"output_router_logits\":false,"
     "\"position_embedding_type\":\"nope\",\"residual_multiplier\":0.22,\"rope_scaling\":null,"
     "\"rope_theta\":10000,\"router_aux_loss_coef\":0.01,\"shared_intermediate_size\":80}",
     "granitehybrid", 0},
    /* A BERT of sentence-transformers */
    {"{" ALL SIZES("2") "\"model_type\":\"bert\",\"attention_probs_dropout_prob\":0.1,"
                        "\"classifier_dropout\":null,\"gradient_checkpointing\":false,"
                        "\"hidden_act\":\"gelu\",\"hidden_dropout_prob\":0.1,"
                        "\"id2label\":{\"0\":\"a\"},\"label2id\":{\"a\":0},"
                        "\"layer_norm_eps\":1e-12,\"position_embedding_type\":\"absolute\","
                        "\"type_vocab_size\":2,\"is_decoder\":false,\"pruned_heads\":{}}",
     "bert", 1},
    {"{\"model_type\":\"nomic_bert\",\"activation_function\":\"swiglu\",\"attn_pdrop\":0.0,"
     "\"causal\":false,\"dense_seq_output\":true,\"embd_pdrop\":0.0,\"fused_bias_fc\":true,"
     "\"fused_dropout_add_ln\":true,\"layer_norm_epsilon\":1e-12,\"max_trained_positions\":128,"
     "\"mlp_fc1_bias\":false,\"mlp_fc2_bias\":false,\"n_embd\":64,\"n_head\":4,\"n_inner\":96,"
     "\"n_layer\":2,\"n_positions\":128,\"pad_vocab_size_multiple\":64,\"parallel_block\":false,"
     "\"parallel_block_tied_norm\":false,\"prenorm\":false,\"qkv_proj_bias\":false,"
     "\"reorder_and_upcast_attn\":false,\"resid_pdrop\":0.0,\"rotary_emb_base\":1000,"
     "\"rotary_emb_fraction\":1.0,\"rotary_emb_interleaved\":false,\"rotary_emb_scale_base\":null,"
     "\"rotary_scaling_factor\":null,\"scale_attn_by_inverse_layer_idx\":false,"
     "\"scale_attn_weights\":true,\"summary_type\":\"cls_index\",\"type_vocab_size\":2,"
     "\"use_cache\":true,\"use_flash_attn\":true,\"use_rms_norm\":false,\"use_xentropy\":true,"
     "\"vocab_size\":320}",
     "nomic-bert", 0},
};

static void count(void *context, ink_log_level level, const char *message)
{
    (void)level;
    (void)message;
    (*(int *)context)++;
}

static ink_status read_config(const char *text, ink_hf_config *config, ink_arena *arena,
                              int *n_warnings, ink_error *error)
{
    ink_value json;
    ink_gguf_writer *writer;
    const ink_log log = {.write = count, .context = n_warnings};
    assert_int_equal(
        ink_document_parse((ink_text){text, strlen(text)}, "config.json", arena, &json, error),
        INK_OK);
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, NULL), INK_OK);
    ink_status status = ink_hf_config_read(config, json, writer, &log, arena, error);
    ink_gguf_writer_free(writer);
    return status;
}

static void all_keys_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_arena arena;
        ink_hf_config config;
        ink_error error = {.message = ""};
        int n_warnings = 0;
        ink_arena_init(&arena, NULL, 1 << 24);
        if (read_config(rows[i].text, &config, &arena, &n_warnings, &error) != INK_OK)
            fail_msg("row %zu, %s: %s", i, rows[i].arch, error.message);
        assert_string_equal(config.arch->name, rows[i].arch);
        if (n_warnings != rows[i].n_warnings)
            fail_msg("row %zu, %s: %d warnings", i, rows[i].arch, n_warnings);
        ink_arena_deinit(&arena);
    }
}

/* Each of them with one key more, which nobody knows. */
static void one_more_is_not(void **state)
{
    char text[4096];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_arena arena;
        ink_hf_config config;
        ink_error error = {.message = ""};
        int n_warnings = 0;
        (void)snprintf(text, sizeof text, "{\"soft_clip_of_values\":1,%s", rows[i].text + 1);
        ink_arena_init(&arena, NULL, 1 << 24);
        assert_int_equal(read_config(text, &config, &arena, &n_warnings, &error), INK_UNSUPPORTED);
        assert_non_null(strstr(error.message, "soft_clip_of_values is not known"));
        ink_arena_deinit(&arena);
    }
}

/* Each of these keys is known, of other models: nothing here would compute with it. */
static void keys_of_other_models(void **state)
{
    static const struct {
        const char *arch, *key, *value;
    } others[] = {
        {"llama", "final_logit_softcapping", "30.0"},  /* of Gemma 2 */
        {"llama", "query_pre_attn_scalar", "16"},      /* the same */
        {"llama", "attention_multiplier", "0.5"},      /* of Granite */
        {"llama", "n_positions", "128"},               /* what GPT-2 calls a context */
        {"llama", "num_dense_layers", "1"},            /* of LFM2 with experts */
        {"llama", "conv_dim_out", "64"},               /* of LFM2, where shapes say it again */
        {"llama", "no_rope_layers", "[1,1]"},          /* of SmolLM3 */
        {"llama", "use_qkv_bias", "false"},            /* of StableLM, where tensors show it */
        {"qwen2", "conv_kernel", "4"},                 /* of Mamba 2 */
        {"qwen2", "mamba_d_conv", "4"},                /* of Granite 4 */
        {"qwen3", "num_experts", "8"},                 /* of Qwen 3 with experts */
        {"gemma2", "rope_local_base_freq", "10000.0"}, /* of Gemma 3 */
        {"granite", "logit_scale", "0.5"},             /* of Cohere: a factor, not a divisor */
        {"command-r", "logits_scaling", "2.0"},        /* the other way around */
        {"gpt2", "rope_theta", "10000.0"},             /* of those that rotate */
        {"bert", "rms_norm_eps", "1e-6"},
        {"mamba2", "sliding_window", "64"},
    };
    char text[4096];
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ink_arena arena;
        ink_hf_config config;
        ink_error error = {.message = ""};
        size_t row = 0;
        int n_warnings = 0;
        while (strcmp(rows[row].arch, others[i].arch) != 0)
            row++;
        (void)snprintf(text, sizeof text, "{\"%s\":%s,%s", others[i].key, others[i].value,
                       rows[row].text + 1);
        ink_arena_init(&arena, NULL, 1 << 24);
        ink_status status = read_config(text, &config, &arena, &n_warnings, &error);
        (void)snprintf(text, sizeof text, "config.json: %s is not known of ", others[i].key);
        if (status != INK_UNSUPPORTED || !strstr(error.message, text))
            fail_msg("%s in %s: status %d, %s", others[i].key, others[i].arch, (int)status,
                     error.message);
        ink_arena_deinit(&arena);
    }
}

/* What LFM2 makes of its sizes, and Mamba 2 of its heads. */
static void what_is_computed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ink_arena arena;
        ink_hf_config config;
        ink_error error;
        int n_warnings = 0;
        ink_arena_init(&arena, NULL, 1 << 24);
        assert_int_equal(read_config(rows[i].text, &config, &arena, &n_warnings, &error), INK_OK);
        const ink_hparams *h = &config.hparams;
        if (strcmp(rows[i].arch, "lfm2") == 0) {
            assert_true(h->layers[0].n_kv_heads == 0 && h->layers[2].n_kv_heads == 2);
            assert_true(h->layers[0].n_ff == 64 && h->n_conv_taps == 3); /* 2/3 of 96 */
        }
        if (strcmp(rows[i].arch, "lfm2moe") == 0)
            assert_true(h->expert_gate == INK_GATE_SIGMOID && h->n_expert_ff == 32);
        if (strcmp(rows[i].arch, "mamba2") == 0) {
            assert_true(h->n_scan == 128 && h->n_scan_heads == 8 && h->n_scan_state == 16);
            assert_true(h->n_context == 1 << 20 && h->epsilon == 1e-5f);
        }
        if (strcmp(rows[i].arch, "granitehybrid") == 0) {
            assert_true(h->n_scan == 128 && h->layers[0].n_ff == 80 && !h->layers[2].rotated);
            assert_true(h->layers[1].n_kv_heads == 0 && h->layers[2].n_kv_heads == 2);
        }
        if (strcmp(rows[i].arch, "gemma-embedding") == 0)
            assert_true(!h->causal && h->window == 64);
        ink_arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_are_known),
        cmocka_unit_test(one_more_is_not),
        cmocka_unit_test(keys_of_other_models),
        cmocka_unit_test(what_is_computed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
