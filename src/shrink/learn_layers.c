#include "shrink/learn_layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/size.h"
#include "format/gguf_writer.h"
#include "model/lora.h"
#include "model/part.h"
#include "model/rewrite.h"
#include "model/weights.h"
#include "quant/learned.h"
#include "shrink/layer_pass.h"

#define BATCH_TOKENS 1024  /* of a step: whole windows, one at least */
#define LEVEL_TRAVEL 0.5f  /* of a weight over all steps, in levels */
#define SCALE_TRAVEL 0.05f /* of a scale, in parts of it */
#define DIGEST_KEY "inkling.learned"
#define ACTIVATIONS ".activations"

enum {
    ROWS_OF_TASK = 64,
    ALIGNMENT = 64,
    N_MEASURED = 4, /* times that the loss of all of the text is measured on the way */
    SUFFIX_BYTES = 24,
    PIECE_BYTES = 1 << 16
};

/* A matrix of the layer that is learned. */
typedef struct subject {
    const ink_gguf_tensor *from, *tensor; /* of the model, and rounded */
    const ink_matrix *matrix;
    ink_learned learned;
    size_t n_bytes;
    char *now, *best; /* [n_bytes] in tiles: of the layer's memory, and a copy */
} subject;

typedef struct learning {
    const ink_layer_learning *o;
    ink_model *original, *rounded; /* without their weights */
    ink_device *device;
    ink_pool *pool;
    ink_gemm_f32_fn *gemm;
    uint8_t digest[INK_SHA256_BYTES];
    size_t width, n_window, n_windows, n_batch; /* n_batch: windows of a step */
    uint32_t n_layers;                          /* that can be learned */
    char *path;                                 /* of out with a suffix */
    /* Activations of all windows, in the file: what the layers before this one gave. */
    ink_file_writer *file;
    float *of_original, *of_rounded; /* [n_windows][n_window][width] */
    /* Of a layer. */
    uint32_t layer;
    void *memory; /* of its matrices */
    subject *subjects;
    size_t n_subjects;
    char *rooms; /* [n_threads][room_bytes] */
    size_t room_bytes, row_bytes, longest;
    const ink_layer_pass *pass;
    const ink_layer_product *product; /* that is worked on, */
    subject *subject;                 /* with its matrix */
    ink_learned_step step;
} learning;

/* ---- What can be learned --------------------------------------------------------------------- */

/* Layers before the first that no gradient goes through, or that reads what others do; why. */
static uint32_t count_layers(const ink_model *model, const char **why)
{
    uint32_t layer = 0;
    for (*why = NULL; layer < model->hparams.n_layers; layer++) {
        *why = ink_layer_untrainable(model, layer);
        *why = *why ? *why : ink_layer_dependent(model, layer);
        if (*why)
            break;
    }
    return layer;
}

static bool takes(ink_role role, ink_format from, ink_format to)
{
    return ink_parts[role].in_layer && ink_parts[role].bias == INK_BIAS_LINEAR && from != to &&
           ink_learned_takes(to);
}

ink_status ink_learn_layers_check(const ink_targets *targets, const ink_log *log, ink_error *error)
{
    const char *why, *in = ink_gguf_name(targets->model->gguf);
    uint32_t n_layers = count_layers(targets->model, &why);
    const ink_target *other = NULL;
    size_t n = 0, n_others = 0;
    for (size_t i = 0; i < targets->n; i++) {
        const ink_target *t = &targets->all[i];
        if (!t->matrix || !ink_parts[t->role].in_layer || t->layer >= n_layers)
            continue;
        bool taken = takes(t->role, t->tensor->format, t->format);
        n += taken;
        n_others += !taken;
        other = taken || other ? other : t;
    }
    if (why)
        ink_warn(log, "%s: layers from %u on are not learned: no gradient goes through %s alone",
                 in, n_layers, why);
    if (n == 0)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "%s: nothing can be learned: %s; leave --learn out, or take a format of "
                        "codes and scales (Q4_0, Q4_K, IQ4_NL, ...)",
                        in, why ? why : "no matrix of a layer gets a format of codes and scales");
    if (n_others > 0)
        ink_warn(log, "%s: %zu matrices of layers are not learned, %s for one, which gets %s", in,
                 n_others, other->tensor->name, ink_formats[other->format].name);
    return INK_OK;
}

/* ---- Files beside the output ----------------------------------------------------------------- */

