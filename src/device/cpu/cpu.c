/*
 * The CPU device: a program is a plan whose stages the thread pool runs. Rows of a chain go through
 * all its ops while they are in the cache; independent arrays of a stage share one list of tasks.
 */
#include "device/cpu/cpu.h"

#include "base/budget.h"
#include "base/pool.h"
#include "base/size.h"

#define ALIGNMENT 64
/* Of a chain: enough for a slow thread to fall behind without holding up the rest. */
#define TASKS_A_THREAD 4

/* What the pool runs as one of its stages: a stage of the plan, or its nodes' merges. */
typedef struct cpu_turn {
    const ink_stage *stage;
    bool merging;
} cpu_turn;

/* Of a node in a plan. */
typedef struct cpu_node {
    size_t n_tasks, n_merges; /* of the current run */
    size_t shared;            /* where its shared memory begins */
} cpu_node;

typedef struct cpu_program {
    ink_program base;
    ink_plan plan;
    cpu_node *nodes; /* [plan.n_ordered] */
    cpu_turn *turns; /* [n_turns] */
    size_t n_turns;
    uint32_t *n_tasks; /* [n_turns], of the current run */
    void *bound;       /* the memory that the arrays point into; behind them what tasks share */
} cpu_program;

static const ink_cpu_op ops[INK_N_OPS] = {
    [INK_OP_EMBED] = {.rows = ink_cpu_embed, .scratch_bytes = ink_cpu_embed_scratch},
    [INK_OP_PICK] = {.n_tasks = ink_cpu_one_task, .task = ink_cpu_pick},
    [INK_OP_QUANTIZE] = {.rows = ink_cpu_quantize},
    [INK_OP_LINEAR] = {.n_tasks = ink_cpu_linear_tasks,
                       .task = ink_cpu_linear,
                       .scratch_bytes = ink_cpu_linear_scratch},
    [INK_OP_LINEAR_EXPERTS] = {.n_tasks = ink_cpu_linear_experts_tasks,
                               .task = ink_cpu_linear_experts,
                               .scratch_bytes = ink_cpu_linear_scratch},
    [INK_OP_MATMUL] = {.n_tasks = ink_cpu_matmul_tasks,
                       .task = ink_cpu_matmul,
                       .scratch_bytes = ink_cpu_matmul_scratch},
    [INK_OP_NORM] = {.rows = ink_cpu_norm},
    [INK_OP_CONCAT] = {.rows = ink_cpu_concat},
    [INK_OP_ADD] = {.rows = ink_cpu_add},
    [INK_OP_MULTIPLY] = {.rows = ink_cpu_multiply},
    [INK_OP_SCALE] = {.rows = ink_cpu_scale},
    [INK_OP_CLAMP] = {.rows = ink_cpu_clamp},
    [INK_OP_ACTIVATE] = {.rows = ink_cpu_activate},
    [INK_OP_SOFTMAX] = {.rows = ink_cpu_softmax},
    [INK_OP_ROPE_TABLE] = {.rows = ink_cpu_rope_table},
    [INK_OP_ROPE] = {.rows = ink_cpu_rope, .scratch_bytes = ink_cpu_rope_scratch},
    [INK_OP_STORE] = {.rows = ink_cpu_store, .scratch_bytes = ink_cpu_store_scratch},
    [INK_OP_ATTEND] = {.n_tasks = ink_cpu_attend_tasks,
                       .task = ink_cpu_attend,
                       .n_merges = ink_cpu_attend_merges,
                       .merge = ink_cpu_attend_merge,
                       .scratch_bytes = ink_cpu_attend_scratch,
                       .shared_bytes = ink_cpu_attend_shared},
    [INK_OP_CONVOLVE] = {.n_tasks = ink_cpu_convolve_tasks,
                         .task = ink_cpu_convolve,
                         .scratch_bytes = ink_cpu_convolve_scratch},
    [INK_OP_SCAN] = {.n_tasks = ink_cpu_scan_tasks,
                     .task = ink_cpu_scan,
                     .scratch_bytes = ink_cpu_scan_scratch},
    [INK_OP_TOP_K] = {.rows = ink_cpu_top_k},
    [INK_OP_GATHER] = {.rows = ink_cpu_gather},
    [INK_OP_NORMALIZE] = {.rows = ink_cpu_normalize},
    [INK_OP_COMBINE] = {.rows = ink_cpu_combine},
    [INK_OP_MEAN] = {.n_tasks = ink_cpu_one_task, .task = ink_cpu_mean},
    [INK_OP_SELF_ATTEND] = {.n_tasks = ink_cpu_self_attend_tasks,
                            .task = ink_cpu_self_attend,
                            .scratch_bytes = ink_cpu_self_attend_scratch},
    [INK_OP_DROPOUT] = {.rows = ink_cpu_dropout},
    [INK_OP_CROSS_ENTROPY] = {.rows = ink_cpu_cross_entropy,
                              .scratch_bytes = ink_cpu_cross_entropy_scratch},
    [INK_OP_DIVERGENCE] = {.rows = ink_cpu_divergence, .scratch_bytes = ink_cpu_divergence_scratch},
    [INK_OP_DIVERGENCE_GRADIENT] = {.rows = ink_cpu_divergence_gradient,
                                    .scratch_bytes = ink_cpu_divergence_scratch},
    [INK_OP_REDUCE] = {.n_tasks = ink_cpu_reduce_tasks, .task = ink_cpu_reduce},
    [INK_OP_REPEAT] = {.rows = ink_cpu_repeat},
    [INK_OP_INSERT] = {.rows = ink_cpu_insert},
    [INK_OP_SCATTER] = {.n_tasks = ink_cpu_scatter_tasks, .task = ink_cpu_scatter},
    [INK_OP_LINEAR_TRANSPOSED] = {.n_tasks = ink_cpu_linear_transposed_tasks,
                                  .task = ink_cpu_linear_transposed,
                                  .scratch_bytes = ink_cpu_linear_transposed_scratch},
    [INK_OP_NORM_GRADIENT] = {.rows = ink_cpu_norm_gradient,
                              .scratch_bytes = ink_cpu_two_lines_scratch},
    [INK_OP_CLAMP_GRADIENT] = {.rows = ink_cpu_clamp_gradient},
    [INK_OP_ACTIVATE_GRADIENT] = {.rows = ink_cpu_activate_gradient,
                                  .scratch_bytes = ink_cpu_two_lines_scratch},
    [INK_OP_SOFTMAX_GRADIENT] = {.rows = ink_cpu_softmax_gradient},
    [INK_OP_SELF_ATTEND_GRADIENT] = {.n_tasks = ink_cpu_self_attend_tasks,
                                     .task = ink_cpu_self_attend_gradient,
                                     .scratch_bytes = ink_cpu_self_attend_scratch},
    [INK_OP_CROSS_ENTROPY_GRADIENT] = {.rows = ink_cpu_cross_entropy_gradient},
};

