#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/status.h"
#include "convert/config.h"
#include "model/model.h"

typedef struct writer {
    const ink_model *model;
    const ink_dialect *dialect;
    ink_arena *arena;
    ink_value json, rope;
    double v[INK_N_HF_KEYS]; /* not a number: it is not said */
    bool failed;             /* memory is out */
} writer;

/* Under the names that such models have, which are borrowed: part of a table. */
static void put(writer *w, ink_value object, const char *names, ink_value value)
{
    ink_text name;
    unsigned where = object.as.dict == w->rope.as.dict ? INK_HF_ROPE : INK_HF_TOP;
    while (!w->failed && ink_document_word(&names, '|', &name))
        if (ink_hf_is_known(w->dialect, where, name))
            w->failed =
                !ink_value_set(w->arena, object, ink_value_borrow(name.data, name.n_bytes), value);
}

static void put_text(writer *w, ink_value object, const char *names, const char *text)
{
    put(w, object, names, ink_value_borrow(text, strlen(text)));
}

static ink_value new_list(writer *w)
{
    ink_value list = ink_value_none();
    w->failed = w->failed || !ink_value_new_list(w->arena, INK_VALUE_LIST, 8, &list);
    return list;
}

static void append(writer *w, ink_value list, ink_value item)
{
    w->failed = w->failed || !ink_value_append(w->arena, list, item);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* What metadata says of all layers alike. */
static ink_status get_number(writer *w, size_t id, ink_error *error)
{
    char key[96];
    uint64_t whole;
    bool flag;
    double *v = &w->v[id];
    const ink_gguf *gguf = w->model->gguf;
    *v = NAN;
    const char *suffix = ink_hf_key_at(id).suffix;
    (void)snprintf(key, sizeof key, "%s.%s", w->model->arch->name, suffix);
    const ink_gguf_value *value = ink_gguf_find(gguf, key);
    if (!value || !suffix[0])
        return INK_OK;
    if (value->type == INK_GGUF_ARRAY && id == INK_HF_KV_HEADS && ink_hf_is_mixed(w->model->arch)) {
        for (uint32_t i = 0; i < w->model->hparams.n_layers; i++) /* layer_types says which */
            *v = fmax(*v, w->model->hparams.layers[i].n_kv_heads);
        return INK_OK;
    }
    if (value->type == INK_GGUF_ARRAY)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: %s differs by layer", ink_gguf_name(gguf),
                        key);
    if (ink_gguf_item_u64(value, 0, &whole))
        *v = (double)whole;
    else if (ink_gguf_item_bool(value, 0, &flag))
        *v = flag;
    else
        (void)ink_gguf_item_f64(value, 0, v);
    return INK_OK;
}

/*
 * The file may name a scale or a cap, which is computed with, where such models have no key for it.
 */
static ink_status check_said(const writer *w, ink_error *error)
{
    static const uint8_t ids[] = {INK_HF_CAP,      INK_HF_CAP_LOGITS,  INK_HF_EXPERTS_SCALE,
                                  INK_HF_SCALE_IN, INK_HF_SCALE_ADDED, INK_HF_SCALE_SCORES,
                                  INK_HF_SCALE_OUT};
    for (size_t i = 0; i < sizeof ids; i++) {
        const ink_hf_key row = ink_hf_key_at(ids[i]);
        const char *names = row.names;
        double v = w->v[ids[i]];
        bool said = isnan(v) || v == 0 || v == 1;
        ink_text name;
        while (!said && ink_document_word(&names, '|', &name))
            said = ink_hf_is_known(w->dialect, INK_HF_TOP, name);
        if (!said)
            return ink_fail(error, INK_UNSUPPORTED, 0, "%s: %s.%s has no key in config.json of %s",
                            ink_gguf_name(w->model->gguf), w->model->arch->name, row.suffix,
                            ink_dialect_text(w->dialect, INK_DIALECT_MODEL_TYPE));
    }
    return INK_OK;
}

static void put_number(writer *w, size_t id)
{
    const ink_hf_key row = ink_hf_key_at(id);
    double v = w->v[id];
    if (isnan(v))
        return;
    unsigned type = row.traits & 3;
    put(w, row.traits & INK_HF_ROPE ? w->rope : w->json, row.names,
        type == INK_HF_u32   ? ink_value_integer((int64_t)v)
        : type == INK_HF_f32 ? ink_value_float(v)
                             : ink_value_bool(v != 0));
}

