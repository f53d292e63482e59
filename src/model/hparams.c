#include "model/hparams.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "format/gguf_writer.h"

#define KEY_BYTES 160

/* Where reading is: every message names the file and the key. */
typedef struct reader {
    const ink_gguf *gguf;
    const char *arch;
    char key[KEY_BYTES];
    ink_error *error;
} reader;

static const char *key_of(reader *r, const char *suffix)
{
    (void)snprintf(r->key, sizeof r->key, "%s.%s", r->arch, suffix);
    return r->key;
}

static ink_status refuse(reader *r, const char *suffix, const char *what)
{
    return ink_fail(r->error, INK_CORRUPT, 0, "%s: %s %s", ink_gguf_name(r->gguf),
                    key_of(r, suffix), what);
}

static ink_status read_table(reader *r, ink_hparams *hparams)
{
#define HPARAM(type, field, suffix, fallback) \
    hparams->field = fallback;                \
    INK_TRY(ink_gguf_get_##type(r->gguf, key_of(r, suffix), &hparams->field, r->error));
#include "model/hparams.def"
#undef HPARAM
    return INK_OK;
}

static ink_status read_scaling(reader *r, ink_hparams *hparams)
{
    static const struct {
        const char *name;
        ink_rope_scaling scaling;
    } names[] = {
        {"none", INK_SCALING_NONE},
        {"linear", INK_SCALING_LINEAR},
        {"yarn", INK_SCALING_YARN},
        {"longrope", INK_SCALING_LONGROPE},
    };
    ink_gguf_string name = {NULL, 0};
    INK_TRY(ink_gguf_get_string(r->gguf, key_of(r, "rope.scaling.type"), &name, r->error));
    if (hparams->rope_factor == 0)
        hparams->rope_factor = hparams->rope_factor_old;
    if (!name.text) {
        hparams->scaling = hparams->rope_factor > 0 ? INK_SCALING_LINEAR : INK_SCALING_NONE;
        return INK_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, name.text) == 0) {
            hparams->scaling = names[i].scaling;
            return INK_OK;
        }
    }
    return ink_fail(r->error, INK_UNSUPPORTED, 0, "%s: rope scaling \"%.40s\" is not supported",
                    ink_gguf_name(r->gguf), name.text);
}

/* Every layer's own counts: one value for all, or an array with one for each. */
static ink_status read_layers(reader *r, ink_hparams *hparams, ink_arena *arena)
{
    size_t n = hparams->n_layers;
    uint32_t *heads = ink_arena_take(arena, n, sizeof *heads);
    uint32_t *kv_heads = ink_arena_take(arena, n, sizeof *kv_heads);
    uint32_t *ff = ink_arena_take(arena, n, sizeof *ff);
    hparams->layers = ink_arena_take(arena, n, sizeof *hparams->layers);
    if (!heads || !kv_heads || !ff || !hparams->layers)
        return ink_fail_memory(r->error, "hyperparameters");
    INK_TRY(ink_gguf_get_u32s(r->gguf, key_of(r, "attention.head_count"), n, heads, r->error));
    memcpy(kv_heads, heads, n * sizeof *heads);
    INK_TRY(
        ink_gguf_get_u32s(r->gguf, key_of(r, "attention.head_count_kv"), n, kv_heads, r->error));
    INK_TRY(ink_gguf_get_u32s(r->gguf, key_of(r, "feed_forward_length"), n, ff, r->error));
    for (size_t i = 0; i < n; i++)
        hparams->layers[i] =
            (ink_layer_hparams){.n_heads = heads[i], .n_kv_heads = kv_heads[i], .n_ff = ff[i]};
    return INK_OK;
}

/*
 * Which layers look at a window: by the architecture's period, by the file's period, or by a flag
 * for each layer.
 */
