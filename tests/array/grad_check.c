#include "grad_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../exact.h"
#include "array/backward.h"
#include "array/grad.h"

/*
 * A gradient's element is a sum of products of floats. With 2^-24 for each rounding, about as many
 * of them as the longest sum here is (a few hundred, the square root of which counts as signs are
 * mixed) and functions exact to 1e-6, the error is below 2e-5 of the parameter's largest gradient.
 * A wrong rule is off by a part of the gradient itself.
 */
#define TOLERANCE 2e-5

/*
 * The step of differences: what they leave out grows like STEP^2 times a third derivative, 1e-10,
 * what they lose to rounding like 2^-53 / STEP times the loss, 1e-11.
 */
#define STEP 1e-5
#define NOISE 1e-8 /* of both, for a loss of about 100 */

#define MOST_ELEMENTS 48 /* of a parameter that are moved alone; */
#define N_DIRECTIONS 3   /* all of them are moved together so often */

/* A case recorded, with its gradients. */
typedef struct check {
    const ink_grad_case *of;
    int variant;
    ink_graph_run run;
    ink_grad_recording recording;
    ink_array *y, *weights, *loss;
    ink_array *gradients[INK_GRAD_UNKNOWNS];
    ink_exact exact;
} check;

/* ---- Recording ------------------------------------------------------------------------------- */

ink_array *ink_grad_unknown(ink_grad_recording *r, int n_dims, const size_t *shape)
{
    assert_true(r->n_unknowns < INK_GRAD_UNKNOWNS);
    return r->unknowns[r->n_unknowns++] = ink_input(r->graph, INK_F32, n_dims, shape);
}

ink_array *ink_grad_unknown_2(ink_grad_recording *r, size_t rows, size_t columns)
{
    return ink_grad_unknown(r, 2, (size_t[]){rows, columns});
}

ink_array *ink_grad_unknown_3(ink_grad_recording *r, size_t n, size_t rows, size_t columns)
{
    return ink_grad_unknown(r, 3, (size_t[]){n, rows, columns});
}

ink_array *ink_grad_integers(ink_grad_recording *r, size_t n, const int32_t *values)
{
    assert_true(r->n_integers < INK_GRAD_UNKNOWNS);
    r->values[r->n_integers] = values;
    return r->integers[r->n_integers++] = ink_input(r->graph, INK_I32, 1, &n);
}

static void record(check *c)
{
    ink_graph *graph = &c->run.graph;
    c->recording.graph = graph;
    c->y = ink_output(ink_scale(c->of->record(&c->recording, c->variant), 1)); /* without gaps */
    if (!c->y)
        fail_msg("%s %d: %s", c->of->name, c->variant, graph->error.message);
    c->weights = ink_input(graph, INK_F32, c->y->n_dims, c->y->shape);
    c->loss = ink_output(ink_reduce(ink_multiply(c->y, c->weights), 2, (size_t[]){1, 1}));
    ink_exact_init(&c->exact, graph);
    ink_grad(c->loss, c->recording.n_unknowns, c->recording.unknowns, c->gradients);
    if (graph->error.status != INK_OK)
        fail_msg("%s %d: %s", c->of->name, c->variant, graph->error.message);
    for (size_t i = 0; i < c->recording.n_unknowns; i++)
        ink_output(c->gradients[i]);
    ink_graph_run_compile(&c->run);
}

/* ---- Running --------------------------------------------------------------------------------- */

static void fill_floats(check *c, ink_array *x, uint64_t *seed)
{
    float *data = ink_graph_run_data(&c->run, x);
    for (size_t i = 0; i < ink_elements(x); i++)
        data[i] = ((float)(ink_test_random(seed) >> 57) - 63.5f) / 64;
    ink_exact_fill(&c->exact, x, data);
}

static void fill(check *c)
{
    uint64_t seed = 0x2545f4914f6cdd1du + (uint64_t)c->of->op;
    const ink_grad_recording *r = &c->recording;
    for (size_t i = 0; i < r->n_unknowns; i++)
        fill_floats(c, r->unknowns[i], &seed);
    fill_floats(c, c->weights, &seed);
    for (size_t i = 0; i < r->n_integers; i++) {
        size_t n_bytes = ink_elements(r->integers[i]) * sizeof(int32_t);
        memcpy(ink_graph_run_data(&c->run, r->integers[i]), r->values[i], n_bytes);
        ink_exact_fill(&c->exact, r->integers[i], r->values[i]);
    }
}

static void check_init(check *c, const ink_grad_case *of, int variant, int n_threads)
{
    *c = (check){.of = of, .variant = variant};
    ink_graph_run_init(&c->run, n_threads);
    record(c);
    fill(c);
    ink_graph_run_go(&c->run);
}

static void check_deinit(check *c)
{
    ink_exact_deinit(&c->exact);
    ink_graph_run_deinit(&c->run);
    free((void *)(uintptr_t)c->recording.matrix.data);
}