size_t ink_cpu_one_task(const ink_cpu *cpu, const ink_array *node)
{
    (void)cpu, (void)node;
    return 1;
}

/* ---- Running --------------------------------------------------------------------------------- */

static size_t rows_of_task(const ink_cpu *cpu, const ink_stage *stage)
{
    return ink_size_groups(stage->n_rows, (size_t)cpu->n_threads * TASKS_A_THREAD);
}

static void run_chain(const cpu_program *program, const ink_stage *stage, size_t task,
                      ink_cpu_call *call)
{
    size_t block = rows_of_task(call->cpu, stage), first = task * block;
    size_t n_rows = ink_size_min(block, stage->n_rows - first);
    for (size_t i = 0; i < stage->n_nodes; i++) {
        call->node = program->plan.order[stage->first + i];
        ops[call->node->op].rows(call, first, n_rows);
    }
}

static size_t *tasks_of(cpu_node *node, bool merging)
{
    return merging ? &node->n_merges : &node->n_tasks;
}

static void run_task(void *context, size_t turn_index, size_t task, int thread)
{
    const cpu_program *program = context;
    const ink_cpu *cpu = (const ink_cpu *)program->base.device;
    const ink_stage *stage = program->turns[turn_index].stage;
    bool merging = program->turns[turn_index].merging;
    ink_cpu_call call = {.cpu = cpu, .scratch = cpu->scratch + (size_t)thread * cpu->scratch_bytes};
    if (stage->locality == INK_ROWS) {
        run_chain(program, stage, task, &call);
        return;
    }
    size_t i = stage->first;
    while (task >= *tasks_of(&program->nodes[i], merging))
        task -= *tasks_of(&program->nodes[i++], merging);
    call.node = program->plan.order[i];
    call.shared = (char *)program->bound + program->plan.bytes + program->nodes[i].shared;
    (merging ? ops[call.node->op].merge : ops[call.node->op].task)(&call, task);
}

static size_t count_node(const ink_cpu *cpu, const ink_array *node, bool merging)
{
    const ink_cpu_op *op = &ops[node->op];
    if (!merging)
        return op->n_tasks(cpu, node);
    return op->n_merges ? op->n_merges(cpu, node) : 0;
}

