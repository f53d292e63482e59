/*
 * What a conversion, an export and a quantizing conversion take of memory: stripes of a tensor,
 * however many tensors there are. Models of few and of many layers, whose files differ by far more
 * than what they may take.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "published.h"

enum { FEW = 3, MANY = 15 };

/*
 * Of each layer: its parameters, and the names and places of some ten tensors in headers, JSON and
 * tables, of which several copies are alive at once: some 1 KB for a tensor.
 */
#define LAYER_VALUES (4 * 256 * 256 + 3 * 256 * 512)
#define LAYER_BYTES (16 * 1024)

typedef size_t peak_of(const published *p);

static size_t converting(const published *p, const char *type)
{
    ink_test_allocator test;
    ink_error error;
    ink_test_allocator_init(&test, 0);
    const ink_conversion conversion = {.allocator = &test.allocator, .type = type};
    if (ink_convert(p->dir, p->out, &conversion, &error) != INK_OK)
        fail_msg("%s", error.message);
    return test.peak_bytes;
}

static size_t plain(const published *p)
{
    return converting(p, NULL);
}

static size_t quantized(const published *p)
{
    return converting(p, "Q8_0");
}

static size_t exported(const published *p)
{
    char folder[128];
    ink_test_allocator test;
    ink_error error;
    ink_test_allocator_init(&test, 0);
    const ink_conversion conversion = {.allocator = &test.allocator};
    (void)snprintf(folder, sizeof folder, "%s/again", p->folder);
    if (ink_export(p->model, folder, &conversion, &error) != INK_OK)
        fail_msg("%s", error.message);
    ink_remove_folder(folder);
    return test.peak_bytes;
}

static void measure(int n_layers, peak_of *const *peaks, size_t n, size_t *out)
{
    published p;
    char config[512];
    (void)snprintf(config, sizeof config,
                   "{\"architecture\": \"llama\", \"context_length\": 64, \"embedding_length\": "
                   "256, \"block_count\": %d, \"feed_forward_length\": 512, "
                   "\"attention.head_count\": 4, \"attention.head_count_kv\": 4}",
                   n_layers);
    published_make_of(&p, config, "F16");
    for (size_t i = 0; i < n; i++)
        out[i] = peaks[i](&p);
    published_remove(&p);
}

static void layers_take_nothing(void **state)
{
    static peak_of *const peaks[] = {plain, quantized, exported};
    static const char *const names[] = {"converting", "to Q8_0", "exporting"};
    size_t few[3], many[3];
    (void)state;
    measure(FEW, peaks, 3, few);
    measure(MANY, peaks, 3, many);
    for (size_t i = 0; i < 3; i++) {
        size_t bar = few[i] + (MANY - FEW) * (size_t)LAYER_BYTES;
        assert_true(bar - few[i] < (MANY - FEW) * (size_t)LAYER_VALUES / 10); /* it can fail */
        print_message("%s: %zu bytes of %d layers, %zu of %d\n", names[i], few[i], FEW, many[i],
                      MANY);
        if (many[i] > bar)
            fail_msg("%s takes %zu bytes, with fewer layers %zu", names[i], many[i], few[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(layers_take_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