static ink_status read_windows(reader *r, const ink_arch *arch, ink_hparams *hparams,
                               ink_arena *arena)
{
    const char *key = key_of(r, "attention.sliding_window_pattern");
    const ink_gguf_value *value = ink_gguf_find(r->gguf, key);
    uint32_t period = arch->window_period;
    bool *flags = NULL;
    if (value && value->type == INK_GGUF_ARRAY) {
        flags = ink_arena_take(arena, hparams->n_layers, sizeof *flags);
        if (!flags)
            return ink_fail_memory(r->error, "hyperparameters");
        INK_TRY(ink_gguf_get_bools(r->gguf, key, hparams->n_layers, flags, r->error));
    } else {
        INK_TRY(ink_gguf_get_u32(r->gguf, key, &period, r->error));
    }
    for (uint32_t i = 0; i < hparams->n_layers; i++) {
        ink_layer_hparams *layer = &hparams->layers[i];
        bool by_period = period > 0 && i % period != period - 1;
        layer->windowed =
            arch->window_period > 0 && hparams->window > 0 && (flags ? flags[i] : by_period);
        layer->rotated = arch->rope != INK_ROPE_NONE &&
                         !(arch->rope_if_finetuned && !hparams->rope_finetuned) &&
                         !(arch->no_rope_period && (i + 1) % arch->no_rope_period == 0) &&
                         !(arch->rope_in_window_only && hparams->window > 0 && !layer->windowed);
    }
    return INK_OK;
}

/*
 * The last layers may see the keys and values of the last one of their kind, windowed or not, that
 * has its own (Gemma 3n, Gemma 4). Kinds are looked for in two layers only, as files are made.
 */
static ink_status read_sharing(reader *r, ink_hparams *hparams)
{
    uint32_t n = hparams->n_layers, n_own = n - hparams->n_sharing_layers;
    if (hparams->n_sharing_layers > 0 && (hparams->n_sharing_layers >= n || n_own < 2))
        return refuse(r, "attention.shared_kv_layers", "leaves fewer than two layers of their own");
    for (uint32_t i = 0; i < n; i++) {
        ink_layer_hparams *layer = &hparams->layers[i];
        layer->kv_layer = i < n_own ? i : layer->windowed ? n_own - 2 : n_own - 1;
        const ink_layer_hparams *source = &hparams->layers[layer->kv_layer];
        if (source->windowed != layer->windowed || source->n_kv_heads != layer->n_kv_heads)
            return refuse(r, "attention.shared_kv_layers",
                          "shares keys and values between layers that are not alike");
    }
    return INK_OK;
}

/* ---- Completing and checking ----------------------------------------------------------------- */

/* Of the first layer that attends. */
static uint32_t first_heads(const ink_hparams *hparams)
{
    uint32_t i = 0;
    while (i + 1 < hparams->n_layers && hparams->layers[i].n_heads == 0)
        i++;
    return hparams->layers[i].n_heads;
}

static void complete_widths(ink_hparams *hparams)
{
    uint32_t heads = first_heads(hparams);
    if (hparams->k_dim == 0 && heads > 0)
        hparams->k_dim = hparams->n_embedding / heads;
    if (hparams->v_dim == 0)
        hparams->v_dim = hparams->k_dim;
    if (hparams->rope_dims == 0)
        hparams->rope_dims = hparams->k_dim;
    if (hparams->k_dim_window == 0)
        hparams->k_dim_window = hparams->k_dim;
    if (hparams->v_dim_window == 0)
        hparams->v_dim_window = hparams->v_dim;
    if (hparams->rope_dims_window == 0)
        hparams->rope_dims_window =
            hparams->rope_dims < hparams->k_dim_window ? hparams->rope_dims : hparams->k_dim_window;
}

/* A file may count heads for all layers, of which a few attend. */
static void complete_periods(const ink_arch *arch, ink_hparams *hparams)
{
    if (arch->attention_period == 0)
        return;
    if (hparams->attention_period == 0)
        hparams->attention_period = arch->attention_period;
    for (uint32_t i = 0; i < hparams->n_layers; i++)
        if (i % hparams->attention_period != hparams->attention_period - 1)
            hparams->layers[i].n_kv_heads = 0;
}

