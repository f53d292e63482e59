#include "shrink/eliminate.h"

#include <math.h>
#include <string.h>
#include "quant/vector.h"

void ink_eliminate_begin(const float *u, float *inverse, size_t k)
{
    memset(inverse, 0, k * k * sizeof *inverse);
    for (size_t l = 0; l < k; l++)
        for (size_t i = l; i < k; i++)
            ink_add_times(inverse + i * k + l, u + l * k + l, u[l * k + i], k - l);
}

double ink_eliminate_add(const ink_elimination *e, const float *sums)
{
    double gained = 0;
    for (size_t i = 0; i < e->k; i++) {
        float *more = e->room, *column = e->columns + i * e->n_rows;
        memset(more, 0, e->n_rows * sizeof *more);
        for (size_t j = 0; j < e->k; j++)
            ink_add_times(more, sums + j * e->n_rows, e->inverse[i * e->k + j], e->n_rows);
        gained += (double)ink_dot(more, sums + i * e->n_rows, e->n_rows);
        ink_add_times(column, more, 1, e->n_rows);
    }
    return gained;
}

/* A square of k and the columns that belong to it; those before `first` are not looked at again. */
typedef struct system {
    float *columns, *inverse;
    size_t k, n_rows, first;
} system;

/* Takes out column j. One that rounding has left nothing of is out without a change. */
static double take_out(const system *s, size_t j)
{
    float *gone = s->columns + j * s->n_rows, *by = s->inverse + j * s->k, pivot = by[j];
    double loss = 0;
    if (pivot > 0) {
        loss = (double)ink_dot(gone, gone, s->n_rows) / (double)pivot;
        for (size_t c = s->first; c < s->k; c++) {
            float factor = -(by[c] / pivot);
            if (c == j || factor == 0)
                continue;
            ink_add_times(s->columns + c * s->n_rows, gone, factor, s->n_rows);
            ink_add_times(s->inverse + c * s->k, by, factor, s->k);
        }
    }
    memset(gone, 0, s->n_rows * sizeof *gone);
    memset(by, 0, s->k * sizeof *by);
    for (size_t c = 0; c < s->k; c++)
        s->inverse[c * s->k + j] = 0;
    return loss;
}

double ink_eliminate_cost(const ink_elimination *e, size_t unit)
{
    size_t width = e->width, at = unit * width;
    double loss = 0;
    if (width == 1) {
        const float *column = e->columns + at * e->n_rows;
        float pivot = e->inverse[at * e->k + at];
        return pivot > 0 ? (double)ink_dot(column, column, e->n_rows) / (double)pivot : 0;
    }
    system s = {
        .columns = e->room + width * width, .inverse = e->room, .k = width, .n_rows = e->n_rows};
    memcpy(s.columns, e->columns + at * e->n_rows, width * e->n_rows * sizeof(float));
    for (size_t i = 0; i < width; i++)
        memcpy(s.inverse + i * width, e->inverse + (at + i) * e->k + at, width * sizeof(float));
    for (size_t i = 0; i < width; i++) {
        s.first = i + 1;
        loss += take_out(&s, i);
    }
    return loss;
}

double ink_eliminate(const ink_elimination *e, size_t unit)
{
    const system s = {.columns = e->columns, .inverse = e->inverse, .k = e->k, .n_rows = e->n_rows};
    double loss = 0;
    for (size_t i = 0; i < e->width; i++)
        loss += take_out(&s, unit * e->width + i);
    return loss;
}
