/*
 * A model with fewer layers, heads and channels. The parts: what a text shows of each of them
 * (calibrate.h), what it costs to be without (shrink/eliminate.h), how many of each stay and what
 * that makes of the file (cut.h), and writing (model/rewrite.h). Columns are taken out twice: once
 * to learn in which order they are missed least, and again, as far as was chosen, when what is left
 * is written with what was made good. Where a layer goes, the matrix in front of it gives what it
 * can of what that added.
 */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/pool.h"
#include "quant/quantize.h"
#include "shrink/prune_internal.h"
#include "shrink/sparsify.h"

#define MAX_STEP 32    /* channels that blocks and tiles are made of */
#define MAX_LEVELS 512 /* numbers of a kind that are looked at */

/* ---- What is asked for ----------------------------------------------------------------------- */

static ink_status allow_kinds(ink_prune *p, ink_error *error)
{
    const char *kinds = p->options->kinds;
    for (size_t i = 0; i < INK_N_CUTS; i++)
        p->costs.allowed[i] = !kinds;
    for (; kinds && *kinds; kinds += *kinds == ',') {
        size_t n = strcspn(kinds, ","), kind = 0;
        while (kind < INK_N_CUTS &&
               (strlen(ink_cut_names[kind]) != n || memcmp(ink_cut_names[kind], kinds, n) != 0))
            kind++;
        if (kind == INK_N_CUTS)
            return ink_fail(error, INK_BAD_ARGUMENT, 0,
                            "\"%.40s\" is not what can go: some of layers,groups,channels", kinds);
        p->costs.allowed[kind] = true;
        kinds += n;
    }
    if (p->cut.fixed && p->costs.allowed[INK_CUT_LAYERS]) {
        if (p->options->kinds)
            return ink_fail(error, INK_UNSUPPORTED, 0, "%s: no layer can go: %s", p->in,
                            p->cut.fixed);
        ink_warn(&p->options->log, "%s: all layers stay: %s", p->in, p->cut.fixed);
        p->costs.allowed[INK_CUT_LAYERS] = false;
    }
    return INK_OK;
}

/* Bytes that tensors may have. */
static ink_status set_aim(ink_prune *p, ink_error *error)
{
    const ink_pruning *o = p->options;
    const ink_gguf *gguf = p->model->gguf;
    uint64_t all = 0, beside = (uint64_t)ink_gguf_alignment(gguf) * p->cut.n_tensors;
    for (size_t i = 0; i < p->cut.n_tensors; i++)
        all += ink_gguf_get_tensor(gguf, i)->n_bytes;
    beside += ink_gguf_file_bytes(gguf) - all;
    if (o->n_bytes > 0 && o->n_bytes <= beside)
        return ink_fail(error, INK_LIMIT, 0,
                        "%s: %llu bytes are too few: metadata and padding alone take %llu", p->in,
                        (unsigned long long)o->n_bytes, (unsigned long long)beside);
    p->costs.n_bytes =
        o->n_bytes ? o->n_bytes - beside : (uint64_t)((double)all * (1 - (double)o->percent / 100));
    if (p->costs.n_bytes >= all)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "%s: has %llu bytes of weights: nothing is to go", p->in,
                        (unsigned long long)all);
    return INK_OK;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/*
 * What one unit of squares that are lost of the stream behind a layer is worth: half of what the
 * loss's gradient has there, in nats a token; where none is known, the part of the stream that it
 * is.
 */
static double worth_of(const ink_prune *p, uint32_t layer)
{
    const ink_weight *down = &p->calibration.model->layers[layer][INK_WEIGHT_FFN_DOWN];
    const ink_influence *of = &p->influence[layer];
    for (size_t i = 0; i < p->statistics.n; i++) {
        const ink_inputs *inputs = &p->statistics.all[i];
        double all = 0;
        if (inputs->matrix != &down->matrix || !(inputs->n_gradients > 0))
            continue;
        for (size_t row = 0; row < inputs->n_rows; row++)
            all += inputs->gradients[row];
        return 0.5 * all / (double)inputs->n_rows / inputs->n_gradients / of->n_tokens;
    }
    return 1 / of->stream;
}

/*
 * What is lost with so many units left: what is lost of the matrix's output, which all goes into
 * the stream; or, where it is normed before, as large a part of half of what the layer adds.
 */
static void note_costs(const ink_prune *p, const ink_prune_job *j)
{
    const ink_influence *of = &p->influence[j->layer];
    const ink_weight *weights = p->model->layers[j->layer];
    bool normed = weights[INK_WEIGHT_ATTENTION_POST_NORM].n > 0;
    uint32_t n = p->cut.n[j->kind];
    if (!p->costs.allowed[j->kind])
        return;
    double all = 0, lost = 0, *costs = p->narrow[j->kind] + (size_t)j->layer * (n + 1);
    for (uint32_t i = 0; i < n; i++)
        all += j->losses[i];
    double scale = (double)p->model->hparams.residual_scale; /* 0: as it is */
    double worth = normed && all > 0 ? of->added / 2 / all : scale > 0 ? scale * scale : 1;
    worth *= worth_of(p, j->layer);
    for (uint32_t i = 0; i < n; i++) {
        lost += j->losses[i];
        costs[n - i - 1] = lost * worth;
    }
}

