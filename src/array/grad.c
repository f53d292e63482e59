#include "array/grad.h"

#include "array/backward.h"
#include "array/record.h"

typedef struct backward {
    ink_rule *rule; /* NULL: none */
    bool stops;     /* and none is needed */
} backward;

#define STOPS      \
    {              \
        NULL, true \
    }
#define NO_GRADIENT \
    {               \
        NULL, false \
    }
#define RULE(name)             \
    {                          \
        ink_grad_##name, false \
    }
static const backward backwards[INK_N_OPS] = {
#define OP(name, inputs, rows, effect, backward) [INK_OP_##name] = backward,
#include "array/ops.def"
#undef OP
};
#undef STOPS
#undef NO_GRADIENT
#undef RULE

/* What is known of the arrays up to the loss, by node index. */
struct ink_tape {
    ink_graph *graph;
    size_t n_nodes;
    bool *wanted; /* an array that is asked for is, or what depends on one */
    ink_array **gradients;
    ink_array **computed_again; /* in place of the node; NULL: not yet */
    size_t first;               /* of the arrays that are to be computed again, */
    size_t end;                 /* and behind the last; as many as first: none */
    ink_array *after;           /* when they are */
};

ink_array *ink_checkpoint(ink_array *x)
{
    if (x)
        x->checkpoint = true;
    return x;
}

bool ink_tape_wants(const ink_tape *tape, const ink_array *x)
{
    return x && tape->wanted[x->index];
}

/* ---- Values ---------------------------------------------------------------------------------- */

static bool is_kept(const ink_tape *tape, const ink_array *x)
{
    return x->index < tape->first || x->index >= tape->end || ink_ops[x->op].locality == INK_LEAF;
}

ink_array *ink_tape_value(ink_tape *tape, ink_array *x)
{
    if (!x || (is_kept(tape, x) && x->op != INK_OP_VIEW))
        return x;
    if (x->index >= tape->n_nodes)
        return x; /* recorded for the gradient */
    if (tape->computed_again[x->index])
        return tape->computed_again[x->index];
    ink_array *inputs[INK_MAX_INPUTS];
    bool same = x->op == INK_OP_VIEW;
    for (int i = 0; i < INK_MAX_INPUTS; i++) {
        inputs[i] = ink_tape_value(tape, x->inputs[i]);
        same = same && inputs[i] == x->inputs[i];
    }
    if (same)
        return x;
    ink_array *again = ink_record_array(tape->graph, x->op, x->type, x->n_dims, x->shape);
    if (!again)
        return NULL;
    for (int i = 0; i < INK_MAX_INPUTS; i++)
        again->inputs[i] = inputs[i];
    for (int d = 0; d < x->n_dims; d++)
        again->stride[d] = x->stride[d];
    again->parameters = x->parameters;
    again->after = x->op == INK_OP_VIEW ? NULL : tape->after;
    return tape->computed_again[x->index] = again;
}

/* ---- Gradients ------------------------------------------------------------------------------- */

void ink_tape_add(ink_tape *tape, ink_array *x, ink_array *gradient)
{
    if (!ink_tape_wants(tape, x) || !gradient)
        return;
    if (!ink_same_shape(gradient, x))
        gradient = ink_reduce(gradient, x->n_dims, x->shape);
    ink_array **sum = &tape->gradients[x->index];
    *sum = *sum
               ? ink_reshape(ink_add(ink_as_rows(*sum), ink_as_rows(gradient)), x->n_dims, x->shape)
               : gradient;
}

static void mark_wanted(ink_tape *tape, size_t n, ink_array *const *of)
{
    for (size_t i = 0; i < n; i++)
        if (of[i] && of[i]->index < tape->n_nodes)
            tape->wanted[of[i]->index] = true;
    for (size_t i = 0; i < tape->n_nodes; i++) {
        const ink_array *node = tape->graph->nodes[i];
        for (int j = 0; j < INK_MAX_INPUTS; j++)
            tape->wanted[i] = tape->wanted[i] || ink_tape_wants(tape, node->inputs[j]);
    }
}

/* Behind the checkpoint `at`, going back, its gradient is all there is, and arrays before it go. */
static void enter_segment(ink_tape *tape, size_t at)
{
    tape->after = tape->gradients[at];
    tape->end = at;
    tape->first = at;
    while (tape->first > 0 && !tape->graph->nodes[tape->first - 1]->checkpoint)
        tape->first--;
}

static void go_back(ink_tape *tape)
{
    ink_graph *graph = tape->graph;
    for (size_t i = tape->n_nodes; i-- > 0 && graph->error.status == INK_OK;) {
        ink_array *node = graph->nodes[i], *dy = tape->gradients[i];
        const backward *way = &backwards[node->op];
        if (node->checkpoint && dy)
            enter_segment(tape, i);
        if (!dy || !tape->wanted[i] || way->stops)
            continue;
        if (way->rule)
            way->rule(tape, node, dy);
        else
            (void)ink_fail(&graph->error, INK_UNSUPPORTED, 0, "no gradient goes through the op %s",
                           ink_ops[node->op].name);
    }
}

void ink_grad(ink_array *loss, size_t n, ink_array *const *of, ink_array **gradients)
{
    static const float one = 1;
    for (size_t i = 0; i < n; i++)
        gradients[i] = NULL;
    if (!loss || loss->graph->error.status != INK_OK)
        return;
    ink_graph *graph = loss->graph;
    if (ink_elements(loss) != 1) {
        (void)ink_fail(&graph->error, INK_BAD_ARGUMENT, 0,
                       "gradients are of one number, not of %zu", ink_elements(loss));
        return;
    }
    ink_tape tape = {.graph = graph, .n_nodes = loss->index + 1};
    tape.wanted = ink_arena_take(&graph->arena, tape.n_nodes, sizeof *tape.wanted);
    tape.gradients = ink_arena_take(&graph->arena, tape.n_nodes, sizeof *tape.gradients);
    tape.computed_again = ink_arena_take(&graph->arena, tape.n_nodes, sizeof(ink_array *));
    if (!tape.wanted || !tape.gradients || !tape.computed_again) {
        (void)ink_fail_memory(&graph->error, "the gradients of a graph");
        return;
    }
    mark_wanted(&tape, n, of);
    tape.gradients[loss->index] = ink_constant(graph, &one, loss->n_dims, loss->shape);
    go_back(&tape);
    for (size_t i = 0; i < n && graph->error.status == INK_OK; i++)
        if (of[i] && of[i]->index < tape.n_nodes)
            gradients[i] = ink_close_gaps(tape.gradients[of[i]->index]);
}
