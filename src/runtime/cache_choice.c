/*
 * Formats for the keys and values of each layer, chosen by what each costs alone. What is measured,
 * and on which text, is the caller's; that costs add up is an assumption, and the whole is to be
 * measured at the end.
 */
#include "base/memory.h"
#include "base/status.h"
#include "model/decoder.h"
#include "runtime/cache_spec.h"

enum { MAX_RUNGS = 8, MAX_TRIAL_BYTES = 64 };
#define MAX_SPEC_BYTES ((size_t)32 << 10)

/* Formats of one side, keys or values, from the widest that is quantized on down. */
typedef struct ladder {
    size_t rows[MAX_RUNGS], n_rungs;
    double bits[MAX_RUNGS];
} ladder;

/* The keys, or the values, of one layer. */
typedef struct side {
    size_t layer, rung;
    bool values;
    double n_numbers;       /* of a position */
    double cost[MAX_RUNGS]; /* measured; of the first rung 0 */
} side;

typedef struct choosing {
    const ink_model *model;
    const ink_cache_measure *measure;
    ladder ladders[2]; /* of keys, of values */
    side *sides;       /* [n_sides] */
    size_t n_sides;
} choosing;

static double bits_of(ink_format format)
{
    return 8.0 * ink_formats[format].block_bytes / ink_formats[format].block_elements;
}

static void build_ladder(ladder *out, bool values)
{
    double last = bits_of(INK_FORMAT_F16);
    for (size_t row = 0; ink_cache_format_name(row) && out->n_rungs < MAX_RUNGS; row++) {
        double bits = bits_of(ink_cache_format_of(row, values));
        if (bits >= last)
            continue;
        out->rows[out->n_rungs] = row;
        out->bits[out->n_rungs++] = last = bits;
    }
}

static bool build_sides(choosing *c)
{
    size_t n_layers = c->model->hparams.n_layers, n_most = 2 * n_layers;
    c->sides = ink_new(c->model->allocator, n_most, sizeof *c->sides);
    for (size_t layer = 0; c->sides && layer < n_layers; layer++) {
        ink_kv_layout layout;
        ink_model_kv_layout(c->model, layer, &layout);
        for (int values = 0; values < 2 && layout.n_heads > 0; values++)
            c->sides[c->n_sides++] = (side){
                .layer = layer,
                .values = values,
                .n_numbers = (double)(layout.n_heads * (values ? layout.v_dim : layout.k_dim))};
    }
    return c->sides != NULL;
}

/* One side in one format, all others in f16. */
static ink_status measure_rung(const choosing *c, side *s, size_t rung, ink_error *error)
{
    const char *name = ink_cache_format_name(c->ladders[s->values].rows[rung]);
    ink_buffer trial;
    ink_buffer_init(&trial, c->model->allocator, MAX_TRIAL_BYTES);
    (void)ink_buffer_format(&trial, "f16/%zu=%s,%s", s->layer, s->values ? "f16" : name,
                            s->values ? name : "f16");
    ink_status status =
        trial.failed ? ink_fail_memory(error, "a cache to be measured")
                     : c->measure->measure(c->measure->context, trial.data, &s->cost[rung], error);
    ink_buffer_deinit(&trial);
    return status;
}

static ink_status measure_all(const choosing *c, ink_error *error)
{
    for (size_t i = 0; i < c->n_sides; i++)
        for (size_t rung = 1; rung < c->ladders[c->sides[i].values].n_rungs; rung++)
            INK_TRY(measure_rung(c, &c->sides[i], rung, error));
    return INK_OK;
}

static double mean_bits(const choosing *c)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < c->n_sides; i++) {
        sum += c->sides[i].n_numbers * c->ladders[c->sides[i].values].bits[c->sides[i].rung];
        n += c->sides[i].n_numbers;
    }
    return n > 0 ? sum / n : 0;
}

/* The side whose next step down costs least for each bit that it saves; NULL: there is none. */
static side *find_cheapest(const choosing *c)
{
    side *best = NULL;
    double least = 0;
    for (size_t i = 0; i < c->n_sides; i++) {
        side *s = &c->sides[i];
        const ladder *l = &c->ladders[s->values];
        if (s->rung + 1 >= l->n_rungs)
            continue;
        double cost = (s->cost[s->rung + 1] - s->cost[s->rung]) /
                      (s->n_numbers * (l->bits[s->rung] - l->bits[s->rung + 1]));
        if (!best || cost < least) {
            best = s;
            least = cost;
        }
    }
    return best;
}

