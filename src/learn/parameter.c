#include "learn/parameter.h"

#include <string.h>
#include "model/decoder.h"
#include "model/weights.h"

/* Constants that come with a file, and are not learned. */
static bool is_constant(const char *name)
{
    return strncmp(name, "rope_", 5) == 0;
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

ink_status ink_parameters_of_model(ink_parameter_list *parameters, ink_model *model,
                                   ink_error *error)
{
    const char *file = ink_gguf_name(model->gguf), *part = ink_model_untrainable(model);
    const ink_bindings *bindings = model->bindings;
    *parameters = (ink_parameter_list){.all = NULL};
    if (model->load != INK_LOAD_TRAINABLE)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%s: was not opened to be trained", file);
    if (part || model->arch->kind != INK_KIND_CAUSAL)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: has %s, which cannot be trained; dense models that generate can", file,
                        part ? part : "no logits");
    parameters->all = ink_new(model->allocator, bindings->n, sizeof *parameters->all);
    if (!parameters->all)
        return ink_fail_memory(error, "the list of what is trained");
    for (size_t i = 0; i < bindings->n; i++) {
        if (is_constant(bindings->all[i].tensor->name))
            continue;
        ink_parameter *p = &parameters->all[parameters->n++];
        *p = parameter_of(model, &bindings->all[i]);
        parameters->n_floats += p->n;
    }
    return INK_OK;
}
