/*
 * Attention over cache pages: chunks of INK_CHUNK_PAGES pages are summed up on their own and merged
 * in order, so what a query gets does not depend on the batch, the block, or the threads.
 *
 * A task is one key/value head and a block of tokens. When all tokens of a step are one block, as
 * when text is generated, long contexts are split: a task is one chunk, whose sums it leaves in
 * shared memory, and they are merged when all have ended.
 */
#include "device/cpu/attend.h"

#include <math.h>
#include <string.h>

/* ---- Merging --------------------------------------------------------------------------------- */

/* Takes a chunk into the whole: both are brought to the larger of the two maxima. */
static void merge_column(const ink_attend_work *w, size_t column)
{
    const ink_kernels *kernels = &w->call->cpu->kernels;
    size_t n = w->layout->v_dim;
    ink_softmax_state *state = &w->states[column], *chunk = &w->chunk_states[column];
    float *sums = w->sums + column * n, *chunk_sums = w->chunk_sums + column * n;
    if (chunk->max == -INFINITY)
        return;
    if (state->max == -INFINITY) {
        *state = *chunk;
        memcpy(sums, chunk_sums, n * sizeof *sums);
        return;
    }
    float max = state->max > chunk->max ? state->max : chunk->max;
    float factors[2] = {state->max - max, chunk->max - max};
    kernels->exp(factors, factors, 2);
    kernels->scale(sums, sums, factors[0], n);
    kernels->scale(chunk_sums, chunk_sums, factors[1], n);
    kernels->add(sums, sums, chunk_sums, n);
    *state = (ink_softmax_state){max, state->sum * factors[0] + chunk->sum * factors[1]};
}

static void merge_chunk(const ink_attend_work *w)
{
    for (size_t i = 0; i < w->n_columns; i++)
        merge_column(w, i);
}

/* Each query's sum begins with its head's sink, if there is one. */
static void begin_sums(const ink_attend_work *w)
{
    const ink_array *by_head = w->call->node->inputs[4];
    const float *sinks = by_head ? by_head->data : NULL;
    for (size_t i = 0; i < w->n_columns; i++) {
        w->states[i] = (ink_softmax_state){-INFINITY, 0};
        if (sinks)
            w->states[i] = (ink_softmax_state){sinks[w->kv_head * w->group + i % w->group], 1};
    }
    memset(w->sums, 0, w->n_columns * w->layout->v_dim * sizeof *w->sums);
}