/* ---- As text --------------------------------------------------------------------------------- */

static const char *name_of(const choosing *c, const side *s)
{
    return ink_cache_format_name(c->ladders[s->values].rows[s->rung]);
}

/* Keys and values of a layer stand side by side; layers with the same make one part. */
static void write_spec(const choosing *c, ink_buffer *out)
{
    for (size_t i = 0, next; i < c->n_sides; i = next) {
        const char *keys = name_of(c, &c->sides[i]), *values = name_of(c, &c->sides[i + 1]);
        for (next = i + 2; next < c->n_sides; next += 2)
            if (name_of(c, &c->sides[next]) != keys || name_of(c, &c->sides[next + 1]) != values)
                break;
        size_t first = i == 0 ? 0 : c->sides[i].layer,
               end = next < c->n_sides ? c->sides[next].layer : c->model->hparams.n_layers;
        if (i > 0)
            (void)ink_buffer_text(out, "/");
        if (end - first == 1)
            (void)ink_buffer_format(out, "%zu=", first);
        else if (end - first < c->model->hparams.n_layers)
            (void)ink_buffer_format(out, "%zu-%zu=", first, end - 1);
        (void)ink_buffer_format(out, keys == values ? "%s" : "%s,%s", keys, values);
    }
}

static ink_status give(const choosing *c, ink_string *out, ink_error *error)
{
    ink_buffer text;
    ink_buffer_init(&text, c->model->allocator, MAX_SPEC_BYTES);
    write_spec(c, &text);
    if (text.failed) {
        ink_buffer_deinit(&text);
        return ink_fail_memory(error, "the formats of a cache");
    }
    ink_string_free(out);
    *out = (ink_string){text.data, text.n_bytes, c->model->allocator};
    return INK_OK;
}

static ink_status narrow(choosing *c, double bits, ink_error *error)
{
    while (mean_bits(c) > bits) {
        side *s = find_cheapest(c);
        if (!s)
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "%g bits are wanted, but the narrowest formats come to %g", bits,
                            mean_bits(c));
        s->rung++;
    }
    return INK_OK;
}

/* Whether there are formats with so few bits: before anything is measured. */
static ink_status check_bits(const choosing *c, double bits, ink_error *error)
{
    choosing most = *c;
    ink_status status = narrow(&most, bits, error);
    for (size_t i = 0; i < c->n_sides; i++)
        c->sides[i].rung = 0;
    return status;
}

ink_status ink_cache_choose(const ink_model *model, double bits, const ink_cache_measure *measure,
                            ink_string *out, ink_error *error)
{
    choosing c = {.model = model, .measure = measure};
    build_ladder(&c.ladders[0], false);
    build_ladder(&c.ladders[1], true);
    if (!build_sides(&c))
        return ink_fail_memory(error, "the layers of a cache");
    ink_status status = c.n_sides > 0 ? check_bits(&c, bits, error)
                                      : ink_fail(error, INK_BAD_ARGUMENT, 0,
                                                 "no layer of the model keeps keys and values");
    if (status == INK_OK)
        status = measure_all(&c, error);
    if (status == INK_OK)
        status = narrow(&c, bits, error);
    if (status == INK_OK)
        status = give(&c, out, error);
    ink_delete(model->allocator, c.sides);
    return status;
}

ink_status ink_cache_get_info(const ink_model *model, const char *cache, ink_cache_info *info,
                              ink_error *error)
{
    ink_cache_spec spec;
    ink_cache_info found = {0};
    double n_numbers = 0;
    INK_TRY(ink_cache_spec_read(&spec, cache, model->hparams.n_layers, error));
    for (size_t i = 0; i < model->hparams.n_layers; i++) {
        ink_kv_layout layout;
        size_t window;
        INK_TRY(ink_cache_spec_layout(&spec, model, i, &layout, &window, error));
        if (layout.n_heads == 0)
            continue;
        found.position_bytes += layout.page_bytes / INK_PAGE;
        n_numbers += (double)(layout.n_heads * (layout.k_dim + layout.v_dim));
        if (layout.n_recent > found.n_recent)
            found.n_recent = layout.n_recent;
    }
    found.bits = n_numbers > 0 ? 8 * (double)found.position_bytes / n_numbers : 0;
    *info = found;
    return INK_OK;
}