static void count_tasks(cpu_program *program, const ink_cpu *cpu)
{
    for (size_t t = 0; t < program->n_turns; t++) {
        const ink_stage *stage = program->turns[t].stage;
        bool merging = program->turns[t].merging;
        size_t n = 0;
        if (stage->locality == INK_ROWS)
            n = ink_size_groups(stage->n_rows, rows_of_task(cpu, stage));
        for (size_t i = stage->first;
             stage->locality == INK_WHOLE && i < stage->first + stage->n_nodes; i++)
            n += *tasks_of(&program->nodes[i], merging) =
                count_node(cpu, program->plan.order[i], merging);
        program->n_tasks[t] = (uint32_t)n;
    }
}

/* Other programs may have moved the memory since. */
static void bind(cpu_program *program, const ink_cpu *cpu)
{
    if (program->bound == cpu->memory)
        return;
    ink_plan_bind(&program->plan, cpu->memory);
    program->bound = cpu->memory;
}

static ink_status run(ink_program *base, ink_error *error)
{
    cpu_program *program = (cpu_program *)base;
    ink_cpu *cpu = (ink_cpu *)base->device;
    (void)error;
    bind(program, cpu);
    count_tasks(program, cpu);
    ink_pool_run(cpu->pool,
                 &(ink_pool_work){run_task, program, program->n_tasks, program->n_turns});
    return INK_OK;
}

static void *data(ink_program *base, ink_array *array)
{
    bind((cpu_program *)base, (const ink_cpu *)base->device);
    return array->data;
}

/* ---- Compiling ------------------------------------------------------------------------------- */

/* A larger block in place of *memory; nothing is kept of the old one. */
static bool grow(const ink_cpu *cpu, void **memory, size_t *held, size_t count, size_t bytes)
{
    size_t total;
    if (bytes <= *held)
        return true;
    if (!ink_size_mul(count, bytes, &total))
        return false;
    void *grown = ink_new_aligned(cpu->allocator, total, ALIGNMENT);
    if (!grown)
        return false;
    ink_delete_aligned(cpu->allocator, *memory);
    *memory = grown;
    *held = bytes;
    return true;
}

static size_t scratch_bytes(const ink_plan *plan)
{
    size_t most = ALIGNMENT;
    for (size_t i = 0; i < plan->n_ordered; i++)
        if (ops[plan->order[i]->op].scratch_bytes)
            most = ink_size_max(most, ops[plan->order[i]->op].scratch_bytes(plan->order[i]));
    return most / ALIGNMENT * ALIGNMENT + ALIGNMENT;
}

static size_t shared_bytes(const ink_array *node)
{
    const ink_cpu_op *op = &ops[node->op];
    return op->shared_bytes ? op->shared_bytes(node) : 0;
}

/* Of arrays, and of what the tasks of one stage share. */
static bool plan_memory_bytes(const ink_plan *plan, int n_threads, size_t *bytes)
{
    size_t most = 0;
    for (size_t s = 0; n_threads > 1 && s < plan->n_stages; s++) {
        const ink_stage *stage = &plan->stages[s];
        size_t shared = 0;
        for (size_t i = stage->first; i < stage->first + stage->n_nodes; i++)
            if (!ink_size_add(shared, shared_bytes(plan->order[i]), &shared))
                return false;
        most = ink_size_max(most, shared);
    }
    return ink_size_add(plan->bytes, most, bytes);
}

bool ink_device_cpu_memory_bytes(const ink_plan *plan, int n_threads, size_t *bytes)
{
    size_t memory, scratch;
    return plan_memory_bytes(plan, n_threads, &memory) &&
           ink_size_mul(scratch_bytes(plan), (size_t)n_threads, &scratch) &&
           ink_size_add(memory, scratch, bytes);
}

size_t ink_device_cpu_program_bytes(const ink_plan *plan, int n_threads)
{
    return sizeof(cpu_program) + plan->n_ordered * sizeof(cpu_node) +
           2 * plan->n_stages * (sizeof(cpu_turn) + sizeof(uint32_t)) +
           ink_pool_bytes(n_threads, 2 * plan->n_stages) + 4 * INK_BUDGET_HEADER_BYTES;
}

size_t ink_device_cpu_bytes(int n_threads)
{
    return sizeof(ink_cpu) + ink_pool_bytes(n_threads, 0) + INK_BUDGET_HEADER_BYTES +
           2 * (ALIGNMENT + sizeof(void *) + INK_BUDGET_HEADER_BYTES); /* memory and scratch */
}

