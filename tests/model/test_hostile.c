/*
 * Models that are well-formed files but no models: each is refused with a message that names what is wrong, or, where
 * only numbers are wrong, says so when it generates. A row of the table is a test.
 */
#include "rewrite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LLAMA "llama-types-Q8_0" /* one layer, 4 heads of 64 over 1, embedding 256, 544 tokens */
#define ROPED "llama32-Q8_0"     /* two layers, rotation factors */
#define EXPERTS "llama-moe-Q4_K_M"
#define WINDOWS "gemma2-Q4_K_M"
#define LONG "phi3-longrope-Q4_K_M"
#define LATENT "deepseek2-Q8_0"
#define BIASED "gpt2-Q8_0"

typedef struct hostile {
    const char *name;
    ink_rewrite rewrite;
    ink_status status; /* of opening; INK_OK: it opens, and generates or says why not */
    const char *named; /* in the message */
    ink_status generating;
} hostile;

#define U32(key, number) {INK_KEY_U32, key, number, NULL}
#define F32(key, number) {INK_KEY_F32, key, number, NULL}
#define TEXT(key, text) {INK_KEY_TEXT, key, 0, text}
#define PAIR(key, number) {INK_KEY_PAIR, key, number, NULL}
#define DROP(key) {INK_KEY_DROP, key, 0, NULL}
#define SHORTEN(key) {INK_KEY_SHORTEN, key, 0, NULL}

#define TWO_31 2147483648.0

