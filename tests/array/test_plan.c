/*
 * Plans of random graphs: what is alive at the same time never shares memory, nothing runs before
 * what it reads, and running on the device gives the bits of evaluating one array after the other,
 * each in memory of its own.
 */
#include "graph_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_GRAPHS 2000
#define MAX_POOL 48

/*
 * An array beside its values by the definition of its op; [rows, columns], or one dimension where
 * rows is 0.
 */
typedef struct known {
    ink_array *array;
    size_t rows, columns;
    float *values;
    bool ready; /* stored without gaps: it may be reshaped */
} known;

typedef struct world {
    ink_graph_run run;
    uint64_t seed;
    known pool[MAX_POOL];
    size_t n;
    void *owned[MAX_POOL]; /* matrices */
    size_t n_owned;
    ink_array *inputs[MAX_POOL];
    float *input_values[MAX_POOL];
    size_t n_inputs;
} world;

static size_t below(world *w, size_t n)
{
    return (size_t)(ink_test_random(&w->seed) >> 33) % n;
}

/* Few sizes, so that rows and columns often are as many. */
static size_t any_size(world *w)
{
    static const size_t sizes[] = {1, 2, 3, 5, 8, 17};
    return sizes[below(w, 6)];
}

static size_t count(const known *x)
{
    return (x->rows ? x->rows : 1) * x->columns;
}

static known *add_known(world *w, ink_array *array, size_t rows, size_t columns, bool ready)
{
    known *x = &w->pool[w->n++];
    assert_non_null(array);
    *x = (known){array, rows, columns, NULL, ready};
    x->values = calloc(count(x), sizeof *x->values);
    assert_non_null(x->values);
    return x;
}

static known *pick_known(world *w)
{
    return &w->pool[below(w, w->n)];
}

/* ---- Growing a graph; each function adds an array, or none where its inputs do not fit. */

static void add_input(world *w)
{
    size_t shape[2] = {any_size(w), any_size(w)};
    known *x = add_known(w, ink_input(&w->run.graph, INK_F32, 2, shape), shape[0], shape[1], true);
    ink_fill_random(x->values, count(x), &w->seed);
    w->inputs[w->n_inputs] = x->array;
    w->input_values[w->n_inputs++] = x->values;
}

/* Keeps numbers finite: what is not a number has no defined bits. */
static void add_clamped(world *w, const known *x)
{
    known *y = add_known(w, ink_clamp(x->array, -2, 2), x->rows, x->columns, true);
    for (size_t i = 0; i < count(x); i++)
        y->values[i] = x->values[i] < -2 ? -2 : x->values[i] > 2 ? 2 : x->values[i];
}

static void add_scaled(world *w)
{
    const known *x = pick_known(w);
    if (x->rows == 0)
        return;
    known *y = add_known(w, ink_scale(x->array, 0.75f), x->rows, x->columns, true);
    for (size_t i = 0; i < count(x); i++)
        y->values[i] = x->values[i] * 0.75f;
}

static bool fits(const known *a, const known *b)
{
    bool columns = b->columns == a->columns || b->columns == 1;
    return columns && (b->rows == 0 || b->rows == a->rows || b->rows == 1);
}

static void add_elementwise(world *w)
{
    const known *a = pick_known(w), *b = pick_known(w);
    bool sum = below(w, 2);
    for (int i = 0; i < 20 && !fits(a, b); i++)
        b = pick_known(w);
    if (a->rows == 0 || !fits(a, b))
        return;
    ink_array *array = sum ? ink_add(a->array, b->array) : ink_multiply(a->array, b->array);
    known *y = add_known(w, array, a->rows, a->columns, true);
    for (size_t i = 0; i < count(a); i++) {
        size_t row = b->rows > 1 ? i / a->columns : 0, column = b->columns > 1 ? i % a->columns : 0;
        float z = b->values[row * b->columns + column];
        y->values[i] = sum ? a->values[i] + z : a->values[i] * z;
    }
    add_clamped(w, y);
}

static void add_slice(world *w)
{
    const known *x = pick_known(w);
    size_t begin = below(w, x->columns), n = 1 + below(w, x->columns - begin);
    known *y = add_known(w, ink_slice(x->array, begin, n), x->rows, n, n == x->columns && x->ready);
    for (size_t i = 0; i < count(y); i++)
        y->values[i] = x->values[i / n * x->columns + begin + i % n];
}

