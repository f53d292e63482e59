/* Each allocation fails in turn while a model is created, and while records become tokens. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/status.h"
#include "learn/text_source.h"

#define MAX_CALLS 5000

static const char records[] =
    "{\"text\": \"Yes.\"}\n{\"prompt\": \"a\", \"completion\": \"b\"}\n"
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
    "\"content\": \"Ho\"}, {\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
    "\"content\": \"Ho\"}]}\n";
static const char config[] =
    "{\"architecture\": \"llama\", \"context_length\": 64, \"embedding_length\": 8, "
    "\"block_count\": 1, \"feed_forward_length\": 8, \"attention.head_count\": 1}";

typedef struct paths {
    char folder[64], config[128], records[128], out[128];
    const char *vocabulary;
} paths;

static void paths_init(paths *p, const char *vocabulary)
{
    *p = (paths){.vocabulary = vocabulary};
    (void)ink_temporary_folder(p->folder);
    (void)snprintf(p->config, sizeof p->config, "%s/c.json", p->folder);
    (void)snprintf(p->records, sizeof p->records, "%s/r.jsonl", p->folder);
    (void)snprintf(p->out, sizeof p->out, "%s/m.gguf", p->folder);
    ink_write_file(p->config, config, sizeof config - 1);
    ink_write_file(p->records, records, sizeof records - 1);
}

static ink_status create(const ink_allocator *allocator, void *context)
{
    const paths *p = context;
    const char *texts[] = {p->records};
    ink_creation creation = {.config = p->config,
                             .vocabulary = p->vocabulary,
                             .texts = texts,
                             .n_texts = 1,
                             .allocator = allocator};
    (void)unlink(p->out);
    ink_status status = ink_model_create(p->out, &creation, NULL);
    assert_int_equal(access(p->out, F_OK) == 0, status == INK_OK);
    return status;
}

static void creation_runs_out_of_memory(void **state)
{
    static const char *const kinds[] = {"chars", "262"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        paths p;
        paths_init(&p, kinds[i]);
        assert_true(ink_fail_each_allocation(create, &p, MAX_CALLS) > 50);
        ink_remove_folder(p.folder);
    }
}

static ink_status read_records(const ink_allocator *allocator, void *context)
{
    const paths *p = context;
    ink_model *model = NULL;
    ink_corpus corpus;
    const ink_log log = {.write = NULL};
    const ink_text_options options = {64, true, &log};
    INK_TRY(ink_model_open(
        &model, p->out, &(ink_model_options){.allocator = allocator, .load = INK_LOAD_VOCABULARY},
        NULL));
    ink_corpus_init(&corpus, allocator);
    ink_status status = ink_corpus_add_file(&corpus, model, p->records, &options, NULL);
    assert_true(status != INK_OK || corpus.n_documents == 3);
    ink_corpus_deinit(&corpus);
    ink_model_free(model);
    return status;
}

static void records_run_out_of_memory(void **state)
{
    paths p;
    (void)state;
    paths_init(&p, "262");
    assert_int_equal(create(NULL, &p), INK_OK);
    assert_true(ink_fail_each_allocation(read_records, &p, MAX_CALLS) > 50);
    ink_remove_folder(p.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creation_runs_out_of_memory),
        cmocka_unit_test(records_run_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