static const hostile cases[] = {
    /* What the others are compared with: nothing changed. */
    {"untouched", {.model = LLAMA}, INK_OK, NULL, INK_OK},

    /* Architecture. */
    {"no architecture", {.model = LLAMA, .keys = {DROP("general.architecture")}}, INK_CORRUPT, "general.architecture", 0},
    {"unknown architecture", {.model = LLAMA, .keys = {TEXT("general.architecture", "martian")}}, INK_UNSUPPORTED, "martian", 0},
    {"architecture of a strange name", {.model = LLAMA, .keys = {TEXT("general.architecture", "%s%n/../\"")}}, INK_UNSUPPORTED, "%s%n", 0},
    {"architecture is a number", {.model = LLAMA, .keys = {U32("general.architecture", 1)}}, INK_CORRUPT, "general.architecture", 0},
    {"another architecture than the keys", {.model = LLAMA, .keys = {TEXT("general.architecture", "gemma")}}, INK_CORRUPT, "gemma.", 0},

    /* Counts. */
    {"no layers", {.model = LLAMA, .keys = {U32("llama.block_count", 0)}}, INK_CORRUPT, "block_count", 0},
    {"2^31 layers", {.model = LLAMA, .keys = {U32("llama.block_count", TWO_31)}}, INK_CORRUPT, "block_count", 0},
    {"block_count absent", {.model = LLAMA, .keys = {DROP("llama.block_count")}}, INK_CORRUPT, "block_count", 0},
    {"a layer too many", {.model = LLAMA, .keys = {U32("llama.block_count", 2)}}, INK_CORRUPT, "blk.1.", 0},
    {"a layer too few", {.model = ROPED, .keys = {U32("llama.block_count", 1)}}, INK_UNSUPPORTED, "blk.1.", 0},
    {"no heads", {.model = LLAMA, .keys = {U32("llama.attention.head_count", 0)}}, INK_CORRUPT, "head", 0},
    {"heads absent", {.model = LLAMA, .keys = {DROP("llama.attention.head_count")}}, INK_CORRUPT, "head", 0},
    {"2^31 heads", {.model = LLAMA, .keys = {U32("llama.attention.head_count", TWO_31)}}, INK_CORRUPT, "head", 0},
    {"no key heads", {.model = LLAMA, .keys = {U32("llama.attention.head_count_kv", 0)}}, INK_CORRUPT, "head", 0},
    {"more key heads than heads", {.model = LLAMA, .keys = {U32("llama.attention.head_count_kv", 8)}}, INK_CORRUPT, "head", 0},
    {"heads no multiple of key heads", {.model = LLAMA, .keys = {U32("llama.attention.head_count_kv", 3)}}, INK_CORRUPT, "multiple", 0},
    {"heads for two layers of one", {.model = LLAMA, .keys = {PAIR("llama.attention.head_count", 4)}}, INK_CORRUPT, "head_count", 0},
    {"heads by layer, zero", {.model = ROPED, .keys = {PAIR("llama.attention.head_count", 0)}}, INK_CORRUPT, "head", 0},
    {"heads by layer", {.model = ROPED, .keys = {PAIR("llama.attention.head_count", 8)}}, INK_OK, NULL, INK_OK},
    {"head width odd", {.model = LLAMA, .keys = {U32("llama.attention.key_length", 63), DROP("llama.rope.dimension_count")}}, INK_CORRUPT, "rope.dimension_count", 0},
    {"rotation odd", {.model = LLAMA, .keys = {U32("llama.rope.dimension_count", 63)}}, INK_CORRUPT, "rope.dimension_count", 0},
    {"rotation wider than a head", {.model = LLAMA, .keys = {U32("llama.rope.dimension_count", 128)}}, INK_CORRUPT, "rope.dimension_count", 0},
    {"head width 2^31", {.model = LLAMA, .keys = {U32("llama.attention.key_length", TWO_31)}}, INK_CORRUPT, "key_length", 0},
    {"value width 2^31", {.model = LLAMA, .keys = {U32("llama.attention.value_length", TWO_31)}}, INK_CORRUPT, "_length", 0},
    {"value width of another model", {.model = LLAMA, .keys = {U32("llama.attention.value_length", 32)}}, INK_CORRUPT, "attn_", 0},
    {"no context", {.model = LLAMA, .keys = {U32("llama.context_length", 0)}}, INK_CORRUPT, "context_length", 0},
    {"context 2^31", {.model = LLAMA, .keys = {U32("llama.context_length", TWO_31)}}, INK_CORRUPT, "context_length", 0},
    {"original context 2^31", {.model = LONG, .keys = {U32("phi3.rope.scaling.original_context_length", TWO_31)}}, INK_CORRUPT, "original_context_length", 0},
    {"learned context of another size", {.model = BIASED, .keys = {U32("gpt2.context_length", 512)}}, INK_CORRUPT, "position_embd", 0},
    {"no embedding", {.model = LLAMA, .keys = {U32("llama.embedding_length", 0)}}, INK_CORRUPT, "embedding_length", 0},
    {"embedding 2^31", {.model = LLAMA, .keys = {U32("llama.embedding_length", TWO_31)}}, INK_CORRUPT, "embedding_length", 0},
    {"embedding of another model", {.model = LLAMA, .keys = {U32("llama.embedding_length", 128)}}, INK_CORRUPT, "token_embd", 0},
    {"no feed-forward", {.model = LLAMA, .keys = {U32("llama.feed_forward_length", 0)}}, INK_CORRUPT, "feed_forward_length", 0},
    {"feed-forward 2^32 - 1", {.model = LLAMA, .keys = {U32("llama.feed_forward_length", 4294967295.0)}}, INK_CORRUPT, "feed_forward_length", 0},
    {"feed-forward of another model", {.model = LLAMA, .keys = {U32("llama.feed_forward_length", 512)}}, INK_CORRUPT, "ffn_", 0},
    {"window 2^31", {.model = WINDOWS, .keys = {U32("gemma2.attention.sliding_window", TWO_31)}}, INK_CORRUPT, "sliding_window", 0},
    {"no window", {.model = WINDOWS, .keys = {U32("gemma2.attention.sliding_window", 0)}}, INK_OK, NULL, INK_OK},
    {"window of one", {.model = WINDOWS, .keys = {U32("gemma2.attention.sliding_window", 1)}}, INK_OK, NULL, INK_OK},

    /* Experts. */
    {"more experts used than there are", {.model = EXPERTS, .keys = {U32("llama.expert_used_count", 5)}}, INK_CORRUPT, "expert_used_count", 0},
    {"no expert used", {.model = EXPERTS, .keys = {U32("llama.expert_used_count", 0)}}, INK_CORRUPT, "expert_used_count", 0},
    {"all experts used", {.model = EXPERTS, .keys = {U32("llama.expert_used_count", 4)}}, INK_OK, NULL, INK_OK},
    {"no experts", {.model = EXPERTS, .keys = {U32("llama.expert_count", 0)}}, INK_CORRUPT, "ffn_gate_inp", 0},
    {"2^31 experts", {.model = EXPERTS, .keys = {U32("llama.expert_count", TWO_31)}}, INK_CORRUPT, "expert_count", 0},
    {"an expert too many", {.model = EXPERTS, .keys = {U32("llama.expert_count", 5)}}, INK_CORRUPT, "ffn_gate_inp", 0},
    {"unknown gate of experts", {.model = EXPERTS, .keys = {U32("llama.expert_gating_func", 77)}}, INK_CORRUPT, "expert_gating_func", 0},
    {"2^31 shared experts", {.model = LATENT, .keys = {U32("deepseek2.expert_shared_count", TWO_31)}}, INK_CORRUPT, "shexp", 0},
    {"2^31 dense layers", {.model = LATENT, .keys = {U32("deepseek2.leading_dense_block_count", TWO_31)}}, INK_OK, NULL, INK_OK},
    {"latent rank 2^32 - 1", {.model = LATENT, .keys = {U32("deepseek2.attention.kv_lora_rank", 4294967295.0)}}, INK_CORRUPT, "kv_lora_rank", 0},
    {"latent width all rotated", {.model = LATENT, .keys = {U32("deepseek2.attention.key_length_mla", 16)}}, INK_CORRUPT, "key_length_mla", 0},
    {"latent width 2^31", {.model = LATENT, .keys = {U32("deepseek2.attention.value_length_mla", TWO_31)}}, INK_CORRUPT, "mla", 0},

    /* Numbers that divide, multiply or stand under a root. */
    {"epsilon zero", {.model = LLAMA, .keys = {F32("llama.attention.layer_norm_rms_epsilon", 0)}}, INK_CORRUPT, "epsilon", 0},
    {"epsilon negative", {.model = LLAMA, .keys = {F32("llama.attention.layer_norm_rms_epsilon", -1e-5)}}, INK_CORRUPT, "epsilon", 0},
    {"epsilon not a number", {.model = LLAMA, .keys = {F32("llama.attention.layer_norm_rms_epsilon", NAN)}}, INK_CORRUPT, "epsilon", 0},
    {"epsilon absent", {.model = LLAMA, .keys = {DROP("llama.attention.layer_norm_rms_epsilon")}}, INK_CORRUPT, "epsilon", 0},
    {"rotation base zero", {.model = ROPED, .keys = {F32("llama.rope.freq_base", 0)}}, INK_CORRUPT, "freq_base", 0},
    {"rotation base negative", {.model = ROPED, .keys = {F32("llama.rope.freq_base", -10000)}}, INK_CORRUPT, "freq_base", 0},
    {"rotation base infinite", {.model = ROPED, .keys = {F32("llama.rope.freq_base", INFINITY)}}, INK_CORRUPT, "freq_base", 0},
    {"rotation base tiny", {.model = ROPED, .keys = {F32("llama.rope.freq_base", 1e-38)}}, INK_OK, NULL, INK_OK},
    {"rotation scale not a number", {.model = LLAMA, .keys = {TEXT("llama.rope.scaling.type", "linear"), F32("llama.rope.scaling.factor", NAN)}}, INK_CORRUPT, "scaling.factor", 0},
    {"rotation scale negative", {.model = LLAMA, .keys = {TEXT("llama.rope.scaling.type", "linear"), F32("llama.rope.scaling.factor", -2)}}, INK_CORRUPT, "scaling.factor", 0},
    {"rotation scale infinite", {.model = LLAMA, .keys = {TEXT("llama.rope.scaling.type", "yarn"), F32("llama.rope.scaling.factor", INFINITY)}}, INK_CORRUPT, "scaling.factor", 0},
    {"rotation scale zero is not said", {.model = LLAMA, .keys = {TEXT("llama.rope.scaling.type", "linear"), F32("llama.rope.scaling.factor", 0)}}, INK_OK, NULL, INK_OK},
    {"unknown rotation scaling", {.model = LLAMA, .keys = {TEXT("llama.rope.scaling.type", "martian")}}, INK_UNSUPPORTED, "martian", 0},
    {"yarn on base one", {.model = LLAMA, .keys = {TEXT("llama.rope.scaling.type", "yarn"), F32("llama.rope.scaling.factor", 4), F32("llama.rope.freq_base", 1)}}, INK_OK, NULL, INK_OK},
    {"yarn turns zero", {.model = LLAMA, .keys = {TEXT("llama.rope.scaling.type", "yarn"), F32("llama.rope.scaling.factor", 4), F32("llama.rope.scaling.yarn_beta_fast", 0)}}, INK_CORRUPT, "yarn_beta_fast", 0},
    {"magnitude not a number", {.model = LONG, .keys = {F32("phi3.rope.scaling.attn_factor", NAN)}}, INK_CORRUPT, "attn_factor", 0},
    {"soft cap not a number", {.model = WINDOWS, .keys = {F32("gemma2.attn_logit_softcapping", NAN)}}, INK_CORRUPT, "softcapping", 0},
    {"soft cap negative", {.model = WINDOWS, .keys = {F32("gemma2.final_logit_softcapping", -30)}}, INK_CORRUPT, "softcapping", 0},
    {"attention scale infinite", {.model = LLAMA, .keys = {F32("llama.attention.scale", INFINITY)}}, INK_CORRUPT, "attention.scale", 0},
    {"attention scale enormous", {.model = LLAMA, .keys = {F32("llama.attention.scale", 1e38)}}, INK_OK, NULL, INK_OK},

    /* Types. */
    {"layers as text", {.model = LLAMA, .keys = {TEXT("llama.block_count", "1")}}, INK_CORRUPT, "llama.block_count", 0},
    {"epsilon as text", {.model = LLAMA, .keys = {TEXT("llama.attention.layer_norm_rms_epsilon", "1e-5")}}, INK_CORRUPT, "epsilon", 0},
    {"heads as a float", {.model = LLAMA, .keys = {F32("llama.attention.head_count", 4)}}, INK_CORRUPT, "head_count", 0},
    {"layers as an array", {.model = LLAMA, .keys = {PAIR("llama.block_count", 1)}}, INK_CORRUPT, "block_count", 0},
    {"rotation scaling as a number", {.model = LLAMA, .keys = {U32("llama.rope.scaling.type", 1)}}, INK_CORRUPT, "scaling.type", 0},
    {"window pattern as text", {.model = WINDOWS, .keys = {TEXT("gemma2.attention.sliding_window_pattern", "TF")}}, INK_CORRUPT, "sliding_window_pattern", 0},
    {"template as a number", {.model = LLAMA, .keys = {U32("tokenizer.chat_template", 1)}}, INK_CORRUPT, "chat_template", 0},
    {"tokens as text", {.model = LLAMA, .keys = {TEXT("tokenizer.ggml.tokens", "a b")}}, INK_CORRUPT, "tokenizer.ggml.tokens", 0},
    {"scores as numbers without a point", {.model = LLAMA, .keys = {PAIR("tokenizer.ggml.scores", 1)}}, INK_CORRUPT, "tokenizer.ggml.scores", 0},

    /* Vocabulary. */
    {"fewer tokens than rows", {.model = LLAMA, .keys = {SHORTEN("tokenizer.ggml.tokens"), SHORTEN("tokenizer.ggml.scores"), SHORTEN("tokenizer.ggml.token_type")}}, INK_CORRUPT, "543", 0},
    {"fewer tokens than scores", {.model = LLAMA, .keys = {SHORTEN("tokenizer.ggml.tokens")}}, INK_CORRUPT, "tokenizer.ggml.", 0},
    {"fewer types than tokens", {.model = LLAMA, .keys = {SHORTEN("tokenizer.ggml.token_type")}}, INK_CORRUPT, "tokenizer.ggml.token_type", 0},
    {"no tokens", {.model = LLAMA, .keys = {DROP("tokenizer.ggml.tokens")}}, INK_CORRUPT, "tokenizer.ggml.tokens", 0},
    {"unknown tokenizer", {.model = LLAMA, .keys = {TEXT("tokenizer.ggml.model", "martian")}}, INK_UNSUPPORTED, "martian", 0},
    {"BOS behind the vocabulary", {.model = LLAMA, .keys = {U32("tokenizer.ggml.bos_token_id", 544)}}, INK_CORRUPT, "bos_token_id", 0},
    {"EOS behind the vocabulary", {.model = LLAMA, .keys = {U32("tokenizer.ggml.eos_token_id", 2147483647)}}, INK_CORRUPT, "eos_token_id", 0},
    {"padding 2^31", {.model = LLAMA, .keys = {U32("tokenizer.ggml.padding_token_id", TWO_31)}}, INK_CORRUPT, "padding_token_id", 0},
    {"broken template", {.model = LLAMA, .keys = {TEXT("tokenizer.chat_template", "{% for m in %}")}}, INK_CORRUPT, NULL, 0},
    {"embedding with fewer rows than tokens", {.model = LLAMA, .tensor = "token_embd.weight", .shape = {256, 540}}, INK_CORRUPT, "540", 0},
    {"output with fewer rows than the embedding", {.model = LLAMA, .tensor = "output.weight", .shape = {256, 540}}, INK_CORRUPT, "output.weight", 0},

    /* Tensors. */
    {"embedding missing", {.model = LLAMA, .drop_tensor = "token_embd.weight"}, INK_CORRUPT, "token_embd.weight", 0},
    {"last norm missing", {.model = LLAMA, .drop_tensor = "output_norm.weight"}, INK_CORRUPT, "output_norm.weight", 0},
    {"norm of a layer missing", {.model = LLAMA, .drop_tensor = "blk.0.attn_norm.weight"}, INK_CORRUPT, "blk.0.attn_norm.weight", 0},
    {"keys missing", {.model = LLAMA, .drop_tensor = "blk.0.attn_k.weight"}, INK_CORRUPT, "blk.0.attn_k.weight", 0},
    {"up missing", {.model = LLAMA, .drop_tensor = "blk.0.ffn_up.weight"}, INK_CORRUPT, "ffn_up", 0},
    {"down missing", {.model = LLAMA, .drop_tensor = "blk.0.ffn_down.weight"}, INK_CORRUPT, "ffn_down", 0},
    {"gate missing", {.model = LLAMA, .drop_tensor = "blk.0.ffn_gate.weight"}, INK_CORRUPT, "ffn_gate", 0},
    {"router missing", {.model = EXPERTS, .drop_tensor = "blk.1.ffn_gate_inp.weight"}, INK_CORRUPT, "blk.1.ffn_", 0},
    {"experts missing", {.model = EXPERTS, .drop_tensor = "blk.1.ffn_up_exps.weight"}, INK_CORRUPT, "blk.1.ffn_up_exps", 0},
    {"long factors missing", {.model = LONG, .drop_tensor = "rope_factors_long.weight"}, INK_CORRUPT, "rope_factors_long", 0},
    {"a tensor too many", {.model = LLAMA, .add_tensor = "blk.0.mystery.weight"}, INK_UNSUPPORTED, "blk.0.mystery.weight", 0},
    {"a bias that nothing asked for", {.model = LLAMA, .add_tensor = "output_norm.bias"}, INK_CORRUPT, "output_norm.bias", 0},
    {"a norm as a matrix", {.model = LLAMA, .tensor = "blk.0.attn_norm.weight", .shape = {16, 16}}, INK_CORRUPT, "blk.0.attn_norm.weight", 0},
    {"a norm too short", {.model = LLAMA, .tensor = "output_norm.weight", .shape = {255}}, INK_CORRUPT, "output_norm.weight", 0},
    {"a matrix turned round", {.model = LLAMA, .tensor = "blk.0.attn_k.weight", .shape = {64, 256}}, INK_CORRUPT, "blk.0.attn_k.weight", 0},
    {"a matrix with experts", {.model = LLAMA, .tensor = "blk.0.attn_k.weight", .shape = {256, 64, 2}}, INK_CORRUPT, "blk.0.attn_k.weight", 0},
    {"embedding of one dimension", {.model = LLAMA, .tensor = "token_embd.weight", .shape = {139264}}, INK_CORRUPT, "token_embd.weight", 0},

    /* Bytes: half floats that are not numbers, where the scale of a Q8_0 block of 34 bytes stands; float32 in norms. */
    {"scales not a number", {.model = LLAMA, .tensor = "blk.0.ffn_down.weight", .n_bytes = 2, .bytes = {0x00, 0x7e}, .repeat = 34}, INK_OK, NULL, INK_CORRUPT},
    {"scales infinite", {.model = LLAMA, .tensor = "blk.0.attn_v.weight", .n_bytes = 2, .bytes = {0x00, 0x7c}, .repeat = 34}, INK_OK, NULL, INK_CORRUPT},
    {"scales minus infinite", {.model = LLAMA, .tensor = "blk.0.attn_q.weight", .n_bytes = 2, .bytes = {0x00, 0xfc}, .repeat = 34}, INK_OK, NULL, INK_CORRUPT},
    {"embedding not a number", {.model = LLAMA, .tensor = "token_embd.weight", .n_bytes = 2, .bytes = {0x00, 0x7e}, .repeat = 34}, INK_OK, NULL, INK_CORRUPT},
    {"output not a number", {.model = LLAMA, .tensor = "output.weight", .n_bytes = 2, .bytes = {0x01, 0x7c}, .repeat = 34}, INK_OK, NULL, INK_CORRUPT},
    {"output infinite", {.model = LLAMA, .tensor = "output.weight", .n_bytes = 2, .bytes = {0x00, 0x7c}, .repeat = 34}, INK_OK, NULL, INK_CORRUPT},
    {"a norm not a number", {.model = LLAMA, .tensor = "output_norm.weight", .n_bytes = 4, .bytes = {0, 0, 0xc0, 0x7f}, .repeat = 4}, INK_OK, NULL, INK_CORRUPT},
    {"scales enormous", {.model = LLAMA, .tensor = "blk.0.ffn_gate.weight", .n_bytes = 2, .bytes = {0xff, 0x7b}, .repeat = 34}, INK_OK, NULL, INK_OK},
    {"router not a number", {.model = EXPERTS, .tensor = "blk.0.ffn_gate_inp.weight", .n_bytes = 4, .bytes = {0, 0, 0xc0, 0x7f}, .repeat = 4}, INK_OK, NULL, INK_CORRUPT},
    {"rotation factors zero", {.model = ROPED, .tensor = "rope_freqs.weight", .n_bytes = 4, .repeat = 4}, INK_CORRUPT, "rope_freqs.weight", 0},
    {"rotation factors not a number", {.model = ROPED, .tensor = "rope_freqs.weight", .n_bytes = 4, .bytes = {0, 0, 0xc0, 0x7f}, .repeat = 4}, INK_CORRUPT, "rope_freqs.weight", 0},
    {"rotation factors negative", {.model = ROPED, .tensor = "rope_freqs.weight", .n_bytes = 4, .bytes = {0, 0, 0x80, 0xbf}, .repeat = 4}, INK_CORRUPT, "rope_freqs.weight", 0},
};

