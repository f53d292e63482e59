#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/config.h"

#define FILE_NAME "config.json"

typedef struct reader {
    ink_hf_config *config;
    ink_value json;
    const ink_value *rope;   /* what scales; NULL: nothing */
    double v[INK_N_HF_KEYS]; /* not a number: it is not said */
    ink_gguf_writer *writer;
    const ink_log *log;
    ink_arena *arena;
    ink_error *error;
    char key[96];
} reader;

static const char *key_of(reader *r, const char *suffix)
{
    (void)snprintf(r->key, sizeof r->key, "%s.%s", r->config->arch->name, suffix);
    return r->key;
}

static ink_status refuse(const reader *r, ink_status status, const char *key, const char *what)
{
    return ink_fail(r->error, status, 0, FILE_NAME ": %.60s %s", key, what);
}

static bool has(const reader *r, ink_hf_id id)
{
    return !isnan(r->v[id]);
}

static double or_else(const reader *r, ink_hf_id id, double fallback)
{
    return has(r, id) ? r->v[id] : fallback;
}

/* ---- Numbers in, numbers out ----------------------------------------------------------------- */

static ink_status read_number(reader *r, size_t id)
{
    const ink_hf_key row = ink_hf_key_at(id);
    double *v = &r->v[id];
    const ink_value *value =
        ink_document_get(row.traits & INK_HF_ROPE ? r->rope : &r->json, row.names);
    *v = NAN;
    if (!value)
        return INK_OK;
    if (!ink_document_number(value, v))
        return refuse(r, INK_CORRUPT, row.names, "is no number");
    bool is_whole = *v >= 0 && *v <= UINT32_MAX && *v == floor(*v);
    if ((row.traits & 3) == INK_HF_u32 && !is_whole)
        return refuse(r, INK_CORRUPT, row.names, "is out of range");
    return INK_OK;
}

static uint32_t whole(double v)
{
    return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

static ink_status set_number(reader *r, size_t id)
{
    const ink_hf_key row = ink_hf_key_at(id);
    double v = r->v[id];
    if (isnan(v) || !row.suffix[0])
        return INK_OK;
    const char *key = key_of(r, row.suffix);
    if ((row.traits & 3) == INK_HF_FLAG)
        return ink_gguf_writer_set_bool(r->writer, key, v != 0, r->error);
    if ((row.traits & 3) == INK_HF_f32)
        return ink_gguf_writer_set_f32(r->writer, key, (float)v, r->error);
    return ink_gguf_writer_set_u32(r->writer, key, whole(v), r->error);
}

/* ---- Keys that are no numbers --------------------------------------------------------------- */

static ink_status check_keys(const reader *r)
{
    static const char *const lists[] = {"layer_types", "no_rope_layers"};
    const ink_dialect *dialect = r->config->dialect;
    if (ink_document_get(&r->json, "quantization_config"))
        return refuse(r, INK_UNSUPPORTED, "quantization_config",
                      "is there: convert what it was made of");
    if (r->rope && r->rope->kind != INK_VALUE_DICT)
        return refuse(r, INK_CORRUPT, "rope_scaling", "is no object");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const ink_value *value = ink_document_get(&r->json, lists[i]);
        if (value && value->kind != INK_VALUE_LIST)
            return refuse(r, INK_CORRUPT, lists[i], "is no list");
    }
    INK_TRY(ink_hf_check_known(r->json, INK_HF_TOP, dialect, r->error));
    return r->rope ? ink_hf_check_known(*r->rope, INK_HF_ROPE, dialect, r->error) : INK_OK;
}

/*
 * By name, the first an exact one. GELU is computed in its tanh form here, as is usual of GGUF,
 * whatever the form that a model was trained with; Gemma says "gelu" and means the former.
 */