static void complete(const ink_arch *arch, ink_hparams *hparams)
{
    uint32_t heads = first_heads(hparams);
    complete_periods(arch, hparams);
    complete_widths(hparams);
    if (hparams->n_context_original == 0)
        hparams->n_context_original = hparams->n_context;
    if (hparams->n_expert_ff == 0)
        hparams->n_expert_ff = hparams->layers[0].n_ff;
    uint64_t n_shared_ff = (uint64_t)hparams->n_shared_experts * hparams->n_expert_ff;
    if (hparams->n_shared_ff == 0)
        hparams->n_shared_ff = n_shared_ff < UINT32_MAX ? (uint32_t)n_shared_ff : UINT32_MAX;
    if (hparams->rope_factor == 0)
        hparams->rope_factor = 1;
    if (hparams->rope_base_window == 0)
        hparams->rope_base_window =
            arch->window_rope_base > 0 ? arch->window_rope_base : hparams->rope_base;
    hparams->epsilon = arch->norm == INK_NORM_RMS ? hparams->rms_epsilon : hparams->layer_epsilon;
    hparams->parallel = hparams->parallel || arch->parallel;
    if (hparams->attention_scale == 0) {
        bool wide = arch->wide_scale_layers && hparams->n_layers == arch->wide_scale_layers;
        double width = wide ? (double)hparams->n_embedding / heads : (double)hparams->k_dim;
        hparams->attention_scale = width > 0 ? (float)(1.0 / sqrt(width)) : 1;
    }
    if (hparams->expert_gate == INK_GATE_DEFAULT)
        hparams->expert_gate = arch->gate == INK_GATE_DEFAULT ? INK_GATE_SOFTMAX : arch->gate;
    hparams->expert_normalize = hparams->expert_normalize || arch->normalize_experts;
    if (arch->adjust)
        arch->adjust(hparams);
}

static bool width_ok(uint64_t width)
{
    return width >= 1 && width <= INK_MAX_WIDTH;
}

/* Without heads of keys and values a layer does not attend, where the architecture has others. */
static ink_status check_layers(reader *r, const ink_arch *arch, const ink_hparams *hparams)
{
    bool feeds = ink_arch_lists(arch, INK_WEIGHT_FFN_DOWN);
    for (uint32_t i = 0; i < hparams->n_layers; i++) {
        const ink_layer_hparams *layer = &hparams->layers[i];
        if ((feeds && !width_ok(layer->n_ff)) || layer->n_ff > INK_MAX_WIDTH)
            return refuse(r, "feed_forward_length", "is zero or too large");
        if (layer->n_kv_heads == 0 && !ink_arch_requires(arch, INK_WEIGHT_ATTENTION_OUTPUT))
            continue;
        if (layer->n_heads == 0 || layer->n_kv_heads == 0 ||
            layer->n_heads % layer->n_kv_heads != 0)
            return ink_fail(r->error, INK_CORRUPT, 0,
                            "%s: layer %u has %u heads over %u key/value heads; the first must be "
                            "a multiple of the second",
                            ink_gguf_name(r->gguf), i, layer->n_heads, layer->n_kv_heads);
        if (!width_ok((uint64_t)layer->n_heads * ink_hparams_k_dim(hparams, layer)) ||
            !width_ok((uint64_t)layer->n_heads * ink_hparams_v_dim(hparams, layer)))
            return refuse(r, "attention.head_count",
                          "times the width of a head is outside what is possible");
    }
    return INK_OK;
}

/* What recurrences are made of; none of it is read where the architecture has none. */
static ink_status check_states(reader *r, const ink_arch *arch, const ink_hparams *h)
{
    if (ink_arch_lists(arch, INK_WEIGHT_CONV) &&
        (h->n_conv_taps < 2 || h->n_conv_taps > INK_MAX_TAPS))
        return refuse(r, "shortconv.l_cache", "must be between 2 and 64");
    if (!ink_arch_lists(arch, INK_WEIGHT_SCAN_OUT))
        return INK_OK;
    if (h->n_scan_taps < 2 || h->n_scan_taps > INK_MAX_TAPS)
        return refuse(r, "ssm.conv_kernel", "must be between 2 and 64");
    if (!width_ok(h->n_scan) || h->n_scan_heads == 0 || h->n_scan % h->n_scan_heads != 0)
        return refuse(r, "ssm.inner_size", "must be a multiple of ssm.time_step_rank");
    if (h->n_scan_groups == 0 || h->n_scan_heads % h->n_scan_groups != 0)
        return refuse(r, "ssm.group_count", "must divide ssm.time_step_rank");
    if (!width_ok(h->n_scan_state) || !width_ok((uint64_t)h->n_scan_state * h->n_scan_groups) ||
        (uint64_t)h->n_scan_state * h->n_scan > INK_MAX_STATE)
        return refuse(r, "ssm.state_size", "is zero or too large");
    return INK_OK;
}

