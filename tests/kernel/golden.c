/* ink_decode and ink_encode against the reference blocks in ../shared/golden/vectors. */
#include "facts.h"

#include <stdio.h>
#include <stdlib.h>

#if INK_HAVE_JANSSON
#include <jansson.h>
#include <math.h>
#include <string.h>

#ifndef INK_SOURCE_DIR
#define INK_SOURCE_DIR "."
#endif

static const char *shared_dir(void)
{
    const char *named = getenv("INK_SHARED");
    return named && *named ? named : INK_SOURCE_DIR "/../shared";
}

/* A whole file below golden/; NULL when it is not there. The caller frees. */
static void *read_golden(const char *name, size_t *n_bytes)
{
    char path[600];
    snprintf(path, sizeof path, "%s/golden/%s", shared_dir(), name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    void *data = malloc(SLOT_BYTES);
    *n_bytes = data ? fread(data, 1, SLOT_BYTES, file) : 0;
    fclose(file);
    return data;
}

static void *read_named(const json_t *entry, const char *key, size_t *n_bytes, finding *f)
{
    const char *name = json_string_value(json_object_get(entry, key));
    void *data = name ? read_golden(name, n_bytes) : NULL;
    if (!data)
        finding_fail(f, "golden/%s is missing", name ? name : key);
    return data;
}

/* The index, once; NULL without reference data. */
static const json_t *golden_index(void)
{
    static json_t *index;
    size_t n_bytes;
    char *text = index ? NULL : read_golden("vectors/index.json", &n_bytes);
    if (text)
        index = json_loadb(text, n_bytes, 0, NULL);
    free(text);
    return index;
}

/* The format's entry in a list of the index; NULL when there is none or no reference data. */
static const json_t *find_entry(const char *list, size_t format, finding *f)
{
    const json_t *entry = NULL, *index = golden_index();
    size_t i;
    json_t *each;
    if (!index && getenv("CI"))
        finding_fail(f, "no reference data in %s/golden/vectors", shared_dir());
    else if (!index)
        finding_skip(f, "no reference data in %s/golden/vectors; INK_SHARED names another place",
                     shared_dir());
    json_array_foreach(json_object_get(index, list), i, each)
    {
        if (strcmp(json_string_value(json_object_get(each, "type")), ink_formats[format].name) == 0)
            entry = each;
    }
    return entry;
}

/* F32 is its own reference. */
static void check_identity(rng *r, finding *f)
{
    float x[100], y[100];
    fill_floats(r, x, 100, FLOATS_ANY_BITS);
    ink_decode(INK_FORMAT_F32, y, x, 100);
    if (memcmp(x, y, sizeof x) != 0)
        finding_fail(f, "F32 changes bits");
    if (!ink_encode(INK_FORMAT_F32, y, x, 100) || memcmp(x, y, sizeof x) != 0)
        finding_fail(f, "F32 changes bits in encoding");
    finding_note(f, "100 floats, bit for bit");
}

static void compare_decoded(size_t format, const void *raw, const void *expect, size_t n_blocks,
                            finding *f)
{
    size_t elements = ink_formats[format].block_elements, n = n_blocks * elements;
    unsigned char *got = malloc(n * sizeof(float));
    const unsigned char *want = expect;
    ink_decode((ink_format)format, (float *)(void *)got, raw, n_blocks);
    for (size_t i = 0; i < n; i++) {
        float a, b;
        memcpy(&a, got + 4 * i, sizeof a);
        memcpy(&b, want + 4 * i, sizeof b);
        if (memcmp(&a, &b, sizeof a) != 0 && !(isnan(a) && isnan(b)))
            finding_fail(f, "block %zu, element %zu: %a, the reference has %a", i / elements,
                         i % elements, (double)a, (double)b);
    }
    free(got);
    finding_note(f, "%zu blocks, bit for bit", n_blocks);
}

void check_decode(size_t i, rng *r, finding *f)
{
    if (i == INK_FORMAT_F32) {
        check_identity(r, f);
        return;
    }
    if (ink_formats[i].gguf_id == INK_NO_GGUF_ID) {
        finding_note(f, "no file has it; see levels");
        return;
    }
    if (ink_formats[i].gguf_id >= INK_OWN_GGUF_ID) {
        finding_note(f, "of our own; see quant/test_trellis");
        return;
    }
    const json_t *entry = find_entry("dequant", i, f);
    if (!entry) {
        if (golden_index())
            finding_fail(f, "the reference data lacks this format");
        return;
    }
    size_t raw_bytes = 0, expect_bytes = 0;
    size_t n_blocks = (size_t)json_integer_value(json_object_get(entry, "n_blocks"));
    void *raw = read_named(entry, "raw", &raw_bytes, f),
         *expect = read_named(entry, "expect", &expect_bytes, f);
    if (raw_bytes != n_blocks * ink_formats[i].block_bytes ||
        expect_bytes != n_blocks * ink_formats[i].block_elements * sizeof(float))
        finding_fail(f, "%zu blocks in %zu bytes, %zu bytes of floats", n_blocks, raw_bytes,
                     expect_bytes);
    else
        compare_decoded(i, raw, expect, n_blocks, f);
    free(raw);
    free(expect);
}

/* ---- Encoding */

enum { MAX_FLOATS = 1 << 14 };

static double rmse_of(size_t format, const void *blocks, const float *x, size_t n)
{
    static float back[MAX_FLOATS];
    double sum = 0;
    ink_decode((ink_format)format, back, blocks, n / ink_formats[format].block_elements);
    for (size_t i = 0; i < n; i++)
        sum += ((double)back[i] - (double)x[i]) * ((double)back[i] - (double)x[i]);
    return sqrt(sum / (double)n);
}

/* One input of the index. Returns our rmse over that of the reference. */
static double compare_encoded(size_t format, const json_t *entry, finding *f)
{
    static unsigned char blocks[MAX_FLOATS * sizeof(float)];
    size_t input_bytes = 0, want_bytes = 0;
    float *x = read_named(entry, "input", &input_bytes, f);
    void *want = read_named(entry, "bytes", &want_bytes, f);
    size_t n = input_bytes / sizeof(float),
           bytes = n / ink_formats[format].block_elements * ink_formats[format].block_bytes;
    double allowed = json_number_value(json_object_get(entry, "rmse")), ratio = 0;
    if (n == 0 || n > MAX_FLOATS || bytes != want_bytes)
        finding_fail(f, "%zu floats make %zu bytes, the reference has %zu", n, bytes, want_bytes);
    else if (!ink_encode((ink_format)format, blocks, x, n))
        finding_fail(f, "ink_encode refuses");
    else if (ink_formats[format].block_elements == 1 && memcmp(blocks, want, bytes) != 0)
        finding_fail(f, "differs from the reference, bit for bit");
    else
        ratio = rmse_of(format, blocks, x, n) / allowed;
    free(x);
    free(want);
    return ratio;
}

void check_encode(size_t i, rng *r, finding *f)
{
    static const bool encodes[INK_N_FORMATS] = {[INK_FORMAT_F32] = true,
                                                [INK_FORMAT_F16] = true,
                                                [INK_FORMAT_BF16] = true,
                                                [INK_FORMAT_Q8_0] = true,
                                                [INK_FORMAT_Q4_0] = true};
    static const char *const inputs[] = {"gauss4096", "edge2048"};
    if (!encodes[i]) {
        float x[256] = {0}, out[256];
        if (ink_encode((ink_format)i, out, x, 256))
            finding_fail(f, "encodes, though kernel.h says it does not");
        finding_note(f, "not encoded, as kernel.h says");
        return;
    }
    if (i == INK_FORMAT_F32) {
        check_identity(r, f);
        return;
    }
    const json_t *entry = find_entry("quant", i, f);
    double worst = 0;
    for (size_t k = 0; entry && k < sizeof inputs / sizeof *inputs; k++)
        worst = fmax(worst, compare_encoded(i, json_object_get(entry, inputs[k]), f));
    if (worst > 1.05)
        finding_fail(f, "rmse is %.3f times the reference's, 1.05 are allowed", worst);
    if (entry)
        finding_note(f, "rmse %.3f times the reference's", worst);
}

#else

static void say_missing(finding *f)
{
    if (getenv("CI"))
        finding_fail(f, "built without jansson, which reads the index of the reference data");
    else
        finding_skip(f, "built without jansson, which reads the index of the reference data");
}

void check_decode(size_t i, rng *r, finding *f)
{
    (void)i, (void)r;
    say_missing(f);
}

void check_encode(size_t i, rng *r, finding *f)
{
    (void)i, (void)r;
    say_missing(f);
}

#endif
