/*
 * Models that are well-formed files but no models: each is refused with a message that names what
 * is wrong, or, where only numbers are wrong, says so when it generates. A row of the table is a
 * test.
 */
#include "rewrite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LLAMA "llama-types-Q8_0" /* one layer, 4 heads of 64 over 1, embedding 256, 544 tokens */
#define ROPED "llama32-Q8_0"     /* two layers, rotation factors */
#define EXPERTS "llama-moe-Q4_K_M"
#define WINDOWS "gemma2-Q4_K_M"
#define CONVOLVED "lfm2-Q8_0"    /* four layers, the third attends */
#define SCANNED "mamba2-Q4_K_M"  /* 8 heads of 64 in 2 groups, states of 32 */
#define DELTAS "qwen35moe-Q4_0"  /* four layers, the last attends; a shared expert */
#define SHARING "gemma4-Q4_0"    /* eight layers, the last three share keys and values */
#define BESIDE "gemma4-moe-Q4_0" /* experts beside the dense part, no values in layer 2 */
#define LONG "phi3-longrope-Q4_K_M"
#define LATENT "deepseek2-Q8_0"
#define BIASED "gpt2-Q8_0"
#define UNTIED "llama-gqa-Q8_0" /* an output of its own */

typedef struct hostile {
    const char *name;
    ink_rewrite rewrite;
    ink_status status; /* of opening; INK_OK: it opens, and generates or says why not */
    const char *named; /* in the message */
    ink_status generating;
} hostile;

#define EDIT(change, key, number, text) \
    {                                   \
        change, key, number, text       \
    }
#define U32(key, number) EDIT(INK_KEY_U32, key, number, NULL)
#define F32(key, number) EDIT(INK_KEY_F32, key, number, NULL)
#define TEXT(key, text) EDIT(INK_KEY_TEXT, key, 0, text)
#define PAIR(key, number) EDIT(INK_KEY_PAIR, key, number, NULL)
#define DROP(key) EDIT(INK_KEY_DROP, key, 0, NULL)
#define SHORTEN(key) EDIT(INK_KEY_SHORTEN, key, 0, NULL)
#define NOTHING EDIT(INK_KEY_KEEP, NULL, 0, NULL)

#define TWO_31 2147483648.0

#define KEYS(...) .keys = {__VA_ARGS__}
#define WITHOUT(name) .drop_tensor = name
#define WITH(name, ...) .add_tensor = name, .add_shape = {__VA_ARGS__}
#define SHAPED(name, ...) .tensor = name, .shape = {__VA_ARGS__}
#define SCALES(name, ...) .tensor = name, .n_bytes = 2, .bytes = {__VA_ARGS__}, .repeat = 34
#define FLOATS(name, ...) .tensor = name, .n_bytes = 4, .bytes = {__VA_ARGS__}, .repeat = 4

static const hostile cases[] = {
#define REFUSED(status, name, base, named, ...) \
    {name, {.model = base, __VA_ARGS__}, INK_##status, named, INK_OK},
#define OPENS(status, name, base, ...) \
    {name, {.model = base, __VA_ARGS__}, INK_OK, NULL, INK_##status},
#include "hostile.def"
#undef REFUSED
#undef OPENS
};

#define N_CASES (sizeof cases / sizeof *cases)

static char folder[64];

static void check_message(const hostile *h, const ink_error *error, const char *path)
{
    assert_true(error->message[0] != '\0');
    if (!strstr(error->message, path))
        fail_msg("the message does not name the file: %s", error->message);
    if (h->named && !strstr(error->message, h->named))
        fail_msg("the message does not name %s: %s", h->named, error->message);
}

/* A model that opens must evaluate, and generate or say that its numbers are none. */
static void generate(const hostile *h, const ink_model *model)
{
    static const int32_t prompt[] = {1, 40, 300, 7, 5};
    ink_session *session = NULL;
    ink_generation generation;
    ink_generated result;
    ink_error error;
    if (ink_session_new(&session, model, &(ink_session_options){.n_context = 64, .n_threads = 1},
                        &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_generation_init(&generation);
    generation.max_tokens = 3;
    generation.ignore_end = true;
    generation.sampling.seed = 1;
    ink_status status =
        ink_generate(session, prompt, sizeof prompt / sizeof *prompt, &generation, &result, &error);
    if (status != h->generating)
        fail_msg("generating: status %d instead of %d, %s", (int)status, (int)h->generating,
                 status == INK_OK ? "" : error.message);
    if (status != INK_OK)
        assert_true(strlen(error.message) > 10);
    ink_session_free(session);
}

static void a_case(void **state)
{
    const hostile *h = *state;
    char path[128];
    ink_model *model = NULL;
    ink_error error = {.status = INK_OK};
    ink_test_allocator memory;
    ink_require_shared();
    ink_test_allocator_init(&memory, 0);
    (void)snprintf(path, sizeof path, "%s/model.gguf", folder);
    ink_rewrite_model(&h->rewrite, path);
    ink_status status = ink_model_open(
        &model, path, &(ink_model_options){.allocator = &memory.allocator, .n_threads = 1}, &error);
    if (status != h->status)
        fail_msg("status %d instead of %d: %s", (int)status, (int)h->status,
                 status == INK_OK ? "" : error.message);
    if (status == INK_OK)
        generate(h, model);
    else
        check_message(h, &error, path);
    assert_true(status == INK_OK || model == NULL);
    ink_model_free(model);
    assert_int_equal(memory.n_blocks, 0);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    ink_remove_folder(folder);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[N_CASES];
    for (size_t i = 0; i < N_CASES; i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = a_case,
                                       .initial_state = (void *)(uintptr_t)&cases[i]};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
