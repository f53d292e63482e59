/* Each allocation fails in turn while vocabularies are learned and written: no leak, no crash. */
#include "support.h"

#include <string.h>
#include "base/status.h"
#include "learn/special_tokens.h"
#include "model/vocab_write.h"

#define MAX_CALLS 3000

static const char text[] = "Tomorrow, and tomorrow, and tomorrow,\n"
                           "Creeps in this petty pace from day to day,\n"
                           "To the last syllable of recorded time; \xe2\x80\x94 n\xc3\xa9\xff";

/* Words enough that the tables grow, too. */
static ink_status add_texts(ink_vocab_trainer *trainer)
{
    char word[] = "aaaa";
    INK_TRY(ink_vocab_trainer_add(trainer, text, sizeof text - 1, NULL));
    for (int i = 0; i < 700; i++) {
        for (int at = 0, rest = i; at < 4; at++, rest /= 26)
            word[at] = (char)('a' + rest % 26);
        INK_TRY(ink_vocab_trainer_add(trainer, word, 4, NULL));
    }
    return INK_OK;
}

static ink_status write_vocab(const ink_trained_vocab *trained, const ink_allocator *allocator)
{
    ink_gguf_writer *writer = NULL;
    INK_TRY(ink_gguf_writer_new(&writer, 0, allocator, NULL));
    ink_status status =
        ink_model_vocab_write(writer, &trained->source, ink_chatml_template, allocator, NULL);
    ink_gguf_writer_free(writer);
    return status;
}

static ink_status learn(const ink_allocator *allocator, void *context)
{
    ink_vocab_trainer *trainer = NULL;
    ink_trained_vocab *trained = NULL;
    INK_TRY(ink_vocab_trainer_new(&trainer, context, allocator, NULL));
    ink_status status = add_texts(trainer);
    if (status == INK_OK)
        status = ink_vocab_trainer_finish(trainer, &trained, NULL);
    assert_true((status == INK_OK) == (trained != NULL));
    ink_vocab_trainer_free(trainer);
    if (status == INK_OK)
        status = write_vocab(trained, allocator);
    ink_trained_vocab_free(trained);
    return status;
}

static void byte_pairs(void **state)
{
    (void)state;
    ink_vocab_train_options options = {
        .n_tokens = 400, .specials = ink_special_token_named("eos"), .n_specials = 1};
    assert_true(ink_fail_each_allocation(learn, &options, MAX_CALLS) > 30);
}

static void characters(void **state)
{
    (void)state;
    ink_vocab_train_options options = {.kind = INK_LEARN_CHARACTERS};
    assert_true(ink_fail_each_allocation(learn, &options, MAX_CALLS) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_pairs),
        cmocka_unit_test(characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