/* To the other way round, or to one dimension. */
static void add_reshape(world *w)
{
    const known *x = pick_known(w);
    if (!x->ready || x->rows == 0)
        return;
    bool flat = below(w, 2);
    size_t shape[2] = {flat ? count(x) : x->columns, x->rows};
    ink_array *array = ink_reshape(x->array, flat ? 1 : 2, shape);
    known *y = add_known(w, array, flat ? 0 : x->columns, flat ? count(x) : x->rows, true);
    memcpy(y->values, x->values, count(x) * sizeof *x->values);
}

static void add_concat(world *w)
{
    const known *a = pick_known(w), *b = pick_known(w);
    for (int i = 0; i < 20 && a->rows != b->rows; i++)
        b = pick_known(w);
    if (a->rows == 0 || a->rows != b->rows || a->columns + b->columns > 40)
        return;
    known *y = add_known(w, ink_concat(a->array, b->array), a->rows, a->columns + b->columns, true);
    for (size_t i = 0; i < count(y); i++) {
        size_t row = i / y->columns, column = i % y->columns;
        y->values[i] = column < a->columns ? a->values[row * a->columns + column]
                                           : b->values[row * b->columns + column - a->columns];
    }
}

static void add_linear(world *w)
{
    const known *x = pick_known(w);
    size_t n_rows = any_size(w), k = x->columns;
    if (x->rows == 0)
        return;
    float *weights = calloc(n_rows * k, sizeof *weights);
    ink_matrix *matrix = malloc(sizeof *matrix);
    assert_true(weights && matrix);
    ink_fill_random(weights, n_rows * k, &w->seed);
    *matrix = ink_test_matrix(INK_FORMAT_F32, true, 1, n_rows, k, weights);
    w->owned[w->n_owned++] = matrix;
    known *y = add_known(w, ink_linear(matrix, x->array), x->rows, n_rows, true);
    for (size_t i = 0; i < count(y); i++)
        for (size_t j = 0; j < k; j++)
            y->values[i] =
                fmaf(weights[i % n_rows * k + j], x->values[i / n_rows * k + j], y->values[i]);
    free(weights);
    add_clamped(w, y);
}

static void add_mean(world *w)
{
    const known *x = pick_known(w);
    if (x->rows == 0)
        return;
    known *y = add_known(w, ink_mean(x->array), 1, x->columns, true);
    for (size_t i = 0; i < count(x); i++)
        y->values[i % x->columns] += x->values[i];
    for (size_t i = 0; i < x->columns; i++)
        y->values[i] *= 1.0f / (float)x->rows;
}

static void (*const growers[])(world *w) = {
    add_input, add_scaled,  add_elementwise, add_elementwise, add_elementwise,
    add_slice, add_reshape, add_concat,      add_linear,      add_mean,
};

static void grow(world *w)
{
    size_t n_wanted = 4 + below(w, MAX_POOL - 6);
    add_input(w);
    add_input(w);
    for (int tries = 0; w->n < n_wanted && tries < 500; tries++)
        growers[below(w, sizeof growers / sizeof *growers)](w);
    for (size_t i = 0; i < w->n; i++)
        if (below(w, 5) == 0 || i + 1 == w->n)
            ink_output(w->pool[i].array);
}

static void start(world *w, uint64_t seed, int n_threads)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    ink_graph_run_init(&w->run, n_threads);
    grow(w);
}

static void end(world *w)
{
    ink_graph_run_deinit(&w->run);
    for (size_t i = 0; i < w->n; i++)
        free(w->pool[i].values);
    for (size_t i = 0; i < w->n_owned; i++) {
        free((void *)(uintptr_t)((ink_matrix *)w->owned[i])->data);
        free(w->owned[i]);
    }
}

/* ---- What a plan promises. */

typedef struct life {
    bool used;
    size_t stage, place; /* where it runs */
    size_t first, last;  /* stages between which its memory must not change */
} life;

static const ink_array *base_of(const ink_array *x)
{
    while (x->op == INK_OP_VIEW)
        x = x->inputs[0];
    return x;
}