static ink_status check_activation(const reader *r)
{
    static const struct {
        ink_activation activation;
        const char *names;
    } rows[] = {{INK_ACTIVATION_SILU, "silu|swish|swiglu"},
                {INK_ACTIVATION_GELU, "gelu|gelu_new|gelu_fast|gelu_pytorch_tanh"},
                {INK_ACTIVATION_RELU_SQUARED, "relu2"}};
    const char *names = "hidden_activation|hidden_act|activation_function|activation";
    const ink_value *value = ink_document_get(&r->json, names);
    ink_text found = ink_document_text(&r->json, names);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].activation == r->config->arch->activation)
            names = rows[i].names;
    if (value && !ink_document_has_word(names, '|', found))
        return ink_fail(r->error, INK_UNSUPPORTED, 0,
                        FILE_NAME ": hidden_act \"%.*s\" is not what is computed here: %s",
                        (int)ink_size_min(found.n_bytes, 60), found.data ? found.data : "", names);
    if (found.n_bytes == 4 && memcmp(found.data, "gelu", 4) == 0 &&
        !(r->config->dialect->traits & INK_DIALECT_PLUS_ONE))
        ink_warn(r->log, FILE_NAME ": hidden_act gelu is computed in its tanh form, which differs "
                                   "by at most 0.0005");
    return INK_OK;
}

/* ---- Rotation -------------------------------------------------------------------------------- */

static ink_made_tensor *make_factors(reader *r, ink_role role, size_t n)
{
    ink_made_tensor *made = &r->config->made[r->config->n_made++];
    *made = (ink_made_tensor){role, ink_arena_take(r->arena, n, sizeof *made->values), n};
    return made->values ? made : NULL;
}

/* Llama 3.1: slow pairs are stretched, those in between a little. */
static ink_status make_llama3(reader *r)
{
    double low = or_else(r, INK_HF_LOW, 1), high = or_else(r, INK_HF_HIGH, 4);
    double factor = r->v[INK_HF_FACTOR], original = r->v[INK_HF_ORIGINAL];
    size_t n = (size_t)r->v[INK_HF_ROTATED] / 2;
    if (!(low > 0 && high > low))
        return refuse(r, INK_UNSUPPORTED, "rope_scaling", "is out of range");
    ink_made_tensor *made = make_factors(r, INK_WEIGHT_ROPE_FACTORS, n);
    if (!made)
        return ink_fail_memory(r->error, "the factors of a rotation");
    for (size_t i = 0; i < n; i++) {
        double wave = 2 * 3.14159265358979323846 * pow(r->v[INK_HF_THETA], (double)i / (double)n);
        double smooth = (original / wave - low) / (high - low);
        smooth = smooth < 0 ? 0 : smooth > 1 ? 1 : smooth;
        made->values[i] = (float)(1 / ((1 - smooth) / factor + smooth));
    }
    r->v[INK_HF_FACTOR] = r->v[INK_HF_ORIGINAL] = NAN;
    return INK_OK;
}

static ink_status read_list(reader *r, const char *key, ink_role role)
{
    size_t n = (size_t)r->v[INK_HF_ROTATED] / 2;
    const ink_value_list *list = ink_document_list(r->rope, key);
    if (list->n_items != n)
        return ink_fail(r->error, INK_CORRUPT, 0, FILE_NAME ": rope_scaling has no %zu %s", n, key);
    ink_made_tensor *made = make_factors(r, role, n);
    if (!made)
        return ink_fail_memory(r->error, "the factors of a rotation");
    for (size_t i = 0; i < n; i++) {
        double number;
        if (!ink_document_number(&list->items[i], &number) || !(number > 0))
            return refuse(r, INK_CORRUPT, key, "is out of range");
        made->values[i] = (float)number;
    }
    return INK_OK;
}

/* One list for all contexts where the architecture has no two. */
static ink_status read_longrope(reader *r)
{
    double original = r->v[INK_HF_ORIGINAL], stretch = r->v[INK_HF_CONTEXT] / original;
    double usual = stretch > 1 && original > 1 ? sqrt(1 + log(stretch) / log(original)) : 1;
    double magnitude = or_else(r, INK_HF_MAGNITUDE, usual);
    r->v[INK_HF_FACTOR] = NAN;
    r->v[INK_HF_MAGNITUDE] = magnitude;
    if (ink_arch_lists(r->config->arch, INK_WEIGHT_ROPE_FACTORS_LONG)) {
        INK_TRY(read_list(r, "long_factor", INK_WEIGHT_ROPE_FACTORS_LONG));
        INK_TRY(read_list(r, "short_factor", INK_WEIGHT_ROPE_FACTORS_SHORT));
        return ink_gguf_writer_set_text(r->writer, key_of(r, "rope.scaling.type"), "longrope",
                                        r->error);
    }
    INK_TRY(read_list(r, "long_factor", INK_WEIGHT_ROPE_FACTORS));
    const ink_value *a = ink_document_get(r->rope, "long_factor"),
                    *b = ink_document_get(r->rope, "short_factor");
    return b && ink_value_equal(*a, *b) && magnitude == 1
               ? INK_OK
               : refuse(r, INK_UNSUPPORTED, "rope_scaling", "has two lists of factors");
}

