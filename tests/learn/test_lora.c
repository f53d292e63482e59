/* Adapters that are trained: that they learn, by the right gradient, the same bits again. */
#include "lora_small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "learn/subject.h"
#include "learn/trainer.h"

#define STORIES "weights/stories260K.gguf"

static char folder[64], text[128], one[128], two[128], checkpoint[128], stories[1024];
static const char *const texts[] = {text};

static void prepare(void)
{
    ink_require_shared();
    ink_shared_path(STORIES, stories, sizeof stories);
    write_lesson(text);
    (void)remove(checkpoint);
}

/* The first loss is the base's: B is zero then. */
static void learns_a_text(void **state)
{
    (void)state;
    prepare();
    lesson l = lesson_of(stories, one, texts, 60);
    take_lesson(&l);
    assert_true(l.first_loss > 1.5);
    assert_true(l.last_loss < 0.5 * l.first_loss);
    size_t n;
    float *before = logits_with(stories, NULL, 0, &n);
    float *after = logits_with(stories, &(ink_adapter){one, 1}, 1, &n);
    assert_true(largest_difference(before, after, n) > 0.5);
    free(before);
    free(after);
}

/* Every format that a base may have, and each kind of layer that gradients go through. */
static void bases_of_every_format(void **state)
{
    static const char *const models[] = {
        "llama-types-F16",     "llama-types-BF16",   "llama-types-Q8_0",   "llama-types-Q4_0",
        "llama-types-Q4_1",    "llama-types-Q5_0",   "llama-types-Q5_1",   "llama-types-Q2_K",
        "llama-types-Q3_K_M",  "llama-types-Q4_K_M", "llama-types-Q5_K_M", "llama-types-Q6_K",
        "llama-types-IQ4_NL",  "llama-types-IQ4_XS", "llama-types-TQ1_0",  "llama-types-TQ2_0",
        "llama-types-MXFP4",   "llama-types-NVFP4",  "llama-types-Q1_0",   "llama-types-Q2_0",
        "gemma2-Q4_K_M",       "phi3-Q4_K_M",        "gpt2-Q8_0",          "qwen3-Q4_K_M",
        "llama-bias-mha-Q4_0", "llama-linear-Q4_0",
    };
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char relative[128], base[1024];
        (void)snprintf(relative, sizeof relative, "golden/models/%s.gguf", models[i]);
        lesson l = lesson_of(ink_shared_path(relative, base, sizeof base), one, texts, 6);
        l.training.context = 24;
        l.training.warmup = 0;
        l.training.rate = 1e-2f;
        take_lesson(&l);
        if (!(l.last_loss < l.first_loss - 0.05))
            fail_msg("%s: loss %g at first, %g at last", models[i], l.first_loss, l.last_loss);
    }
}

static void the_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    prepare();
    lesson a = lesson_of(stories, one, texts, 8), b = lesson_of(stories, two, texts, 8);
    b.training.n_threads = 3;
    b.training.recompute = 1;
    take_lesson(&a);
    take_lesson(&b);
    assert_true(same_files(one, two));
}

static void the_same_bits_after_a_break(void **state)
{
    (void)state;
    prepare();
    lesson whole = lesson_of(stories, one, texts, 9), part = lesson_of(stories, two, texts, 9);
    whole.adapter.adapter_dropout = part.adapter.adapter_dropout = 0.2f;
    part.training.checkpoint = checkpoint;
    take_lesson(&whole);
    for (part.stop_after = 2; part.stop_after < 9; part.stop_after += 3)
        take_lesson(&part);
    part.stop_after = 0;
    take_lesson(&part);
    assert_true(same_files(one, two));
}

/* A checkpoint knows what it was made for. */
static void other_adapters_do_not_go_on(void **state)
{
    ink_error error;
    (void)state;
    prepare();
    lesson l = lesson_of(stories, one, texts, 4);
    l.training.checkpoint = checkpoint;
    l.stop_after = 2;
    take_lesson(&l);
    const lesson others[] = {l, l, l, l};
    for (size_t i = 0; i < 4; i++) {
        lesson other = others[i];
        other.adapter.rank += i == 0;
        other.adapter.alpha += i == 1;
        other.adapter.adapter_dropout += i == 2 ? 0.1f : 0;
        if (i == 3)
            other.adapter.targets = "q";
        assert_int_equal(
            ink_train_adapter(stories, one, &other.adapter, &other.training, NULL, &error),
            INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, checkpoint));
    }
}

