/* New models: files that load, train and repeat, of every architecture that can be trained. */
#include "../support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "learn/config.h"
#include "model/model.h"
#include "model/part.h"
#include "model/weights.h"

#define SHAPE                                                                \
    "\"context_length\": 16, \"embedding_length\": 32, \"block_count\": 2, " \
    "\"feed_forward_length\": 48, \"attention.head_count\": 4"

typedef struct place {
    char folder[64], config[128], text[128], records[128], out[128], other[128], trained[128];
    const char *texts[1];
    ink_creation creation;
} place;

static void write_config(const place *p, const char *json)
{
    ink_write_file(p->config, json, strlen(json));
}

static void place_init(place *p)
{
    static const char text[] = "the cat sat on the mat, and the dog lay on the log; ";
    static const char record[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello cat\"}, "
        "{\"role\": \"assistant\", \"content\": \"Hello dog\"}]}\n";
    char many[20 * sizeof text] = "";
    for (int i = 0; i < 20; i++)
        memcpy(many + strlen(many), text, sizeof text);
    *p = (place){.folder = ""};
    (void)ink_temporary_folder(p->folder);
    (void)snprintf(p->config, sizeof p->config, "%s/c.json", p->folder);
    (void)snprintf(p->text, sizeof p->text, "%s/t.txt", p->folder);
    (void)snprintf(p->records, sizeof p->records, "%s/t.jsonl", p->folder);
    (void)snprintf(p->out, sizeof p->out, "%s/a.gguf", p->folder);
    (void)snprintf(p->other, sizeof p->other, "%s/b.gguf", p->folder);
    (void)snprintf(p->trained, sizeof p->trained, "%s/trained.gguf", p->folder);
    ink_write_file(p->text, many, strlen(many));
    ink_write_file(p->records, record, sizeof record - 1);
    write_config(p, "{\"architecture\": \"llama\", " SHAPE "}");
    p->texts[0] = p->text;
    p->creation =
        (ink_creation){.config = p->config, .vocabulary = "chars", .texts = p->texts, .n_texts = 1};
}

static void create(const place *p, const char *out)
{
    ink_error error = {0};
    if (ink_model_create(out, &p->creation, &error) != INK_OK)
        fail_msg("%s", error.message);
}

static void refused(const place *p, ink_status status, const char *words)
{
    ink_error error = {0};
    struct stat facts;
    assert_int_equal(ink_model_create(p->out, &p->creation, &error), status);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
    assert_int_not_equal(stat(p->out, &facts), 0);
}

static bool same_bytes(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *bytes_a = ink_read_file(a, &n_a), *bytes_b = ink_read_file(b, &n_b);
    bool same = n_a == n_b && memcmp(bytes_a, bytes_b, n_a) == 0;
    free(bytes_a);
    free(bytes_b);
    return same;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void the_same_for_a_seed(void **state)
{
    place p;
    (void)state;
    place_init(&p);
    create(&p, p.out);
    create(&p, p.other);
    assert_true(same_bytes(p.out, p.other));
    p.creation.seed = 1;
    create(&p, p.other);
    assert_false(same_bytes(p.out, p.other));
    ink_remove_folder(p.folder);
}

static unsigned long file_number(const char *path)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return (unsigned long)facts.st_ino;
}

/* Written again exactly when something that it follows from is another. */
static void what_is_there_is_left(void **state)
{
    place p;
    (void)state;
    place_init(&p);
    create(&p, p.out);
    unsigned long first = file_number(p.out);
    create(&p, p.out);
    assert_true(file_number(p.out) == first);
    write_config(&p, "{\"architecture\": \"gpt2\", " SHAPE "}");
    create(&p, p.out);
    unsigned long second = file_number(p.out);
    assert_true(second != first);
    ink_write_file(p.text, "another text", 12);
    create(&p, p.out);
    assert_true(file_number(p.out) != second);
    ink_write_file(p.out, "GGUF", 4); /* cut by another program */
    create(&p, p.out);
    create(&p, p.other);
    assert_true(same_bytes(p.out, p.other));
    ink_remove_folder(p.folder);
}

/* ---- Weights --------------------------------------------------------------------------------- */

static ink_model *open_model(const char *path, ink_load load)
{
    ink_model *model = NULL;
    ink_error error = {0};
    if (ink_model_open(&model, path, &(ink_model_options){.load = load, .n_threads = 1}, &error) !=
        INK_OK)
        fail_msg("%s", error.message);
    return model;
}

static double deviation_of(const float *values, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
    }
    return sqrt(squares / (double)n - sum / (double)n * (sum / (double)n));
}

