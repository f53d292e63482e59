/* The text's activations, layer by layer, through the original and through the rounded model. */
#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "model/weights.h"
#include "shrink/learn_internal.h"

#define ACTIVATIONS ".activations"

/* ---- A layer in memory ---------------------------------------------------------------------- */

const ink_gguf_tensor *ink_learning_tensor(const ink_model *model, ink_role role, uint32_t layer)
{
    char stem[INK_PART_STEM_BYTES], name[INK_PART_STEM_BYTES + 8];
    (void)snprintf(name, sizeof name, "%s.weight", ink_part_stem(role, layer, stem));
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(model->gguf, name);
    return tensor ? tensor : ink_gguf_find_tensor(model->gguf, stem);
}

void ink_learning_drop(ink_learning *l)
{
    ink_delete_aligned(l->o->allocator, l->memory);
    l->memory = NULL;
}

/* Reads the matrices of some roles, in tiles as the model has them. */
static ink_status load_roles(ink_learning *l, ink_model *model, ink_weight *weights, bool in_layer,
                             ink_error *error)
{
    ink_binding all[INK_N_WEIGHT_ROLES];
    ink_bindings bindings = {.all = all};
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++) {
        ink_matrix *m = &weights[role].matrix;
        if (m->n_rows == 0 || (!in_layer && role != INK_WEIGHT_POSITION_EMBEDDING))
            continue;
        size_t n_bytes = m->expert_bytes * m->n_experts;
        all[bindings.n++] = (ink_binding){.tensor = ink_learning_tensor(model, role, l->layer),
                                          .matrix = m,
                                          .offset = bindings.memory_bytes,
                                          .n_bytes = n_bytes};
        bindings.memory_bytes +=
            ink_size_groups(n_bytes, INK_LEARNING_ALIGNMENT) * INK_LEARNING_ALIGNMENT;
    }
    if (bindings.n == 0)
        return INK_OK;
    l->memory = ink_new_large(l->o->allocator, bindings.memory_bytes);
    if (!l->memory)
        return ink_fail_memory(error, "the weights of a layer");
    return ink_weights_load(model, &bindings, l->pool, NULL, l->memory, error);
}

ink_status ink_learning_load(ink_learning *l, ink_model *model, ink_error *error)
{
    return load_roles(l, model, model->layers[l->layer], true, error);
}

/* ---- Activations ----------------------------------------------------------------------------- */

float *ink_learning_window(const ink_learning *l, float *activations, size_t window)
{
    return activations + window * l->n_window * l->width;
}

/* A layer forward, each window's input giving way to what the layer made of it. */
static ink_status run_forward(const ink_learning *l, const ink_layer_pass *p, float *activations,
                              ink_error *error)
{
    for (size_t at = 0; at < l->n_windows; at += l->n_batch) {
        size_t n = ink_size_min(l->n_batch, l->n_windows - at);
        size_t n_bytes = n * l->n_window * l->width * sizeof(float);
        float *x = ink_program_data(p->program, p->x);
        memset(x, 0, l->n_batch * l->n_window * l->width * sizeof *x);
        memcpy(x, ink_learning_window(l, activations, at), n_bytes);
        ink_layer_pass_place(p, l->n_batch * l->n_window, l->n_window);
        INK_TRY(ink_program_run(p->program, error));
        memcpy(ink_learning_window(l, activations, at),
               ink_program_data(p->program, p->step.result), n_bytes);
    }
    return INK_OK;
}

ink_status ink_learning_go_through(ink_learning *l, const ink_model *model, float *activations,
                                   ink_error *error)
{
    ink_layer_pass pass;
    ink_status status =
        ink_layer_pass_init(&pass, l->device, model, l->layer, l->n_batch * l->n_window,
                            l->n_window, INK_LAYER_RESULT, error);
    if (status == INK_OK)
        status = run_forward(l, &pass, activations, error);
    ink_layer_pass_deinit(&pass);
    return status;
}

