/*
 * Recording: shapes of results, mistakes that stay in the graph until it is planned, and running
 * out of room.
 */
#include "graph_run.h"

#include <stdlib.h>
#include <string.h>

static const float numbers[64];
static const ink_matrix matrix = {
    .format = INK_FORMAT_F32, .packed = true, .n_rows = 5, .k = 8, .n_experts = 3};
static const ink_matrix quantized = {
    .format = INK_FORMAT_Q8_0, .packed = true, .n_rows = 5, .k = 64, .n_experts = 1};
static const ink_attention attention = {
    .n_heads = 4, .n_kv_heads = 2, .k_dim = 8, .v_dim = 6, .causal = true};

static ink_array *floats(ink_graph *graph, size_t a, size_t b, size_t c)
{
    const size_t shape[3] = {a, b, c};
    return ink_input(graph, INK_F32, c ? 3 : b ? 2 : 1, shape);
}

static ink_array *ids(ink_graph *graph, size_t a, size_t b)
{
    return ink_input(graph, INK_I32, b ? 2 : 1, (size_t[]){a, b});
}

static ink_array *pointers(ink_graph *graph, size_t n)
{
    return ink_input(graph, INK_POINTER, 1, &n);
}

/* 3 tokens, 4 heads of 8. shape: numbers for decays, groups, width of keys, of queries. */
static ink_array *scan_of(ink_graph *g, const size_t shape[4], size_t n_rates, size_t n_sequences)
{
    return ink_scan(&(ink_scan_inputs){.values = floats(g, 3, 4, 8),
                                       .decays = floats(g, 3, shape[0], 0),
                                       .rates = n_rates ? floats(g, 3, n_rates, 0) : NULL,
                                       .keys = floats(g, 3, shape[1], shape[2]),
                                       .queries = floats(g, 3, shape[1], shape[3]),
                                       .sequences = pointers(g, n_sequences)},
                    (ink_scan_layout){{0, 0}, false});
}

static void expect_shape(const ink_array *x, size_t a, size_t b, size_t c)
{
    assert_non_null(x);
    assert_int_equal(x->n_dims, c ? 3 : b ? 2 : 1);
    assert_int_equal(x->shape[0], a);
    if (b)
        assert_int_equal(x->shape[1], b);
    if (c)
        assert_int_equal(x->shape[2], c);
}

static void results_have_the_shapes_that_the_header_says(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    ink_array *x = floats(&graph, 3, 8, 0), *heads = floats(&graph, 3, 4, 8);
    ink_array *k = floats(&graph, 3, 2, 8), *v = floats(&graph, 3, 2, 6);
    expect_shape(ink_embed(&matrix, ids(&graph, 7, 0)), 7, 8, 0);
    expect_shape(ink_embed(&matrix, ids(&graph, 7, 2)), 7, 2, 8);
    expect_shape(ink_pick(heads, ids(&graph, 2, 0)), 2, 4, 8);
    expect_shape(ink_linear(&matrix, x), 3, 5, 0);
    expect_shape(ink_linear_experts(&matrix, x, ids(&graph, 3, 2)), 3, 2, 5);
    expect_shape(ink_linear_experts(&matrix, heads, ids(&graph, 3, 4)), 3, 4, 5);
    expect_shape(ink_add(heads, floats(&graph, 4, 8, 0)), 3, 4, 8);
    expect_shape(ink_multiply(heads, floats(&graph, 3, 4, 1)), 3, 4, 8);
    expect_shape(ink_concat(k, v), 3, 2, 14);
    expect_shape(ink_reshape(heads, 2, (size_t[]){3, 32}), 3, 32, 0);
    expect_shape(ink_slice(heads, 2, 5), 3, 4, 5);
    ink_array *table = ink_rope_table(ids(&graph, 3, 0), ink_vector(&graph, numbers, 4), 1);
    expect_shape(table, 3, 2, 4);
    expect_shape(ink_rope(heads, table, true), 3, 4, 8);
    ink_array *at = ids(&graph, 3, 0), *sequences = pointers(&graph, 3);
    ink_array *stored = ink_store(k, v, at, sequences, &attention);
    expect_shape(ink_attend(heads, stored, at, sequences, NULL, &attention), 3, 4, 6);
    ink_array *taps = floats(&graph, 8, 4, 0);
    expect_shape(ink_convolve(x, taps, NULL, sequences, (ink_state_place){0}), 3, 8, 0);
    expect_shape(scan_of(&graph, (size_t[]){4, 2, 5, 5}, 0, 3), 3, 4, 8);
    expect_shape(scan_of(&graph, (size_t[]){4, 2, 5, 5}, 4, 3), 3, 4, 8);
    expect_shape(ink_top_k(x, 2), 3, 2, 0);
    expect_shape(ink_gather(x, ids(&graph, 3, 5)), 3, 5, 0);
    expect_shape(ink_combine(heads, floats(&graph, 3, 4, 0)), 3, 8, 0);
    expect_shape(ink_mean(x), 1, 8, 0);
    assert_int_equal(graph.error.status, INK_OK);
    ink_graph_deinit(&graph);
}

