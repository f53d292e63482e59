/*
 * Any bytes as an adapter of a model that is made here: one layer, 8 wide. It is refused with a
 * message that names the file, or its matrices are finite and fit the weights that they stand
 * beside.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/lora.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIDTH = 8, FORWARD = 20, VOCABULARY = 16 };

static void demand(bool truth)
{
    if (!truth)
        abort();
}

static void set_shape(ink_weight *weight, size_t n_rows, size_t k)
{
    weight->n = k;
    weight->matrix = (ink_matrix){.format = INK_FORMAT_F32, .n_rows = n_rows, .k = k};
    weight->matrix.n_experts = 1;
}

static void make_model(ink_model *model, ink_weight layers[1][INK_N_WEIGHT_ROLES])
{
    memset(model, 0, sizeof *model);
    memset(layers, 0, sizeof *layers);
    model->arch = ink_arch_find("llama");
    model->hparams.n_layers = 1;
    model->layers = layers;
    set_shape(&model->weights[INK_WEIGHT_TOKEN_EMBEDDING], VOCABULARY, WIDTH);
    set_shape(&layers[0][INK_WEIGHT_QUERY], WIDTH, WIDTH);
    set_shape(&layers[0][INK_WEIGHT_FFN_UP], FORWARD, WIDTH);
    set_shape(&layers[0][INK_WEIGHT_FFN_DOWN], WIDTH, FORWARD);
    set_shape(&layers[0][INK_WEIGHT_EXPERTS_UP], WIDTH, WIDTH);
    layers[0][INK_WEIGHT_EXPERTS_UP].matrix.n_experts = 2;
    layers[0][INK_WEIGHT_ATTENTION_NORM].n = WIDTH;
    ink_arena_init(&model->arena, NULL, SIZE_MAX);
}

static void check_matrix(const ink_matrix *matrix, bool packed)
{
    size_t n_rows = packed ? (matrix->n_rows + INK_TILE_ROWS - 1) / INK_TILE_ROWS * INK_TILE_ROWS
                           : matrix->n_rows;
    const float *values = matrix->data;
    demand(matrix->packed == packed && matrix->expert_bytes == n_rows * matrix->k * sizeof(float));
    for (size_t i = 0; i < n_rows * matrix->k; i++)
        demand(isfinite(values[i]));
}

static void check_lora(const ink_model *model, bool packed)
{
    demand(model->loras && !model->loras->next && model->loras->n_pairs > 0);
    for (size_t i = 0; i < model->loras->n_pairs; i++) {
        const ink_lora_pair *pair = &model->loras->pairs[i];
        demand(pair->a.n_rows > 0 && pair->a.n_rows == pair->b.k);
        demand(pair->a.k == pair->weight->matrix.k);
        demand(pair->b.n_rows == pair->weight->matrix.n_rows);
        demand(isfinite(pair->scale));
        check_matrix(&pair->a, packed);
        check_matrix(&pair->b, packed);
    }
}

static void read_as(const ink_gguf *gguf, ink_load load)
{
    ink_model model;
    ink_weight layers[1][INK_N_WEIGHT_ROLES];
    ink_error error = {.status = INK_OK};
    make_model(&model, layers);
    ink_status status = ink_lora_read(&model, gguf, 0.5f, load, &error);
    if (status == INK_OK)
        check_lora(&model, load == INK_LOAD_ALL);
    else
        demand(error.status == status && strncmp(error.message, "input.gguf: ", 12) == 0 &&
               !model.loras);
    ink_loras_free(&model);
    ink_arena_deinit(&model.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ink_gguf *gguf = NULL;
    if (ink_gguf_open_memory(&gguf, data, size, "input.gguf", NULL, NULL) != INK_OK)
        return 0;
    read_as(gguf, INK_LOAD_ALL);
    read_as(gguf, INK_LOAD_TRAINABLE);
    ink_gguf_free(gguf);
    return 0;
}
