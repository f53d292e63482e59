/* The shapes: hyperparameters as their makers publish them. */
#include <string.h>
#include "cli/synthetic.h"

#define LIST(...)         \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }
#define NONE ((const char *const[]){NULL})

static const ink_synthetic_vocab vocab_tinyllama = {.model = "llama",
                                                    .word_start = "\xe2\x96\x81",
                                                    .first = LIST("<unk>", "<s>", "</s>"),
                                                    .n_first = 3,
                                                    .last = NONE,
                                                    .bos = 1,
                                                    .eos = 2,
                                                    .unknown = 0,
                                                    .padding = 2};

static const ink_synthetic_vocab vocab_phi = {
    .model = "llama",
    .word_start = "\xe2\x96\x81",
    .first = LIST("<unk>", "<s>", "</s>"),
    .n_first = 3,
    .last = LIST("<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|placeholder2|>",
                 "<|placeholder3|>", "<|placeholder4|>", "<|system|>", "<|end|>"),
    .n_last = 64,
    .filler = "<|reserved_%zu|>",
    .bos = 1,
    .eos = 3,
    .unknown = 0,
    .padding = 3};

static const ink_synthetic_vocab vocab_gemma = {.model = "llama",
                                                .word_start = "\xe2\x96\x81",
                                                .first = LIST("<pad>", "<eos>", "<bos>", "<unk>"),
                                                .n_first = 4,
                                                .last = NONE,
                                                .bos = 2,
                                                .eos = 1,
                                                .unknown = 3,
                                                .padding = 0};

static const ink_synthetic_vocab vocab_llama3 = {
    .model = "gpt2",
    .pre = "llama-bpe",
    .byte_level = true,
    .word_start = "\xc4\xa0",
    .first = NONE,
    .last = LIST("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
                 "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>",
                 "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>",
                 "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"),
    .n_last = 256,
    .filler = "<|reserved_special_token_%zu|>",
    .bos = 0,
    .eos = 9,
    .unknown = INK_NO_CONTROL,
    .padding = 4};

static const ink_synthetic_vocab vocab_smollm2 = {
    .model = "gpt2",
    .pre = "smollm",
    .byte_level = true,
    .word_start = "\xc4\xa0",
    .first = LIST("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    .n_first = 17,
    .filler = "<reserved_%zu>",
    .last = NONE,
    .bos = 1,
    .eos = 2,
    .unknown = 0,
    .padding = 2};

static const ink_shape shapes[] = {
    {.name = "tinyllama-1.1b",
     .title = "TinyLlama 1.1B",
     .arch = "llama",
     .vocab = &vocab_tinyllama,
     .hparams = {.n_vocab = 32000,
                 .n_context = 2048,
                 .n_embedding = 2048,
                 .n_layers = 22,
                 .k_dim = 64,
                 .v_dim = 64,
                 .rope_dims = 64,
                 .rms_epsilon = 1e-5f},
     .layer = {.n_heads = 32, .n_kv_heads = 4, .n_ff = 5632},
     .optional = {INK_WEIGHT_OUTPUT, INK_GATED_PARTS}},
    {.name = "llama-3.2-1b",
     .title = "Llama 3.2 1B",
     .arch = "llama",
     .vocab = &vocab_llama3,
     .hparams = {.n_vocab = 128256,
                 .n_context = 131072,
                 .n_embedding = 2048,
                 .n_layers = 16,
                 .k_dim = 64,
                 .v_dim = 64,
                 .rope_dims = 64,
                 .rope_base = 500000,
                 .rms_epsilon = 1e-5f},
     .layer = {.n_heads = 32, .n_kv_heads = 8, .n_ff = 8192},
     .rope = {.factor = 32, .low = 1, .high = 4, .n_context = 8192},
     .optional = {INK_WEIGHT_ROPE_FACTORS, INK_GATED_PARTS}},
    {.name = "llama-3.2-3b",
     .title = "Llama 3.2 3B",
     .arch = "llama",
     .vocab = &vocab_llama3,
     .hparams = {.n_vocab = 128256,
                 .n_context = 131072,
                 .n_embedding = 3072,
                 .n_layers = 28,
                 .k_dim = 128,
                 .v_dim = 128,
                 .rope_dims = 128,
                 .rope_base = 500000,
                 .rms_epsilon = 1e-5f},
     .layer = {.n_heads = 24, .n_kv_heads = 8, .n_ff = 8192},
     .rope = {.factor = 32, .low = 1, .high = 4, .n_context = 8192},
     .optional = {INK_WEIGHT_ROPE_FACTORS, INK_GATED_PARTS}},
    {.name = "gemma-2b",
     .title = "Gemma 2B",
     .arch = "gemma",
     .vocab = &vocab_gemma,
     .hparams = {.n_vocab = 256000,
                 .n_context = 8192,
                 .n_embedding = 2048,
                 .n_layers = 18,
                 .k_dim = 256,
                 .v_dim = 256,
                 .rope_dims = 256,
                 .rms_epsilon = 1e-6f},
     .layer = {.n_heads = 8, .n_kv_heads = 1, .n_ff = 16384}},
    {.name = "phi-3-mini",
     .title = "Phi-3 mini 4k",
     .arch = "phi3",
     .vocab = &vocab_phi,
     .hparams = {.n_vocab = 32064,
                 .n_context = 4096,
                 .n_context_original = 4096,
                 .n_embedding = 3072,
                 .n_layers = 32,
                 .k_dim = 96,
                 .v_dim = 96,
                 .rope_dims = 96,
                 .window = 2047,
                 .rms_epsilon = 1e-5f},
     .layer = {.n_heads = 32, .n_kv_heads = 32, .n_ff = 8192},
     .optional = {INK_WEIGHT_OUTPUT}},
    {.name = "smollm2-135m",
     .title = "SmolLM2 135M",
     .arch = "llama",
     .vocab = &vocab_smollm2,
     .hparams = {.n_vocab = 49152,
                 .n_context = 8192,
                 .n_embedding = 576,
                 .n_layers = 30,
                 .k_dim = 64,
                 .v_dim = 64,
                 .rope_dims = 64,
                 .rope_base = 100000,
                 .rms_epsilon = 1e-5f},
     .layer = {.n_heads = 9, .n_kv_heads = 3, .n_ff = 1536},
     .optional = {INK_GATED_PARTS}},
};

const ink_shape *ink_shape_at(size_t index)
{
    return index < sizeof shapes / sizeof *shapes ? &shapes[index] : NULL;
}

static bool lists(const uint8_t *roles, ink_role role)
{
    for (size_t i = 0; i < INK_MAX_ROLES && roles[i] != INK_WEIGHT_END; i++)
        if (roles[i] == role)
            return true;
    return false;
}

bool ink_shape_has(const ink_shape *shape, ink_role role)
{
    return lists(ink_arch_find(shape->arch)->required, role) || lists(shape->optional, role);
}