static const char *path_of(const learning *l, const char *suffix)
{
    (void)snprintf(l->path, strlen(l->o->out) + SUFFIX_BYTES, "%s%s", l->o->out, suffix);
    return l->path;
}

static const char *path_of_layer(const learning *l, uint32_t layer)
{
    char suffix[SUFFIX_BYTES];
    (void)snprintf(suffix, sizeof suffix, ".learned-%u", layer);
    return path_of(l, suffix);
}

/* Of all that decides what is learned: both models, the text, the steps. */
static ink_status take_digest(learning *l, ink_error *error)
{
    const ink_layer_learning *o = l->o;
    char piece[PIECE_BYTES];
    ink_sha256 sum;
    ink_file *file = NULL;
    ink_sha256_init(&sum);
    ink_sha256_add(&sum, ink_version(), strlen(ink_version()) + 1);
    ink_sha256_add(&sum, &o->n_steps, sizeof o->n_steps);
    ink_sha256_add(&sum, &l->n_window, sizeof l->n_window);
    ink_sha256_add(&sum, o->text->tokens.ids,
                   l->n_windows * l->n_window * sizeof *o->text->tokens.ids);
    for (uint32_t part = 0; part < ink_gguf_n_parts(l->original->gguf); part++) {
        uint64_t facts[2] = {ink_gguf_modified(l->original->gguf, part),
                             ink_gguf_file_bytes(l->original->gguf)};
        ink_sha256_add(&sum, facts, sizeof facts);
    }
    INK_TRY(ink_file_open(&file, o->rounded, o->allocator, error));
    ink_status status = INK_OK;
    for (uint64_t at = 0, n, all = ink_file_size(file); status == INK_OK && at < all; at += n) {
        n = all - at < PIECE_BYTES ? all - at : PIECE_BYTES;
        status = ink_file_read(file, at, (size_t)n, piece, error);
        ink_sha256_add(&sum, piece, (size_t)n);
    }
    ink_file_close(file);
    ink_sha256_finish(&sum, l->digest);
    return status;
}

