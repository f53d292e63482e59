/*
 * Gradients: every rule against central differences in double; what has no gradient says so; what
 * is computed again has the same bits, and needs less memory.
 */
#include "grad_check.h"

#include <stdlib.h>
#include <string.h>
#include "array/backward.h"
#include "array/grad.h"

#define STOPS false
#define NO_GRADIENT false
#define RULE(rule) true
static const bool has_rule[INK_N_OPS] = {
#define OP(name, inputs, rows, effect, backward) [INK_OP_##name] = backward,
#include "array/ops.def"
#undef OP
};
#undef STOPS
#undef NO_GRADIENT
#undef RULE

static void a_rule(void **state)
{
    ink_check_gradients(*state);
}

/* A new rule needs a case in grad_cases.c. */
static void every_rule_has_a_case(void **state)
{
    (void)state;
    for (size_t op = 0; op < INK_N_OPS; op++) {
        size_t n = 0;
        for (size_t i = 0; i < ink_n_grad_cases; i++)
            n += ink_grad_cases[i].op == (ink_op)op;
        if (has_rule[op] != (n > 0))
            fail_msg("%s has %s rule and %zu cases", ink_ops[op].name, has_rule[op] ? "a" : "no",
                     n);
    }
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static ink_array *sum(ink_array *x)
{
    return ink_reduce(x, 2, (size_t[]){1, 1});
}

static void ops_without_a_rule_are_named(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){3, 4}), *gradient = x;
    ink_array *loss = sum(ink_mean(ink_scale(x, 2)));
    ink_grad(loss, 1, &x, &gradient);
    assert_null(gradient);
    assert_int_equal(graph.error.status, INK_UNSUPPORTED);
    assert_non_null(strstr(graph.error.message, "MEAN"));
    ink_graph_deinit(&graph);
}

/* Where nothing that is asked for lies behind them, they do not matter. */
static void ops_without_a_rule_may_stand_aside(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){3, 4});
    ink_array *other = ink_input(&graph, INK_F32, 2, (size_t[]){3, 4});
    ink_array *gradient = NULL, *loss = sum(ink_add(x, ink_mean(other)));
    ink_grad(loss, 1, &x, &gradient);
    assert_int_equal(graph.error.status, INK_OK);
    assert_non_null(gradient);
    ink_graph_deinit(&graph);
}

static void nothing_goes_through_what_stops(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){3, 4});
    ink_array *frequencies = ink_input(&graph, INK_F32, 1, (size_t[]){2});
    ink_array *positions = ink_input(&graph, INK_I32, 1, (size_t[]){3});
    ink_array *unused = ink_input(&graph, INK_F32, 2, (size_t[]){3, 4});
    ink_array *late, *of[] = {x, frequencies, unused, NULL, NULL}, *gradients[5];
    ink_array *table = ink_rope_table(positions, frequencies, 1);
    ink_array *turned = ink_rope(ink_reshape(x, 3, (size_t[]){3, 1, 4}), table, false);
    ink_array *loss = sum(ink_reshape(turned, 2, (size_t[]){3, 4}));
    of[4] = late = ink_input(&graph, INK_F32, 2, (size_t[]){1, 1});
    ink_grad(loss, 5, of, gradients);
    assert_int_equal(graph.error.status, INK_OK);
    assert_non_null(gradients[0]);
    for (size_t i = 1; i < 5; i++)
        assert_null(gradients[i]);
    ink_graph_deinit(&graph);
}

static void a_loss_is_one_number(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){3, 4}), *gradient = x;
    ink_grad(ink_scale(x, 2), 1, &x, &gradient);
    assert_null(gradient);
    assert_int_equal(graph.error.status, INK_BAD_ARGUMENT);
    ink_graph_deinit(&graph);
}

static void the_loss_itself_has_the_gradient_one(void **state)
{
    (void)state;
    ink_graph_run run;
    ink_graph_run_init(&run, 1);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){1, 1}), *gradient;
    ink_grad(x, 1, &x, &gradient);
    ink_array *y = ink_output(ink_scale(gradient, 3));
    ink_graph_run_compile(&run);
    ink_graph_run_go(&run);
    assert_true(*(float *)ink_graph_run_data(&run, y) == 3);
    ink_graph_run_deinit(&run);
}

/* ---- Kinks: the slope of the flat side, and of the steep one where clamping begins ----------- */