static ink_status take_costs(ink_prune *p, ink_error *error)
{
    uint32_t n = p->cut.n[INK_CUT_LAYERS];
    uint32_t *order = ink_arena_take(&p->arena, n, sizeof *order);
    double *layers = ink_arena_take(&p->arena, n, sizeof *layers);
    bool taken = order && layers;
    for (ink_cut_kind kind = INK_CUT_GROUPS; kind < INK_N_CUTS; kind++) {
        size_t n_costs = n * ((size_t)p->cut.n[kind] + 1); /* of INK_MAX_LAYERS, INK_MAX_WIDTH */
        if (p->costs.allowed[kind])
            p->narrow[kind] = ink_arena_take(&p->arena, n_costs, sizeof(double));
        taken = taken && (p->narrow[kind] || !p->costs.allowed[kind]);
        p->costs.narrow[kind] = p->narrow[kind];
    }
    if (!taken)
        return ink_fail_memory(error, "choosing what stays");
    for (uint32_t i = 0, at; i < n; i++) {
        layers[i] = p->influence[i].added * worth_of(p, i);
        for (at = i; at > 0 && p->influence[i].apart < p->influence[order[at - 1]].apart; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    p->costs.order = order;
    p->costs.layers = layers;
    for (size_t i = 0; i < p->n_jobs; i++) {
        const ink_prune_job *j = &p->jobs[i];
        note_costs(p, j);
        if (j->regained > 0)
            layers[j->layer + 1] -= j->regained * worth_of(p, j->layer + 1);
    }
    for (uint32_t i = 0; i < n; i++)
        layers[i] = fmax(layers[i], 0);
    return INK_OK;
}

static void tell(const ink_prune *p, double lost)
{
    const ink_pruning *o = p->options;
    const ink_cut *cut = &p->cut;
    size_t n_wider = 0;
    uint64_t bytes[INK_N_FORMATS] = {0};
    ink_format most = INK_FORMAT_F32;
    ink_pruned told = {.lost = lost};
    for (size_t i = 0; i < INK_N_CUTS; i++) {
        told.kinds[i] = ink_cut_names[i];
        told.n_before[i] = cut->n[i];
        told.n[i] = cut->kept[i];
    }
    for (size_t i = 0; i < cut->n_tensors; i++) {
        const ink_gguf_tensor *tensor = ink_gguf_get_tensor(p->model->gguf, i);
        told.n_bytes_before += tensor->n_bytes;
        if (cut->places[i].in_layer && !cut->stays[INK_CUT_LAYERS][cut->places[i].layer])
            continue;
        ink_format format = ink_cut_format(cut, i, cut->kept);
        told.n_bytes += ink_cut_bytes(cut, i, cut->kept);
        n_wider += format != tensor->format;
        if (cut->places[i].rows)
            bytes[format] += ink_cut_bytes(cut, i, cut->kept);
    }
    for (ink_format f = 0; f < INK_N_FORMATS; f++)
        most = bytes[f] > bytes[most] ? f : most;
    told.format = ink_formats[most].name;
    if (n_wider > 0)
        ink_warn(&o->log,
                 "%s: %zu matrices get formats of more bits: what is left of their rows does not "
                 "fill the blocks that they have",
                 p->in, n_wider);
    if (o->chosen)
        o->chosen(o->context, &told);
}

static ink_status choose(ink_prune *p, ink_error *error)
{
    ink_cut *cut = &p->cut;
    double lost;
    for (size_t kind = 0; kind < INK_N_CUTS; kind++) {
        uint32_t n = cut->n[kind], *step = &p->costs.step[kind];
        *step = 1;
        while (kind == INK_CUT_CHANNELS && *step < MAX_STEP && n % (2 * *step) == 0)
            *step *= 2;
        while (n / *step > MAX_LEVELS)
            *step *= 2;
    }
    INK_TRY(take_costs(p, error));
    INK_TRY(ink_cut_choose(cut, &p->costs, &lost, error));
    p->chosen = true;
    for (size_t i = 0; i < p->n_jobs; i++) {
        const ink_prune_job *j = &p->jobs[i];
        bool *stays = ink_cut_stays(cut, j->kind, j->layer);
        memset(stays, true, p->cut.n[j->kind]);
        for (uint32_t n = 0; n < ink_prune_n_gone(p, j); n++)
            stays[j->order[n]] = false;
    }
    tell(p, lost);
    return INK_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The matrix's work, if what is left of it changes. */
static ink_prune_job *repair_of(ink_prune *p, const ink_gguf_tensor *tensor)
{
    for (size_t i = 0; p->repairing && i < p->n_jobs; i++)
        if (p->jobs[i].tensor == tensor && ink_prune_changes(p, &p->jobs[i]))
            return &p->jobs[i];
    return NULL;
}

static ink_format format_of(void *context, const ink_gguf_tensor *tensor)
{
    const ink_prune *p = context;
    size_t index = ink_cut_index(&p->cut, tensor);
    ink_format format = ink_cut_format(&p->cut, index, p->cut.kept);
    return format == tensor->format && !repair_of(context, tensor) ? INK_N_FORMATS : format;
}

static bool select_part(void *context, const ink_gguf_tensor *tensor, ink_rewrite_part *part)
{
    return ink_cut_select(&((ink_prune *)context)->cut, tensor, part);
}

static ink_status describe(void *context, ink_gguf_writer *writer, ink_error *error)
{
    return ink_cut_describe(&((const ink_prune *)context)->cut, writer, error);
}

static ink_status prepare(void *context, const ink_gguf_tensor *tensor, size_t expert,
                          ink_error *error)
{
    ink_prune *p = context;
    const ink_prune_job *j = repair_of(p, tensor);
    size_t next;
    (void)expert;
    return j && !j->work.columns ? ink_prune_work_from(p, (size_t)(j - p->jobs), &next, error)
                                 : INK_OK;
}

static void change(void *context, const ink_rewrite_rows *rows)
{
    ink_prune *p = context;
    const ink_prune_job *j = repair_of(p, rows->tensor);
    for (size_t i = 0; j && i < rows->n; i++)
        for (size_t c = 0; c < rows->k; c++)
            rows->values[i * rows->k + c] =
                j->work
                    .columns[(ink_prune_n_gone(p, j) > 0 ? p->cut.columns[c] : c) * j->work.n_rows +
                             rows->first + i];
}

static void encode(void *context, const ink_rewrite_rows *rows, int thread)
{
    (void)context, (void)thread;
    ink_quantize_straight(rows->format, rows->blocks, rows->values, NULL, rows->n * rows->k);
}

static ink_status write_out(ink_prune *p, const char *out, ink_error *error)
{
    return ink_rewrite(&(ink_rewriter){.gguf = p->model->gguf,
                                       .allocator = p->options->allocator,
                                       .progress = &p->options->progress,
                                       .n_threads = p->n_threads,
                                       .doing = "pruning",
                                       .context = p,
                                       .format = format_of,
                                       .select = select_part,
                                       .describe = describe,
                                       .prepare = prepare,
                                       .change = change,
                                       .encode = encode},
                       out, error);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static ink_status prune(ink_prune *p, const char *out, ink_error *error)
{
    const ink_pruning *o = p->options;
    INK_TRY(ink_prune_open(&p->model, p->in, o, error));
    INK_TRY(ink_cut_init(&p->cut, p->model, error));
    INK_TRY(allow_kinds(p, error));
    INK_TRY(set_aim(p, error));
    INK_TRY(ink_prune_read_text(p, error));
    INK_TRY(choose(p, error));
    ink_prune_drop_work(p);
    if (!o->repair || o->unrepaired)
        INK_TRY(write_out(p, out, error));
    if (!o->repair)
        return INK_OK;
    if (o->unrepaired)
        INK_TRY(o->unrepaired(o->context, error));
    p->repairing = true;
    return write_out(p, out, error);
}

static ink_status check_options(const ink_pruning *o, ink_error *error)
{
    if ((o->percent > 0) + (o->n_bytes > 0) + (o->sparsity != NULL) != 1)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "pruning takes one of a part in percent, a size and a sparsity");
    if (!o->sparsity && !o->n_bytes && !(o->percent < 100))
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%g percent: it must be below 100",
                        (double)o->percent);
    if (!o->sparsity && o->n_texts == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "what goes is chosen by what a text misses of it; calibrate with one");
    return INK_OK;
}

ink_status ink_prune_model(const char *in, const char *out, const ink_pruning *options,
                           ink_error *error)
{
    ink_prune p = {.options = options, .in = in};
    INK_TRY(check_options(options, error));
    INK_TRY(ink_pool_choose_threads(options->n_threads, &p.n_threads, error));
    ink_file_sweep(out);
    if (options->sparsity)
        return ink_sparsify_model(in, out, options, p.n_threads, error);
    ink_arena_init(&p.arena, options->allocator, SIZE_MAX);
    ink_statistics_init(&p.statistics, options->allocator);
    ink_status status = prune(&p, out, error);
    ink_prune_drop_work(&p);
    ink_cut_deinit(&p.cut);
    ink_statistics_deinit(&p.statistics);
    ink_calibration_close(&p.calibration);
    ink_arena_deinit(&p.arena);
    ink_model_free(p.model);
    return status;
}