/* Of n independent numbers the measured deviation is within 1 +- 5 / sqrt(2 n) of the true one. */
static void weights_are_spread_as_asked(void **state)
{
    place p;
    (void)state;
    place_init(&p);
    write_config(&p, "{\"architecture\": \"gpt2\", \"initializer_range\": 0.05, " SHAPE "}");
    create(&p, p.out);
    ink_model *model = open_model(p.out, INK_LOAD_TRAINABLE);
    for (size_t i = 0; i < model->bindings->n; i++) {
        const ink_binding *b = &model->bindings->all[i];
        const char *name = b->tensor->name;
        const float *values = (const float *)(const void *)((char *)model->memory + b->offset);
        size_t n = b->n_bytes / sizeof *values;
        bool projection = strstr(name, "attn_output.weight") || strstr(name, "ffn_down.weight");
        double wanted = projection ? 0.05 / sqrt(4) : 0.05, found = deviation_of(values, n);
        if (b->tensor->n_dims == 1)
            assert_true(found == 0 && values[0] == (strstr(name, ".bias") ? 0 : 1));
        else if (!(fabs(found / wanted - 1) < 5 / sqrt(2 * (double)n)))
            fail_msg("%s: deviation %g, wanted %g", name, found, wanted);
    }
    ink_model_free(model);
    ink_remove_folder(p.folder);
}

/* ---- Every architecture ---------------------------------------------------------------------- */

static bool can_be_made(const char *name)
{
    static const char *const others[] = {"bert",    "deepseek2",     "falcon-h1", "gemma-embedding",
                                         "gpt-oss", "granitehybrid", "lfm2",      "lfm2moe",
                                         "mamba2",  "nomic-bert",    "qwen35",    "qwen35moe",
                                         "qwen3moe"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i], name) == 0)
            return false;
    return true;
}

static bool keep_first(void *context, const ink_training_report *r)
{
    double *first = context;
    if (*first == 0)
        *first = r->loss;
    return true;
}

/* A few steps lead somewhere: the loss of a text that says little falls. */
static void learns(const place *p, const char *name)
{
    ink_training training;
    ink_training_result result;
    ink_error error = {0};
    double first = 0;
    ink_training_init(&training);
    training.texts = p->texts;
    training.n_texts = 1;
    training.steps = 8;
    training.batch = 4;
    training.warmup = 1;
    training.rate = 0.01f;
    training.evaluate_every = 8;
    training.n_threads = 1;
    training.report = keep_first;
    training.report_context = &first;
    if (ink_train(p->out, p->trained, &training, &result, &error) != INK_OK)
        fail_msg("%s: %s", name, error.message);
    if (!(result.last.loss < first - 0.1))
        fail_msg("%s: loss %g after %g", name, result.last.loss, first);
}

static void generates(const char *path)
{
    ink_model *model = open_model(path, INK_LOAD_ALL);
    ink_session *session = NULL;
    ink_generation generation;
    ink_generated result;
    ink_tokens prompt = {0};
    ink_generation_init(&generation);
    generation.max_tokens = 3;
    generation.sampling.seed = 1;
    assert_int_equal(ink_tokenize(model, "the", 3, INK_SPECIAL_OPEN, &prompt, NULL), INK_OK);
    assert_int_equal(ink_session_new(&session, model, &(ink_session_options){.n_threads = 1}, NULL),
                     INK_OK);
    assert_int_equal(ink_generate(session, prompt.ids, prompt.n_tokens, &generation, &result, NULL),
                     INK_OK);
    assert_true(result.n_tokens >= 1);
    ink_tokens_free(&prompt);
    ink_session_free(session);
    ink_model_free(model);
}