static void kinks_have_a_side(void **state)
{
    static const float at[] = {0, -0.0f, 0x1p-149f, -0x1p-149f};
    (void)state;
    ink_graph_run run;
    ink_graph_run_init(&run, 1);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){1, 4});
    ink_array *y[3] = {ink_activate(INK_ACTIVATION_RELU, x),
                       ink_activate(INK_ACTIVATION_RELU_SQUARED, x), ink_clamp(x, 0, 1)};
    ink_array *gradients[3];
    for (size_t i = 0; i < 3; i++) {
        ink_grad(sum(y[i]), 1, &x, &gradients[i]);
        ink_output(gradients[i]);
    }
    ink_graph_run_compile(&run);
    memcpy(ink_graph_run_data(&run, x), at, sizeof at);
    ink_graph_run_go(&run);
    static const float relu[] = {0, 0, 1, 0}, squared[] = {0, 0, 0x1p-148f, 0},
                       clamp[] = {1, 1, 1, 0};
    assert_memory_equal(ink_graph_run_data(&run, gradients[0]), relu, sizeof relu);
    assert_memory_equal(ink_graph_run_data(&run, gradients[1]), squared, sizeof squared);
    assert_memory_equal(ink_graph_run_data(&run, gradients[2]), clamp, sizeof clamp);
    ink_graph_run_deinit(&run);
}

/* ---- Computing again ------------------------------------------------------------------------- */

enum { LAYERS = 6, TOKENS = 40, WIDTH = 32, WEIGHTS = 3 * LAYERS + 1 };

typedef struct network {
    ink_graph_run run;
    float *weights; /* [WEIGHTS][WIDTH][WIDTH] */
    ink_array *x, *seed, *positions, *loss, *gradients[WEIGHTS];
} network;

static ink_array *weight(network *n, size_t i)
{
    return ink_constant(&n->run.graph, n->weights + i * WIDTH * WIDTH, 2, (size_t[]){WIDTH, WIDTH});
}

/* Attention, a gate and dropout, as layers of models have them. */
static ink_array *layer(network *n, ink_array *x, ink_array *table, size_t i)
{
    const ink_attention a = {0, 4, 4, WIDTH / 4, WIDTH / 4, 0.3f, 0, 0, true, 0, false};
    const size_t heads[3] = {TOKENS, 4, WIDTH / 4}, joined[2] = {TOKENS, WIDTH};
    ink_array *normed = ink_norm(INK_NORM_RMS, x, NULL, NULL, 1e-5f);
    ink_array *q = ink_matmul_arrays(normed, false, weight(n, 3 * i), true, INK_PRECISION_F32);
    q = ink_rope(ink_reshape(q, 3, heads), table, false);
    ink_array *k = ink_reshape(normed, 3, heads);
    ink_array *seen = ink_reshape(ink_self_attend(q, k, k, n->positions, &a), 2, joined);
    x = ink_add(x, ink_dropout(seen, n->seed, 0.2f));
    ink_array *up = ink_matmul_arrays(x, false, weight(n, 3 * i + 1), true, INK_PRECISION_F32);
    up = ink_multiply(ink_activate(INK_ACTIVATION_SILU, up), x);
    return ink_add(x, ink_matmul_arrays(up, false, weight(n, 3 * i + 2), true, INK_PRECISION_F32));
}

static void network_init(network *n, bool checkpoints, bool tied, int n_threads)
{
    static const float frequencies[] = {1, 0.5f};
    uint64_t seed = 11;
    *n = (network){.weights = calloc((size_t)WEIGHTS * WIDTH * WIDTH, sizeof(float))};
    assert_non_null(n->weights);
    ink_fill_random(n->weights, (size_t)WEIGHTS * WIDTH * WIDTH, &seed);
    ink_graph_run_init(&n->run, n_threads);
    n->x = ink_input(&n->run.graph, INK_F32, 2, (size_t[]){TOKENS, WIDTH});
    n->seed = ink_input(&n->run.graph, INK_I32, 2, (size_t[]){1, 2});
    n->positions = ink_input(&n->run.graph, INK_I32, 1, (size_t[]){TOKENS});
    ink_array *x = ink_matmul_arrays(n->x, false, weight(n, WEIGHTS - 1), true, INK_PRECISION_F32);
    ink_array *table = ink_rope_table(n->positions, ink_vector(&n->run.graph, frequencies, 2), 1);
    for (size_t i = 0; i < LAYERS; i++)
        x = layer(n, checkpoints ? ink_checkpoint(x) : x, table, tied ? 0 : i);
    n->loss = ink_output(sum(ink_multiply(x, x)));
    ink_array *of[WEIGHTS];
    for (size_t i = 0; i < WEIGHTS; i++)
        of[i] = ink_find_constant(&n->run.graph, n->weights + i * WIDTH * WIDTH);
    ink_grad(n->loss, WEIGHTS, of, n->gradients);
    for (size_t i = 0; i < WEIGHTS; i++)
        ink_output(n->gradients[i]);
    ink_graph_run_compile(&n->run);
    ink_fill_random(ink_graph_run_data(&n->run, n->x), (size_t)TOKENS * WIDTH, &seed);
    memcpy(ink_graph_run_data(&n->run, n->seed), (int32_t[]){1, 2}, 2 * sizeof(int32_t));
    int32_t *positions = ink_graph_run_data(&n->run, n->positions);
    for (int32_t i = 0; i < TOKENS; i++)
        positions[i] = i < 25 ? i : i - 25;
    ink_graph_run_go(&n->run);
}

