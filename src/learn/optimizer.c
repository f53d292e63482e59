#include "learn/optimizer.h"

#include <math.h>
#include "base/pool.h"
#include "base/size.h"

#define PIECE ((size_t)32768)

/* What the tasks of one step read. */
typedef struct step {
    ink_optimizer *optimizer;
    const float *const *gradients;
    float scale;              /* of the gradients */
    float rate;               /* of learning */
    float correct1, correct2; /* 1 / (1 - beta^t) */
} step;

/* A piece of a parameter: floats [begin, begin + n) of number `index`, behind `before` others. */
typedef struct piece {
    size_t index, begin, n, before;
} piece;

static piece find_piece(const ink_parameter_list *parameters, size_t number)
{
    piece p = {.index = 0};
    for (;;) {
        size_t n = parameters->all[p.index].n, n_pieces = ink_size_groups(n, PIECE);
        if (number < n_pieces) {
            p.begin = number * PIECE;
            p.n = ink_size_min(PIECE, n - p.begin);
            return p;
        }
        number -= n_pieces;
        p.before += n;
        p.index++;
    }
}

static void sum_squares(void *context, size_t stage, size_t task, int thread)
{
    step *s = context;
    piece p = find_piece(s->optimizer->parameters, task);
    const float *g = s->gradients[p.index] + p.begin;
    double sums[8] = {0};
    size_t i = 0;
    (void)stage, (void)thread;
    for (; i + 8 <= p.n; i += 8)
        for (size_t j = 0; j < 8; j++)
            sums[j] += (double)g[i + j] * (double)g[i + j];
    for (; i < p.n; i++)
        sums[i % 8] += (double)g[i] * (double)g[i];
    s->optimizer->piece_sums[task] =
        ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static void move(void *context, size_t stage, size_t task, int thread)
{
    step *s = context;
    const ink_optimizer *o = s->optimizer;
    const ink_adam *adam = &o->adam;
    piece p = find_piece(o->parameters, task);
    const ink_parameter *parameter = &o->parameters->all[p.index];
    const float *g = s->gradients[p.index] + p.begin;
    float *w = parameter->data + p.begin, *m = o->first + p.before + p.begin,
          *v = o->second + p.before + p.begin;
    float keep = parameter->decays ? 1 - s->rate * adam->decay : 1;
    (void)stage, (void)thread;
    for (size_t i = 0; i < p.n; i++) {
        float slope = g[i] * s->scale;
        m[i] = adam->beta1 * m[i] + (1 - adam->beta1) * slope;
        v[i] = adam->beta2 * v[i] + (1 - adam->beta2) * (slope * slope);
        w[i] = w[i] * keep -
               s->rate * (m[i] * s->correct1) / (sqrtf(v[i] * s->correct2) + adam->epsilon);
    }
}

static void run(const step *s, void (*task)(void *, size_t, size_t, int))
{
    const ink_optimizer *o = s->optimizer;
    ink_pool_run(o->pool, &(ink_pool_work){task, (void *)(uintptr_t)s,
                                           (uint32_t[]){(uint32_t)o->n_pieces}, 1});
}

double ink_optimizer_step(ink_optimizer *o, const float *const *gradients, float scale, float rate)
{
    step s = {.optimizer = o, .gradients = gradients, .scale = scale, .rate = rate};
    double sum = 0, t = (double)(o->n_steps + 1);
    run(&s, sum_squares);
    for (size_t i = 0; i < o->n_pieces; i++)
        sum += o->piece_sums[i];
    double norm = sqrt(sum) * (double)scale;
    if (!isfinite(norm))
        return norm;
    if (o->adam.clip > 0 && norm > (double)o->adam.clip)
        s.scale = (float)((double)scale * ((double)o->adam.clip / norm));
    s.correct1 = (float)(1 / (1 - pow((double)o->adam.beta1, t)));
    s.correct2 = (float)(1 / (1 - pow((double)o->adam.beta2, t)));
    run(&s, move);
    o->n_steps++;
    return norm;
}

ink_status ink_optimizer_init(ink_optimizer *o, ink_adam adam, const ink_parameter_list *parameters,
                              struct ink_pool *pool, const ink_allocator *allocator,
                              ink_error *error)
{
    *o = (ink_optimizer){
        .allocator = allocator, .pool = pool, .adam = adam, .parameters = parameters};
    for (size_t i = 0; i < parameters->n; i++)
        o->n_pieces += ink_size_groups(parameters->all[i].n, PIECE);
    if (o->n_pieces > UINT32_MAX)
        return ink_fail(error, INK_LIMIT, 0, "too many weights to train");
    o->first = ink_new(allocator, parameters->n_floats, sizeof *o->first);
    o->second = ink_new(allocator, parameters->n_floats, sizeof *o->second);
    o->piece_sums = ink_new(allocator, o->n_pieces, sizeof *o->piece_sums);
    if (!o->first || !o->second || !o->piece_sums) {
        ink_optimizer_deinit(o);
        return ink_fail(error, INK_NO_MEMORY, 0,
                        "out of memory for the optimizer's two numbers for each of %zu weights",
                        parameters->n_floats);
    }
    return INK_OK;
}

void ink_optimizer_deinit(ink_optimizer *o)
{
    ink_delete(o->allocator, o->first);
    ink_delete(o->allocator, o->second);
    ink_delete(o->allocator, o->piece_sums);
    *o = (ink_optimizer){.allocator = o->allocator};
}