static void live(const ink_plan *plan, life *lives)
{
    for (size_t s = 0; s < plan->n_stages; s++)
        for (size_t i = plan->stages[s].first; i < plan->stages[s].first + plan->stages[s].n_nodes;
             i++)
            lives[plan->order[i]->index] = (life){true, s, i, s, s};
    for (size_t i = 0; i < plan->graph->n_nodes; i++) {
        const ink_array *node = plan->graph->nodes[i], *base = base_of(node);
        if (node->op == INK_OP_INPUT)
            lives[i] = (life){true, 0, 0, 0, plan->n_stages};
        if (node->output)
            lives[base->index].last = plan->n_stages;
    }
    for (size_t i = 0; i < plan->n_ordered; i++) {
        const ink_array *node = plan->order[i];
        for (int j = 0; j < INK_MAX_INPUTS && node->inputs[j]; j++) {
            life *source = &lives[base_of(node->inputs[j])->index];
            source->last =
                source->last > lives[node->index].stage ? source->last : lives[node->index].stage;
        }
    }
}

/* What a node reads has run in an earlier stage, or as the same rows of the same chain. */
static void check_order(const ink_plan *plan, const life *lives)
{
    for (size_t i = 0; i < plan->n_ordered; i++) {
        const ink_array *node = plan->order[i];
        const life *mine = &lives[node->index];
        for (int j = 0; j < INK_MAX_INPUTS && node->inputs[j]; j++) {
            const ink_array *base = base_of(node->inputs[j]);
            const life *source = &lives[base->index];
            if (base->op == INK_OP_INPUT || base->op == INK_OP_CONSTANT)
                continue;
            assert_true(source->used && source->place < mine->place &&
                        source->stage <= mine->stage);
            if (source->stage < mine->stage)
                continue;
            assert_int_equal(plan->stages[mine->stage].locality, INK_ROWS);
            assert_int_equal(base->shape[0], node->shape[0]);
            assert_true(node->inputs[j]->n_dims >= node->n_dims);
        }
    }
}

static size_t bytes_of(const ink_array *x)
{
    return ink_elements(x) * ink_type_bytes(x->type);
}

static void check_memory(const ink_plan *plan, const life *lives)
{
    const ink_graph *graph = plan->graph;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        size_t begin = plan->offsets[i], stop = begin + bytes_of(graph->nodes[i]);
        if (!lives[i].used)
            continue;
        assert_true(begin % 64 == 0 && stop <= plan->bytes);
        for (size_t j = 0; j < i; j++) {
            bool together =
                lives[j].used && lives[j].first <= lives[i].last && lives[i].first <= lives[j].last;
            bool apart =
                plan->offsets[j] >= stop || plan->offsets[j] + bytes_of(graph->nodes[j]) <= begin;
            if (together && !apart)
                fail_msg("arrays %zu and %zu share memory", j, i);
        }
    }
}

static void plans_keep_order_and_places(void **state)
{
    (void)state;
    size_t saved = 0, unshared = 0;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        world w;
        ink_plan plan;
        ink_error error;
        start(&w, seed, 1);
        if (ink_plan_init(&plan, &w.run.graph, NULL, &error) != INK_OK)
            fail_msg("%s", error.message);
        life *lives = calloc(w.run.graph.n_nodes, sizeof *lives);
        assert_non_null(lives);
        live(&plan, lives);
        check_order(&plan, lives);
        check_memory(&plan, lives);
        for (size_t i = 0; i < w.run.graph.n_nodes; i++)
            unshared += lives[i].used ? (bytes_of(w.run.graph.nodes[i]) + 63) / 64 * 64 : 0;
        saved += plan.bytes;
        free(lives);
        ink_plan_deinit(&plan);
        end(&w);
    }
    assert_true(saved < unshared); /* or the test sees no sharing at all */
}

static void compare(world *w, uint64_t seed)
{
    for (size_t i = 0; i < w->n; i++) {
        const known *x = &w->pool[i];
        if (!x->array->output)
            continue;
        const float *data = ink_graph_run_data(&w->run, x->array);
        for (size_t j = 0; j < count(x); j++) {
            float got = data[j / x->columns * (x->rows ? x->array->stride[0] : 0) + j % x->columns];
            if (memcmp(&got, &x->values[j], sizeof got) != 0)
                fail_msg("graph %llu, array %zu, element %zu: %a instead of %a",
                         (unsigned long long)seed, i, j, (double)got, (double)x->values[j]);
        }
    }
}

