/*
 * Learning vocabularies: of any bytes comes a vocabulary that loads with all its merges, cuts them
 * into as many tokens as learning said, and gives them back; one of no more tokens than asked for.
 *
 * Input: kind and options, family, tokens to learn, longest token; the rest are two texts of one
 * length.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "learn/special_tokens.h"
#include "text/detokenizer.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_HEAD = 4, N_SPECIALS = 3, N_FIXED = 256 + N_SPECIALS + 2, MAX_BYTES = 1 << 20 };

/* Bits of the options byte. */
enum { IS_CHARACTERS = 1, NO_BYTES = 2, HAS_SPECIALS = 4, PARSES = 8, ONCE = 16, HAS_SIZE = 32 };

static void demand(bool truth)
{
    if (!truth)
        abort();
}

static ink_vocab_train_options read_options(const uint8_t *head,
                                            const ink_special_token specials[N_SPECIALS])
{
    const char *names = ink_pretokenizer_family(head[1]);
    bool characters = head[0] & IS_CHARACTERS;
    size_t n_tokens = N_FIXED + (size_t)head[2];
    return (ink_vocab_train_options){
        .kind = characters ? INK_LEARN_CHARACTERS : INK_LEARN_BYTE_PAIRS,
        .n_tokens = characters && !(head[0] & HAS_SIZE) ? 0 : n_tokens,
        .pre = names ? (ink_text){names, strcspn(names, " ")} : (ink_text){0},
        .specials = specials,
        .n_specials = (head[0] & HAS_SPECIALS) ? N_SPECIALS : 0,
        .parse_special = head[0] & PARSES,
        .no_bytes = characters && (head[0] & NO_BYTES),
        .min_count = (head[0] & ONCE) ? 1 : 0,
        .max_token_bytes = head[3],
    };
}

/* What the text becomes when it comes back: of characters, U+2581 does as a space. */
static void check_back(const ink_buffer *back, ink_text text, bool characters)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n_bytes;) {
        bool space =
            characters && text.n_bytes - at >= 3 && memcmp(text.data + at, "\xe2\x96\x81", 3) == 0;
        demand(n < back->n_bytes && back->data[n] == (space ? ' ' : text.data[at]));
        at += space ? 3 : 1;
        n++;
    }
    demand(n == back->n_bytes);
}

/* Returns how many tokens the text is, special ones apart. */
static size_t check_text(const ink_vocab *vocab, const ink_vocab_train_options *options,
                         ink_text text)
{
    ink_token_list list;
    ink_buffer back;
    const ink_encode_options how = {.parse_special = options->parse_special};
    const ink_decode_options whole = {.render_special = true};
    size_t n_pieces = 0;
    ink_token_list_init(&list, NULL, MAX_BYTES);
    ink_buffer_init(&back, NULL, MAX_BYTES);
    demand(ink_vocab_encode(vocab, text, how, &list, NULL) == INK_OK);
    demand(ink_vocab_decode(vocab, list.ids, list.n_tokens, whole, &back, NULL) == INK_OK);
    if (!options->no_bytes)
        check_back(&back, text, options->kind == INK_LEARN_CHARACTERS);
    for (size_t i = 0; i < list.n_tokens; i++) {
        ink_token_type type = ink_vocab_token_type(vocab, list.ids[i]);
        n_pieces += type == INK_TOKEN_NORMAL || type == INK_TOKEN_BYTE;
    }
    ink_buffer_deinit(&back);
    ink_token_list_deinit(&list);
    return n_pieces;
}

static void check(const ink_trained_vocab *trained, const ink_vocab_train_options *options,
                  const ink_text texts[2])
{
    ink_vocab *vocab = NULL;
    size_t n_tokens = trained->source.n_tokens, n_wanted = options->n_tokens;
    demand(n_wanted == 0 || n_tokens + trained->n_missing == n_wanted);
    demand(ink_vocab_new(&vocab, &trained->source, NULL, NULL) == INK_OK);
    demand(ink_vocab_n_ignored_merges(vocab) == 0);
    size_t n_pieces = check_text(vocab, options, texts[0]) + check_text(vocab, options, texts[1]);
    ink_pretokenizer pretokenizer;
    demand(ink_pretokenizer_open(&pretokenizer, trained->source.pre, NULL, NULL) == INK_OK);
    /* Where a word that is a token is taken whole, there may be fewer. */
    bool exact = !(pretokenizer.traits & INK_PRE_WHOLE_WORDS) && !options->no_bytes;
    demand(exact ? n_pieces == trained->n_pieces : n_pieces <= trained->n_pieces);
    ink_pretokenizer_close(&pretokenizer);
    ink_vocab_free(vocab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ink_special_token specials[N_SPECIALS] = {
        *ink_special_token_named("eos"),
        {{"<u>", 3}, INK_N_TOKEN_ROLES, INK_TOKEN_USER_DEFINED},
        {{"<unk>", 5}, INK_ROLE_UNKNOWN, 0},
    };
    if (size < N_HEAD || size > MAX_BYTES / 4)
        return 0;
    const ink_vocab_train_options options = read_options(data, specials);
    const char *begin = (const char *)data + N_HEAD;
    size_t half = (size - N_HEAD) / 2;
    const ink_text texts[2] = {{begin, half}, {begin + half, size - N_HEAD - half}};
    ink_vocab_trainer *trainer = NULL;
    ink_trained_vocab *trained = NULL;
    demand(ink_vocab_trainer_new(&trainer, &options, NULL, NULL) == INK_OK);
    for (size_t i = 0; i < 2; i++)
        demand(ink_vocab_trainer_add(trainer, texts[i].data, texts[i].n_bytes, NULL) == INK_OK);
    demand(ink_vocab_trainer_finish(trainer, &trained, NULL) == INK_OK);
    ink_vocab_trainer_free(trainer);
    check(trained, &options, texts);
    ink_trained_vocab_free(trained);
    return 0;
}
