/* Configurations of new models: what they lead to, and what is refused in which words. */
#include "../support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "learn/config.h"

#define SMALL                                                                \
    "\"context_length\": 32, \"embedding_length\": 16, \"block_count\": 2, " \
    "\"feed_forward_length\": 24, \"attention.head_count\": 4"

typedef struct reading {
    ink_config config;
    ink_gguf_writer *writer;
    ink_arena arena;
    ink_error error;
    ink_status status;
} reading;

static void read_bytes(reading *r, const char *text, size_t n_bytes)
{
    *r = (reading){.status = INK_OK};
    ink_arena_init(&r->arena, NULL, 1 << 24);
    assert_int_equal(ink_gguf_writer_new(&r->writer, 0, NULL, NULL), INK_OK);
    r->status =
        ink_config_read(&r->config, r->writer, text, n_bytes, "c.json", &r->arena, &r->error);
}

static void end_reading(reading *r)
{
    ink_gguf_writer_free(r->writer);
    ink_arena_deinit(&r->arena);
}

static void refused(const char *text, ink_status status, const char *words)
{
    reading r;
    read_bytes(&r, text, strlen(text));
    if (r.status != status || !strstr(r.error.message, words) || !strstr(r.error.message, "c.json"))
        fail_msg("%s: status %d, \"%s\"; wanted %d, \"%s\"", text, (int)r.status, r.error.message,
                 (int)status, words);
    end_reading(&r);
}

static void what_is_said_arrives(void **state)
{
    static const char text[] = "{\"architecture\": \"qwen3\", " SMALL
                               ", \"attention.head_count_kv\": 2, \"rope.freq_base\": 5e5, "
                               "\"attention.key_length\": 8, \"tied_embeddings\": false, "
                               "\"initializer_range\": 0.1, \"name\": \"n\"}";
    reading r;
    (void)state;
    read_bytes(&r, text, sizeof text - 1);
    assert_string_equal(r.error.message, "");
    const ink_hparams *h = &r.config.hparams;
    assert_string_equal(r.config.arch->name, "qwen3");
    assert_int_equal(h->n_context, 32);
    assert_int_equal(h->n_embedding, 16);
    assert_int_equal(h->n_layers, 2);
    assert_int_equal(h->layers[1].n_ff, 24);
    assert_int_equal(h->layers[0].n_heads, 4);
    assert_int_equal(h->layers[0].n_kv_heads, 2);
    assert_int_equal(h->k_dim, 8);
    assert_true(h->rope_base == 5e5f && h->epsilon == 1e-5f);
    assert_true(!r.config.tied && fabsf(r.config.deviation - 0.1f) < 1e-7f);
    assert_true(ink_config_has(&r.config, INK_WEIGHT_OUTPUT));
    assert_true(ink_config_has(&r.config, INK_WEIGHT_QUERY_NORM));
    assert_false(ink_config_has(&r.config, INK_WEIGHT_QKV));
    end_reading(&r);
}

static void defaults_follow_the_architecture(void **state)
{
    static const struct {
        const char *name;
        bool tied;
        ink_biases biases;
        ink_role has;
    } rows[] = {
        {"llama", true, INK_BIASES_NONE, INK_WEIGHT_FFN_GATE},
        {"gpt2", true, INK_BIASES_ALL, INK_WEIGHT_POSITION_EMBEDDING},
        {"qwen2", true, INK_BIASES_QKV, INK_WEIGHT_QUERY},
        {"phi2", false, INK_BIASES_OUTPUT, INK_WEIGHT_QKV},
        {"stablelm", true, INK_BIASES_NORMS, INK_WEIGHT_FFN_NORM},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        reading r;
        (void)snprintf(text, sizeof text, "{\"architecture\": \"%s\", " SMALL "}", rows[i].name);
        read_bytes(&r, text, strlen(text));
        assert_string_equal(r.error.message, "");
        assert_int_equal(r.config.tied, rows[i].tied);
        assert_int_equal(r.config.biases, rows[i].biases);
        assert_true(ink_config_has(&r.config, rows[i].has));
        end_reading(&r);
    }
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("", INK_CORRUPT, "");
    refused("{\"architecture\": \"llama\", }", INK_CORRUPT, "");
    refused("[1]", INK_BAD_ARGUMENT, "must be a JSON object, but is a list");
    refused("{}", INK_BAD_ARGUMENT, "names no \"architecture\"");
    refused("{\"architecture\": 1}", INK_BAD_ARGUMENT, "architecture must be a string");
    refused("{\"architecture\": \"lama\"}", INK_UNSUPPORTED, "did you mean \"llama\"?");
    refused("{\"architecture\": \"mamba2\"}", INK_UNSUPPORTED, "a recurrence");
    refused("{\"architecture\": \"qwen3moe\"}", INK_UNSUPPORTED, "experts");
    refused("{\"architecture\": \"bert\"}", INK_UNSUPPORTED, "no logits");
    refused("{\"architecture\": \"lfm2\"}", INK_UNSUPPORTED, "layers of several kinds");
    refused("{\"architecture\": \"llama\", \"block_cuont\": 1}", INK_BAD_ARGUMENT,
            "did you mean \"block_count\"?");
    refused("{\"architecture\": \"llama\", \"expert_count\": 8}", INK_BAD_ARGUMENT, "not known");
    refused("{\"architecture\": \"llama\"}", INK_BAD_ARGUMENT, "\"context_length\" is missing");
    refused("{\"architecture\": \"llama\", \"architecture\": \"gpt2\"}", INK_CORRUPT, "");
    refused("{\"architecture\": \"phi2\", \"tied_embeddings\": true, " SMALL "}", INK_BAD_ARGUMENT,
            "tied_embeddings");
    refused("{\"architecture\": \"llama\", \"biases\": \"al\", " SMALL "}", INK_BAD_ARGUMENT,
            "did you mean \"all\"?");
    refused("{\"architecture\": \"llama\", \"biases\": \"\\u0000\", " SMALL "}", INK_BAD_ARGUMENT,
            "");
}