static ink_status read_plain_scaling(reader *r, const char *type)
{
    if (has(r, INK_HF_MSCALE))
        return refuse(r, INK_UNSUPPORTED, "rope_scaling", "has mscale");
    r->v[INK_HF_MAGNITUDE] /= 1 + 0.1 * log(r->v[INK_HF_FACTOR]);
    if (strcmp(type, "linear") == 0)
        r->v[INK_HF_ORIGINAL] = r->v[INK_HF_MAGNITUDE] = NAN;
    return ink_gguf_writer_set_text(r->writer, key_of(r, "rope.scaling.type"), type, r->error);
}

static ink_status read_scaling(reader *r)
{
    static const char *const names[] = {"default", "linear", "yarn", "llama3", "longrope", "su"};
    const ink_arch *arch = r->config->arch;
    size_t type = 0;
    bool one = ink_arch_lists(arch, INK_WEIGHT_ROPE_FACTORS);
    bool some = one || ink_arch_lists(arch, INK_WEIGHT_ROPE_FACTORS_LONG);
    r->v[INK_HF_ORIGINAL] =
        or_else(r, INK_HF_ORIGINAL, or_else(r, INK_HF_ORIGINAL_TOP, r->v[INK_HF_CONTEXT]));
    r->v[INK_HF_FACTOR] = or_else(r, INK_HF_FACTOR, 1);
    while (type < 6 && !ink_document_is_text(r->rope, "rope_type|type", names[type]))
        type++;
    if (!ink_document_get(r->rope, "rope_type|type")) {
        if (ink_document_get(r->rope, "factor|long_factor"))
            return refuse(r, INK_CORRUPT, "rope_scaling", "has no type");
        type = 0;
    }
    if (type == 0) {
        r->v[INK_HF_ORIGINAL] = r->v[INK_HF_FACTOR] = NAN;
        return INK_OK;
    }
    if (!(r->v[INK_HF_FACTOR] > 0 && r->v[INK_HF_ORIGINAL] >= 1))
        return refuse(r, INK_UNSUPPORTED, "rope_scaling", "is out of range");
    if (type == 6 || (type == 3 && !one) || (type > 3 && !some))
        return refuse(r, INK_UNSUPPORTED, "rope_scaling", "is of an unknown type");
    return type == 3  ? make_llama3(r)
           : type > 3 ? read_longrope(r)
                      : read_plain_scaling(r, names[type]);
}

static ink_status read_rotation(reader *r)
{
    uint16_t traits = r->config->dialect->traits;
    double head = or_else(r, INK_HF_HEAD, floor(r->v[INK_HF_WIDTH] / r->v[INK_HF_HEADS]));
    double part = or_else(r, INK_HF_PART, r->v[INK_HF_ROPE_PART]);
    double theta = or_else(r, INK_HF_THETA, r->v[INK_HF_ROPE_THETA]);
    if (r->config->arch->rope == INK_ROPE_NONE)
        return INK_OK;
    if (isnan(theta) && (traits & INK_DIALECT_THETA))
        return refuse(r, INK_CORRUPT, "rope_theta", "is missing");
    if (isnan(part) && (traits & INK_DIALECT_PARTIAL))
        return refuse(r, INK_CORRUPT, "partial_rotary_factor", "is missing");
    r->v[INK_HF_THETA] = isnan(theta) ? 10000 : theta;
    head = floor(isnan(part) ? head : head * part + 0.001); /* 0.4 of 80 is 32 */
    if (!(head >= 2 && head <= INK_MAX_WIDTH && r->v[INK_HF_THETA] > 0))
        return refuse(r, INK_CORRUPT, "head_dim", "is out of range");
    r->v[INK_HF_ROTATED] = head;
    return read_scaling(r);
}