static void digest_words(const learning *l, char out[2 * INK_SHA256_BYTES + 1])
{
    for (size_t i = 0; i < INK_SHA256_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", l->digest[i]);
}

static ink_status write_subjects(learning *l, ink_gguf_writer *writer, ink_error *error)
{
    char words[2 * INK_SHA256_BYTES + 1];
    digest_words(l, words);
    INK_TRY(ink_gguf_writer_set_text(writer, DIGEST_KEY, words, error));
    for (size_t i = 0; i < l->n_subjects; i++) {
        const ink_gguf_tensor *t = l->subjects[i].tensor;
        INK_TRY(
            ink_gguf_writer_add_tensor(writer, t->name, t->gguf_type, t->n_dims, t->shape, error));
    }
    INK_TRY(ink_gguf_writer_begin(writer, path_of_layer(l, l->layer), error));
    for (size_t i = 0; i < l->n_subjects; i++) {
        const ink_matrix *m = l->subjects[i].matrix;
        const ink_format_info *info = &ink_formats[m->format];
        size_t n_blocks = m->k / info->block_elements, row_bytes = n_blocks * info->block_bytes;
        for (size_t row = 0; row < m->n_rows; row++) {
            ink_tile_get_row(m->format, l->rooms,
                             l->subjects[i].now + row / INK_TILE_ROWS * INK_TILE_ROWS * row_bytes,
                             row % INK_TILE_ROWS, n_blocks);
            INK_TRY(ink_gguf_writer_write(writer, l->rooms, row_bytes, error));
        }
    }
    return ink_gguf_writer_commit(writer, error);
}

static ink_status keep_layer(learning *l, ink_error *error)
{
    ink_gguf_writer *writer = NULL;
    INK_TRY(ink_gguf_writer_new(&writer, 0, l->o->allocator, error));
    ink_status status = write_subjects(l, writer, error);
    ink_gguf_writer_free(writer);
    return status;
}

/* A layer that was done before; NULL: it was not, or by another command. */
static ink_gguf *find_layer(const learning *l, uint32_t layer)
{
    char words[2 * INK_SHA256_BYTES + 1];
    ink_gguf *gguf = NULL;
    ink_gguf_string found = {"", 0};
    digest_words(l, words);
    if (ink_gguf_open(&gguf, path_of_layer(l, layer), l->o->allocator, NULL) != INK_OK)
        return NULL;
    if (ink_gguf_get_string(gguf, DIGEST_KEY, &found, NULL) == INK_OK &&
        found.n_bytes == strlen(words) && memcmp(found.text, words, found.n_bytes) == 0)
        return gguf;
    ink_gguf_free(gguf);
    return NULL;
}

static ink_status read_subject(learning *l, const ink_gguf *gguf, const subject *s,
                               ink_error *error)
{
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(gguf, s->tensor->name);
    const ink_matrix *m = s->matrix;
    size_t n_blocks = m->k / ink_formats[m->format].block_elements;
    size_t row_bytes = n_blocks * ink_formats[m->format].block_bytes;
    if (!tensor || tensor->n_bytes != s->tensor->n_bytes)
        return ink_fail(error, INK_CORRUPT, 0, "%s: has no %s; remove this file",
                        ink_gguf_name(gguf), s->tensor->name);
    for (size_t row = 0; row < m->n_rows; row++) {
        INK_TRY(ink_gguf_read(gguf, tensor, row * row_bytes, row_bytes, l->rooms, error));
        ink_tile_put_row(m->format, s->now + row / INK_TILE_ROWS * INK_TILE_ROWS * row_bytes,
                         l->rooms, row % INK_TILE_ROWS, n_blocks);
    }
    return INK_OK;
}

/* ---- A layer in memory ----------------------------------------------------------------------- */

static const ink_gguf_tensor *find_tensor(const ink_model *model, ink_role role, uint32_t layer)
{
    char stem[INK_PART_STEM_BYTES], name[INK_PART_STEM_BYTES + 8];
    (void)snprintf(name, sizeof name, "%s.weight", ink_part_stem(role, layer, stem));
    const ink_gguf_tensor *tensor = ink_gguf_find_tensor(model->gguf, name);
    return tensor ? tensor : ink_gguf_find_tensor(model->gguf, stem);
}

static void drop_layer(learning *l)
{
    ink_delete_aligned(l->o->allocator, l->memory);
    l->memory = NULL;
}

/* Reads the matrices of some roles, in tiles as the model has them. */
static ink_status load_roles(learning *l, ink_model *model, ink_weight *weights, bool in_layer,
                             ink_error *error)
{
    ink_binding all[INK_N_WEIGHT_ROLES];
    ink_bindings bindings = {.all = all};
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++) {
        ink_matrix *m = &weights[role].matrix;
        if (m->n_rows == 0 || (!in_layer && role != INK_WEIGHT_POSITION_EMBEDDING))
            continue;
        size_t n_bytes = m->expert_bytes * m->n_experts;
        all[bindings.n++] = (ink_binding){.tensor = find_tensor(model, role, l->layer),
                                          .matrix = m,
                                          .offset = bindings.memory_bytes,
                                          .n_bytes = n_bytes};
        bindings.memory_bytes += ink_size_groups(n_bytes, ALIGNMENT) * ALIGNMENT;
    }
    if (bindings.n == 0)
        return INK_OK;
    l->memory = ink_new_large(l->o->allocator, bindings.memory_bytes);
    if (!l->memory)
        return ink_fail_memory(error, "the weights of a layer");
    return ink_weights_load(model, &bindings, l->pool, NULL, l->memory, error);
}

static ink_status load_layer(learning *l, ink_model *model, ink_error *error)
{
    return load_roles(l, model, model->layers[l->layer], true, error);
}

/* ---- Activations ----------------------------------------------------------------------------- */

static float *window_of(const learning *l, float *activations, size_t window)
{
    return activations + window * l->n_window * l->width;
}

/* A layer forward, each window's input giving way to what the layer made of it. */
static ink_status run_forward(const learning *l, const ink_layer_pass *p, float *activations,
                              ink_error *error)
{
    for (size_t at = 0; at < l->n_windows; at += l->n_batch) {
        size_t n = ink_size_min(l->n_batch, l->n_windows - at);
        size_t n_bytes = n * l->n_window * l->width * sizeof(float);
        float *x = ink_program_data(p->program, p->x);
        memset(x, 0, l->n_batch * l->n_window * l->width * sizeof *x);
        memcpy(x, window_of(l, activations, at), n_bytes);
        ink_layer_pass_place(p, l->n_batch * l->n_window, l->n_window);
        INK_TRY(ink_program_run(p->program, error));
        memcpy(window_of(l, activations, at), ink_program_data(p->program, p->step.result),
               n_bytes);
    }
    return INK_OK;
}