static void dropout_depends_on_the_seed_alone(void **state)
{
    (void)state;
    prepare();
    lesson a = lesson_of(stories, one, texts, 4), b = lesson_of(stories, two, texts, 4);
    a.adapter.adapter_dropout = b.adapter.adapter_dropout = 0.3f;
    take_lesson(&a);
    take_lesson(&b);
    assert_true(same_files(one, two));
    b.adapter.adapter_dropout = 0;
    take_lesson(&b);
    assert_false(same_files(one, two));
}

static ink_status try_adapter(const char *base, ink_adapter_training adapter, ink_error *error)
{
    lesson l = lesson_of(base, one, texts, 1);
    return ink_train_adapter(base, one, &adapter, &l.training, NULL, error);
}

static void what_cannot_be_taught_is_refused(void **state)
{
    static const char *const wrong[] = {"z", "", "q,", ",q", "qkv", "q,z", "Q", "q, k"};
    char base[1024];
    ink_error error;
    ink_adapter_training adapter;
    (void)state;
    prepare();
    ink_adapter_training_init(&adapter);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        adapter.targets = wrong[i];
        assert_int_equal(try_adapter(stories, adapter, &error), INK_BAD_ARGUMENT);
        assert_non_null(strstr(error.message, "it has q, k, v, o, gate, up, down"));
    }
    ink_adapter_training_init(&adapter);
    ink_shared_path("golden/models/mamba2-Q4_K_M.gguf", base, sizeof base);
    assert_int_equal(try_adapter(base, adapter, &error), INK_UNSUPPORTED);
    assert_non_null(strstr(error.message, "a recurrence"));
    adapter.rank = 0;
    assert_int_equal(try_adapter(stories, adapter, &error), INK_BAD_ARGUMENT);
    adapter.rank = 65537;
    assert_int_equal(try_adapter(stories, adapter, &error), INK_BAD_ARGUMENT);
    ink_adapter_training_init(&adapter);
    adapter.alpha = NAN;
    assert_int_equal(try_adapter(stories, adapter, &error), INK_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "alpha"));
    ink_adapter_training_init(&adapter);
    adapter.targets = NULL;
    assert_int_equal(try_adapter(stories, adapter, &error), INK_BAD_ARGUMENT);
}

static void only_targets_are_in_the_file(void **state)
{
    (void)state;
    prepare();
    lesson l = lesson_of(stories, one, texts, 1);
    l.adapter.targets = "v,down";
    take_lesson(&l);
    ink_gguf *gguf = NULL;
    ink_error error;
    assert_int_equal(ink_gguf_open(&gguf, one, NULL, &error), INK_OK);
    assert_int_equal(ink_gguf_n_tensors(gguf), 5 * 2 * 2);
    const ink_gguf_tensor *a = ink_gguf_find_tensor(gguf, "blk.4.ffn_down.weight.lora_a");
    const ink_gguf_tensor *b = ink_gguf_find_tensor(gguf, "blk.4.ffn_down.weight.lora_b");
    assert_true(a && a->shape[0] == 172 && a->shape[1] == 4);
    assert_true(b && b->shape[0] == 4 && b->shape[1] == 64);
    assert_non_null(ink_gguf_find_tensor(gguf, "blk.0.attn_v.weight.lora_b"));
    ink_gguf_free(gguf);
}

/* ---- The gradient ---------------------------------------------------------------------------- */

typedef struct slope {
    ink_subject subject;
    ink_trainer trainer;
    ink_batch batch;
} slope;

enum { N_TOKENS = 24 };