static void every_architecture_learns(void **state)
{
    static const char *const names[] = {
#define ARCH(name) #name,
#include "model/archs.def"
#undef ARCH
    };
    place p;
    size_t n_made = 0;
    (void)state;
    place_init(&p);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64], json[512];
        (void)snprintf(name, sizeof name, "%s", names[i]);
        for (char *c = name; (c = strchr(c, '_')) != NULL;)
            *c = '-';
        (void)snprintf(json, sizeof json, "{\"architecture\": \"%s\", " SHAPE "}", name);
        write_config(&p, json);
        ink_error error = {0};
        ink_status status = ink_model_create(p.out, &p.creation, &error);
        if (status != (can_be_made(name) ? INK_OK : INK_UNSUPPORTED))
            fail_msg("%s: %s", name, error.message);
        if (status != INK_OK)
            continue;
        learns(&p, name);
        generates(p.trained);
        n_made++;
    }
    assert_true(n_made >= 20);
    ink_remove_folder(p.folder);
}

/* ---- Vocabularies ---------------------------------------------------------------------------- */

static void vocabularies(void **state)
{
    place p;
    ink_model_info info;
    (void)state;
    place_init(&p);
    p.creation.vocabulary = "270";
    create(&p, p.out);
    ink_model *model = open_model(p.out, INK_LOAD_METADATA);
    ink_model_get_info(model, &info);
    assert_int_equal(info.n_vocab, 270);
    assert_string_equal(info.tokenizer, "gpt2");
    assert_false(info.has_chat_template); /* of plain text no model learns to chat */
    ink_model_free(model);

    p.texts[0] = p.records;
    p.creation.vocabulary = "261";
    create(&p, p.out);
    model = open_model(p.out, INK_LOAD_METADATA);
    ink_model_get_info(model, &info);
    assert_true(info.has_chat_template);
    ink_model_free(model);

    p.creation.vocabulary = p.out; /* that of another model */
    create(&p, p.other);
    model = open_model(p.other, INK_LOAD_METADATA);
    ink_model_get_info(model, &info);
    assert_int_equal(info.n_vocab, 261);
    assert_true(info.has_chat_template);
    ink_model_free(model);
    ink_remove_folder(p.folder);
}

static void what_cannot_be_made(void **state)
{
    place p;
    (void)state;
    place_init(&p);
    p.creation.vocabulary = NULL;
    refused(&p, INK_BAD_ARGUMENT, "needs a vocabulary");
    p.creation.vocabulary = "10";
    refused(&p, INK_BAD_ARGUMENT, "10 tokens");
    p.creation.vocabulary = "99999999999999999999999";
    refused(&p, INK_BAD_ARGUMENT, "tokens");
    p.creation.vocabulary = "no-such-file.gguf";
    refused(&p, INK_IO, "no-such-file.gguf");
    p.creation.vocabulary = "chars";
    p.texts[0] = "no-such-text.txt";
    refused(&p, INK_IO, "no-such-text.txt");
    p.creation.n_texts = 0;
    refused(&p, INK_BAD_ARGUMENT, "no text");
    p.creation.n_texts = 1;
    p.texts[0] = p.records;
    ink_write_file(p.records, "{\"text\": \"a\"}\n{\"text\": 1}\n", 27);
    refused(&p, INK_CORRUPT, "t.jsonl, line 2");
    p.texts[0] = p.text;
    write_config(&p, "{\"architecture\": \"llama\", \"context_length\": 16, "
                     "\"embedding_length\": 1048576, \"block_count\": 1024, "
                     "\"feed_forward_length\": 1048576, \"attention.head_count\": 1}");
    refused(&p, INK_LIMIT, "parameters");
    p.creation.config = "no-such-config.json";
    refused(&p, INK_IO, "no-such-config.json");
    ink_remove_folder(p.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_for_a_seed),
        cmocka_unit_test(what_is_there_is_left),
        cmocka_unit_test(weights_are_spread_as_asked),
        cmocka_unit_test(every_architecture_learns),
        cmocka_unit_test(vocabularies),
        cmocka_unit_test(what_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