static void a_row_is_quantized_once(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    ink_array *x = floats(&graph, 3, 64, 0);
    const ink_array *a = ink_linear(&quantized, x), *b = ink_linear(&quantized, x);
    assert_true(a && b && a->inputs[0] == b->inputs[0]);
    assert_int_equal(a->inputs[0]->op, INK_OP_QUANTIZE);
    ink_graph_deinit(&graph);
}

static void an_absent_vector_is_no_mistake(void **state)
{
    (void)state;
    ink_graph graph;
    ink_graph_init(&graph, NULL);
    assert_null(ink_vector(&graph, NULL, 8));
    assert_non_null(ink_norm(INK_NORM_RMS, floats(&graph, 3, 8, 0), NULL, NULL, 1e-5f));
    assert_int_equal(graph.error.status, INK_OK);
    ink_graph_deinit(&graph);
}

/* ---- Mistakes. */

static ink_array *zero_size(ink_graph *g)
{
    return floats(g, 3, 8, 0) ? ink_input(g, INK_F32, 2, (size_t[]){3, 0}) : NULL;
}
static ink_array *too_many_dimensions(ink_graph *g)
{
    return ink_input(g, INK_F32, 5, (size_t[]){1, 1, 1, 1, 1});
}
static ink_array *no_dimension(ink_graph *g)
{
    return ink_input(g, INK_F32, 0, (size_t[]){1});
}
static ink_array *size_overflow(ink_graph *g)
{
    return ink_input(g, INK_F32, 3, (size_t[]){SIZE_MAX / 2, 2, 2});
}
static ink_array *bytes_overflow(ink_graph *g)
{
    return ink_input(g, INK_F32, 1, (size_t[]){SIZE_MAX / 2});
}
static ink_array *reshape_count(ink_graph *g)
{
    return ink_reshape(floats(g, 3, 8, 0), 2, (size_t[]){3, 7});
}
static ink_array *reshape_of_a_slice(ink_graph *g)
{
    return ink_reshape(ink_slice(floats(g, 3, 8, 0), 0, 4), 1, (size_t[]){12});
}
static ink_array *slice_end(ink_graph *g)
{
    return ink_slice(floats(g, 3, 8, 0), 5, 4);
}
static ink_array *slice_wrap(ink_graph *g)
{
    return ink_slice(floats(g, 3, 8, 0), 4, SIZE_MAX - 2);
}
static ink_array *slice_of_nothing(ink_graph *g)
{
    return ink_slice(floats(g, 3, 8, 0), 4, 0);
}
static ink_array *linear_width(ink_graph *g)
{
    return ink_linear(&matrix, floats(g, 3, 7, 0));
}
static ink_array *linear_dimensions(ink_graph *g)
{
    return ink_linear(&matrix, floats(g, 3, 2, 8));
}
static ink_array *experts_rows(ink_graph *g)
{
    return ink_linear_experts(&matrix, floats(g, 3, 8, 0), ids(g, 2, 2));
}
static ink_array *experts_slots(ink_graph *g)
{
    return ink_linear_experts(&matrix, floats(g, 3, 4, 8), ids(g, 3, 2));
}
static ink_array *norm_weight(ink_graph *g)
{
    return ink_norm(INK_NORM_RMS, floats(g, 3, 8, 0), ink_vector(g, numbers, 7), NULL, 0);
}
static ink_array *norm_bias(ink_graph *g)
{
    return ink_norm(INK_NORM_LAYER, floats(g, 3, 8, 0), NULL, ink_vector(g, numbers, 9), 0);
}
static ink_array *add_width(ink_graph *g)
{
    return ink_add(floats(g, 3, 8, 0), floats(g, 3, 4, 0));
}
static ink_array *add_rows(ink_graph *g)
{
    return ink_add(floats(g, 3, 8, 0), floats(g, 2, 8, 0));
}
static ink_array *add_larger(ink_graph *g)
{
    return ink_add(floats(g, 8, 0, 0), floats(g, 3, 8, 0));
}
static ink_array *scale_without_rows(ink_graph *g)
{
    return ink_scale(floats(g, 8, 0, 0), 2);
}
static ink_array *add_without_rows(ink_graph *g)
{
    return ink_add(floats(g, 8, 0, 0), floats(g, 8, 0, 0));
}
static ink_array *concat_without_rows(ink_graph *g)
{
    return ink_concat(floats(g, 8, 0, 0), floats(g, 8, 0, 0));
}
static ink_array *concat_rows(ink_graph *g)
{
    return ink_concat(floats(g, 3, 8, 0), floats(g, 2, 8, 0));
}
static ink_array *rope_rows(ink_graph *g)
{
    return ink_rope(floats(g, 3, 4, 8), floats(g, 2, 2, 4), false);
}
static ink_array *rope_pairs(ink_graph *g)
{
    return ink_rope(floats(g, 3, 4, 8), floats(g, 3, 2, 5), false);
}
static ink_array *store_width(ink_graph *g)
{
    return ink_store(floats(g, 3, 2, 8), floats(g, 3, 2, 5), ids(g, 3, 0), pointers(g, 3),
                     &attention);
}
static ink_array *attend_heads(ink_graph *g)
{
    return ink_attend(floats(g, 3, 3, 8), ids(g, 3, 0), ids(g, 3, 0), pointers(g, 3), NULL,
                      &attention);
}
static ink_array *convolve_channels(ink_graph *g)
{
    return ink_convolve(floats(g, 3, 8, 0), floats(g, 7, 4, 0), NULL, pointers(g, 3),
                        (ink_state_place){0});
}
static ink_array *convolve_bias(ink_graph *g)
{
    return ink_convolve(floats(g, 3, 8, 0), floats(g, 8, 4, 0), floats(g, 9, 0, 0), pointers(g, 3),
                        (ink_state_place){0});
}
static ink_array *convolve_sequences(ink_graph *g)
{
    return ink_convolve(floats(g, 3, 8, 0), floats(g, 8, 4, 0), NULL, pointers(g, 2),
                        (ink_state_place){0});
}
static ink_array *scan_decays(ink_graph *g)
{
    return scan_of(g, (size_t[]){2, 2, 5, 5}, 0, 3);
}
static ink_array *scan_groups(ink_graph *g)
{
    return scan_of(g, (size_t[]){4, 3, 5, 5}, 0, 3);
}
static ink_array *scan_queries(ink_graph *g)
{
    return scan_of(g, (size_t[]){4, 2, 5, 6}, 0, 3);
}
static ink_array *scan_rates(ink_graph *g)
{
    return scan_of(g, (size_t[]){4, 2, 5, 5}, 2, 3);
}
static ink_array *scan_sequences(ink_graph *g)
{
    return scan_of(g, (size_t[]){4, 2, 5, 5}, 4, 2);
}
static ink_array *top_k_of_fewer(ink_graph *g)
{
    return ink_top_k(floats(g, 3, 8, 0), 9);
}
static ink_array *gather_rows(ink_graph *g)
{
    return ink_gather(floats(g, 3, 8, 0), ids(g, 2, 8));
}
static ink_array *combine_slots(ink_graph *g)
{
    return ink_combine(floats(g, 3, 4, 8), floats(g, 3, 3, 0));
}
static ink_array *mean_dimensions(ink_graph *g)
{
    return ink_mean(floats(g, 3, 4, 8));
}

