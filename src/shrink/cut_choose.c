/* How many layers, groups and channels stay: every combination that fits is looked at. */
#include <math.h>

#include "shrink/cut.h"

typedef struct choice {
    uint32_t kept[INK_N_CUTS];
    double lost;
    uint64_t n_bytes;
} choice;

typedef struct choosing {
    const ink_cut *cut;
    const ink_cut_costs *costs;
    uint64_t *bytes; /* [layers], with what is tried */
    choice best;     /* that fits */
    uint64_t least;  /* bytes of anything */
} choosing;

/* What keeping so many groups and channels takes away in a layer. */
static double narrowing(const choosing *c, uint32_t layer, const uint32_t kept[INK_N_CUTS])
{
    double lost = 0;
    for (ink_cut_kind kind = INK_CUT_GROUPS; kind < INK_N_CUTS; kind++)
        if (c->costs->narrow[kind])
            lost += c->costs->narrow[kind][(size_t)layer * (c->cut->n[kind] + 1) + kept[kind]];
    return lost;
}

static void consider(choosing *c, const uint32_t kept[INK_N_CUTS], double lost, uint64_t n_bytes)
{
    c->least = n_bytes < c->least ? n_bytes : c->least;
    if (n_bytes > c->costs->n_bytes || lost > c->best.lost)
        return;
    if (lost < c->best.lost || n_bytes > c->best.n_bytes) /* the same for more bytes is no worse */
        c->best = (choice){{kept[0], kept[1], kept[2]}, lost, n_bytes};
}

/* All numbers of layers: first the one that is missed most, then more of them. */
static void try_layers(choosing *c, const uint32_t narrow[INK_N_CUTS])
{
    const ink_cut *cut = c->cut;
    uint32_t n = cut->n[INK_CUT_LAYERS], kept[INK_N_CUTS];
    uint64_t n_bytes = 0;
    double lost = 0;
    for (uint32_t i = 0; i < n; i++) {
        c->bytes[i] = 0;
        lost += c->costs->layers[i];
    }
    for (size_t i = 0; i < cut->n_tensors; i++)
        *(cut->places[i].in_layer ? &c->bytes[cut->places[i].layer] : &n_bytes) +=
            ink_cut_bytes(cut, i, narrow);
    for (uint32_t i = n; i-- > 0;) {
        uint32_t layer = c->costs->order[i];
        n_bytes += c->bytes[layer];
        lost += narrowing(c, layer, narrow) - c->costs->layers[layer];
        for (size_t kind = 0; kind < INK_N_CUTS; kind++)
            kept[kind] = narrow[kind];
        kept[INK_CUT_LAYERS] = n - i;
        if (i == 0 || c->costs->allowed[INK_CUT_LAYERS])
            consider(c, kept, lost, n_bytes);
    }
}

static void try_all(choosing *c)
{
    const uint32_t *n = c->cut->n;
    uint32_t step[INK_N_CUTS], narrow[INK_N_CUTS] = {n[INK_CUT_LAYERS]};
    for (size_t kind = 0; kind < INK_N_CUTS; kind++)
        step[kind] = c->costs->allowed[kind] ? c->costs->step[kind] : n[kind];
    for (uint32_t gone = 0; gone < n[INK_CUT_GROUPS]; gone += step[INK_CUT_GROUPS]) {
        narrow[INK_CUT_GROUPS] = n[INK_CUT_GROUPS] - gone;
        for (uint32_t out = 0; out < n[INK_CUT_CHANNELS]; out += step[INK_CUT_CHANNELS]) {
            narrow[INK_CUT_CHANNELS] = n[INK_CUT_CHANNELS] - out;
            try_layers(c, narrow);
        }
    }
}

ink_status ink_cut_choose(ink_cut *cut, const ink_cut_costs *costs, double *lost, ink_error *error)
{
    const ink_allocator *allocator = cut->model->allocator;
    choosing c = {.cut = cut, .costs = costs, .least = UINT64_MAX};
    c.best.lost = INFINITY;
    c.bytes = ink_new(allocator, cut->n[INK_CUT_LAYERS], sizeof *c.bytes);
    if (!c.bytes)
        return ink_fail_memory(error, "choosing what stays");
    try_all(&c);
    ink_delete(allocator, c.bytes);
    if (c.best.kept[INK_CUT_LAYERS] == 0)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: %llu bytes of weights are too few: with one of each that may go it "
                        "has %llu",
                        ink_gguf_name(cut->model->gguf), (unsigned long long)costs->n_bytes,
                        (unsigned long long)c.least);
    for (size_t kind = 0; kind < INK_N_CUTS; kind++)
        cut->kept[kind] = c.best.kept[kind];
    for (uint32_t i = 0; i < cut->n[INK_CUT_LAYERS]; i++)
        cut->stays[INK_CUT_LAYERS][costs->order[i]] =
            i + c.best.kept[INK_CUT_LAYERS] >= cut->n[INK_CUT_LAYERS];
    *lost = c.best.lost;
    return INK_OK;
}