static void with_field(const char *key, const char *value, ink_status status, const char *words)
{
    static const char *const keys[] = {"context_length", "embedding_length", "block_count",
                                       "feed_forward_length", "attention.head_count"};
    static const char *const values[] = {"32", "16", "2", "24", "4"};
    char text[800] = "{\"architecture\": \"llama\"", one[200];
    bool set = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool this = strcmp(keys[i], key) == 0;
        (void)snprintf(one, sizeof one, ", \"%s\": %s", keys[i], this ? value : values[i]);
        set = set || this;
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s", one);
    }
    if (!set)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ", \"%s\": %s", key, value);
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "}");
    refused(text, status, words);
}

static void numbers_have_ranges(void **state)
{
    (void)state;
    with_field("context_length", "0", INK_CORRUPT, "context_length");
    with_field("context_length", "4294967295", INK_CORRUPT, "context_length");
    with_field("context_length", "4294967296", INK_BAD_ARGUMENT, "out of range");
    with_field("context_length", "-1", INK_BAD_ARGUMENT, "out of range");
    with_field("context_length", "1.5", INK_BAD_ARGUMENT, "a whole number");
    with_field("context_length", "true", INK_BAD_ARGUMENT, "a whole number");
    with_field("context_length", "123456789012345678901234567890", INK_BAD_ARGUMENT,
               "a whole number");
    with_field("embedding_length", "0", INK_CORRUPT, "embedding_length");
    with_field("embedding_length", "2000000", INK_CORRUPT, "embedding_length");
    with_field("block_count", "1025", INK_CORRUPT, "block_count");
    with_field("feed_forward_length", "0", INK_CORRUPT, "feed_forward_length");
    with_field("attention.head_count", "0", INK_CORRUPT, "heads");
    with_field("attention.head_count_kv", "3", INK_CORRUPT, "must be a multiple");
    with_field("rope.freq_base", "0", INK_CORRUPT, "rope.freq_base");
    with_field("rope.freq_base", "\"x\"", INK_BAD_ARGUMENT, "a number");
    with_field("rope.freq_base", "1e999", INK_CORRUPT, "");
    with_field("initializer_range", "0", INK_BAD_ARGUMENT, "initializer_range");
    with_field("initializer_range", "[]", INK_BAD_ARGUMENT, "initializer_range");
    with_field("use_parallel_residual", "1", INK_BAD_ARGUMENT, "true or false");
}

static void large_ones_are_not_read(void **state)
{
    size_t n = INK_CONFIG_MAX_BYTES + 1;
    char *text = malloc(n);
    reading r;
    (void)state;
    assert_non_null(text);
    memset(text, '[', n);
    read_bytes(&r, text, n);
    assert_int_equal(r.status, INK_LIMIT);
    end_reading(&r);
    read_bytes(&r, text, n - 1); /* and deep ones */
    assert_int_equal(r.status, INK_LIMIT);
    end_reading(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_arrives),
        cmocka_unit_test(defaults_follow_the_architecture),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(numbers_have_ranges),
        cmocka_unit_test(large_ones_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
