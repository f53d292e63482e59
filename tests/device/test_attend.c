/* Into how many tasks attention falls, by what the tokens see, and what memory that takes. */
#include "../support.h"

#include "device/cpu/cpu.h"

#define MAX_TOKENS 80

typedef struct case_of_tasks {
    const char *name;
    int n_threads;
    size_t n_heads, n_kv_heads, window, n_context;
    size_t n_tokens, position; /* of the first token; the others follow */
    size_t n_sequences;        /* which share the tokens evenly, each from `position` on */
    size_t n_tasks, n_merges;
} case_of_tasks;

static const case_of_tasks cases[] = {
    {"first token", 2, 8, 8, 0, 4096, 1, 0, 1, 8, 0},
    {"a full chunk", 2, 8, 8, 0, 4096, 1, 1023, 1, 8, 0},
    {"one more", 2, 8, 8, 0, 4096, 1, 1024, 1, 16, 8},
    {"one head", 2, 8, 1, 0, 4096, 1, 4095, 1, 4, 1},
    {"one thread", 1, 8, 1, 0, 4096, 1, 4095, 1, 1, 0},
    {"one token of many", 2, 8, 1, 0, 1 << 24, 1, (1 << 24) - 1, 1, 1 << 14, 1},
    {"a block", 2, 8, 1, 0, 4096, 4, 2046, 1, 3, 1},
    {"more than a block", 2, 8, 1, 0, 4096, 5, 2046, 1, 2, 0},
    {"a prompt", 2, 8, 2, 0, 4096, 80, 2000, 1, 20, 0},
    {"a window in one chunk", 2, 4, 2, 100, 4096, 1, 3000, 1, 2, 0},
    {"a window over an edge", 2, 4, 2, 100, 4096, 1, 2048, 1, 4, 2},
    {"a window of a chunk", 2, 4, 2, 1024, 4096, 1, 3000, 1, 4, 2},
    {"a token each", 2, 8, 1, 0, 4096, 4, 10, 4, 4, 4},
    {"two tokens each", 2, 8, 1, 0, 4096, 4, 1024, 2, 4, 2},
    {"context not known", 2, 8, 1, 0, 0, 1, 4095, 1, 1, 0},
    {"behind the context", 2, 8, 1, 0, 2048, 1, 2048, 1, 1, 0},
    {"a context of a chunk", 2, 8, 1, 0, 1024, 1, 1023, 1, 1, 0},
};

#define N_CASES (sizeof cases / sizeof *cases)

static ink_array *record(ink_graph *graph, const case_of_tasks *c)
{
    const ink_attention attention = {.n_heads = c->n_heads,
                                     .n_kv_heads = c->n_kv_heads,
                                     .k_dim = 16,
                                     .v_dim = 16,
                                     .scale = 1,
                                     .window = c->window,
                                     .causal = true,
                                     .n_context = c->n_context};
    const size_t n = c->n_tokens;
    ink_array *q = ink_input(graph, INK_F32, 3, (size_t[]){n, c->n_heads, 16});
    ink_array *kv = ink_input(graph, INK_F32, 3, (size_t[]){n, c->n_kv_heads, 16});
    ink_array *positions = ink_input(graph, INK_I32, 1, &n);
    ink_array *sequences = ink_input(graph, INK_POINTER, 1, &n);
    ink_array *stored = ink_store(kv, kv, positions, sequences, &attention);
    return ink_output(ink_attend(q, stored, positions, sequences, NULL, &attention));
}

static void long_contexts_of_few_tokens_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        const case_of_tasks *c = &cases[i];
        const ink_cpu cpu = {.n_threads = c->n_threads};
        ink_kv_sequence sequences[4] = {0};
        const ink_kv_sequence *of_token[MAX_TOKENS];
        int32_t positions[MAX_TOKENS];
        ink_graph graph;
        ink_graph_init(&graph, NULL);
        ink_array *node = record(&graph, c);
        assert_non_null(node);
        size_t each = c->n_tokens / c->n_sequences;
        for (size_t t = 0; t < c->n_tokens; t++) {
            of_token[t] = &sequences[t / each];
            positions[t] = (int32_t)(c->position + t % each);
        }
        node->inputs[2]->data = positions;
        node->inputs[3]->data = of_token;
        size_t n_tasks = ink_cpu_attend_tasks(&cpu, node);
        size_t n_merges = ink_cpu_attend_merges(&cpu, node);
        if (n_tasks != c->n_tasks || n_merges != c->n_merges)
            fail_msg("%s: %zu tasks and %zu merges instead of %zu and %zu", c->name, n_tasks,
                     n_merges, c->n_tasks, c->n_merges);
        ink_graph_deinit(&graph);
    }
}

/* Held by a device that has compiled the case, and as planned. */
static size_t bytes_held(const case_of_tasks *c)
{
    ink_graph graph;
    ink_plan plan;
    ink_device *device;
    ink_program *program;
    size_t planned;
    ink_graph_init(&graph, NULL);
    record(&graph, c);
    assert_int_equal(ink_plan_init(&plan, &graph, NULL, NULL), INK_OK);
    assert_true(ink_device_cpu_memory_bytes(&plan, c->n_threads, &planned));
    assert_int_equal(ink_device_cpu_new(&device, c->n_threads, 0, NULL, NULL), INK_OK);
    assert_int_equal(ink_program_new(&program, device, &graph, NULL), INK_OK);
    size_t held = ink_device_memory_bytes(device);
    assert_int_equal(held, planned);
    ink_program_free(program);
    ink_device_free(device);
    ink_plan_deinit(&plan);
    ink_graph_deinit(&graph);
    return held;
}

static void memory_follows_the_context(void **state)
{
    const size_t chunk_bytes = 8 * (16 + 2) * sizeof(float); /* of a token: its heads' sums */
    (void)state;
    case_of_tasks c = {"", 2, 8, 1, 0, 1024, 1, 0, 1, 0, 0};
    size_t one_chunk = bytes_held(&c);
    c.n_context = 128 * 1024;
    assert_int_equal(bytes_held(&c), one_chunk + 128 * chunk_bytes);
    c.window = 1025; /* at most three chunks: one whole, and parts of its neighbors */
    assert_int_equal(bytes_held(&c), one_chunk + 3 * chunk_bytes);
    c.window = 0;
    c.n_threads = 1;
    size_t one_thread = bytes_held(&c);
    c.n_context = 0;
    assert_int_equal(bytes_held(&c), one_thread);
}

/* What is planned for a prompt is enough for any step of fewer tokens. */
static void a_prompt_has_room_for_less(void **state)
{
    (void)state;
    case_of_tasks c = {"", 2, 8, 1, 0, 1 << 20, MAX_TOKENS, 0, 1, 0, 0};
    size_t prompt = bytes_held(&c);
    for (c.n_tokens = 1; c.n_tokens < MAX_TOKENS; c.n_tokens++)
        assert_true(bytes_held(&c) <= prompt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_contexts_of_few_tokens_are_split),
        cmocka_unit_test(memory_follows_the_context),
        cmocka_unit_test(a_prompt_has_room_for_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