static void open_slope(slope *s, const ink_training *training, const ink_adapter_training *adapter)
{
    static int32_t tokens[N_TOKENS], positions[N_TOKENS], targets[N_TOKENS];
    ink_error error;
    *s = (slope){.subject = {.kind = &ink_subject_adapter, .adapter = adapter},
                 .batch = {N_TOKENS, tokens, positions, targets, NULL}};
    for (int32_t i = 0; i < N_TOKENS; i++) {
        tokens[i] = 3 + i * 37 % 500;
        targets[i] = 3 + (i + 1) * 37 % 500;
        positions[i] = i % 16;
    }
    assert_int_equal(ink_subject_open(&s->subject, stories, training, &error), INK_OK);
    const ink_trainer_options options = {
        .n_tokens = N_TOKENS, .n_context = 32, .n_threads = 1, .adam = {0.9f, 0.99f, 1e-8f, 0, 0}};
    if (ink_trainer_init(&s->trainer, s->subject.model, &s->subject.parameters, &options, &error) !=
        INK_OK)
        fail_msg("%s", error.message);
}

static double loss_along(slope *s, size_t index, const float *direction, double step)
{
    const ink_parameter *p = &s->subject.parameters.all[index];
    float *kept = malloc(p->n * sizeof *kept), loss;
    assert_non_null(kept);
    memcpy(kept, p->data, p->n * sizeof *kept);
    for (size_t i = 0; i < p->n; i++)
        p->data[i] += (float)(step * (double)direction[i]);
    assert_int_equal(ink_trainer_evaluate(&s->trainer, &s->batch, &loss, NULL), INK_OK);
    memcpy(p->data, kept, p->n * sizeof *kept);
    free(kept);
    return (double)loss;
}

/*
 * Along its gradient the loss must rise by the gradient's length. A step of h errs by h^2 times the
 * third derivative and, each loss of about 8 being rounded by 2^-24 some times, by 2e-6 / h: with h
 * = 0.01 and lengths above 0.05 both together stay below 2 %.
 */
static void gradients_are_those_of_the_loss(void **state)
{
    const double h = 0.01;
    ink_training training;
    ink_adapter_training adapter;
    slope s;
    size_t n_checked = 0;
    float loss;
    (void)state;
    prepare();
    ink_training_init(&training);
    ink_adapter_training_init(&adapter);
    open_slope(&s, &training, &adapter);
    const ink_parameter_list *list = &s.subject.parameters;
    for (size_t i = 1; i < list->n; i += 2) /* B, which begins as zeros, and A has no slope then */
        for (size_t j = 0; j < list->all[i].n; j++)
            list->all[i].data[j] = 0.02f * (float)((int)(j * 31 % 13) - 6);
    assert_int_equal(ink_trainer_learn(&s.trainer, &s.batch, false, &loss, NULL), INK_OK);
    for (size_t i = 0; i < list->n; i++) {
        double length = 0;
        size_t n = list->all[i].n;
        float *direction = malloc(n * sizeof *direction);
        assert_non_null(direction);
        for (size_t j = 0; j < n; j++)
            length += (double)s.trainer.gradients[i][j] * (double)s.trainer.gradients[i][j];
        length = sqrt(length);
        for (size_t j = 0; j < n; j++)
            direction[j] = (float)((double)s.trainer.gradients[i][j] / length);
        double rise =
            (loss_along(&s, i, direction, h) - loss_along(&s, i, direction, -h)) / (2 * h);
        if (length > 0.05 && fabs(rise - length) > 0.02 * length)
            fail_msg("%s: the loss rises by %g, its gradient is %g", list->all[i].name, rise,
                     length);
        n_checked += length > 0.05;
        free(direction);
    }
    assert_true(n_checked > list->n / 2);
    ink_trainer_deinit(&s.trainer);
    ink_subject_close(&s.subject);
}

static int make_folder(void **state)
{
    (void)state;
    ink_temporary_folder(folder);
    (void)snprintf(text, sizeof text, "%s/text", folder);
    (void)snprintf(one, sizeof one, "%s/one.gguf", folder);
    (void)snprintf(two, sizeof two, "%s/two.gguf", folder);
    (void)snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", folder);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_a_text),
        cmocka_unit_test(bases_of_every_format),
        cmocka_unit_test(the_same_bits_on_any_number_of_threads),
        cmocka_unit_test(the_same_bits_after_a_break),
        cmocka_unit_test(other_adapters_do_not_go_on),
        cmocka_unit_test(dropout_depends_on_the_seed_alone),
        cmocka_unit_test(what_cannot_be_taught_is_refused),
        cmocka_unit_test(only_targets_are_in_the_file),
        cmocka_unit_test(gradients_are_those_of_the_loss),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