typedef struct mistake {
    const char *name;
    ink_array *(*record)(ink_graph *graph);
    ink_status status;
    const char *named; /* in the message */
} mistake;

static const mistake mistakes[] = {
    {"zero_size", zero_size, INK_LIMIT, "INPUT"},
    {"too_many_dimensions", too_many_dimensions, INK_LIMIT, "INPUT"},
    {"no_dimension", no_dimension, INK_LIMIT, "INPUT"},
    {"size_overflow", size_overflow, INK_LIMIT, "INPUT"},
    {"bytes_overflow", bytes_overflow, INK_LIMIT, "INPUT"},
    {"reshape_count", reshape_count, INK_BAD_ARGUMENT, "VIEW"},
    {"reshape_of_a_slice", reshape_of_a_slice, INK_BAD_ARGUMENT, "VIEW"},
    {"slice_end", slice_end, INK_BAD_ARGUMENT, "VIEW"},
    {"slice_wrap", slice_wrap, INK_BAD_ARGUMENT, "VIEW"},
    {"slice_of_nothing", slice_of_nothing, INK_LIMIT, "VIEW"},
    {"linear_width", linear_width, INK_BAD_ARGUMENT, "LINEAR"},
    {"linear_dimensions", linear_dimensions, INK_BAD_ARGUMENT, "LINEAR"},
    {"experts_rows", experts_rows, INK_BAD_ARGUMENT, "LINEAR_EXPERTS"},
    {"experts_slots", experts_slots, INK_BAD_ARGUMENT, "LINEAR_EXPERTS"},
    {"norm_weight", norm_weight, INK_BAD_ARGUMENT, "NORM"},
    {"norm_bias", norm_bias, INK_BAD_ARGUMENT, "NORM"},
    {"add_width", add_width, INK_BAD_ARGUMENT, "ADD"},
    {"add_rows", add_rows, INK_BAD_ARGUMENT, "ADD"},
    {"add_larger", add_larger, INK_BAD_ARGUMENT, "ADD"},
    {"scale_without_rows", scale_without_rows, INK_BAD_ARGUMENT, "SCALE"},
    {"add_without_rows", add_without_rows, INK_BAD_ARGUMENT, "ADD"},
    {"concat_without_rows", concat_without_rows, INK_BAD_ARGUMENT, "CONCAT"},
    {"concat_rows", concat_rows, INK_BAD_ARGUMENT, "CONCAT"},
    {"rope_rows", rope_rows, INK_BAD_ARGUMENT, "ROPE"},
    {"rope_pairs", rope_pairs, INK_BAD_ARGUMENT, "ROPE"},
    {"store_width", store_width, INK_BAD_ARGUMENT, "STORE"},
    {"attend_heads", attend_heads, INK_BAD_ARGUMENT, "ATTEND"},
    {"convolve_channels", convolve_channels, INK_BAD_ARGUMENT, "CONVOLVE"},
    {"convolve_bias", convolve_bias, INK_BAD_ARGUMENT, "CONVOLVE"},
    {"convolve_sequences", convolve_sequences, INK_BAD_ARGUMENT, "CONVOLVE"},
    {"scan_decays", scan_decays, INK_BAD_ARGUMENT, "SCAN"},
    {"scan_groups", scan_groups, INK_BAD_ARGUMENT, "SCAN"},
    {"scan_queries", scan_queries, INK_BAD_ARGUMENT, "SCAN"},
    {"scan_rates", scan_rates, INK_BAD_ARGUMENT, "SCAN"},
    {"scan_sequences", scan_sequences, INK_BAD_ARGUMENT, "SCAN"},
    {"top_k_of_fewer", top_k_of_fewer, INK_BAD_ARGUMENT, "TOP_K"},
    {"gather_rows", gather_rows, INK_BAD_ARGUMENT, "GATHER"},
    {"combine_slots", combine_slots, INK_BAD_ARGUMENT, "COMBINE"},
    {"mean_dimensions", mean_dimensions, INK_BAD_ARGUMENT, "MEAN"},
};