static void program_free(ink_program *base)
{
    cpu_program *program = (cpu_program *)base;
    const ink_allocator *allocator = ((ink_cpu *)base->device)->allocator;
    ink_plan_deinit(&program->plan);
    ink_delete(allocator, program->nodes);
    ink_delete(allocator, program->turns);
    ink_delete(allocator, program->n_tasks);
    ink_delete(allocator, program);
}

/* A turn for each stage, and another where something may be left to merge. */
static void list_turns(cpu_program *program, const ink_cpu *cpu)
{
    const ink_plan *plan = &program->plan;
    for (size_t s = 0; s < plan->n_stages; s++) {
        const ink_stage *stage = &plan->stages[s];
        size_t shared = 0;
        program->turns[program->n_turns++] = (cpu_turn){stage, false};
        for (size_t i = stage->first; i < stage->first + stage->n_nodes; i++) {
            program->nodes[i].shared = shared;
            shared += shared_bytes(plan->order[i]); /* checked by plan_memory_bytes */
        }
        if (shared > 0 && cpu->n_threads > 1)
            program->turns[program->n_turns++] = (cpu_turn){stage, true};
    }
}

static ink_status reserve(ink_cpu *cpu, cpu_program *program, ink_error *error)
{
    const ink_plan *plan = &program->plan;
    void *scratch = cpu->scratch;
    size_t bytes, n_turns = 2 * plan->n_stages;
    program->nodes = ink_new(cpu->allocator, plan->n_ordered, sizeof *program->nodes);
    program->turns = ink_new(cpu->allocator, n_turns, sizeof *program->turns);
    program->n_tasks = ink_new(cpu->allocator, n_turns, sizeof *program->n_tasks);
    bool ok = program->nodes && program->turns && program->n_tasks &&
              plan_memory_bytes(plan, cpu->n_threads, &bytes) &&
              grow(cpu, &cpu->memory, &cpu->memory_bytes, 1, bytes) &&
              grow(cpu, &scratch, &cpu->scratch_bytes, (size_t)cpu->n_threads, scratch_bytes(plan));
    cpu->scratch = scratch;
    if (!ok)
        return ink_fail(error, INK_NO_MEMORY, 0, "out of memory for a step's arrays, %zu bytes",
                        plan->bytes);
    list_turns(program, cpu);
    return ink_pool_reserve(cpu->pool, program->n_turns, error);
}

static ink_status compile(ink_device *base, ink_graph *graph, ink_program **out, ink_error *error)
{
    ink_cpu *cpu = (ink_cpu *)base;
    cpu_program *program = ink_new(cpu->allocator, 1, sizeof *program);
    if (!program)
        return ink_fail_memory(error, "a program");
    program->base.device = base;
    ink_status status = ink_plan_init(&program->plan, graph, cpu->allocator, error);
    if (status == INK_OK)
        status = reserve(cpu, program, error);
    if (status != INK_OK) {
        program_free(&program->base);
        return status;
    }
    *out = &program->base;
    return INK_OK;
}

/* ---- The device ------------------------------------------------------------------------------ */

static size_t memory_bytes(const ink_device *base)
{
    const ink_cpu *cpu = (const ink_cpu *)base;
    return cpu->memory_bytes + cpu->scratch_bytes * (size_t)cpu->n_threads;
}

static void trim(ink_device *base)
{
    ink_cpu *cpu = (ink_cpu *)base;
    ink_delete_aligned(cpu->allocator, cpu->memory);
    ink_delete_aligned(cpu->allocator, cpu->scratch);
    cpu->memory = cpu->scratch = NULL;
    cpu->memory_bytes = cpu->scratch_bytes = 0;
}

static void device_free(ink_device *base)
{
    ink_cpu *cpu = (ink_cpu *)base;
    ink_pool_free(cpu->pool);
    trim(base);
    ink_delete(cpu->allocator, cpu);
}

static const ink_device_interface interface = {
    .name = "cpu",
    .compile = compile,
    .program_free = program_free,
    .data = data,
    .run = run,
    .memory_bytes = memory_bytes,
    .trim = trim,
    .free = device_free,
};

ink_status ink_device_cpu_new(ink_device **out, int n_threads, uint32_t features,
                              const ink_allocator *allocator, ink_error *error)
{
    ink_cpu *cpu = ink_new(allocator, 1, sizeof *cpu);
    if (!cpu)
        return ink_fail_memory(error, "a device");
    cpu->base.interface = &interface;
    cpu->allocator = allocator;
    cpu->n_threads = n_threads;
    ink_kernels_init(&cpu->kernels, features);
    ink_status status = ink_pool_new(&cpu->pool, n_threads, allocator, error);
    if (status != INK_OK) {
        device_free(&cpu->base);
        return status;
    }
    *out = &cpu->base;
    return INK_OK;
}