/* ---- Windows and layers ---------------------------------------------------------------------- */

/* "LLLG": layers that see a window, then one that sees all. */
static bool is_period(ink_value value, uint32_t period)
{
    if (!ink_value_is_string(value) || value.n_bytes != period)
        return false;
    for (uint32_t i = 0; i < period; i++)
        if (value.as.text[i] != (i == period - 1 ? 'G' : 'L'))
            return false;
    return true;
}

/* layer_types, or a period, where they say other than the architecture does. */
static ink_status set_pattern(reader *r, const ink_value_list *types)
{
    double number;
    uint32_t period = r->config->arch->window_period;
    const ink_value *value =
        ink_document_get(&r->json, "sliding_window_pattern|_sliding_window_pattern");
    const char *key = key_of(r, "attention.sliding_window_pattern");
    bool same = true;
    if (types->n_items > 0) {
        size_t n = types->n_items;
        uint8_t *flags = ink_arena_take(r->arena, n, 1);
        if (!flags)
            return ink_fail_memory(r->error, "the windows of layers");
        for (size_t i = 0; i < n; i++) {
            flags[i] = ink_value_is_text(types->items[i], "sliding_attention");
            same = same && flags[i] == (i % period != period - 1);
        }
        return same ? INK_OK
                    : ink_gguf_writer_set_array(r->writer, key, INK_GGUF_BOOL, flags, n, r->error);
    }
    if (!value || is_period(*value, period))
        return INK_OK;
    if (!ink_document_number(value, &number) || !(number >= 1 && number <= INK_MAX_LAYERS))
        return refuse(r, INK_UNSUPPORTED, "sliding_window_pattern", "is out of range");
    return ink_gguf_writer_set_u32(r->writer, key, (uint32_t)number, r->error);
}

/* Layers that do not attend have no heads of keys and values. */
static ink_status set_attending(reader *r, const ink_value_list *types)
{
    size_t n = types->n_items;
    uint32_t *heads = ink_arena_take(r->arena, n, sizeof *heads);
    if (!heads)
        return ink_fail_memory(r->error, "the heads of layers");
    if (n == 0 || (double)n != r->v[INK_HF_LAYERS])
        return refuse(r, INK_UNSUPPORTED, "layer_types", "is not one a layer");
    for (size_t i = 0; i < n; i++) {
        bool attends = ink_value_is_text(types->items[i], "full_attention") ||
                       ink_value_is_text(types->items[i], "attention");
        if (!attends && !ink_value_is_text(types->items[i], "conv") &&
            !ink_value_is_text(types->items[i], "mamba"))
            return refuse(r, INK_UNSUPPORTED, "layer_types", "names unknown layers");
        heads[i] = attends ? whole(r->v[INK_HF_KV_HEADS]) : 0;
    }
    r->v[INK_HF_KV_HEADS] = NAN;
    return ink_gguf_writer_set_array(r->writer, key_of(r, "attention.head_count_kv"), INK_GGUF_U32,
                                     heads, n, r->error);
}

/*
 * Where layers cannot see a window, the context ends with it: up to there the model computes the
 * same.
 */
static ink_status read_windows(reader *r)
{
    double window = or_else(r, INK_HF_WINDOW, 0), context = r->v[INK_HF_CONTEXT];
    const ink_value_list *types = ink_document_list(&r->json, "layer_types");
    bool any = types->n_items == 0;
    r->v[INK_HF_WINDOW] = NAN;
    if (ink_hf_is_mixed(r->config->arch))
        return set_attending(r, types);
    if (!any && (double)types->n_items != r->v[INK_HF_LAYERS])
        return refuse(r, INK_UNSUPPORTED, "layer_types", "is not one a layer");
    for (size_t i = 0; i < types->n_items; i++) {
        bool here = ink_value_is_text(types->items[i], "sliding_attention");
        if (!here && !ink_value_is_text(types->items[i], "full_attention"))
            return refuse(r, INK_UNSUPPORTED, "layer_types", "names unknown layers");
        any = any || here;
    }
    if (window == 0 || r->v[INK_HF_HAS_WINDOW] == 0 || !any)
        return INK_OK;
    if (r->config->arch->window_period > 0) {
        r->v[INK_HF_WINDOW] = window;
        return set_pattern(r, types);
    }
    if (window >= context)
        return INK_OK;
    ink_warn(r->log,
             FILE_NAME ": layers see a window, which %s here do not: the context ends at %.0f",
             r->config->arch->name, window);
    r->v[INK_HF_CONTEXT] = window;
    return INK_OK;
}