#define N_MISTAKES (sizeof mistakes / sizeof *mistakes)

/*
 * What is recorded behind a mistake is nothing, and planning reports the mistake, not what came of
 * it.
 */
static void a_mistake(void **state)
{
    const mistake *m = *state;
    ink_graph graph;
    ink_plan plan;
    ink_error error = {.status = INK_OK};
    ink_graph_init(&graph, NULL);
    ink_array *good = floats(&graph, 3, 8, 0);
    assert_null(m->record(&graph));
    ink_array *after = ink_add(good, floats(&graph, 3, 8, 0));
    assert_null(after);
    assert_null(ink_mean(ink_reshape(after, 2, (size_t[]){1, 1})));
    assert_null(ink_output(after));
    assert_int_equal(ink_plan_init(&plan, &graph, NULL, &error), m->status);
    assert_int_equal(error.status, m->status);
    assert_non_null(strstr(error.message, m->named));
    ink_graph_reset(&graph);
    assert_non_null(ink_output(floats(&graph, 2, 2, 0)));
    assert_int_equal(ink_plan_init(&plan, &graph, NULL, &error), INK_OK);
    ink_plan_deinit(&plan);
    ink_graph_deinit(&graph);
}

/* ---- Room. */

static void more_arrays_than_a_graph_holds(void **state)
{
    (void)state;
    ink_graph graph;
    ink_plan plan;
    ink_error error;
    ink_graph_init(&graph, NULL);
    ink_array *x = floats(&graph, 1, 1, 0);
    for (size_t i = 0; i < INK_MAX_NODES; i++)
        x = ink_scale(x, 2);
    assert_null(x);
    assert_int_equal(graph.n_nodes, INK_MAX_NODES);
    assert_int_equal(ink_plan_init(&plan, &graph, NULL, &error), INK_LIMIT);
    ink_graph_deinit(&graph);
}

