#include "learn/subject.h"

#include <stdio.h>
#include <string.h>
#include "model/decoder.h"
#include "model/rewrite.h"
#include "model/weights.h"

enum { NAME_BYTES = 256, F32 = 0 /* GGUF's number of the type */ };

/* ---- A whole model --------------------------------------------------------------------------- */

/* Constants that come with a file, and are not learned. */
static bool is_constant(const ink_binding *binding)
{
    return strncmp(binding->tensor->name, "rope_", 5) == 0;
}

static ink_parameter parameter_of(const ink_model *model, const ink_binding *binding)
{
    ink_parameter p = {.name = binding->tensor->name,
                       .data = (float *)((char *)model->memory + binding->offset),
                       .n = binding->n_bytes / sizeof(float)};
    if (binding->matrix) {
        p.n_dims = 2;
        p.shape[0] = binding->matrix->n_rows;
        p.shape[1] = binding->matrix->k;
        p.decays = true;
    } else {
        p.n_dims = 1;
        p.shape[0] = p.n;
    }
    return p;
}

static ink_status list_model(ink_subject *subject, ink_error *error)
{
    const ink_model *model = subject->model;
    const ink_bindings *bindings = model->bindings;
    ink_parameter_list *parameters = &subject->parameters;
    parameters->all = ink_new(model->allocator, bindings->n, sizeof *parameters->all);
    if (!parameters->all)
        return ink_fail_memory(error, "the list of what is trained");
    for (size_t i = 0; i < bindings->n; i++) {
        if (is_constant(&bindings->all[i]))
            continue;
        ink_parameter *p = &parameters->all[parameters->n++];
        *p = parameter_of(model, &bindings->all[i]);
        parameters->n_floats += p->n;
    }
    for (size_t i = 0; i < bindings->n; i++)
        if (is_constant(&bindings->all[i]))
            parameters->all[parameters->n + parameters->n_fixed++] =
                parameter_of(model, &bindings->all[i]);
    return INK_OK;
}

static ink_status describe_model(const ink_subject *subject, ink_gguf_writer *writer,
                                 ink_error *error)
{
    INK_TRY(ink_rewrite_metadata(writer, subject->model->gguf, error));
    return ink_gguf_writer_set_u32(writer, "general.file_type", F32, error);
}

/* Its weights are where everything begins, and are in the digest anyway. */
static void digest_model(const ink_subject *subject, ink_sha256 *sum)
{
    (void)subject, (void)sum;
}

const ink_subject_kind ink_subject_model = {
    .load = INK_LOAD_TRAINABLE,
    .list = list_model,
    .describe = describe_model,
    .digest = digest_model,
};

/* ---- An adapter ------------------------------------------------------------------------------ */

static ink_status add_matrix(ink_subject *subject, const ink_lora_pair *pair,
                             const ink_matrix *matrix, const char *suffix, ink_error *error)
{
    ink_parameter_list *parameters = &subject->parameters;
    ink_parameter *p = &parameters->all[parameters->n++];
    char name[NAME_BYTES];
    int n_bytes = snprintf(name, sizeof name, "%s.%s", pair->name, suffix);
    *p = (ink_parameter){
        .name = ink_arena_string(&subject->model->arena, name, (size_t)n_bytes),
        .data = (float *)(uintptr_t)matrix->data,
        .n = matrix->n_rows * matrix->k,
        .n_dims = 2,
        .shape = {matrix->n_rows, matrix->k},
        .decays = true,
    };
    parameters->n_floats += p->n;
    return p->name ? INK_OK : ink_fail_memory(error, "the list of what is trained");
}

static ink_status list_adapter(ink_subject *subject, ink_error *error)
{
    const ink_adapter_training *adapter = subject->adapter;
    INK_TRY(ink_lora_new(&subject->lora, subject->model,
                         &(ink_lora_plan){.targets = adapter->targets,
                                          .rank = (uint32_t)adapter->rank,
                                          .alpha = adapter->alpha,
                                          .seed = subject->seed},
                         error));
    const ink_lora *lora = subject->lora;
    size_t n = 2 * lora->n_pairs; /* at most a few for each of INK_MAX_LAYERS */
    subject->parameters.all =
        ink_new(subject->model->allocator, n, sizeof *subject->parameters.all);
    if (!subject->parameters.all)
        return ink_fail_memory(error, "the list of what is trained");
    for (size_t i = 0; i < lora->n_pairs; i++) {
        INK_TRY(add_matrix(subject, &lora->pairs[i], &lora->pairs[i].a, "lora_a", error));
        INK_TRY(add_matrix(subject, &lora->pairs[i], &lora->pairs[i].b, "lora_b", error));
    }
    return INK_OK;
}

static ink_status describe_adapter(const ink_subject *subject, ink_gguf_writer *writer,
                                   ink_error *error)
{
    const ink_model *model = subject->model;
    const ink_gguf_value *name = ink_gguf_find(model->gguf, "general.name");
    INK_TRY(ink_gguf_writer_set_text(writer, "general.type", "adapter", error));
    INK_TRY(ink_gguf_writer_set_text(writer, "general.architecture", model->arch->name, error));
    if (name)
        INK_TRY(ink_gguf_writer_set_value(writer, "general.base_model.0.name", name, error));
    if (name)
        INK_TRY(ink_gguf_writer_set_u32(writer, "general.base_model.count", 1, error));
    INK_TRY(ink_gguf_writer_set_u32(writer, "general.file_type", F32, error));
    INK_TRY(ink_gguf_writer_set_text(writer, "adapter.type", "lora", error));
    return ink_gguf_writer_set_f32(writer, "adapter.lora.alpha", subject->adapter->alpha, error);
}

static void digest_adapter(const ink_subject *subject, ink_sha256 *sum)
{
    const ink_adapter_training *adapter = subject->adapter;
    ink_sha256_add(sum, adapter->targets, strlen(adapter->targets) + 1);
#define X(type, name, fallback, low, high, help) \
    ink_sha256_add(sum, &adapter->name, sizeof adapter->name);
    INK_ADAPTER_TABLE(X)
#undef X
}

const ink_subject_kind ink_subject_adapter = {
    .load = INK_LOAD_ALL,
    .list = list_adapter,
    .describe = describe_adapter,
    .digest = digest_adapter,
};

/* ---- Both ------------------------------------------------------------------------------------ */

static ink_status check_parts(const ink_model *model, ink_error *error)
{
    const char *part = ink_model_untrainable(model);
    if (part || model->arch->kind != INK_KIND_CAUSAL)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: has %s, which cannot be trained; dense models that generate can",
                        ink_gguf_name(model->gguf), part ? part : "no logits");
    return INK_OK;
}

ink_status ink_subject_open(ink_subject *subject, const char *path, const ink_training *training,
                            ink_error *error)
{
    const ink_model_options options = {
        .allocator = training->allocator,
        .log = training->log,
        .load = subject->kind->load,
        .n_threads = training->n_threads,
    };
    subject->seed = (uint64_t)training->seed;
    INK_TRY(ink_model_open(&subject->model, path, &options, error));
    INK_TRY(check_parts(subject->model, error));
    return subject->kind->list(subject, error);
}

void ink_subject_close(ink_subject *subject)
{
    if (subject->model)
        ink_delete(subject->model->allocator, subject->parameters.all);
    ink_model_free(subject->model);
    subject->model = NULL;
}
