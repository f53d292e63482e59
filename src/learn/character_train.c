/*
 * Characters as tokens: every one that the texts have, in the order of code points, or the most
 * frequent ones where there is not room for all.
 */
#include <stdlib.h>
#include <string.h>
#include "base/status.h"
#include "base/utf8.h"
#include "learn/vocab_trainer.h"

#define SPACE "\xe2\x96\x81"
#define SPACE_CODE_POINT 0x2581u

typedef struct character {
    uint64_t count;
    uint32_t code_point;
} character;

ink_status ink_characters_count(ink_vocab_trainer *trainer, ink_text text, ink_error *error)
{
    for (size_t at = 0; at < text.n_bytes;) {
        uint32_t code_point;
        size_t n_bytes = ink_utf8_decode(text.data + at, text.n_bytes - at, &code_point);
        /* Engines that keep texts as C strings could not read a token of one NUL. */
        bool loose = n_bytes == 0 || (code_point == 0 && !trainer->options.no_bytes);
        n_bytes = n_bytes ? n_bytes : 1;
        if (loose)
            trainer->n_loose_bytes++;
        else
            INK_TRY(
                ink_word_table_add(&trainer->words, (ink_text){text.data + at, n_bytes}, error));
        at += n_bytes;
    }
    return INK_OK;
}

/* The space goes before all others. */
static int by_count(const void *left, const void *right)
{
    const character *a = left, *b = right;
    if (a->code_point == ' ' || b->code_point == ' ')
        return (b->code_point == ' ') - (a->code_point == ' ');
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->code_point < b->code_point ? -1 : a->code_point > b->code_point;
}

static int by_code_point(const void *left, const void *right)
{
    const character *a = left, *b = right;
    return a->code_point < b->code_point ? -1 : a->code_point > b->code_point;
}

/*
 * Those that can be tokens; U+2581 cannot be told from a space. The space is there even if no text
 * has one: it would come back as U+2581. Returns how many.
 */
static size_t list_characters(const ink_vocab_trainer *trainer, ink_trained_vocab *trained,
                              character *out)
{
    size_t n = 1;
    out[0] = (character){0, ' '};
    for (size_t i = 0; i < trainer->words.n_words; i++) {
        const ink_word *word = &trainer->words.words[i];
        ink_text text = ink_word_text(&trainer->words, word);
        uint32_t code_point = 0;
        size_t n_bytes = ink_utf8_decode(text.data, text.n_bytes, &code_point);
        if (code_point == SPACE_CODE_POINT) {
            trained->n_lookalikes = word->count;
            trained->n_pieces += word->count;
            continue;
        }
        trained->n_pieces += word->count * n_bytes;
        if (code_point == ' ')
            out[0].count = word->count;
        else
            out[n++] = (character){word->count, code_point};
    }
    return n;
}

static ink_status add_characters(ink_vocab_builder *builder, const character *characters, size_t n,
                                 ink_error *error)
{
    for (size_t i = 0; i < n; i++) {
        char text[4];
        size_t n_bytes = ink_utf8_encode(characters[i].code_point, text);
        ink_text spelled = {text, n_bytes};
        if (characters[i].code_point == ' ')
            spelled = (ink_text){SPACE, strlen(SPACE)};
        INK_TRY(ink_vocab_builder_add(builder, spelled, INK_TOKEN_NORMAL, error));
        builder->trained.n_pieces -= characters[i].count * (n_bytes - 1);
    }
    return INK_OK;
}

ink_status ink_characters_learn(ink_vocab_trainer *trainer, ink_vocab_builder *builder,
                                ink_error *error)
{
    ink_trained_vocab *trained = &builder->trained;
    size_t n_all, n = 0, room = builder->max_tokens - trained->source.n_tokens;
    character *characters =
        ink_new(trainer->allocator, trainer->words.n_words + 1, sizeof *characters);
    if (!characters)
        return ink_fail_memory(error, "the characters of the texts");
    trained->n_pieces = trainer->n_loose_bytes;
    n_all = list_characters(trainer, trained, characters);
    qsort(characters, n_all, sizeof *characters, by_count);
    while (n < n_all && n < room && (n == 0 || characters[n].count >= trainer->options.min_count))
        n++;
    trained->n_left_out = n_all - n;
    qsort(characters, n, sizeof *characters, by_code_point);
    ink_status status = add_characters(builder, characters, n, error);
    ink_delete(trainer->allocator, characters);
    return status;
}
