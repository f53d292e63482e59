#include "learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ink_test_text(const char *path, size_t n_words, uint64_t seed)
{
    static const char *const words[] = {"once",   "a ",     "little", "girl",  "saw",   "the",
                                        "big",    "dog",    "and",    "they ", "went ", "to",
                                        "play. ", "Then, ", "Tim",    "said",  "it",    "was",
                                        "happy.", "\n",     "sun",    "tree",  "red",   "ball"};
    size_t n_bytes = 0;
    char *text = malloc(n_words * 8 + 1);
    assert_non_null(text);
    for (size_t i = 0; i < n_words; i++) {
        size_t word = (size_t)(ink_test_random(&seed) % (sizeof words / sizeof *words));
        n_bytes += (size_t)sprintf(text + n_bytes, "%.6s ", words[word]);
    }
    ink_write_file(path, text, n_bytes);
    free(text);
}

void ink_test_training_init(ink_test_training *t)
{
    ink_require_shared();
    memset(t, 0, sizeof *t);
    ink_temporary_folder(t->folder);
    ink_shared_path("weights/stories260K.gguf", t->model, sizeof t->model);
    (void)snprintf(t->text, sizeof t->text, "%s/text.txt", t->folder);
    (void)snprintf(t->out, sizeof t->out, "%s/out.gguf", t->folder);
    (void)snprintf(t->checkpoint, sizeof t->checkpoint, "%s/checkpoint.gguf", t->folder);
    ink_test_text(t->text, 400, 3);
    ink_training_init(&t->options);
    t->texts[0] = t->text;
    t->options.texts = t->texts;
    t->options.n_texts = 1;
    t->options.steps = 6;
    t->options.batch = 2;
    t->options.context = 16;
    t->options.accumulate = 2;
    t->options.warmup = 2;
    t->options.evaluate_every = 2;
    t->options.evaluate_batches = 2;
    t->options.save_every = 2;
    t->options.n_threads = 2;
}

void ink_test_training_deinit(ink_test_training *t)
{
    ink_remove_folder(t->folder);
}

void ink_test_train(ink_test_training *t, ink_training_result *result)
{
    ink_error error = {.message = ""};
    if (ink_train(t->model, t->out, &t->options, result, &error) != INK_OK)
        fail_msg("%s", error.message);
}

void ink_assert_same_files(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *of_a = ink_read_file(a, &n_a), *of_b = ink_read_file(b, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(of_a, of_b, n_a);
    free(of_a);
    free(of_b);
}
