#include "learn/vocab_train.h"

#include <string.h>
#include "base/memory.h"
#include "base/status.h"
#include "learn/special_tokens.h"
#include "learn/vocab_trainer.h"

#define N_BYTES 256u
#define MAX_PART_BYTES ((size_t)16 << 20) /* of a text, taken at once */

static const ink_vocab_train_row rows[] = {
    [INK_LEARN_BYTE_PAIRS] =
        {
            .model = "gpt2",
            .has_words = true,
            .byte_level = true,
            .min_count = 2,
            .count = ink_bpe_count,
            .learn = ink_bpe_learn,
        },
    [INK_LEARN_CHARACTERS] =
        {
            .model = "llama",
            .min_count = 1,
            .roles = {INK_ROLE_UNKNOWN, INK_ROLE_BOS, INK_ROLE_EOS},
            .n_roles = 3,
            .n_always = 1, /* the space */
            .count = ink_characters_count,
            .learn = ink_characters_learn,
        },
};

#define N_ROWS (sizeof rows / sizeof rows[0])

/* ---- Special tokens. */

static const ink_special_token *find_role(const ink_vocab_train_options *options,
                                          ink_token_role role)
{
    for (size_t i = 0; i < options->n_specials; i++)
        if (options->specials[i].role == role)
            return &options->specials[i];
    return NULL;
}

static bool is_required(const ink_vocab_train_row *row, ink_token_role role)
{
    for (size_t i = 0; i < row->n_roles; i++)
        if (row->roles[i] == role)
            return true;
    return false;
}

static const ink_special_token *usual_token(ink_token_role role)
{
    const char *name;
    const ink_special_token *token;
    for (size_t i = 0; (token = ink_special_token_at(i, &name)) != NULL; i++)
        if (token->role == role)
            break;
    return token;
}

/* Those that must be, as asked for or as usual, and then the others. */
static bool list_specials(ink_vocab_trainer *trainer)
{
    ink_vocab_train_options *options = &trainer->options;
    const ink_vocab_train_row *row = trainer->row;
    size_t n = 0;
    ink_special_token *list =
        ink_new(trainer->allocator, options->n_specials + row->n_roles, sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < row->n_roles; i++) {
        const ink_special_token *asked = find_role(options, row->roles[i]);
        list[n++] = asked ? *asked : *usual_token(row->roles[i]);
    }
    for (size_t i = 0; i < options->n_specials; i++)
        if (!is_required(row, options->specials[i].role))
            list[n++] = options->specials[i];
    options->specials = trainer->specials = list;
    options->n_specials = n;
    return true;
}

/* A vocabulary of special tokens and bytes, with room for max_tokens. */
static ink_status begin(const ink_vocab_trainer *trainer, size_t max_tokens,
                        ink_vocab_builder **out, ink_error *error)
{
    ink_vocab_builder *builder = NULL;
    INK_TRY(ink_vocab_builder_new(&builder, trainer->row->model, max_tokens, trainer->allocator,
                                  error));
    ink_status status = INK_OK;
    for (size_t i = 0; i < trainer->options.n_specials && status == INK_OK; i++)
        status = ink_vocab_builder_add_special(builder, &trainer->specials[i], error);
    if (status == INK_OK && !trainer->options.no_bytes)
        status = ink_vocab_builder_add_bytes(builder, trainer->row->byte_level, error);
    if (status != INK_OK) {
        ink_vocab_builder_free(builder);
        return status;
    }
    *out = builder;
    return INK_OK;
}

/* The tokens that are there whatever the texts are. */
static size_t count_fixed(const ink_vocab_trainer *trainer)
{
    return trainer->options.n_specials + trainer->row->n_always +
           (trainer->options.no_bytes ? 0 : N_BYTES);
}

/* ---- Options. */

static ink_status check_special(const ink_vocab_train_options *options, size_t index,
                                ink_error *error)
{
    const ink_special_token *special = &options->specials[index];
    if (special->text.n_bytes == 0 || special->text.n_bytes > INK_VOCAB_MAX_SPECIAL_BYTES)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "special token %zu has %zu bytes, expected 1 to %d", index,
                        special->text.n_bytes, INK_VOCAB_MAX_SPECIAL_BYTES);
    if (special->type != 0 &&
        (special->type < INK_TOKEN_UNKNOWN || special->type > INK_TOKEN_USER_DEFINED))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "special token %zu has the type %d, expected %d to %d", index,
                        (int)special->type, INK_TOKEN_UNKNOWN, INK_TOKEN_USER_DEFINED);
    if ((unsigned)special->role > INK_N_TOKEN_ROLES)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "special token %zu has no such role", index);
    if (special->role < INK_N_TOKEN_ROLES && find_role(options, special->role) != special)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "special token '%.*s' has a role that another has before it",
                        (int)special->text.n_bytes, special->text.data);
    return INK_OK;
}

