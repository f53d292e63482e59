/* What a model says of itself: for `show`, for planning, for applications. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "model/decoder.h"
#include "text/vocab.h"

const char *ink_version(void)
{
    return INK_VERSION;
}

static bool is_recurrent(const ink_model *model)
{
    for (uint32_t i = 0; model->layers && i < model->hparams.n_layers; i++)
        if (ink_model_state_floats(model, i) > 0)
            return true;
    return false;
}

void ink_model_get_info(const ink_model *model, ink_model_info *info)
{
    const ink_hparams *h = &model->hparams;
    ink_gguf_string name = {"", 0}, architecture = {"", 0}, chat = {"", 0};
    (void)ink_gguf_get_string(model->gguf, "general.name", &name, NULL);
    (void)ink_gguf_get_string(model->gguf, "general.architecture", &architecture, NULL);
    if (model->chat)
        (void)ink_gguf_get_string(model->gguf, "tokenizer.chat_template", &chat, NULL);
    *info = (ink_model_info){
        .path = ink_gguf_name(model->gguf),
        .architecture = architecture.text,
        .name = name.text,
        .embedding = model->arch && model->arch->kind == INK_KIND_EMBEDDING,
        .recurrent = is_recurrent(model),
        .n_parameters = model->n_parameters,
        .file_bytes = ink_gguf_file_bytes(model->gguf),
        .weight_bytes = model->weight_bytes,
        .n_layers = h->n_layers,
        .n_embedding = h->n_embedding,
        .n_heads = h->layers ? h->layers[0].n_heads : 0,
        .n_kv_heads = h->layers ? h->layers[0].n_kv_heads : 0,
        .k_dim = h->k_dim,
        .v_dim = h->v_dim,
        .n_ff = h->layers ? h->layers[0].n_ff : 0,
        .n_experts = h->n_experts,
        .n_experts_used = h->n_experts_used,
        .n_vocab = model->arch ? h->n_vocab : (uint32_t)ink_vocab_n_tokens(model->vocab),
        .n_context = h->n_context,
        .has_vocabulary = model->vocab != NULL,
        .has_chat_template = model->chat != NULL,
        .has_thinking = strstr(chat.text, "enable_thinking") != NULL,
        .tokenizer = model->vocab ? ink_vocab_kind_name(model->vocab) : "",
        .pretokenizer = model->vocab ? ink_vocab_pretokenizer_name(model->vocab) : "",
    };
}

/* Values as text, one function a type of hparams.def. */
static void print_u32(char value[48], uint32_t number)
{
    (void)snprintf(value, 48, "%" PRIu32, number);
}

static void print_f32(char value[48], float number)
{
    (void)ink_print_float(number, value);
}

static void print_bool(char value[48], bool flag)
{
    (void)snprintf(value, 48, "%s", flag ? "true" : "false");
}

/* Of what a model does not have, the defaults that fill the table in say nothing about it. */
static bool is_used(const ink_hparams *h, const char *key)
{
    const struct {
        const char *prefix;
        bool used;
    } rows[] = {
        {"expert_", h->n_experts > 0},
        {"rope.freq_base_swa", h->window > 0},
        {"rope.scaling.yarn_", h->scaling == INK_SCALING_YARN},
        {"rope.scaling.", h->scaling != INK_SCALING_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!rows[i].used && strncmp(key, rows[i].prefix, strlen(rows[i].prefix)) == 0)
            return false;
    return true;
}

bool ink_model_get_hyperparameter(const ink_model *model, size_t index, const char **key,
                                  char value[48])
{
    const ink_hparams *h = &model->hparams;
    size_t i = 0;
    if (!model->arch)
        return false;
#define HPARAM(type, field, name, fallback)                  \
    if (h->field != 0 && is_used(h, name) && i++ == index) { \
        *key = name;                                         \
        print_##type(value, h->field);                       \
        return true;                                         \
    }
#include "model/hparams.def"
#undef HPARAM
    return false;
}

bool ink_model_get_format(const ink_model *model, size_t index, ink_model_format *format)
{
    for (int i = 0; i < INK_N_FORMATS; i++) {
        const ink_format_use *use = &model->uses[i];
        if (use->n_tensors == 0 || index-- > 0)
            continue;
        *format = (ink_model_format){ink_formats[i].name, use->n_tensors, use->n_parameters,
                                     use->n_bytes};
        return true;
    }
    return false;
}