static ink_status check_rotated(const reader *r)
{
    const ink_value_list *list = ink_document_list(&r->json, "no_rope_layers");
    uint32_t period = r->config->arch->no_rope_period;
    for (size_t i = 0; i < list->n_items; i++) {
        double number;
        if (!ink_document_number(&list->items[i], &number) ||
            (number != 0) != !(period && (i + 1) % period == 0))
            return refuse(r, INK_UNSUPPORTED, "no_rope_layers", "is not what is computed here");
    }
    return INK_OK;
}

/* ---- All ------------------------------------------------------------------------------------- */

/* Lfm2MLP's: two thirds of what is said, times a factor, up to the next whole unit. */
static void adjust_forward(reader *r)
{
    double unit = or_else(r, INK_HF_BLOCK_UNIT, 256);
    double n = or_else(r, INK_HF_BLOCK, r->v[INK_HF_FORWARD]);
    if (or_else(r, INK_HF_BLOCK_ADJUSTS, 1) != 0)
        n = ceil(floor(or_else(r, INK_HF_BLOCK_TIMES, 1) * floor(2 * n / 3)) / unit) * unit;
    r->v[INK_HF_FORWARD] = n;
}

/* What has state spaces; without attention, head_dim is that of theirs, and no length is said. */
static void complete_scan(reader *r)
{
    double *v = r->v;
    v[INK_HF_SCAN] = v[INK_HF_SCAN_HEADS] * or_else(r, INK_HF_SCAN_HEAD, v[INK_HF_HEAD]);
    v[INK_HF_FORWARD] = or_else(r, INK_HF_SHARED, v[INK_HF_FORWARD]);
    if (ink_arch_lists(r->config->arch, INK_WEIGHT_ATTENTION_OUTPUT))
        return;
    v[INK_HF_CONTEXT] = or_else(r, INK_HF_CONTEXT, 1 << 20);
    v[INK_HF_FORWARD] = v[INK_HF_HEADS] = v[INK_HF_KV_HEADS] = 0;
    v[INK_HF_HEAD] = v[INK_HF_HEAD_VALUE] = NAN;
}

/* What others take for granted, or say in another way. */
static void complete(reader *r)
{
    double *v = r->v;
    uint16_t traits = r->config->dialect->traits;
    const ink_arch *arch = r->config->arch;
    bool scans = ink_arch_lists(arch, INK_WEIGHT_SCAN_OUT);
    if (scans || ink_arch_lists(arch, INK_WEIGHT_CONV))
        v[INK_HF_EPSILON] = or_else(r, INK_HF_EPSILON, v[INK_HF_EPSILON_LAYER]);
    v[arch->norm == INK_NORM_RMS ? INK_HF_EPSILON_LAYER : INK_HF_EPSILON] = NAN;
    if (!has(r, INK_HF_FORWARD) && (traits & INK_DIALECT_QUARTER))
        v[INK_HF_FORWARD] = 4 * v[INK_HF_WIDTH];
    if (!has(r, INK_HF_PARALLEL) && (traits & INK_DIALECT_PARALLEL))
        v[INK_HF_PARALLEL] = 1;
    v[INK_HF_KV_HEADS] =
        or_else(r, INK_HF_MULTI_QUERY, 0) != 0 ? 1 : or_else(r, INK_HF_KV_HEADS, v[INK_HF_HEADS]);
    v[INK_HF_HEAD_VALUE] = v[INK_HF_HEAD];
    if (traits & INK_DIALECT_ADJUST)
        adjust_forward(r);
    if (scans)
        complete_scan(r);
    else
        v[INK_HF_SCAN_HEADS] = NAN; /* LFM2's num_heads are those of attention */
    if (has(r, INK_HF_SCALE_DEPTH))
        v[INK_HF_SCALE_ADDED] = v[INK_HF_SCALE_DEPTH] / sqrt(v[INK_HF_LAYERS]);
    if (has(r, INK_HF_SCALE_BASE))
        v[INK_HF_SCALE_OUT] = v[INK_HF_WIDTH] / v[INK_HF_SCALE_BASE];
}