static void end_sums(const ink_attend_work *w)
{
    size_t n = w->layout->v_dim;
    for (size_t i = 0; i < w->n_columns; i++) {
        float *y = ink_line(w->call->node, w->run.first_token + i / w->group,
                            w->kv_head * w->group + i % w->group);
        w->call->cpu->kernels.scale(y, w->sums + i * n, 1.0f / w->states[i].sum, n);
        if (w->layout->v_rotated)
            ink_rotate(y, n);
    }
    if (w->sequence->heat)
        ink_attend_observe(w);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static ink_attend_range range_of(const ink_attention *attention, size_t position,
                                 size_t n_positions)
{
    size_t window = attention->window;
    if (attention->causal)
        return (ink_attend_range){
            .first = window && position + 1 > window ? position + 1 - window : 0, .last = position};
    if (!window)
        return (ink_attend_range){.last = n_positions - 1};
    size_t side = window / 2;
    return (ink_attend_range){.first = position > side ? position - side : 0,
                              .last = ink_size_min(position + side, n_positions - 1)};
}

static const ink_kv_sequence *sequence_of(const ink_array *node, size_t token)
{
    return ((const ink_kv_sequence *const *)node->inputs[3]->data)[token];
}

static ink_attend_range range_of_token(const ink_array *node, size_t token)
{
    const int32_t *positions = node->inputs[2]->data;
    return range_of(&node->parameters.attention, (size_t)positions[token],
                    sequence_of(node, token)->n_positions);
}

/* The run that begins with this token. */
static ink_attend_run run_at(const ink_array *node, size_t token)
{
    size_t block = ink_attend_block(&node->parameters.attention);
    size_t end = ink_size_min((token / block + 1) * block, node->shape[0]), next = token;
    ink_attend_range all = range_of_token(node, token);
    while (++next < end && sequence_of(node, next) == sequence_of(node, token))
        all = ink_attend_join(all, range_of_token(node, next));
    size_t first = all.first / INK_CHUNK_POSITIONS, last = all.last / INK_CHUNK_POSITIONS;
    return (ink_attend_run){token, next - token, first, last - first + 1};
}

static ink_attend_work begin_work(const ink_cpu_call *call, size_t kv_head)
{
    const ink_attention *attention = &call->node->parameters.attention;
    ink_attend_work w = {.call = call,
                         .attention = attention,
                         .group = ink_attend_group(attention),
                         .kv_head = kv_head};
    ink_attend_use_scratch(&w, attention, call->scratch);
    return w;
}

static size_t position_of(const ink_attend_work *w, size_t token)
{
    return (size_t)((const int32_t *)w->call->node->inputs[2]->data)[token];
}

static void begin_run(ink_attend_work *w, ink_attend_run run)
{
    w->run = run;
    w->n_columns = run.n_tokens * w->group;
    w->sequence = sequence_of(w->call->node, run.first_token);
    w->layout = &w->sequence->layouts[w->attention->layer];
    for (size_t t = 0; t < run.n_tokens; t++) {
        size_t token = run.first_token + t;
        w->ranges[t] = range_of_token(w->call->node, token);
        w->ranges[t].first_recent =
            w->layout->n_recent ? ink_kv_first_recent(w->layout, position_of(w, token)) : SIZE_MAX;
    }
}

/* ---- A task without a split: a block -------------------------------------------------------- */

static void attend_block(ink_attend_work *w, size_t first_token)
{
    const ink_array *node = w->call->node;
    size_t end = ink_size_min(first_token + ink_attend_block(w->attention), node->shape[0]);
    for (size_t token = first_token; token < end; token += w->run.n_tokens) {
        begin_run(w, run_at(node, token));
        ink_attend_load_queries(w);
        begin_sums(w);
        for (size_t i = 0; i < w->run.n_chunks; i++) {
            ink_attend_chunk(w, w->run.first_chunk + i);
            merge_chunk(w);
        }
        end_sums(w);
    }
}

/* ---- A task of a split: a chunk of a run ---------------------------------------------------- */

/*
 * Shared memory is [n_kv_heads][n_slots] of slot_bytes; a slot is one token's group in one chunk.
 * A chunk of a run has as many as the run has tokens: first the sums of all, then their states.
 */
static size_t slot_bytes(const ink_attention *attention)
{
    size_t column = attention->v_dim * sizeof(float) + sizeof(ink_softmax_state);
    return ink_size_groups(ink_attend_group(attention) * column, 64) * 64;
}

/* Enough for neighboring positions of one sequence, wherever they are. */
static size_t n_slots(const ink_attention *attention, size_t n_tokens)
{
    size_t n_chunks = ink_size_groups(attention->n_context, INK_CHUNK_POSITIONS);
    if (attention->window)
        n_chunks = ink_size_min(
            n_chunks, ink_size_groups(attention->window + n_tokens, INK_CHUNK_POSITIONS) + 1);
    return n_tokens * n_chunks;
}

size_t ink_cpu_attend_shared(const ink_array *node)
{
    const ink_attention *attention = &node->parameters.attention;
    size_t n = n_slots(attention, ink_size_min(node->shape[0], ink_attend_block(attention))), bytes;
    if (n <= 1 || !ink_size_mul(n, slot_bytes(attention), &bytes) ||
        !ink_size_mul(bytes, attention->n_kv_heads, &bytes))
        return 0;
    return bytes;
}

/* How many chunks its runs have, and runs; none of them if this step is not split. */
typedef struct split {
    size_t n_chunks, n_runs;
} split;

static split split_of(const ink_cpu *cpu, const ink_array *node)
{
    const ink_attention *attention = &node->parameters.attention;
    size_t n_tokens = node->shape[0], n_used = 0;
    split s = {0, 0};
    if (cpu->n_threads == 1 || n_tokens > ink_attend_block(attention))
        return s;
    for (size_t token = 0; token < n_tokens;) {
        ink_attend_run run = run_at(node, token);
        n_used += run.n_chunks * run.n_tokens;
        s.n_chunks += run.n_chunks;
        s.n_runs++;
        token += run.n_tokens;
    }
    bool fits = n_used <= n_slots(attention, n_tokens) && ink_cpu_attend_shared(node) > 0;
    return fits && s.n_chunks > 1 ? s : (split){0, 0};
}

static void use_slot(ink_attend_work *w, size_t slot)
{
    size_t in_all = w->kv_head * n_slots(w->attention, w->call->node->shape[0]) + slot;
    char *at = (char *)w->call->shared + in_all * slot_bytes(w->attention);
    w->chunk_sums = (float *)at;
    w->chunk_states = (ink_softmax_state *)(at + w->n_columns * w->layout->v_dim * sizeof(float));
}

/* The chunk-th of all runs' chunks. */
static void attend_part(ink_attend_work *w, size_t chunk)
{
    size_t slot = 0;
    ink_attend_run run = run_at(w->call->node, 0);
    while (chunk >= run.n_chunks) {
        chunk -= run.n_chunks;
        slot += run.n_chunks * run.n_tokens;
        run = run_at(w->call->node, run.first_token + run.n_tokens);
    }
    begin_run(w, run);
    ink_attend_load_queries(w);
    use_slot(w, slot + chunk * run.n_tokens);
    ink_attend_chunk(w, run.first_chunk + chunk);
}

/* ---- The op ---------------------------------------------------------------------------------- */

size_t ink_cpu_attend_tasks(const ink_cpu *cpu, const ink_array *node)
{
    const ink_attention *attention = &node->parameters.attention;
    size_t n_chunks = split_of(cpu, node).n_chunks;
    size_t n_blocks = ink_size_groups(node->shape[0], ink_attend_block(attention));
    return (n_chunks ? n_chunks : n_blocks) * attention->n_kv_heads;
}

void ink_cpu_attend(const ink_cpu_call *call, size_t task)
{
    const ink_attention *attention = &call->node->parameters.attention;
    ink_attend_work w = begin_work(call, task % attention->n_kv_heads);
    size_t i = task / attention->n_kv_heads;
    if (split_of(call->cpu, call->node).n_chunks)
        attend_part(&w, i);
    else
        attend_block(&w, i * ink_attend_block(attention));
}

size_t ink_cpu_attend_merges(const ink_cpu *cpu, const ink_array *node)
{
    return split_of(cpu, node).n_runs * node->parameters.attention.n_kv_heads;
}

/* One key/value head of one run. */
void ink_cpu_attend_merge(const ink_cpu_call *call, size_t merge)
{
    size_t n_kv_heads = call->node->parameters.attention.n_kv_heads, slot = 0;
    ink_attend_work w = begin_work(call, merge % n_kv_heads);
    ink_attend_run run = run_at(call->node, 0);
    for (size_t i = merge / n_kv_heads; i > 0; i--) {
        slot += run.n_chunks * run.n_tokens;
        run = run_at(call->node, run.first_token + run.n_tokens);
    }
    begin_run(&w, run);
    begin_sums(&w);
    if (w.sequence->heat)
        ink_attend_load_queries(&w);
    for (size_t i = 0; i < run.n_chunks; i++) {
        use_slot(&w, slot + i * run.n_tokens);
        merge_chunk(&w);
    }
    end_sums(&w);
}