static ink_status check_options(const ink_vocab_train_options *options, ink_error *error)
{
    if ((size_t)options->kind >= N_ROWS)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no such kind of vocabulary");
    if (options->n_specials > INK_VOCAB_TRAIN_MAX_SPECIALS)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "%zu special tokens, at most %d are supported",
                        options->n_specials, INK_VOCAB_TRAIN_MAX_SPECIALS);
    if (options->max_token_bytes > INK_VOCAB_TRAIN_MAX_TOKEN_BYTES ||
        options->max_word_bytes > INK_VOCAB_TRAIN_MAX_WORD_BYTES)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a token may have at most %d bytes, and all words %zu",
                        INK_VOCAB_TRAIN_MAX_TOKEN_BYTES, INK_VOCAB_TRAIN_MAX_WORD_BYTES);
    if (options->no_bytes && rows[options->kind].byte_level)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "byte pairs are made of bytes: no_bytes is for characters");
    for (size_t i = 0; i < options->n_specials; i++)
        INK_TRY(check_special(options, i, error));
    return INK_OK;
}

static void settle(ink_vocab_trainer *trainer, const ink_vocab_train_options *options)
{
    ink_vocab_train_options *own = &trainer->options;
    *own = *options;
    trainer->row = &rows[options->kind];
    if (own->pre.n_bytes == 0)
        own->pre = (ink_text){INK_VOCAB_TRAIN_PRETOKENIZER, strlen(INK_VOCAB_TRAIN_PRETOKENIZER)};
    if (own->min_count == 0)
        own->min_count = trainer->row->min_count;
    if (own->max_token_bytes == 0)
        own->max_token_bytes = INK_VOCAB_TRAIN_TOKEN_BYTES;
    if (own->max_word_bytes == 0)
        own->max_word_bytes = INK_VOCAB_TRAIN_WORD_BYTES;
}

static ink_status check_tokens(const ink_vocab_trainer *trainer, ink_error *error)
{
    const ink_vocab_train_options *options = &trainer->options;
    size_t n_fixed = count_fixed(trainer);
    bool free_size = options->n_tokens == 0 && !trainer->row->has_words;
    if (!free_size && (options->n_tokens < n_fixed || options->n_tokens > INK_VOCAB_MAX_TOKENS))
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a vocabulary of %zu tokens: special tokens and bytes are %zu, and at most "
                        "%d are supported",
                        options->n_tokens, n_fixed, INK_VOCAB_MAX_TOKENS);
    bool no_bos = options->add_bos && !find_role(options, INK_ROLE_BOS);
    bool no_eos = options->add_eos && !find_role(options, INK_ROLE_EOS);
    if (no_bos || no_eos)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "texts are to %s with %s, but no special token has that role",
                        no_bos ? "begin" : "end", no_bos ? "BOS" : "EOS");
    /* Made once to see that no two texts are the same, before hours of reading. */
    ink_vocab_builder *builder = NULL;
    INK_TRY(begin(trainer, n_fixed, &builder, error));
    ink_vocab_builder_free(builder);
    return INK_OK;
}

/* ---- The trainer. */

static ink_status open_special(ink_vocab_trainer *trainer, ink_error *error)
{
    const ink_vocab_train_options *options = &trainer->options;
    size_t n_bytes = 0;
    for (size_t i = 0; i < options->n_specials; i++)
        n_bytes += options->specials[i].text.n_bytes;
    if (!ink_special_map_init(&trainer->special, n_bytes, trainer->allocator))
        return ink_fail_memory(error, "special tokens");
    for (size_t i = 0; i < options->n_specials; i++)
        if (ink_special_map_add(&trainer->special, options->specials[i].text, (int32_t)i) ==
            INK_MAP_CROWDED)
            return ink_fail(error, INK_LIMIT, 0, "the special tokens are made to collide");
    return INK_OK;
}

static ink_status open_words(ink_vocab_trainer *trainer, ink_error *error)
{
    ink_word_table_init(&trainer->words, trainer->allocator, trainer->options.max_word_bytes);
    if (!trainer->row->has_words)
        return INK_OK;
    INK_TRY(ink_pretokenizer_open(&trainer->pretokenizer, trainer->options.pre, trainer->allocator,
                                  error));
    return ink_word_splitter_init(&trainer->splitter, &trainer->pretokenizer, ink_bpe_count_word,
                                  trainer, error);
}

ink_status ink_vocab_trainer_new(ink_vocab_trainer **out, const ink_vocab_train_options *options,
                                 const ink_allocator *allocator, ink_error *error)
{
    INK_TRY(check_options(options, error));
    ink_vocab_trainer *trainer = ink_new(allocator, 1, sizeof *trainer);
    if (!trainer)
        return ink_fail_memory(error, "learning a vocabulary");
    trainer->allocator = allocator;
    settle(trainer, options);
    ink_status status = list_specials(trainer) ? INK_OK : ink_fail_memory(error, "special tokens");
    if (status == INK_OK)
        status = check_tokens(trainer, error);
    if (status == INK_OK)
        status = open_special(trainer, error);
    if (status == INK_OK)
        status = open_words(trainer, error);
    if (status != INK_OK) {
        ink_vocab_trainer_free(trainer);
        return status;
    }
    *out = trainer;
    return INK_OK;
}