static ink_status set_pooled(reader *r)
{
    if (ink_arch_lists(r->config->arch, INK_WEIGHT_TOKEN_TYPES))
        INK_TRY(ink_gguf_writer_set_u32(r->writer, "tokenizer.ggml.token_type_count",
                                        (uint32_t)or_else(r, INK_HF_TYPES, 2), r->error));
    return ink_gguf_writer_set_bool(r->writer, key_of(r, "attention.causal"), false, r->error);
}

static ink_status find_dialect(reader *r)
{
    ink_hf_config *c = r->config;
    ink_text type = ink_document_text(&r->json, "model_type");
    ink_buffer list;
    bool both_ways = ink_document_flag(&r->json, "use_bidirectional_attention", false);
    if (type.data)
        c->dialect = ink_dialect_find(type, both_ways);
    if (c->dialect) {
        c->arch = ink_arch_find(ink_dialect_text(c->dialect, INK_DIALECT_ARCH));
        return INK_OK;
    }
    ink_buffer_init(&list, r->arena->allocator, 4096);
    ink_dialect_list(&list);
    ink_status status =
        list.failed
            ? ink_fail_memory(r->error, "a message")
            : ink_fail(r->error, INK_UNSUPPORTED, 0,
                       FILE_NAME ": model_type \"%.*s\" cannot be converted; these can: %s",
                       (int)ink_size_min(type.n_bytes, 60), type.data ? type.data : "", list.data);
    ink_buffer_deinit(&list);
    return status;
}

static ink_status read_all(reader *r)
{
    ink_hf_config *c = r->config;
    r->rope = ink_document_get(&r->json, "rope_scaling|rope_parameters");
    INK_TRY(find_dialect(r));
    INK_TRY(check_keys(r));
    INK_TRY(check_activation(r));
    INK_TRY(ink_gguf_writer_set_text(r->writer, "general.architecture", c->arch->name, r->error));
    for (size_t i = 0; i < INK_N_HF_KEYS; i++)
        INK_TRY(read_number(r, i));
    complete(r);
    INK_TRY(read_rotation(r));
    INK_TRY(read_windows(r));
    INK_TRY(check_rotated(r));
    for (size_t i = 0; i < INK_N_HF_KEYS; i++)
        INK_TRY(set_number(r, i));
    if (c->dialect->traits & INK_DIALECT_POOLS)
        INK_TRY(set_pooled(r));
    if (c->arch->rope_if_finetuned)
        INK_TRY(ink_gguf_writer_set_bool(
            r->writer, key_of(r, "rope.scaling.finetuned"),
            ink_document_is_text(&r->json, "position_embedding_type", "rope"), r->error));
    if (c->arch->gate == INK_GATE_SIGMOID)
        INK_TRY(ink_gguf_writer_set_u32(r->writer, key_of(r, "expert_gating_func"),
                                        INK_GATE_SIGMOID, r->error));
    c->tied = r->v[INK_HF_TIED] == 1 && !ink_arch_requires(c->arch, INK_WEIGHT_OUTPUT);
    c->n_tokens = (uint64_t)or_else(r, INK_HF_TOKENS, 0);
    INK_TRY(ink_hparams_preview(&c->hparams, c->arch, r->writer, FILE_NAME, r->arena, r->error));
    if (fabs(1 / sqrt(r->v[INK_HF_SCALAR]) - (double)c->hparams.attention_scale) >= 1e-6)
        return refuse(r, INK_UNSUPPORTED, "query_pre_attn_scalar", "is not what is computed here");
    return INK_OK;
}

ink_status ink_hf_config_read(ink_hf_config *config, ink_value json, ink_gguf_writer *writer,
                              const ink_log *log, ink_arena *arena, ink_error *error)
{
    *config = (ink_hf_config){0};
    reader r = {.config = config,
                .json = json,
                .writer = writer,
                .log = log,
                .arena = arena,
                .error = error};
    return read_all(&r);
}