/* Rows of the table of embeddings for the tokens of a batch stand in for the table. */
static ink_status embed_batch(ink_learning *l, const ink_model *model, ink_program *program,
                              const ink_step *step, size_t at, ink_error *error)
{
    const ink_gguf_tensor *tensor = ink_learning_tensor(model, INK_WEIGHT_TOKEN_EMBEDDING, 0);
    const ink_matrix *table = &model->weights[INK_WEIGHT_TOKEN_EMBEDDING].matrix;
    size_t row_bytes = (size_t)(tensor->n_bytes / tensor->shape[1]);
    int32_t *tokens = ink_program_data(program, step->tokens);
    int32_t *positions = ink_program_data(program, step->positions);
    for (size_t i = 0; i < l->n_batch * l->n_window; i++) {
        size_t token = ink_size_min(at * l->n_window + i, l->n_windows * l->n_window - 1);
        tokens[i] = (int32_t)i;
        positions[i] = (int32_t)(i % l->n_window);
        INK_TRY(ink_gguf_read(model->gguf, tensor,
                              (uint64_t)l->o->text->tokens.ids[token] * row_bytes, row_bytes,
                              (char *)table->data + i * row_bytes, error));
    }
    return INK_OK;
}

static ink_status run_embedding(ink_learning *l, const ink_model *model, ink_program *program,
                                const ink_step *step, float *activations, ink_error *error)
{
    for (size_t at = 0; at < l->n_windows; at += l->n_batch) {
        size_t n = ink_size_min(l->n_batch, l->n_windows - at);
        INK_TRY(embed_batch(l, model, program, step, at, error));
        INK_TRY(ink_program_run(program, error));
        memcpy(ink_learning_window(l, activations, at), ink_program_data(program, step->result),
               n * l->n_window * l->width * sizeof(float));
    }
    return INK_OK;
}

static ink_status embed(ink_learning *l, ink_model *model, float *activations, ink_error *error)
{
    ink_matrix *table = &model->weights[INK_WEIGHT_TOKEN_EMBEDDING].matrix;
    size_t n_tokens = l->n_batch * l->n_window;
    const ink_step_shape shape = {
        .n_tokens = n_tokens, .n_outputs = n_tokens, .n_context = l->n_window, .training = true};
    ink_graph graph;
    ink_program *program = NULL;
    ink_step step;
    uint64_t row_bytes = 0;
    (void)ink_format_row_bytes(table->format, table->k, &row_bytes); /* was bound */
    void *rows = ink_resize(l->o->allocator, NULL, n_tokens, (size_t)row_bytes);
    if (!rows)
        return ink_fail_memory(error, "embeddings");
    *table = (ink_matrix){
        .format = table->format, .n_rows = n_tokens, .k = table->k, .n_experts = 1, .data = rows};
    ink_graph_init(&graph, l->o->allocator);
    ink_status status = load_roles(l, model, model->weights, false, error);
    if (status == INK_OK) {
        ink_model_record_embedding(model, &graph, shape, &step);
        status = ink_program_new(&program, l->device, &graph, error);
    }
    if (status == INK_OK)
        status = run_embedding(l, model, program, &step, activations, error);
    ink_program_free(program);
    ink_graph_deinit(&graph);
    ink_delete(l->o->allocator, rows);
    ink_learning_drop(l);
    return status;
}

ink_status ink_learning_open_activations(ink_learning *l, ink_error *error)
{
    size_t n = l->n_windows * l->n_window, n_bytes;
    void *bytes;
    if (!ink_size_mul(n, l->width, &n) || !ink_size_mul(n, 2 * sizeof(float), &n_bytes))
        return ink_fail_memory(error, "the activations of the text");
    INK_TRY(ink_file_writer_open_private(&l->file, ink_learning_path(l, ACTIVATIONS), n_bytes,
                                         l->o->allocator, error));
    INK_TRY(ink_file_writer_map(l->file, n_bytes, &bytes, error));
    l->of_original = bytes;
    l->of_rounded = l->of_original + n;
    INK_TRY(embed(l, l->original, l->of_original, error));
    return embed(l, l->rounded, l->of_rounded, error);
}
