/*
 * Learning byte pairs (Sennrich et al. 2016): the most frequent pair of neighbors in the words of
 * the corpus becomes a token, until there are enough.
 *
 * A pair whose text is already a token's is passed over. So every token is made by one merge, out
 * of tokens that older merges made, and merging by rank (text/token_merge.h) cuts each word as
 * learning did.
 */
#include "base/status.h"
#include "learn/bpe_queue.h"
#include "learn/bpe_symbols.h"
#include "learn/vocab_trainer.h"

#define TOKENS_BETWEEN_REPORTS 64

ink_status ink_bpe_count_word(void *context, ink_text word, ink_error *error)
{
    ink_vocab_trainer *trainer = context;
    return ink_word_table_add(&trainer->words, word, error);
}

ink_status ink_bpe_count(ink_vocab_trainer *trainer, ink_text text, ink_error *error)
{
    return ink_word_splitter_run(&trainer->splitter, text, error);
}

typedef struct learner {
    const ink_vocab_train_options *options;
    ink_vocab_builder *builder;
    ink_bpe_symbols symbols;
    ink_bpe_queue queue;
    size_t n_first; /* tokens before the first merge */
} learner;

/* Pairs that came up in the last step, if they may become a token one day. */
static bool queue_fresh(learner *w)
{
    ink_bpe_symbols *symbols = &w->symbols;
    for (size_t i = 0; i < symbols->n_fresh; i++) {
        uint64_t key = symbols->fresh[i];
        const ink_bpe_pair *pair = ink_bpe_pairs_find(&symbols->pairs, key);
        if (!pair || pair->count < w->options->min_count ||
            ink_bpe_symbols_length(symbols, key) > w->options->max_token_bytes)
            continue;
        if (!ink_bpe_queue_push(&w->queue, (ink_bpe_candidate){pair->count, key}))
            return false;
    }
    symbols->n_fresh = 0;
    return true;
}

static ink_status learn_pair(learner *w, uint64_t key, ink_error *error)
{
    const ink_text *tokens = w->builder->tokens;
    ink_text left = tokens[key >> 32], right = tokens[(uint32_t)key];
    uint32_t made = (uint32_t)w->builder->trained.source.n_tokens;
    if (ink_vocab_builder_is_taken(w->builder, left, right))
        return INK_OK;
    INK_TRY(ink_vocab_builder_add_merge(w->builder, left, right, error));
    if (!ink_bpe_symbols_merge(&w->symbols, key, made) || !queue_fresh(w))
        return ink_fail_memory(error, "merging pairs of tokens");
    return INK_OK;
}

static bool report(const learner *w)
{
    const ink_progress *progress = &w->options->progress;
    size_t n_done = w->builder->trained.source.n_tokens - w->n_first,
           n_wanted = w->options->n_tokens - w->n_first;
    if (!progress->report || n_done % TOKENS_BETWEEN_REPORTS != 0 || n_wanted == 0)
        return true;
    return progress->report(progress->context, (float)n_done / (float)n_wanted);
}

static ink_status learn(learner *w, ink_error *error)
{
    const ink_vocab_source *source = &w->builder->trained.source;
    ink_bpe_candidate best;
    while (source->n_tokens < w->options->n_tokens && ink_bpe_queue_pop(&w->queue, &best)) {
        const ink_bpe_pair *pair = ink_bpe_pairs_find(&w->symbols.pairs, best.key);
        if (pair && pair->count == best.count) {
            INK_TRY(learn_pair(w, best.key, error));
            if (!report(w))
                return ink_fail(error, INK_CANCELLED, 0, "learning a vocabulary was cancelled");
        } else if (pair && pair->count >= w->options->min_count) {
            best.count = pair->count;
            if (!ink_bpe_queue_push(&w->queue, best))
                return ink_fail_memory(error, "pairs of tokens");
        }
    }
    return INK_OK;
}

ink_status ink_bpe_learn(ink_vocab_trainer *trainer, ink_vocab_builder *builder, ink_error *error)
{
    learner w = {.options = &trainer->options,
                 .builder = builder,
                 .n_first = builder->trained.source.n_tokens};
    ink_bpe_queue_init(&w.queue, trainer->allocator);
    ink_status status =
        ink_bpe_symbols_init(&w.symbols, &trainer->words, (uint32_t)(w.n_first - 256),
                             trainer->options.n_tokens, trainer->allocator, error);
    ink_buffer_deinit(&trainer->words.texts); /* the symbols say the same */
    if (status == INK_OK && !queue_fresh(&w))
        status = ink_fail_memory(error, "pairs of tokens");
    if (status == INK_OK)
        status = learn(&w, error);
    builder->trained.n_pieces = w.symbols.n_tokens;
    ink_bpe_queue_deinit(&w.queue);
    ink_bpe_symbols_deinit(&w.symbols);
    return status;
}