static ink_status go_through(learning *l, const ink_model *model, float *activations,
                             ink_error *error)
{
    ink_layer_pass pass;
    ink_status status =
        ink_layer_pass_init(&pass, l->device, model, l->layer, l->n_batch * l->n_window,
                            l->n_window, INK_LAYER_RESULT, error);
    if (status == INK_OK)
        status = run_forward(l, &pass, activations, error);
    ink_layer_pass_deinit(&pass);
    return status;
}

/* Rows of the table of embeddings for the tokens of a batch stand in for the table. */
static ink_status embed_batch(learning *l, const ink_model *model, ink_program *program,
                              const ink_step *step, size_t at, ink_error *error)
{
    const ink_gguf_tensor *tensor = find_tensor(model, INK_WEIGHT_TOKEN_EMBEDDING, 0);
    const ink_matrix *table = &model->weights[INK_WEIGHT_TOKEN_EMBEDDING].matrix;
    size_t row_bytes = (size_t)(tensor->n_bytes / tensor->shape[1]);
    int32_t *tokens = ink_program_data(program, step->tokens);
    int32_t *positions = ink_program_data(program, step->positions);
    for (size_t i = 0; i < l->n_batch * l->n_window; i++) {
        size_t token = ink_size_min(at * l->n_window + i, l->n_windows * l->n_window - 1);
        tokens[i] = (int32_t)i;
        positions[i] = (int32_t)(i % l->n_window);
        INK_TRY(ink_gguf_read(model->gguf, tensor,
                              (uint64_t)l->o->text->tokens.ids[token] * row_bytes, row_bytes,
                              (char *)table->data + i * row_bytes, error));
    }
    return INK_OK;
}

static ink_status run_embedding(learning *l, const ink_model *model, ink_program *program,
                                const ink_step *step, float *activations, ink_error *error)
{
    for (size_t at = 0; at < l->n_windows; at += l->n_batch) {
        size_t n = ink_size_min(l->n_batch, l->n_windows - at);
        INK_TRY(embed_batch(l, model, program, step, at, error));
        INK_TRY(ink_program_run(program, error));
        memcpy(window_of(l, activations, at), ink_program_data(program, step->result),
               n * l->n_window * l->width * sizeof(float));
    }
    return INK_OK;
}

static ink_status embed(learning *l, ink_model *model, float *activations, ink_error *error)
{
    ink_matrix *table = &model->weights[INK_WEIGHT_TOKEN_EMBEDDING].matrix;
    size_t n_tokens = l->n_batch * l->n_window;
    const ink_step_shape shape = {
        .n_tokens = n_tokens, .n_outputs = n_tokens, .n_context = l->n_window, .training = true};
    ink_graph graph;
    ink_program *program = NULL;
    ink_step step;
    uint64_t row_bytes = 0;
    (void)ink_format_row_bytes(table->format, table->k, &row_bytes); /* was bound */
    void *rows = ink_resize(l->o->allocator, NULL, n_tokens, (size_t)row_bytes);
    if (!rows)
        return ink_fail_memory(error, "embeddings");
    *table = (ink_matrix){
        .format = table->format, .n_rows = n_tokens, .k = table->k, .n_experts = 1, .data = rows};
    ink_graph_init(&graph, l->o->allocator);
    ink_status status = load_roles(l, model, model->weights, false, error);
    if (status == INK_OK) {
        ink_model_record_embedding(model, &graph, shape, &step);
        status = ink_program_new(&program, l->device, &graph, error);
    }
    if (status == INK_OK)
        status = run_embedding(l, model, program, &step, activations, error);
    ink_program_free(program);
    ink_graph_deinit(&graph);
    ink_delete(l->o->allocator, rows);
    drop_layer(l);
    return status;
}

static ink_status open_activations(learning *l, ink_error *error)
{
    size_t n = l->n_windows * l->n_window, n_bytes;
    void *bytes;
    if (!ink_size_mul(n, l->width, &n) || !ink_size_mul(n, 2 * sizeof(float), &n_bytes))
        return ink_fail_memory(error, "the activations of the text");
    INK_TRY(ink_file_writer_open_private(&l->file, path_of(l, ACTIVATIONS), n_bytes,
                                         l->o->allocator, error));
    INK_TRY(ink_file_writer_map(l->file, n_bytes, &bytes, error));
    l->of_original = bytes;
    l->of_rounded = l->of_original + n;
    INK_TRY(embed(l, l->original, l->of_original, error));
    return embed(l, l->rounded, l->of_rounded, error);
}

