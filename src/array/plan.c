#include "array/plan.h"

#include <stdlib.h>
#include <string.h>
#include "base/size.h"

#define NO_STAGE SIZE_MAX
#define ALIGNMENT 64

/* What planning knows of each array, by node index. */
typedef struct note {
    bool needed;
    size_t stage;                   /* where it runs, NO_STAGE for leaves */
    size_t first_stage, last_stage; /* while its memory is in use */
    size_t bytes;
} note;

/* The array whose memory x shares. */
static const ink_array *base_of(const ink_array *x)
{
    while (x->op == INK_OP_VIEW)
        x = x->inputs[0];
    return x;
}

static void mark_needed(const ink_graph *graph, note *notes)
{
    for (size_t i = graph->n_nodes; i-- > 0;) {
        const ink_array *node = graph->nodes[i];
        notes[i].needed = notes[i].needed || node->output || ink_ops[node->op].writes ||
                          node->op == INK_OP_INPUT; /* callers fill those */
        for (int j = 0; notes[i].needed && j < INK_MAX_INPUTS; j++)
            if (node->inputs[j])
                notes[node->inputs[j]->index].needed = true;
    }
}

/* ---- Stages ---------------------------------------------------------------------------------- */

/* Where x's values come from, or what the node is to wait for. */
static size_t stage_of(const ink_array *x, const note *notes)
{
    return x ? notes[base_of(x)->index].stage : NO_STAGE;
}

/*
 * The first stage that `node` could be part of if it were of its kind and, by *row_wise, whether
 * joining the stage before that one is possible: its inputs there are the same rows. An input of
 * fewer dimensions repeats for all rows.
 */
static size_t earliest_stage(const ink_array *node, const note *notes, bool *row_wise)
{
    size_t latest = stage_of(node->after, notes);
    *row_wise = ink_ops[node->op].locality == INK_ROWS;
    for (int j = 0; j < INK_MAX_INPUTS; j++) {
        size_t stage = stage_of(node->inputs[j], notes);
        if (latest == NO_STAGE || (stage != NO_STAGE && stage > latest))
            latest = stage;
    }
    if (latest != NO_STAGE && stage_of(node->after, notes) == latest)
        *row_wise = false;
    for (int j = 0; latest != NO_STAGE && j < INK_MAX_INPUTS; j++) {
        const ink_array *input = node->inputs[j];
        if (input && notes[base_of(input)->index].stage == latest)
            *row_wise = *row_wise && input->shape[0] == node->shape[0] &&
                        input->n_dims >= node->n_dims && base_of(input)->shape[0] == node->shape[0];
    }
    if (latest == NO_STAGE) {
        *row_wise = false;
        return 0;
    }
    return latest + 1;
}

static bool compatible(const ink_stage *stage, const ink_array *node)
{
    return stage->locality == ink_ops[node->op].locality &&
           (stage->locality == INK_WHOLE || stage->n_rows == node->shape[0]);
}

static size_t choose_stage(ink_plan *plan, const ink_array *node, const note *notes)
{
    bool row_wise;
    size_t stage = earliest_stage(node, notes, &row_wise);
    if (row_wise && compatible(&plan->stages[stage - 1], node))
        return stage - 1;
    while (stage < plan->n_stages && !compatible(&plan->stages[stage], node))
        stage++;
    if (stage == plan->n_stages)
        plan->stages[plan->n_stages++] =
            (ink_stage){.locality = ink_ops[node->op].locality, .n_rows = node->shape[0]};
    return stage;
}

/* Sorts what runs by stage, recording order within. */
static void assign_stages(ink_plan *plan, note *notes)
{
    const ink_graph *graph = plan->graph;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        notes[i].stage = NO_STAGE;
        if (!notes[i].needed || ink_ops[graph->nodes[i]->op].locality == INK_LEAF)
            continue;
        notes[i].stage = choose_stage(plan, graph->nodes[i], notes);
        plan->stages[notes[i].stage].n_nodes++;
    }
    for (size_t s = 1; s < plan->n_stages; s++)
        plan->stages[s].first = plan->stages[s - 1].first + plan->stages[s - 1].n_nodes;
    for (size_t s = 0; s < plan->n_stages; s++)
        plan->stages[s].n_nodes = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (notes[i].stage == NO_STAGE)
            continue;
        ink_stage *stage = &plan->stages[notes[i].stage];
        plan->order[stage->first + stage->n_nodes++] = graph->nodes[i];
        plan->n_ordered++;
    }
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static bool owns_memory(const ink_array *node)
{
    return node->op != INK_OP_VIEW && node->op != INK_OP_CONSTANT;
}