void ink_vocab_trainer_free(ink_vocab_trainer *trainer)
{
    if (!trainer)
        return;
    const ink_allocator *allocator = trainer->allocator;
    ink_word_table_deinit(&trainer->words);
    if (trainer->splitter.pretokenizer)
        ink_word_splitter_deinit(&trainer->splitter);
    ink_pretokenizer_close(&trainer->pretokenizer);
    ink_special_map_deinit(&trainer->special, allocator);
    ink_delete(allocator, trainer->specials);
    ink_delete(allocator, trainer);
}

/* ---- Texts. */

/* As ink_vocab_encode has it: these become tokens, the others are text. */
static bool accept(const void *context, int32_t token, size_t at, size_t n_bytes)
{
    const ink_vocab_train_options *options = context;
    (void)at;
    (void)n_bytes;
    return options->parse_special || options->specials[token].type == INK_TOKEN_USER_DEFINED;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where a long text may be cut: between lines, else between characters. */
static size_t part_bytes(ink_text text)
{
    if (text.n_bytes <= MAX_PART_BYTES)
        return text.n_bytes;
    for (size_t at = MAX_PART_BYTES; at > MAX_PART_BYTES / 2; at--)
        if (text.data[at - 1] == '\n' && !is_space(text.data[at]))
            return at;
    size_t at = MAX_PART_BYTES;
    while (at > MAX_PART_BYTES - 4 && (text.data[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static ink_status count_stretch(ink_vocab_trainer *trainer, ink_text text, ink_error *error)
{
    trainer->n_bytes += text.n_bytes;
    while (text.n_bytes > 0) {
        size_t n_bytes = part_bytes(text);
        INK_TRY(trainer->row->count(trainer, (ink_text){text.data, n_bytes}, error));
        text.data += n_bytes;
        text.n_bytes -= n_bytes;
    }
    return INK_OK;
}

ink_status ink_vocab_trainer_add(ink_vocab_trainer *trainer, const char *text, size_t n_bytes,
                                 ink_error *error)
{
    if (trainer->finished)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "texts come before learning is finished");
    for (size_t at = 0; at < n_bytes;) {
        ink_special_hit hit = ink_special_map_find(&trainer->special, (ink_text){text, n_bytes}, at,
                                                   accept, &trainer->options);
        INK_TRY(count_stretch(trainer, (ink_text){text + at, hit.at - at}, error));
        at = hit.at + hit.n_bytes;
    }
    return INK_OK;
}

/* ---- Learning. */

static ink_status describe(const ink_vocab_trainer *trainer, ink_vocab_builder *builder,
                           ink_error *error)
{
    ink_vocab_source *source = &builder->trained.source;
    source->flags[INK_VOCAB_ADD_BOS] = trainer->options.add_bos ? INK_CHOICE_YES : INK_CHOICE_NO;
    source->flags[INK_VOCAB_ADD_EOS] = trainer->options.add_eos ? INK_CHOICE_YES : INK_CHOICE_NO;
    builder->trained.n_bytes = trainer->n_bytes;
    builder->trained.n_words = trainer->words.n_words;
    if (!trainer->row->has_words) {
        source->scores = builder->scores;
        source->flags[INK_VOCAB_ADD_SPACE_PREFIX] = INK_CHOICE_NO;
        return INK_OK;
    }
    size_t n_bytes = strlen(trainer->pretokenizer.name);
    char *pre = ink_arena_string(&builder->arena, trainer->pretokenizer.name, n_bytes);
    source->pre = (ink_text){pre, n_bytes};
    return pre ? INK_OK : ink_fail_memory(error, "a vocabulary");
}

ink_status ink_vocab_trainer_finish(ink_vocab_trainer *trainer, ink_trained_vocab **out,
                                    ink_error *error)
{
    size_t n_tokens = trainer->options.n_tokens;
    ink_vocab_builder *builder = NULL;
    if (trainer->finished)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "learning is already finished");
    trainer->finished = true;
    size_t max_tokens = n_tokens ? n_tokens : count_fixed(trainer) + trainer->words.n_words;
    INK_TRY(begin(trainer, max_tokens, &builder, error));
    ink_status status = describe(trainer, builder, error);
    if (status == INK_OK)
        status = trainer->row->learn(trainer, builder, error);
    if (status != INK_OK) {
        ink_vocab_builder_free(builder);
        return status;
    }
    ink_trained_vocab *trained = ink_vocab_builder_take(builder);
    trained->n_missing =
        n_tokens > trained->source.n_tokens ? n_tokens - trained->source.n_tokens : 0;
    *out = trained;
    return INK_OK;
}
