#include "quant/feedback.h"

#include <math.h>
#include <string.h>
#include "kernel/kernel.h"
#include "quant/search.h"
#include "quant/trellis.h"
#include "quant/vector.h"

#define SWEEPS 4 /* over the columns, at most: later ones gain little */

/* ---- Factors --------------------------------------------------------------------------------- */

static bool dampen(float *h, size_t k, float damp)
{
    double total = 0;
    for (size_t i = 0; i < k; i++)
        total += (double)h[i * k + i];
    float more = (float)(total / (double)k) * damp;
    if (!(more > 0 && more < INFINITY))
        return false;
    for (size_t i = 0; i < k; i++)
        h[i * k + i] += more;
    return true;
}

/*
 * H = R R^T with R upper triangular, in place: from the last column to the first, each a product of
 * rows behind the diagonal.
 */
static bool factor(float *h, size_t k)
{
    for (size_t j = k; j-- > 0;) {
        float *of = h + j * k + j + 1;
        size_t n = k - j - 1;
        float rest = h[j * k + j] - ink_dot(of, of, n);
        if (!(rest > 0 && rest < INFINITY))
            return false;
        float d = sqrtf(rest), inverse = 1 / d;
        h[j * k + j] = d;
        for (size_t i = 0; i < j; i++)
            h[i * k + j] = (h[i * k + j] - ink_dot(h + i * k + j + 1, of, n)) * inverse;
    }
    return true;
}

/* R to its inverse, in place, from the last row to the first. */
static void invert(float *r, size_t k, float *row)
{
    for (size_t i = k; i-- > 0;) {
        float *out = r + i * k, inverse = 1 / out[i];
        memcpy(row, out, k * sizeof *row);
        memset(out + i, 0, (k - i) * sizeof *out);
        for (size_t l = i + 1; l < k; l++)
            ink_add_times(out + l, r + l * k + l, -(row[l] * inverse), k - l);
        out[i] = inverse;
    }
}

bool ink_feedback_prepare(float *h, float *u, size_t k, float damp, float *row)
{
    if (damp > 0 && !dampen(h, k, damp))
        return false;
    memcpy(u, h, k * k * sizeof *u);
    if (!factor(u, k))
        return false;
    invert(u, k, row);
    return true;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* A row on its way. */
typedef struct feeding {
    ink_format format;
    const ink_feedback *by;
    size_t n_block;      /* elements of one */
    ink_choice *choices; /* [k / n_block] */
    float *rest;         /* [k] what is still to be rounded; then H times what was lost */
    float *values;       /* [k] that codes stand for */
} feeding;

/* Every format's blocks have 32 elements or more. */
size_t ink_feedback_bytes(size_t k)
{
    return (k / 32 + 1) * sizeof(ink_choice) + 3 * k * sizeof(float);
}

/* Scales by what is there when a block begins, then its columns one by one. */
static void round_block(const feeding *f, size_t at, const float *weights)
{
    ink_choice *choice = &f->choices[at / f->n_block];
    size_t k = f->by->k;
    (void)ink_choose(f->format, choice, f->rest + at, weights + at, true);
    for (size_t i = 0; i < f->n_block; i++) {
        size_t j = at + i;
        const float *u = f->by->u + j * k;
        choice->codes[i] = ink_choice_round(f->format, choice, i, f->rest[j], &f->values[j]);
        ink_add_times(f->rest + j + 1, u + j + 1, -((f->rest[j] - f->values[j]) / u[j]), k - j - 1);
    }
}

/* Moves each code to where the sum is least as the others are; false: none moved. */
static bool move_codes(const feeding *f)
{
    size_t k = f->by->k;
    bool moved = false;
    for (size_t j = 0; j < k; j++) {
        const float *h = f->by->h + j * k;
        ink_choice *choice = &f->choices[j / f->n_block];
        float value, lost = f->rest[j];
        uint8_t code =
            ink_choice_round(f->format, choice, j % f->n_block, f->values[j] + lost / h[j], &value);
        float step = value - f->values[j];
        if (!(step * (step * h[j] - 2 * lost) < 0))
            continue;
        choice->codes[j % f->n_block] = code;
        f->values[j] = value;
        ink_add_times(f->rest, h, -step, k);
        moved = true;
    }
    return moved;
}

static void find_lost(const feeding *f, const float *x, float *difference)
{
    size_t k = f->by->k;
    for (size_t j = 0; j < k; j++)
        difference[j] = x[j] - f->values[j];
    for (size_t j = 0; j < k; j++)
        f->rest[j] = ink_dot(f->by->h + j * k, difference, k);
}

void ink_feedback_quantize(ink_format format, void *blocks, const float *x, const float *weights,
                           const ink_feedback *feedback, void *room)
{
    const ink_format_info *info = &ink_formats[format];
    size_t k = feedback->k, n = info->block_elements;
    float *floats = room;
    if (ink_format_rotates(format)) {
        ink_trellis_feed(format, blocks, x, feedback, room);
        return;
    }
    feeding f = {.format = format,
                 .by = feedback,
                 .n_block = n,
                 .rest = floats,
                 .values = floats + k,
                 .choices = (void *)(floats + 3 * k)};
    memcpy(f.rest, x, k * sizeof *x);
    for (size_t at = 0; at < k; at += n)
        round_block(&f, at, weights);
    find_lost(&f, x, floats + 2 * k);
    for (int i = 0; i < SWEEPS && move_codes(&f); i++)
        ;
    for (size_t at = 0; at < k; at += n)
        ink_choice_pack(format, &f.choices[at / n], (uint8_t *)blocks + at / n * info->block_bytes);
}