/* Twice: what one run leaves in memory must not show in the next. */
static void runs_match_evaluation_one_by_one(void **state)
{
    const int *n_threads = *state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        world w;
        start(&w, seed, *n_threads);
        ink_graph_run_compile(&w.run);
        for (int times = 0; times < 2; times++) {
            for (size_t i = 0; i < w.n_inputs; i++)
                memcpy(ink_graph_run_data(&w.run, w.inputs[i]), w.input_values[i],
                       bytes_of(w.inputs[i]));
            ink_graph_run_go(&w.run);
            compare(&w, seed);
        }
        end(&w);
    }
}

/* ---- Corners. */

static void what_no_output_needs_does_not_run(void **state)
{
    (void)state;
    ink_graph graph;
    ink_plan plan;
    ink_graph_init(&graph, NULL);
    ink_array *x = ink_input(&graph, INK_F32, 2, (size_t[]){2, 4});
    ink_scale(x, 3);
    ink_array *y = ink_output(ink_scale(x, 2));
    assert_int_equal(ink_plan_init(&plan, &graph, NULL, NULL), INK_OK);
    assert_int_equal(plan.n_ordered, 1);
    assert_ptr_equal(plan.order[0], y);
    ink_plan_deinit(&plan);
    ink_graph_deinit(&graph);
}

/*
 * Nothing is asked for before the first run, and again after another program has moved the memory.
 */
static void constants_alone_can_be_computed(void **state)
{
    (void)state;
    const float numbers[4] = {1, 2, 3, 4};
    ink_graph_run run;
    ink_graph_run_init(&run, 2);
    ink_array *y = ink_output(ink_scale(ink_constant(&run.graph, numbers, 2, (size_t[]){2, 2}), 2));
    ink_graph_run_compile(&run);
    ink_graph_run_go(&run);
    assert_true(((const float *)ink_graph_run_data(&run, y))[3] == 8);
    ink_graph larger;
    ink_program *other;
    ink_graph_init(&larger, NULL);
    ink_output(ink_scale(ink_input(&larger, INK_F32, 2, (size_t[]){1, 100000}), 1));
    assert_int_equal(ink_program_new(&other, run.device, &larger, NULL), INK_OK);
    ink_graph_run_go(&run);
    assert_true(((const float *)ink_graph_run_data(&run, y))[2] == 6);
    ink_program_free(other);
    ink_graph_deinit(&larger);
    ink_graph_run_deinit(&run);
}

/* As many elements as there are rows, but each row needs all of them. */
static void a_vector_that_repeats_is_waited_for(void **state)
{
    (void)state;
    ink_graph_run run;
    ink_graph_run_init(&run, 1);
    ink_array *x = ink_input(&run.graph, INK_F32, 2, (size_t[]){8, 1});
    ink_array *a = ink_input(&run.graph, INK_F32, 2, (size_t[]){8, 8});
    ink_array *vector = ink_reshape(ink_scale(x, 2), 1, (size_t[]){8});
    ink_array *y = ink_output(ink_add(a, vector));
    ink_graph_run_compile(&run);
    float *from = ink_graph_run_data(&run, x), *zeros = ink_graph_run_data(&run, a);
    memset(zeros, 0, 64 * sizeof *zeros);
    for (int i = 0; i < 8; i++)
        from[i] = (float)i;
    ink_graph_run_go(&run);
    const float *got = ink_graph_run_data(&run, y);
    for (int i = 0; i < 64; i++)
        assert_true(got[i] == (float)(2 * (i % 8)));
    ink_graph_run_deinit(&run);
}

static void an_empty_graph_is_a_plan(void **state)
{
    (void)state;
    ink_graph_run run;
    ink_graph_run_init(&run, 1);
    ink_graph_run_compile(&run);
    ink_graph_run_go(&run);
    ink_graph_run_deinit(&run);
}

int main(void)
{
    static const int one = 1, three = 3;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_keep_order_and_places),
        cmocka_unit_test_prestate(runs_match_evaluation_one_by_one, (void *)(uintptr_t)&one),
        cmocka_unit_test_prestate(runs_match_evaluation_one_by_one, (void *)(uintptr_t)&three),
        cmocka_unit_test(what_no_output_needs_does_not_run),
        cmocka_unit_test(constants_alone_can_be_computed),
        cmocka_unit_test(a_vector_that_repeats_is_waited_for),
        cmocka_unit_test(an_empty_graph_is_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