#define N_CASES (sizeof cases / sizeof *cases)

static char folder[64];

static void check_message(const hostile *h, const ink_error *error, const char *path)
{
    assert_true(error->message[0] != '\0');
    if (!strstr(error->message, path))
        fail_msg("the message does not name the file: %s", error->message);
    if (h->named && !strstr(error->message, h->named))
        fail_msg("the message does not name %s: %s", h->named, error->message);
}

/* A model that opens must evaluate, and generate or say that its numbers are none. */
static void generate(const hostile *h, const ink_model *model)
{
    static const int32_t prompt[] = {1, 40, 300, 7, 5};
    ink_session *session;
    ink_generation generation;
    ink_generated result;
    ink_error error;
    if (ink_session_new(&session, model, &(ink_session_options){.n_context = 64, .n_threads = 1}, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_generation_init(&generation);
    generation.max_tokens = 3;
    generation.ignore_end = true;
    generation.sampling.seed = 1;
    ink_status status = ink_generate(session, prompt, sizeof prompt / sizeof *prompt, &generation, &result, &error);
    if (status != h->generating)
        fail_msg("generating: status %d instead of %d, %s", (int)status, (int)h->generating,
                 status == INK_OK ? "" : error.message);
    if (status != INK_OK)
        assert_true(strlen(error.message) > 10);
    ink_session_free(session);
}

static void a_case(void **state)
{
    const hostile *h = *state;
    char path[128];
    ink_model *model = NULL;
    ink_error error = {.status = INK_OK};
    ink_test_allocator memory;
    ink_require_shared();
    ink_test_allocator_init(&memory, 0);
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    ink_rewrite_model(&h->rewrite, path);
    ink_status status =
        ink_model_open(&model, path, &(ink_model_options){.allocator = &memory.allocator, .n_threads = 1}, &error);
    if (status != h->status)
        fail_msg("status %d instead of %d: %s", (int)status, (int)h->status, status == INK_OK ? "" : error.message);
    if (status == INK_OK)
        generate(h, model);
    else
        check_message(h, &error, path);
    assert_true(status == INK_OK || model == NULL);
    ink_model_free(model);
    assert_int_equal(memory.n_blocks, 0);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[N_CASES];
    for (size_t i = 0; i < N_CASES; i++)
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = a_case, .initial_state = (void *)(uintptr_t)&cases[i]};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