static ink_status check_experts(reader *r, const ink_hparams *hparams)
{
    if (hparams->n_experts > INK_MAX_EXPERTS)
        return refuse(r, "expert_count", "is above the limit of 1024");
    if (hparams->n_experts > 0 &&
        (hparams->n_experts_used == 0 || hparams->n_experts_used > hparams->n_experts))
        return refuse(r, "expert_used_count", "must be between 1 and expert_count");
    if (hparams->expert_gate > INK_GATE_SOFTMAX_OF_CHOSEN)
        return refuse(r, "expert_gating_func", "is unknown");
    return INK_OK;
}

static ink_status check_floats(reader *r, const ink_hparams *hparams)
{
    const struct {
        const char *key;
        float value;
        bool above_zero;
    } checks[] = {
        {"attention.layer_norm(_rms)_epsilon", hparams->epsilon, true},
        {"rope.freq_base", hparams->rope_base, true},
        {"rope.freq_base_swa", hparams->rope_base_window, true},
        {"rope.scaling.factor", hparams->rope_factor, true},
        {"rope.scaling.attn_factor", hparams->rope_magnitude, true},
        {"rope.scaling.yarn_beta_fast", hparams->yarn_beta_fast, true},
        {"rope.scaling.yarn_beta_slow", hparams->yarn_beta_slow, true},
        {"rope.scaling.yarn_log_multiplier", hparams->yarn_log_factor, false},
        {"attention.scale", hparams->attention_scale, true},
        {"logit_scale", hparams->logit_scale, false},
        {"residual_scale", hparams->residual_scale, false},
        {"embedding_scale", hparams->embedding_scale, false},
        {"expert_weights_scale", hparams->expert_scale, false},
        {"attn_logit_softcapping", hparams->attention_soft_cap, false},
        {"final_logit_softcapping", hparams->final_soft_cap, false},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (!isfinite(checks[i].value) || checks[i].value < 0 ||
            (checks[i].above_zero && checks[i].value == 0))
            return refuse(r, checks[i].key,
                          checks[i].above_zero ? "must be a finite number above zero"
                                               : "must be a finite number, zero or more");
    return INK_OK;
}

/* Latent attention has one head of keys and values, as wide as what it is made from. */
static ink_status check_latent(reader *r, const ink_hparams *hparams)
{
    if (hparams->k_dim_latent == 0 && hparams->kv_rank == 0)
        return INK_OK;
    if (!width_ok(hparams->kv_rank) || hparams->k_dim != hparams->kv_rank + hparams->rope_dims ||
        hparams->v_dim != hparams->kv_rank || hparams->layers[0].n_kv_heads != 1)
        return refuse(r, "attention.kv_lora_rank", "does not fit the key and value lengths");
    if (hparams->k_dim_latent <= hparams->rope_dims || !width_ok(hparams->k_dim_latent) ||
        !width_ok(hparams->v_dim_latent))
        return refuse(r, "attention.key_length_mla", "must be above rope.dimension_count");
    if (hparams->n_expert_groups > 1)
        return ink_fail(r->error, INK_UNSUPPORTED, 0,
                        "%s: experts chosen by group (%u groups) are not supported",
                        ink_gguf_name(r->gguf), hparams->n_expert_groups);
    return INK_OK;
}

static ink_status check_heads(reader *r, const ink_arch *arch, const ink_hparams *hparams)
{
    if (!ink_arch_lists(arch, INK_WEIGHT_ATTENTION_OUTPUT))
        return INK_OK;
    if (!width_ok(hparams->k_dim) || !width_ok(hparams->v_dim))
        return refuse(r, "attention.key_length", "is zero or too large");
    if (!width_ok(hparams->k_dim_window) || !width_ok(hparams->v_dim_window))
        return refuse(r, "attention.key_length_swa", "is zero or too large");
    if (arch->rope != INK_ROPE_NONE &&
        (hparams->rope_dims % 2 != 0 || hparams->rope_dims > hparams->k_dim))
        return refuse(r, "rope.dimension_count", "must be even and at most the width of a head");
    if (arch->rope != INK_ROPE_NONE &&
        (hparams->rope_dims_window % 2 != 0 || hparams->rope_dims_window > hparams->k_dim_window))
        return refuse(r, "rope.dimension_count_swa",
                      "must be even and at most the width of a head");
    return INK_OK;
}

static ink_status check(reader *r, const ink_arch *arch, const ink_hparams *hparams)
{
    INK_TRY(check_layers(r, arch, hparams));
    INK_TRY(check_states(r, arch, hparams));
    INK_TRY(check_heads(r, arch, hparams));
    if (!width_ok((uint64_t)hparams->n_per_layer * hparams->n_layers + 1))
        return refuse(r, "embedding_length_per_layer_input", "is too large");
    if (hparams->n_context_original > INK_MAX_CONTEXT)
        return refuse(r, "rope.scaling.original_context_length", "is too large");
    if (hparams->window > INK_MAX_CONTEXT)
        return refuse(r, "attention.sliding_window", "is too large");
    if (hparams->pooling > 4)
        return refuse(r, "pooling_type", "is unknown");
    INK_TRY(check_experts(r, hparams));
    INK_TRY(check_latent(r, hparams));
    return check_floats(r, hparams);
}

ink_status ink_hparams_read(ink_hparams *hparams, const ink_arch *arch, const ink_gguf *gguf,
                            ink_arena *arena, ink_error *error)
{
    reader r = {.gguf = gguf, .arch = arch->name, .error = error};
    memset(hparams, 0, sizeof *hparams);
    INK_TRY(read_table(&r, hparams));
    if (hparams->n_layers < 1 || hparams->n_layers > INK_MAX_LAYERS)
        return refuse(&r, "block_count", "must be between 1 and 1024");
    if (!width_ok(hparams->n_embedding))
        return refuse(&r, "embedding_length", "is absent, zero or too large");
    if (hparams->n_context < 1 || hparams->n_context > INK_MAX_CONTEXT)
        return refuse(&r, "context_length", "is absent, zero or above 16777216");
    INK_TRY(read_scaling(&r, hparams));
    INK_TRY(read_layers(&r, hparams, arena));
    hparams->n_token_types = 2;
    INK_TRY(
        ink_gguf_get_u32(gguf, "tokenizer.ggml.token_type_count", &hparams->n_token_types, error));
    complete(arch, hparams);
    INK_TRY(read_windows(&r, arch, hparams, arena));
    INK_TRY(read_sharing(&r, hparams));
    return check(&r, arch, hparams);
}

ink_status ink_hparams_preview(ink_hparams *hparams, const ink_arch *arch,
                               const ink_gguf_writer *writer, const char *file, ink_arena *arena,
                               ink_error *error)
{
    ink_buffer bytes;
    ink_gguf *gguf = NULL;
    ink_buffer_init(&bytes, arena->allocator, INK_GGUF_MAX_HEADER_BYTES);
    ink_status status =
        ink_gguf_writer_metadata(writer, &bytes)
            ? ink_gguf_open_memory(&gguf, bytes.data, bytes.n_bytes, file, arena->allocator, error)
            : ink_fail_memory(error, "the metadata of a model");
    if (status == INK_OK)
        status = ink_hparams_read(hparams, arch, gguf, arena, error);
    ink_gguf_free(gguf);
    ink_buffer_deinit(&bytes);
    return status;
}