static void network_deinit(network *n)
{
    ink_graph_run_deinit(&n->run);
    free(n->weights);
}

static void compare_networks(network *a, network *b)
{
    assert_memory_equal(ink_graph_run_data(&a->run, a->loss), ink_graph_run_data(&b->run, b->loss),
                        sizeof(float));
    for (size_t i = 0; i < WEIGHTS; i++) {
        assert_true((a->gradients[i] != NULL) == (b->gradients[i] != NULL));
        if (a->gradients[i])
            assert_memory_equal(ink_graph_run_data(&a->run, a->gradients[i]),
                                ink_graph_run_data(&b->run, b->gradients[i]),
                                WIDTH * WIDTH * sizeof(float));
    }
}

static size_t planned_bytes(network *n)
{
    ink_plan plan;
    ink_error error;
    assert_int_equal(ink_plan_init(&plan, &n->run.graph, NULL, &error), INK_OK);
    size_t bytes = plan.bytes;
    ink_plan_deinit(&plan);
    return bytes;
}

static void what_is_computed_again_has_the_same_bits(void **state)
{
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        network kept, again, threads;
        network_init(&kept, false, tied, 1);
        network_init(&again, true, tied, 1);
        network_init(&threads, true, tied, 3);
        assert_true(tied || kept.gradients[WEIGHTS - 2]);
        compare_networks(&kept, &again);
        compare_networks(&kept, &threads);
        network_deinit(&kept);
        network_deinit(&again);
        network_deinit(&threads);
    }
}

/*
 * Beside the weights' gradients a layer's activations are kept once in place of LAYERS times, and
 * their inputs: much less than half.
 */
static void computing_again_needs_less_memory(void **state)
{
    (void)state;
    network kept, again;
    network_init(&kept, false, false, 1);
    network_init(&again, true, false, 1);
    size_t gradients = (size_t)WEIGHTS * WIDTH * WIDTH * sizeof(float);
    assert_in_range(2 * (planned_bytes(&again) - gradients), 1, planned_bytes(&kept) - gradients);
    network_deinit(&kept);
    network_deinit(&again);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static ink_status attempt(const ink_allocator *allocator, void *context)
{
    (void)context;
    ink_graph graph;
    ink_graph_init(&graph, allocator);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){4, 4}), *gradient, *y = x;
    for (int i = 0; i < 200; i++)
        y = ink_activate(INK_ACTIVATION_SILU, i % 50 ? y : ink_checkpoint(y));
    ink_grad(sum(y), 1, &x, &gradient);
    ink_status status = graph.error.status;
    assert_true((status == INK_OK) == (gradient != NULL));
    ink_graph_deinit(&graph);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ink_fail_each_allocation(attempt, NULL, 200) > 3);
}

/* ---- The list -------------------------------------------------------------------------------- */

static const struct CMUnitTest others[] = {
    cmocka_unit_test(every_rule_has_a_case),
    cmocka_unit_test(ops_without_a_rule_are_named),
    cmocka_unit_test(ops_without_a_rule_may_stand_aside),
    cmocka_unit_test(nothing_goes_through_what_stops),
    cmocka_unit_test(a_loss_is_one_number),
    cmocka_unit_test(the_loss_itself_has_the_gradient_one),
    cmocka_unit_test(kinks_have_a_side),
    cmocka_unit_test(what_is_computed_again_has_the_same_bits),
    cmocka_unit_test(computing_again_needs_less_memory),
    cmocka_unit_test(each_allocation_may_fail),
};

int main(void)
{
    size_t n = ink_n_grad_cases, n_others = sizeof others / sizeof *others;
    struct CMUnitTest *tests = calloc(n + n_others, sizeof *tests);
    if (!tests)
        return 1;
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){.name = ink_grad_cases[i].name,
                                       .test_func = a_rule,
                                       .initial_state = (void *)(uintptr_t)&ink_grad_cases[i]};
    memcpy(tests + n, others, sizeof others);
    /* A table of this size is not known to cmocka's macro. */
    int n_failed = _cmocka_run_group_tests("gradients", tests, n + n_others, NULL, NULL);
    free(tests);
    return n_failed;
}