static const float *gradient_of(check *c, size_t i)
{
    const ink_array *gradient = c->gradients[i], *x = c->recording.unknowns[i];
    size_t stride = 1;
    if (!gradient)
        fail_msg("%s %d: unknown %zu has no gradient", c->of->name, c->variant, i);
    assert_int_equal(gradient->n_dims, x->n_dims);
    for (int d = x->n_dims - 1; d >= 0; d--) {
        assert_int_equal(gradient->shape[d], x->shape[d]);
        assert_int_equal(gradient->stride[d], stride);
        stride *= x->shape[d];
    }
    return ink_graph_run_data(&c->run, c->gradients[i]);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static double tolerance_of(const check *c)
{
    return c->of->tolerance > 0 ? c->of->tolerance : TOLERANCE;
}

static double loss_of(const check *c)
{
    ink_exact_run(&c->exact, c->loss);
    return *ink_exact_values(&c->exact, c->loss);
}

static void assert_slope(const check *c, double got, double wanted, double scale, const char *what)
{
    if (!(fabs(got - wanted) <= tolerance_of(c) * fmax(scale, fabs(wanted)) + NOISE))
        fail_msg("%s %d, %s: %.9g instead of %.9g", c->of->name, c->variant, what, got, wanted);
}

static double largest(const float *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* Elements one by one, some of each part of a large parameter. */
static void move_elements(check *c, size_t unknown)
{
    const float *got = gradient_of(c, unknown);
    const ink_array *x = c->recording.unknowns[unknown];
    double *values = ink_exact_values(&c->exact, x), scale = largest(got, ink_elements(x));
    size_t n = ink_elements(x), step = n / MOST_ELEMENTS + 1;
    for (size_t i = 0; i < n; i += step) {
        char what[96];
        double before = values[i], up, down;
        values[i] = before + STEP;
        up = loss_of(c);
        values[i] = before - STEP;
        down = loss_of(c);
        values[i] = before;
        (void)snprintf(what, sizeof what, "unknown %zu, element %zu of %zu", unknown, i, n);
        assert_slope(c, (double)got[i], (up - down) / (2 * STEP), scale, what);
    }
}

/* Adds `step` times the direction, of -1 and 1, to all unknowns; gives how steep they say it is. */
static double move_all(check *c, double step, uint64_t seed, double *scale)
{
    double slope = 0;
    *scale = 0;
    for (size_t u = 0; u < c->recording.n_unknowns; u++) {
        const ink_array *x = c->recording.unknowns[u];
        const float *got = gradient_of(c, u);
        double *values = ink_exact_values(&c->exact, x);
        for (size_t i = 0; i < ink_elements(x); i++) {
            double sign = ink_test_random(&seed) >> 63 ? 1 : -1;
            values[i] += sign * step;
            slope += sign * (double)got[i];
            *scale += (double)got[i] * (double)got[i];
        }
    }
    *scale = sqrt(*scale);
    return slope;
}

static void move_together(check *c)
{
    for (uint64_t seed = 1; seed <= N_DIRECTIONS; seed++) {
        double scale, up, down, step = STEP / 16; /* a direction is longer than an element */
        double slope = move_all(c, step, seed, &scale);
        up = loss_of(c);
        move_all(c, -2 * step, seed, &scale);
        down = loss_of(c);
        move_all(c, step, seed, &scale);
        assert_slope(c, slope, (up - down) / (2 * step), scale, "all together");
    }
}

/* The gradient does not see that activations are rounded to 8 bits, and the result does. */
static double result_tolerance(const check *c)
{
    for (size_t i = 0; i < c->run.graph.n_nodes; i++)
        if (c->run.graph.nodes[i]->op == INK_OP_QUANTIZE)
            return 0.1; /* K = 288 products of which each is off by up to 1/255 */
    return tolerance_of(c);
}

static void compare_results(check *c)
{
    (void)loss_of(c);
    ink_assert_close(ink_graph_run_data(&c->run, c->y), ink_exact_values(&c->exact, c->y),
                     ink_elements(c->y), result_tolerance(c), c->of->name);
}

static void compare_threads(check *one, int n_threads)
{
    check many;
    check_init(&many, one->of, one->variant, n_threads);
    for (size_t i = 0; i < one->recording.n_unknowns; i++) {
        size_t n_bytes = ink_elements(one->recording.unknowns[i]) * sizeof(float);
        if (memcmp(gradient_of(one, i), gradient_of(&many, i), n_bytes) != 0)
            fail_msg("%s %d: unknown %zu: %d threads give other bits", one->of->name, one->variant,
                     i, n_threads);
    }
    check_deinit(&many);
}

static void check_variant(const ink_grad_case *of, int variant)
{
    check c;
    check_init(&c, of, variant, 1);
    compare_results(&c);
    for (size_t i = 0; i < c.recording.n_unknowns; i++)
        move_elements(&c, i);
    move_together(&c);
    compare_threads(&c, 2);
    compare_threads(&c, 3);
    check_deinit(&c);
}

void ink_check_gradients(const ink_grad_case *of)
{
    for (int i = 0; i < of->n_variants; i++)
        check_variant(of, of->first + i);
}