/* A graph large enough to need several pieces of memory, and its plan. */
static ink_status record_and_plan(const ink_allocator *allocator, void *context)
{
    ink_graph graph;
    ink_plan plan;
    (void)context;
    ink_graph_init(&graph, allocator);
    ink_array *x = floats(&graph, 4, 8, 0);
    for (int i = 0; i < 600; i++)
        x = ink_add(ink_norm(INK_NORM_RMS, x, NULL, NULL, 1e-5f), x);
    ink_output(x);
    ink_status status = ink_plan_init(&plan, &graph, allocator, NULL);
    if (status == INK_OK)
        ink_plan_deinit(&plan);
    ink_graph_deinit(&graph);
    return status;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    assert_true(ink_fail_each_allocation(record_and_plan, NULL, 100) > 8);
}

int main(void)
{
    struct CMUnitTest tests[N_MISTAKES + 5] = {
        cmocka_unit_test(results_have_the_shapes_that_the_header_says),
        cmocka_unit_test(a_row_is_quantized_once),
        cmocka_unit_test(an_absent_vector_is_no_mistake),
        cmocka_unit_test(more_arrays_than_a_graph_holds),
        cmocka_unit_test(every_allocation_fails_once),
    };
    for (size_t i = 0; i < N_MISTAKES; i++)
        tests[5 + i] = (struct CMUnitTest){.name = mistakes[i].name,
                                           .test_func = a_mistake,
                                           .initial_state = (void *)(uintptr_t)&mistakes[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