/* What config.json says where metadata leaves it to a rule, or says it in another way. */
static void complete(writer *w)
{
    const ink_hparams *h = &w->model->hparams;
    const ink_arch *arch = w->model->arch;
    uint16_t traits = w->dialect->traits;
    double *v = w->v, factor = (double)h->rope_factor;
    bool scans = ink_arch_lists(arch, INK_WEIGHT_SCAN_OUT);
    if (scans || ink_arch_lists(arch, INK_WEIGHT_CONV))
        v[INK_HF_EPSILON_LAYER] = v[INK_HF_EPSILON];
    if (scans && !ink_arch_lists(arch, INK_WEIGHT_ATTENTION_OUTPUT)) {
        v[INK_HF_FORWARD] = v[INK_HF_HEADS] = v[INK_HF_KV_HEADS] = NAN;
        v[INK_HF_HEAD] = (double)h->n_scan / h->n_scan_heads;
    } else if (scans) {
        v[INK_HF_SCAN_HEAD] = (double)h->n_scan / h->n_scan_heads;
        v[INK_HF_SHARED] = v[INK_HF_FORWARD];
    }
    if (scans)
        v[INK_HF_EXPAND] = (double)h->n_scan / h->n_embedding;
    if (traits & INK_DIALECT_ADJUST)
        v[INK_HF_BLOCK_ADJUSTS] = 0;
    v[INK_HF_TOKENS] = h->n_vocab;
    v[INK_HF_TIED] = w->model->weights[INK_WEIGHT_OUTPUT].n == 0;
    if (traits & INK_DIALECT_SCALES) {
        v[INK_HF_SCALE_IN] = (double)h->embedding_scale;
        v[INK_HF_SCALE_DEPTH] = (double)h->residual_scale * sqrt(h->n_layers);
        v[INK_HF_SCALE_BASE] = (double)h->n_embedding / (double)h->logit_scale;
        v[INK_HF_SCALE_ADDED] = v[INK_HF_SCALE_OUT] = NAN;
    }
    if (traits & INK_DIALECT_SCALAR) {
        v[INK_HF_SCALAR] = 1 / ((double)h->attention_scale * (double)h->attention_scale);
        v[INK_HF_SCALE_SCORES] = NAN;
    }
    if (ink_arch_lists(arch, INK_WEIGHT_TOKEN_TYPES))
        v[INK_HF_TYPES] = h->n_token_types;
    if (arch->rope != INK_ROPE_NONE) {
        v[INK_HF_THETA] = (double)h->rope_base;
        v[INK_HF_PART] = (double)h->rope_dims / h->k_dim;
    }
    if (arch->window_period > 0 && h->window > 0 && h->rope_base_window != h->rope_base)
        v[INK_HF_THETA_WINDOW] = (double)h->rope_base_window;
    v[INK_HF_FACTOR] = factor;
    v[INK_HF_ORIGINAL] = v[INK_HF_ORIGINAL_TOP] = h->n_context_original;
    v[INK_HF_MAGNITUDE] =
        (double)h->rope_magnitude * (h->scaling == INK_SCALING_YARN ? 1 + 0.1 * log(factor) : 1);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static void put_factors(writer *w, const char *key, ink_role role)
{
    const ink_weight *factors = &w->model->weights[role];
    ink_value list = new_list(w);
    for (size_t i = 0; i < factors->n; i++)
        append(w, list, ink_value_float((double)factors->vector[i]));
    put(w, w->rope, key, list);
}

/*
 * Factors of a file without a rule for them are written as they are, for short and long contexts.
 */
static void put_scaling(writer *w)
{
    static const char *const types[] = {"default", "linear", "yarn", "longrope"};
    bool one = w->model->weights[INK_WEIGHT_ROPE_FACTORS].n > 0;
    bool two = w->model->weights[INK_WEIGHT_ROPE_FACTORS_LONG].n > 0;
    if (one || two) {
        put_factors(w, "long_factor", two ? INK_WEIGHT_ROPE_FACTORS_LONG : INK_WEIGHT_ROPE_FACTORS);
        put_factors(w, "short_factor",
                    two ? INK_WEIGHT_ROPE_FACTORS_SHORT : INK_WEIGHT_ROPE_FACTORS);
    }
    put_text(w, w->rope, "rope_type|type",
             types[one || two ? INK_SCALING_LONGROPE : w->model->hparams.scaling]);
    if (one || two || w->model->hparams.scaling != INK_SCALING_NONE)
        put(w, w->json, "rope_scaling", w->rope);
}

static void put_layers(writer *w)
{
    const ink_arch *arch = w->model->arch;
    const ink_hparams *h = &w->model->hparams;
    bool windows = arch->window_period > 0 && h->window > 0;
    bool mixed = ink_hf_is_mixed(arch), convolves = ink_arch_lists(arch, INK_WEIGHT_CONV);
    ink_value types = new_list(w), rotated = new_list(w);
    for (uint32_t i = 0; i < h->n_layers; i++) {
        const char *other = convolves ? "conv" : "mamba",
                   *own = mixed && !convolves ? "attention" : "full_attention";
        const char *type = h->layers[i].windowed                   ? "sliding_attention"
                           : mixed && h->layers[i].n_kv_heads == 0 ? other
                                                                   : own;
        append(w, types, ink_value_borrow(type, strlen(type)));
        append(w, rotated, ink_value_integer(h->layers[i].rotated));
    }
    if (windows || mixed)
        put(w, w->json, "layer_types", types);
    if (arch->rope_if_finetuned)
        put_text(w, w->json, "position_embedding_type", h->rope_finetuned ? "rope" : "nope");
    if (arch->no_rope_period > 0)
        put(w, w->json, "no_rope_layers", rotated);
}

/* What is said of tensors, by those that the file has and the model reads. */
static void put_shown(writer *w)
{
    uint8_t seen[INK_N_WEIGHT_ROLES] = {0};
    ink_place place = {0};
    char name[INK_PLACE_NAME_BYTES];
    const char *key;
    bool truth;
    while (ink_place_next(w->model->arch, w->model->hparams.n_layers, &place)) {
        bool lone = place.bias && !(seen[place.role] & INK_SEEN_WEIGHT) &&
                    ink_parts[place.role].bias != INK_BIAS_ALONE;
        if (!lone && ink_gguf_find_tensor(w->model->gguf, ink_place_name(&place, false, name)))
            seen[place.role] |= place.bias ? INK_SEEN_BIAS : INK_SEEN_WEIGHT;
    }
    for (size_t i = 0; (key = ink_hf_shown_at(i, seen, &truth)) != NULL; i++)
        put(w, w->json, key, ink_value_bool(truth));
}

/* The tokens that a text begins and ends with. */
static void put_tokens(writer *w)
{
    static const uint8_t ends[] = {INK_ROLE_EOS, INK_ROLE_EOT, INK_ROLE_EOM};
    const ink_vocab *vocab = w->model->vocab;
    ink_value list = new_list(w);
    int32_t bos = vocab ? ink_vocab_role(vocab, INK_ROLE_BOS) : -1;
    for (size_t i = 0; vocab && i < sizeof ends; i++)
        if (ink_vocab_role(vocab, (ink_token_role)ends[i]) >= 0)
            append(w, list, ink_value_integer(ink_vocab_role(vocab, (ink_token_role)ends[i])));
    put(w, w->json, "bos_token_id", bos < 0 ? ink_value_none() : ink_value_integer(bos));
    put(w, w->json, "eos_token_id", list);
}

/* Those that do not end with "Model" are of models that generate. */
static ink_value class_name(writer *w)
{
    char name[64];
    ink_value out = ink_value_none();
    const char *stem = ink_dialect_text(w->dialect, INK_DIALECT_CLASS),
               *end = strstr(stem, "Model");
    int n = snprintf(name, sizeof name, "%s%s", stem, end ? "" : "ForCausalLM");
    w->failed = w->failed || !ink_value_new_string(w->arena, name, (size_t)n, &out);
    return out;
}

static void put_names(writer *w, const char *dtype)
{
    const ink_arch *arch = w->model->arch;
    bool glu =
        ink_arch_lists(arch, INK_WEIGHT_FFN_GATE) && (w->dialect->traits & INK_DIALECT_POOLS) != 0;
    ink_value names = new_list(w);
    append(w, names, class_name(w));
    put(w, w->json, "architectures", names);
    put_text(w, w->json, "model_type", ink_dialect_text(w->dialect, INK_DIALECT_MODEL_TYPE));
    put_text(w, w->json, "torch_dtype", dtype);
    put_text(w, w->json, "hidden_act|hidden_activation|activation_function",
             arch->activation == INK_ACTIVATION_GELU           ? "gelu_pytorch_tanh"
             : arch->activation == INK_ACTIVATION_RELU_SQUARED ? "relu2"
             : glu                                             ? "swiglu"
                                                               : "silu");
    if (w->dialect->traits & INK_DIALECT_BOTH_WAYS)
        put(w, w->json, "use_bidirectional_attention", ink_value_bool(true));
    if (w->model->hparams.n_experts > 0)
        put(w, w->json, "norm_topk_prob", ink_value_bool(true));
}

ink_status ink_hf_config_write(const ink_model *model, const ink_dialect *dialect,
                               const char *dtype, ink_arena *arena, ink_value *json,
                               ink_error *error)
{
    writer w = {.model = model, .dialect = dialect, .arena = arena};
    w.failed = !ink_value_new_dict(arena, INK_VALUE_DICT, &w.json) ||
               !ink_value_new_dict(arena, INK_VALUE_DICT, &w.rope);
    put_names(&w, dtype);
    for (size_t i = 0; i < INK_N_HF_KEYS; i++)
        INK_TRY(get_number(&w, i, error));
    complete(&w);
    INK_TRY(check_said(&w, error));
    for (size_t i = 0; i < INK_N_HF_KEYS; i++)
        put_number(&w, i);
    put_scaling(&w);
    put_layers(&w);
    put_shown(&w);
    put_tokens(&w);
    *json = w.json;
    return w.failed ? ink_fail_memory(error, "a configuration") : INK_OK;
}