/* ---- Learning a layer ------------------------------------------------------------------------ */

/* An error counts by the size of what the token's row should be: few tokens have most of it. */
static float share_of(const float *wanted, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)wanted[i] * (double)wanted[i];
    return sum > 0 ? (float)(1 / sqrt(sum)) : 0;
}

/* One window into place `at` of a batch; none is left as zeros that do not count. */
static void fill_window(const learning *l, const ink_layer_pass *p, size_t at, size_t window)
{
    size_t n = l->n_window * l->width;
    float *x = (float *)ink_program_data(p->program, p->x) + at * n;
    float *wanted = (float *)ink_program_data(p->program, p->wanted) + at * n;
    float *shares = (float *)ink_program_data(p->program, p->shares) + at * l->n_window;
    bool none = window >= l->n_windows;
    const float *from = window_of(l, l->of_rounded, none ? 0 : window);
    const float *to = window_of(l, l->of_original, none ? 0 : window);
    memcpy(x, from, n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        wanted[i] = -to[i];
    for (size_t i = 0; i < l->n_window; i++)
        shares[i] = none ? 0 : share_of(to + i * l->width, l->width);
}

/* The loss over all of the text, a token. */
static ink_status measure(const learning *l, const ink_layer_pass *p, double *loss,
                          ink_error *error)
{
    *loss = 0;
    for (size_t at = 0; at < l->n_windows; at += l->n_batch) {
        for (size_t i = 0; i < l->n_batch; i++)
            fill_window(l, p, i, at + i);
        ink_layer_pass_place(p, l->n_batch * l->n_window, l->n_window);
        INK_TRY(ink_program_run(p->program, error));
        *loss += (double)*(const float *)ink_program_data(p->program, p->loss);
    }
    *loss /= (double)(l->n_windows * l->n_window);
    return INK_OK;
}

/* Some rows of the product's matrix: their gradient, a step, and their blocks anew. */
static void move_rows(void *context, size_t stage, size_t task, int thread)
{
    const learning *l = context;
    const ink_layer_product *p = l->product;
    const ink_matrix *m = p->matrix;
    char *room = l->rooms + (size_t)thread * l->room_bytes, *blocks = room + l->row_bytes;
    float *gradient = (float *)(void *)(blocks + l->row_bytes);
    size_t first = task * ROWS_OF_TASK, n = ink_size_min(ROWS_OF_TASK, m->n_rows - first);
    size_t n_blocks = m->k / ink_formats[m->format].block_elements;
    size_t row_bytes = n_blocks * ink_formats[m->format].block_bytes;
    (void)stage;
    l->gemm(&(ink_gemm){
        .m = n,
        .n = m->k,
        .k = p->x->shape[0],
        .a = (const float *)ink_program_data(l->pass->program, p->gradient) + first,
        .a_row = 1,
        .a_col = p->gradient->stride[0],
        .b = ink_program_data(l->pass->program, p->x),
        .b_row = p->x->stride[0],
        .b_col = 1,
        .c = gradient,
        .c_row = m->k,
        .scratch = gradient + ROWS_OF_TASK * ink_size_groups(l->longest, 16) * 16,
    });
    for (size_t row = first; row < first + n; row++) {
        char *tile = l->subject->now + row / INK_TILE_ROWS * INK_TILE_ROWS * row_bytes;
        ink_learned_move(&l->subject->learned, row, gradient + (row - first) * m->k, l->step);
        ink_tile_get_row(m->format, blocks, tile, row % INK_TILE_ROWS, n_blocks);
        ink_learned_encode(&l->subject->learned, row, blocks);
        ink_tile_put_row(m->format, tile, blocks, row % INK_TILE_ROWS, n_blocks);
    }
}

static subject *subject_of(const learning *l, const ink_matrix *matrix)
{
    for (size_t i = 0; i < l->n_subjects; i++)
        if (l->subjects[i].matrix == matrix)
            return &l->subjects[i];
    return NULL;
}

static ink_status take_step(learning *l, const ink_layer_pass *p, uint64_t *chance,
                            ink_error *error)
{
    for (size_t i = 0; i < l->n_batch; i++) {
        *chance = *chance * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
        fill_window(l, p, i, (size_t)(*chance >> 33) % l->n_windows);
    }
    ink_layer_pass_place(p, l->n_batch * l->n_window, l->n_window);
    INK_TRY(ink_program_run(p->program, error));
    l->pass = p;
    for (size_t i = 0; i < p->n_products; i++) {
        l->product = &p->products[i];
        l->subject = subject_of(l, l->product->matrix);
        uint32_t n_tasks = (uint32_t)ink_size_groups(l->product->matrix->n_rows, ROWS_OF_TASK);
        if (l->subject && l->product->gradient)
            ink_pool_run(l->pool, &(ink_pool_work){move_rows, l, &n_tasks, 1});
    }
    return INK_OK;
}

static ink_status go_on(const learning *l, uint32_t n_done, ink_error *error)
{
    const ink_progress *p = l->o->progress;
    double done = (double)l->layer + (double)n_done / (double)l->o->n_steps;
    if (p && p->report && !p->report(p->context, (float)(done / (double)l->n_layers)))
        return ink_fail(error, INK_CANCELLED, 0, "learning was cancelled");
    return INK_OK;
}

static void copy_all(const learning *l, bool keep)
{
    for (size_t i = 0; i < l->n_subjects; i++) {
        const subject *s = &l->subjects[i];
        memcpy(keep ? s->best : s->now, keep ? s->now : s->best, s->n_bytes);
    }
}

/* Steps that fall to zero. The best of what was measured stays, be it what it began with. */
static ink_status descend(learning *l, const ink_layer_pass *learn, const ink_layer_pass *look,
                          ink_error *error)
{
    uint32_t n = l->o->n_steps, every = (n + N_MEASURED - 1) / N_MEASURED;
    uint64_t chance = l->layer;
    double best, now;
    INK_TRY(measure(l, look, &best, error));
    copy_all(l, true);
    for (uint32_t i = 0; i < n; i++) {
        float part = 2 * (float)(n - i) / ((float)n * ((float)n + 1));
        l->step = (ink_learned_step){part * LEVEL_TRAVEL, part * SCALE_TRAVEL};
        INK_TRY(take_step(l, learn, &chance, error));
        INK_TRY(go_on(l, i + 1, error));
        if ((i + 1) % every != 0 && i + 1 < n)
            continue;
        INK_TRY(measure(l, look, &now, error));
        if (now < best) {
            best = now;
            copy_all(l, true);
        }
    }
    copy_all(l, false);
    return INK_OK;
}

static ink_status run_passes(learning *l, ink_error *error)
{
    ink_layer_pass learn, look = {.program = NULL};
    size_t n_tokens = l->n_batch * l->n_window;
    ink_status status = ink_layer_pass_init(&learn, l->device, l->rounded, l->layer, n_tokens,
                                            l->n_window, INK_LAYER_GRADIENT, error);
    if (status == INK_OK)
        status = ink_layer_pass_init(&look, l->device, l->rounded, l->layer, n_tokens, l->n_window,
                                     INK_LAYER_LOSS, error);
    if (status == INK_OK)
        status = descend(l, &learn, &look, error);
    ink_layer_pass_deinit(&look);
    ink_layer_pass_deinit(&learn);
    return status;
}

/* ---- Matrices of a layer --------------------------------------------------------------------- */

static void drop_subjects(learning *l)
{
    for (size_t i = 0; i < l->n_subjects; i++) {
        ink_learned_deinit(&l->subjects[i].learned, l->o->allocator);
        ink_delete(l->o->allocator, l->subjects[i].best);
    }
    ink_delete(l->o->allocator, l->subjects);
    ink_delete_aligned(l->o->allocator, l->rooms);
    l->subjects = NULL;
    l->n_subjects = 0;
    l->rooms = NULL;
}

static ink_status list_subjects(learning *l, ink_error *error)
{
    ink_weight *weights = l->rounded->layers[l->layer];
    l->longest = 1;
    l->subjects = ink_new(l->o->allocator, INK_N_WEIGHT_ROLES, sizeof *l->subjects);
    if (!l->subjects)
        return ink_fail_memory(error, "the matrices of a layer");
    for (ink_role role = INK_WEIGHT_END + 1; role < INK_N_WEIGHT_ROLES; role++) {
        const ink_matrix *m = &weights[role].matrix;
        if (m->n_rows == 0)
            continue;
        const ink_gguf_tensor *from = find_tensor(l->original, role, l->layer);
        if (!takes(role, from->format, m->format))
            continue;
        l->longest = ink_size_max(l->longest, m->k);
        l->subjects[l->n_subjects++] = (subject){.from = from,
                                                 .tensor = find_tensor(l->rounded, role, l->layer),
                                                 .matrix = m,
                                                 .n_bytes = m->expert_bytes,
                                                 .now = (char *)m->data};
    }
    size_t longest = ink_size_groups(l->longest, 16) * 16;
    l->row_bytes = longest * sizeof(float);
    l->room_bytes = (ROWS_OF_TASK + 2) * l->row_bytes + INK_GEMM_SCRATCH_BYTES;
    l->rooms = ink_new_aligned(l->o->allocator, (size_t)l->o->n_threads * l->room_bytes, ALIGNMENT);
    return l->rooms ? INK_OK : ink_fail_memory(error, "the matrices of a layer");
}

/* Where its weights stand between levels: of what they were, and what they were rounded to. */
static ink_status begin_subject(learning *l, subject *s, ink_error *error)
{
    const ink_matrix *m = s->matrix;
    const ink_format_info *info = &ink_formats[m->format];
    size_t n_blocks = m->k / info->block_elements, row_bytes = n_blocks * info->block_bytes;
    size_t from_bytes = (size_t)(s->from->n_bytes / s->from->shape[1]);
    char *blocks = l->rooms + l->row_bytes;
    float *x = (float *)(void *)(blocks + l->row_bytes);
    s->best = ink_resize(l->o->allocator, NULL, s->n_bytes, 1);
    if (!ink_learned_init(&s->learned, m->format, m->n_rows, m->k, l->o->allocator) || !s->best)
        return ink_fail_memory(error, "the matrices of a layer");
    for (size_t row = 0; row < m->n_rows; row++) {
        INK_TRY(ink_gguf_read(l->original->gguf, s->from, row * from_bytes, from_bytes, l->rooms,
                              error));
        ink_decode(s->from->format, x, l->rooms,
                   m->k / ink_formats[s->from->format].block_elements);
        ink_tile_get_row(m->format, blocks,
                         s->now + row / INK_TILE_ROWS * INK_TILE_ROWS * row_bytes,
                         row % INK_TILE_ROWS, n_blocks);
        ink_learned_begin(&s->learned, row, x, blocks);
    }
    return INK_OK;
}

static ink_status learn_subjects(learning *l, ink_error *error)
{
    for (size_t i = 0; i < l->n_subjects; i++)
        INK_TRY(begin_subject(l, &l->subjects[i], error));
    INK_TRY(run_passes(l, error));
    return keep_layer(l, error);
}

static ink_status take_layer(learning *l, ink_error *error)
{
    INK_TRY(list_subjects(l, error));
    if (l->n_subjects == 0)
        return INK_OK;
    ink_gguf *done = find_layer(l, l->layer);
    if (!done)
        return learn_subjects(l, error);
    ink_status status = INK_OK;
    for (size_t i = 0; status == INK_OK && i < l->n_subjects; i++)
        status = read_subject(l, done, &l->subjects[i], error);
    ink_gguf_free(done);
    return status;
}

static ink_status run_layer(learning *l, ink_error *error)
{
    INK_TRY(load_layer(l, l->original, error));
    INK_TRY(go_through(l, l->original, l->of_original, error));
    drop_layer(l);
    INK_TRY(load_layer(l, l->rounded, error));
    INK_TRY(take_layer(l, error));
    drop_subjects(l);
    INK_TRY(go_through(l, l->rounded, l->of_rounded, error));
    drop_layer(l);
    return go_on(l, l->o->n_steps, error);
}

/* ---- The model ------------------------------------------------------------------------------- */

/* The layer file of a tensor; NULL: it was not learned. */
static bool was_learned(const learning *l, const ink_gguf_tensor *tensor, uint32_t *layer)
{
    ink_role role;
    const ink_weight *weight = ink_lora_find_part(l->rounded, tensor->name, &role, layer);
    const ink_gguf_tensor *from = ink_gguf_find_tensor(l->original->gguf, tensor->name);
    return weight && weight->matrix.n_rows > 0 && from && *layer < l->n_layers &&
           takes(role, from->format, tensor->format);
}

static ink_format format_of(void *context, const ink_gguf_tensor *tensor)
{
    uint32_t layer;
    return was_learned(context, tensor, &layer) ? tensor->format : INK_N_FORMATS;
}

static ink_status prepare(void *context, const ink_gguf_tensor *tensor, size_t expert,
                          ink_error *error)
{
    learning *l = context;
    uint32_t layer = 0;
    (void)expert;
    (void)was_learned(l, tensor, &layer);
    drop_layer(l);
    l->memory = ink_new_large(l->o->allocator, (size_t)tensor->n_bytes);
    if (!l->memory)
        return ink_fail_memory(error, "a matrix");
    ink_gguf *done = find_layer(l, layer);
    const ink_gguf_tensor *found = done ? ink_gguf_find_tensor(done, tensor->name) : NULL;
    ink_status status =
        found && found->n_bytes == tensor->n_bytes
            ? ink_gguf_read(done, found, 0, (size_t)tensor->n_bytes, l->memory, error)
            : ink_fail(error, INK_IO, 0, "%s: is gone or damaged; begin anew", l->path);
    ink_gguf_free(done);
    return status;
}

static void encode(void *context, const ink_rewrite_rows *rows, int thread)
{
    const learning *l = context;
    uint64_t row_bytes = rows->tensor->n_bytes / rows->tensor->shape[1];
    (void)thread;
    memcpy(rows->blocks, (const char *)l->memory + rows->first * row_bytes,
           rows->n * (size_t)row_bytes);
}

static ink_status write_out(learning *l, ink_error *error)
{
    INK_TRY(ink_rewrite(&(ink_rewriter){.gguf = l->rounded->gguf,
                                        .allocator = l->o->allocator,
                                        .n_threads = l->o->n_threads,
                                        .doing = "learning",
                                        .context = l,
                                        .format = format_of,
                                        .prepare = prepare,
                                        .encode = encode},
                        l->o->out, error));
    for (uint32_t layer = 0; layer < l->n_layers; layer++)
        (void)unlink(path_of_layer(l, layer));
    return INK_OK;
}

static ink_status open_model(const learning *l, ink_model **out, const char *path, ink_error *error)
{
    return ink_model_open(out, path,
                          &(ink_model_options){.allocator = l->o->allocator,
                                               .load = INK_LOAD_METADATA,
                                               .n_threads = 1},
                          error);
}

static ink_status prepare_all(learning *l, ink_error *error)
{
    const ink_layer_learning *o = l->o;
    const char *why;
    uint32_t features;
    ink_kernels kernels;
    INK_TRY(open_model(l, &l->original, o->in, error));
    INK_TRY(open_model(l, &l->rounded, o->rounded, error));
    l->path = ink_new(o->allocator, strlen(o->out) + SUFFIX_BYTES, 1);
    if (!l->path)
        return ink_fail_memory(error, "learning");
    l->width = l->original->hparams.n_embedding;
    l->n_window = o->text->n_window;
    l->n_windows = o->text->n_windows;
    l->n_batch = ink_size_min(ink_size_max(BATCH_TOKENS / l->n_window, 1), l->n_windows);
    l->n_layers = count_layers(l->original, &why);
    INK_TRY(ink_cpu_select(&features, error));
    ink_kernels_init(&kernels, features);
    l->gemm = kernels.gemm_f32;
    INK_TRY(ink_device_cpu_new(&l->device, o->n_threads, features, o->allocator, error));
    INK_TRY(ink_pool_new(&l->pool, o->n_threads, o->allocator, error));
    INK_TRY(ink_pool_reserve(l->pool, 1, error));
    INK_TRY(take_digest(l, error));
    return open_activations(l, error);
}

ink_status ink_learn_layers(const ink_layer_learning *options, ink_error *error)
{
    learning l = {.o = options};
    ink_status status = prepare_all(&l, error);
    for (; status == INK_OK && l.layer < l.n_layers; l.layer++)
        status = run_layer(&l, error);
    ink_file_writer_close(l.file);
    ink_device_free(l.device);
    if (status == INK_OK)
        status = write_out(&l, error);
    drop_subjects(&l);
    drop_layer(&l);
    ink_pool_free(l.pool);
    ink_model_free(l.rounded);
    ink_model_free(l.original);
    ink_delete(options->allocator, l.path);
    return status;
}
