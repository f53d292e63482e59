#include "shrink/layer_pass.h"

#include "array/backward.h"
#include "array/grad.h"

/* Sum over tokens of shares^2 times the squared distance to what is wanted. */
static void record_loss(ink_layer_pass *p, size_t n_tokens)
{
    ink_array *y = p->step.result;
    if (!y)
        return;
    p->wanted = ink_input(&p->graph, INK_F32, 2, y->shape);
    p->shares = ink_input(&p->graph, INK_F32, 2, (size_t[]){n_tokens, 1});
    ink_array *rest = ink_multiply(ink_add(y, p->wanted), p->shares);
    p->loss = ink_output(ink_reduce(ink_multiply(rest, rest), 2, (size_t[]){1, 1}));
}

static void record_gradients(ink_layer_pass *p)
{
    ink_arena *arena = &p->graph.arena;
    size_t n_nodes = p->graph.n_nodes, n = 0;
    ink_array **of = ink_arena_take(arena, n_nodes, sizeof(ink_array *));
    ink_array **gradients = ink_arena_take(arena, n_nodes, sizeof(ink_array *));
    p->products = ink_arena_take(arena, n_nodes, sizeof *p->products);
    if (!of || !gradients || !p->products) {
        (void)ink_fail_memory(&p->graph.error, "the gradients of a layer");
        return;
    }
    for (size_t i = 0; i < n_nodes; i++)
        if (p->graph.nodes[i]->op == INK_OP_LINEAR)
            of[n++] = p->graph.nodes[i];
    if (p->graph.error.status == INK_OK)
        ink_grad(p->loss, n, of, gradients);
    for (size_t i = 0; i < n; i++) {
        ink_array *x = of[i]->inputs[0];
        x = x->op == INK_OP_QUANTIZE ? x->inputs[0] : x;
        p->products[i] =
            (ink_layer_product){of[i]->parameters.matrix, ink_output(x), ink_output(gradients[i])};
    }
    p->n_products = n;
}

ink_status ink_layer_pass_init(ink_layer_pass *p, ink_device *device, const ink_model *model,
                               uint32_t layer, size_t n_tokens, size_t n_window,
                               ink_layer_goal goal, ink_error *error)
{
    const ink_step_shape shape = {
        .n_tokens = n_tokens, .n_outputs = n_tokens, .n_context = n_window, .training = true};
    *p = (ink_layer_pass){.program = NULL};
    ink_graph_init(&p->graph, model->allocator);
    p->x = ink_model_record_layer(model, &p->graph, layer, shape, &p->step);
    if (goal == INK_LAYER_RESULT)
        ink_output(p->step.result);
    else
        record_loss(p, n_tokens);
    if (goal == INK_LAYER_GRADIENT)
        record_gradients(p);
    return ink_program_new(&p->program, device, &p->graph, error);
}

void ink_layer_pass_deinit(ink_layer_pass *p)
{
    ink_program_free(p->program);
    ink_graph_deinit(&p->graph);
    *p = (ink_layer_pass){.program = NULL};
}

void ink_layer_pass_place(const ink_layer_pass *p, size_t n_tokens, size_t n_window)
{
    int32_t *positions = ink_program_data(p->program, p->step.positions);
    for (size_t i = 0; i < n_tokens; i++)
        positions[i] = (int32_t)(i % n_window);
}
