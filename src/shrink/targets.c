#include "shrink/targets.h"

#include <math.h>
#include "model/lora.h"
#include "model/part.h"
#include "model/weights.h"

/* Matrices that are looked up or small and delicate: they stay as they are. */
static bool stays(ink_role role)
{
    return role == INK_WEIGHT_POSITION_EMBEDDING || role == INK_WEIGHT_TOKEN_TYPES ||
           role == INK_WEIGHT_ROUTER || role == INK_WEIGHT_SHARED_ROUTER;
}

/* What is known of a tensor's inputs; it may be from the file of another model. */
static ink_status find_inputs(ink_target *target, const ink_model *model,
                              const ink_statistics *statistics, ink_error *error)
{
    const ink_gguf_tensor *t = target->tensor;
    const ink_inputs *inputs = ink_statistics_find(statistics, t->name);
    if (inputs && (inputs->k != t->shape[0] || inputs->n_experts != t->shape[2]))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: %s has %llu columns in %llu matrices, but the statistics are of %zu "
                        "in %zu: they belong to another model",
                        ink_gguf_name(model->gguf), t->name, (unsigned long long)t->shape[0],
                        (unsigned long long)t->shape[2], inputs->k, inputs->n_experts);
    target->inputs = inputs;
    return INK_OK;
}

ink_status ink_targets_init(ink_targets *targets, const ink_model *model,
                            const ink_statistics *statistics, ink_error *error)
{
    const ink_gguf *gguf = model->gguf;
    *targets = (ink_targets){
        .model = model, .n = ink_gguf_n_tensors(gguf), .weighted = statistics != NULL};
    targets->all = ink_new(model->allocator, targets->n, sizeof *targets->all);
    if (!targets->all)
        return ink_fail_memory(error, "the list of tensors");
    for (size_t i = 0; i < targets->n; i++) {
        ink_target *target = &targets->all[i];
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(gguf, i);
        *target = (ink_target){
            .tensor = tensor, .format = tensor->format, .asked = tensor->format, .loss = NAN};
        const ink_weight *weight =
            ink_lora_find_part(model, tensor->name, &target->role, &target->layer);
        if (!weight || weight->matrix.n_rows == 0 || stays(target->role))
            continue;
        target->matrix = &weight->matrix;
        if (statistics)
            INK_TRY(find_inputs(target, model, statistics, error));
    }
    return INK_OK;
}

void ink_targets_deinit(ink_targets *targets)
{
    if (targets->model)
        ink_delete(targets->model->allocator, targets->all);
    *targets = (ink_targets){.model = NULL};
}

const ink_target *ink_targets_find(const ink_targets *targets, const ink_gguf_tensor *tensor)
{
    for (size_t i = 0; i < targets->n; i++)
        if (targets->all[i].tensor == tensor)
            return &targets->all[i];
    return NULL;
}

uint64_t ink_target_bytes(const ink_target *target, ink_format format)
{
    const ink_gguf_tensor *t = target->tensor;
    const ink_format_info *info = &ink_formats[format];
    return t->shape[0] / info->block_elements * info->block_bytes * t->shape[1] * t->shape[2];
}

static bool makes_logits(const ink_model *model, const ink_target *target)
{
    bool tied = model->weights[INK_WEIGHT_OUTPUT].matrix.n_rows == 0;
    return target->role == (tied ? INK_WEIGHT_TOKEN_EMBEDDING : INK_WEIGHT_OUTPUT);
}

void ink_targets_mix(ink_targets *targets, const ink_mixture *mixture)
{
    for (size_t i = 0; i < targets->n; i++) {
        ink_target *target = &targets->all[i];
        if (!target->matrix)
            continue;
        uint64_t k = target->tensor->shape[0];
        ink_format format = target->asked = ink_mixture_format(
            mixture, &(ink_mixture_place){.hparams = &targets->model->hparams,
                                          .role = target->role,
                                          .layer = target->layer,
                                          .output = makes_logits(targets->model, target),
                                          .weighted = targets->weighted,
                                          .k = k});
        while (k % ink_formats[format].block_elements != 0)
            format = ink_mixture_fallback(format);
        target->format = format;
    }
}

ink_targets_sum ink_targets_add_up(const ink_targets *targets)
{
    ink_targets_sum sum = {0};
    for (size_t i = 0; i < targets->n; i++) {
        const ink_target *t = &targets->all[i];
        const ink_gguf_tensor *tensor = t->tensor;
        bool changes = t->matrix && t->format != tensor->format;
        sum.n_parameters +=
            tensor->shape[0] * tensor->shape[1] * tensor->shape[2] * tensor->shape[3];
        sum.n_bytes += changes ? ink_target_bytes(t, t->format) : tensor->n_bytes;
        sum.loss += changes ? (double)t->loss : 0;
    }
    return sum;
}

ink_status ink_targets_assume(const ink_targets *targets, ink_model *model, ink_error *error)
{
    for (size_t i = 0; i < targets->n; i++) {
        const ink_target *t = &targets->all[i];
        if (!t->matrix)
            continue;
        bool in_layer = ink_parts[t->role].in_layer;
        ink_weight *weights = in_layer ? model->layers[t->layer] : model->weights;
        INK_TRY(ink_matrix_assume(model, &weights[t->role].matrix, t->format, error));
    }
    return INK_OK;
}