static ink_status measure_lives(ink_plan *plan, note *notes, ink_error *error)
{
    const ink_graph *graph = plan->graph;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const ink_array *node = graph->nodes[i];
        note *mine = &notes[i];
        bool pinned = node->op == INK_OP_INPUT;
        mine->first_stage = pinned ? 0 : mine->stage;
        mine->last_stage = pinned ? plan->n_stages : mine->stage;
        if (!ink_size_align(ink_elements(node) * ink_type_bytes(node->type), ALIGNMENT,
                            &mine->bytes))
            return ink_fail(error, INK_LIMIT, 0, "an array of the step is too large");
    }
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const ink_array *node = graph->nodes[i];
        if (!notes[i].needed)
            continue;
        if (node->output)
            notes[base_of(node)->index].last_stage = plan->n_stages;
        for (int j = 0; j < INK_MAX_INPUTS && notes[i].stage != NO_STAGE; j++) {
            if (!node->inputs[j])
                continue;
            note *source = &notes[base_of(node->inputs[j])->index];
            source->last_stage = ink_size_max(source->last_stage, notes[i].stage);
        }
    }
    return INK_OK;
}

typedef struct span {
    size_t begin, end;
} span;

static int by_begin(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* The lowest gap that holds `bytes` between spans sorted by begin; they may overlap each other. */
static size_t lowest_gap(const span *spans, size_t n_spans, size_t bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < n_spans; i++) {
        if (spans[i].begin >= at && spans[i].begin - at >= bytes)
            break;
        at = ink_size_max(at, spans[i].end);
    }
    return at;
}

/* First fit: each array takes the lowest place that nothing alive at the same time uses. */
static ink_status place(ink_plan *plan, const note *notes, span *busy, ink_error *error)
{
    const ink_graph *graph = plan->graph;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (!notes[i].needed || !owns_memory(graph->nodes[i]))
            continue;
        size_t n_busy = 0, end;
        for (size_t j = 0; j < i; j++)
            if (notes[j].needed && owns_memory(graph->nodes[j]) &&
                notes[j].first_stage <= notes[i].last_stage &&
                notes[i].first_stage <= notes[j].last_stage)
                busy[n_busy++] = (span){plan->offsets[j], plan->offsets[j] + notes[j].bytes};
        qsort(busy, n_busy, sizeof *busy, by_begin);
        plan->offsets[i] = lowest_gap(busy, n_busy, notes[i].bytes);
        if (!ink_size_add(plan->offsets[i], notes[i].bytes, &end))
            return ink_fail(error, INK_LIMIT, 0,
                            "the step needs more memory than can be addressed");
        plan->bytes = ink_size_max(plan->bytes, end);
    }
    return INK_OK;
}

ink_status ink_plan_init(ink_plan *plan, ink_graph *graph, const ink_allocator *allocator,
                         ink_error *error)
{
    *plan = (ink_plan){.allocator = allocator, .graph = graph};
    if (graph->error.status != INK_OK) {
        if (error)
            *error = graph->error;
        return graph->error.status;
    }
    size_t n = graph->n_nodes;
    plan->order = ink_new(allocator, n, sizeof(ink_array *));
    plan->stages = ink_new(allocator, n, sizeof *plan->stages);
    plan->offsets = ink_new(allocator, n, sizeof *plan->offsets);
    note *notes = ink_new(allocator, n, sizeof *notes);
    span *busy = ink_new(allocator, n, sizeof *busy);
    ink_status status = INK_OK;
    if (!plan->order || !plan->stages || !plan->offsets || !notes || !busy)
        status = ink_fail_memory(error, "the plan of a step");
    if (status == INK_OK) {
        mark_needed(graph, notes);
        assign_stages(plan, notes);
        status = measure_lives(plan, notes, error);
    }
    if (status == INK_OK)
        status = place(plan, notes, busy, error);
    ink_delete(allocator, notes);
    ink_delete(allocator, busy);
    if (status != INK_OK)
        ink_plan_deinit(plan);
    return status;
}

void ink_plan_deinit(ink_plan *plan)
{
    ink_delete(plan->allocator, plan->order);
    ink_delete(plan->allocator, plan->stages);
    ink_delete(plan->allocator, plan->offsets);
    *plan = (ink_plan){.allocator = plan->allocator};
}

void ink_plan_bind(ink_plan *plan, void *memory)
{
    const ink_graph *graph = plan->graph;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        ink_array *node = graph->nodes[i];
        if (node->op == INK_OP_VIEW)
            node->data = (char *)node->inputs[0]->data +
                         node->parameters.offset * ink_type_bytes(node->type);
        else if (node->op != INK_OP_CONSTANT)
            node->data = (char *)memory + plan->offsets[i];
    }
}
