/* Making a new model: configuration, vocabulary, first weights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "learn/init.h"
#include "learn/special_tokens.h"
#include "learn/text_source.h"
#include "model/vocab_write.h"

#define ORIGIN_KEY "inkling.created_from"
#define ORIGIN_VERSION "1" /* raised when the same things give another file */

enum { HEX_BYTES = 2 * INK_SHA256_BYTES + 1, MAX_METADATA_MEMORY = 1 << 28 };

typedef enum source { FROM_BYTE_PAIRS, FROM_CHARACTERS, FROM_MODEL } source;

typedef struct maker {
    const ink_creation *creation;
    const char *out;
    source source;
    size_t n_tokens; /* asked for */
    ink_gguf *donor; /* whose vocabulary it gets */
    ink_text config_text;
    ink_config config;
    ink_gguf_writer *writer;
    ink_arena arena;
    ink_sha256 sum; /* of all that the file follows from */
    char origin[HEX_BYTES];
} maker;

/* ---- Options --------------------------------------------------------------------------------- */

static ink_status read_choice(maker *m, ink_error *error)
{
    const char *word = m->creation->vocabulary;
    char *end;
    if (!word || !*word)
        return ink_fail(error, INK_BAD_ARGUMENT, 0,
                        "a new model needs a vocabulary: a number of tokens, \"chars\", or the "
                        "model that it is from");
    m->source = FROM_MODEL;
    if (strcmp(word, "chars") == 0)
        m->source = FROM_CHARACTERS;
    if (strspn(word, "0123456789") == strlen(word)) {
        m->source = FROM_BYTE_PAIRS;
        unsigned long long n = strtoull(word, &end, 10);
        m->n_tokens = n < INK_VOCAB_MAX_TOKENS ? (size_t)n : INK_VOCAB_MAX_TOKENS + 1;
    }
    if (m->source != FROM_MODEL && m->creation->n_texts == 0)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "there is no text to learn a vocabulary from");
    return INK_OK;
}

static bool has_records(const ink_creation *c)
{
    for (size_t i = 0; i < c->n_texts; i++)
        if (ink_text_is_records(c->texts[i]))
            return true;
    return false;
}

/* ---- Vocabularies ---------------------------------------------------------------------------- */

static ink_status add_piece(void *trainer, ink_text text, ink_error *error)
{
    return ink_vocab_trainer_add(trainer, text.data, text.n_bytes, error);
}

static ink_status learn_records(ink_vocab_trainer *trainer, ink_record_reader *reader,
                                ink_error *error)
{
    ink_record record;
    for (bool found = true;;) {
        ink_error inner = {0};
        INK_TRY(ink_record_next(reader, &record, &found, error));
        if (!found)
            return INK_OK;
        ink_status status = ink_record_visit(&record, add_piece, trainer, &inner);
        if (status != INK_OK)
            return ink_record_fail(reader, status, &inner, error);
    }
}

static ink_status learn_text(maker *m, ink_vocab_trainer *trainer, const char *path,
                             ink_error *error)
{
    ink_text text;
    ink_status status;
    INK_TRY(ink_text_read(path, &text, m->creation->allocator, error));
    ink_sha256_add(&m->sum, text.data, text.n_bytes);
    if (!trainer) {
        status = INK_OK;
    } else if (ink_text_is_records(path)) {
        ink_record_reader reader;
        ink_record_reader_init(&reader, path, text, m->creation->allocator);
        status = learn_records(trainer, &reader, error);
        ink_record_reader_deinit(&reader);
    } else {
        status = ink_vocab_trainer_add(trainer, text.data, text.n_bytes, error);
    }
    ink_delete(m->creation->allocator, (char *)text.data);
    return status;
}

/* Without a trainer they are only added to the sum. */
static ink_status learn_texts(maker *m, ink_vocab_trainer *trainer, ink_error *error)
{
    for (size_t i = 0; i < m->creation->n_texts; i++)
        INK_TRY(learn_text(m, trainer, m->creation->texts[i], error));
    return INK_OK;
}

static void tell(const maker *m, const ink_trained_vocab *trained)
{
    if (trained->n_missing > 0)
        ink_warn(&m->creation->log,
                 "the texts have no more to learn: %zu tokens in place of the %zu that were asked "
                 "for",
                 trained->source.n_tokens, m->n_tokens);
}

static ink_status finish_vocabulary(maker *m, ink_vocab_trainer *trainer, ink_error *error)
{
    ink_trained_vocab *trained;
    bool chats = m->source == FROM_BYTE_PAIRS && has_records(m->creation);
    INK_TRY(learn_texts(m, trainer, error));
    INK_TRY(ink_vocab_trainer_finish(trainer, &trained, error));
    tell(m, trained);
    m->config.hparams.n_vocab = (uint32_t)trained->source.n_tokens;
    ink_status status =
        ink_model_vocab_write(m->writer, &trained->source, chats ? ink_chatml_template : NULL,
                              m->creation->allocator, error);
    ink_trained_vocab_free(trained);
    return status;
}

/* Byte pairs have the tokens of turns, so that what is learned now may learn to chat later. */
static ink_status learn_vocabulary(maker *m, ink_error *error)
{
    ink_special_token specials[] = {*ink_special_token_named("eos"),
                                    *ink_special_token_named("turn_begin"),
                                    *ink_special_token_named("turn_end")};
    ink_vocab_train_options options = {.n_tokens = m->n_tokens, .progress = m->creation->progress};
    if (m->source == FROM_CHARACTERS) {
        options.kind = INK_LEARN_CHARACTERS;
    } else {
        options.specials = specials;
        options.n_specials = sizeof specials / sizeof *specials;
    }
    ink_vocab_trainer *trainer;
    INK_TRY(ink_vocab_trainer_new(&trainer, &options, m->creation->allocator, error));
    ink_status status = finish_vocabulary(m, trainer, error);
    ink_vocab_trainer_free(trainer);
    return status;
}

static ink_status open_donor(maker *m, ink_error *error)
{
    const ink_gguf_value *tokens = NULL;
    const char *path = m->creation->vocabulary;
    INK_TRY(ink_gguf_open(&m->donor, path, m->creation->allocator, error));
    INK_TRY(ink_gguf_get_array(m->donor, "tokenizer.ggml.tokens", INK_GGUF_STRING, &tokens, error));
    if (!tokens || tokens->n_items == 0 || tokens->n_items > INK_VOCAB_MAX_TOKENS)
        return ink_fail(error, INK_UNSUPPORTED, 0, "%s: has no vocabulary to take", path);
    m->config.hparams.n_vocab = (uint32_t)tokens->n_items;
    return INK_OK;
}

/* To the writer or, where there is none, to the sum. */
static ink_status copy_vocabulary(maker *m, ink_gguf_writer *writer, ink_error *error)
{
    static const char prefix[] = "tokenizer.";
    for (size_t i = 0; i < ink_gguf_n_values(m->donor); i++) {
        const ink_gguf_value *value = ink_gguf_get_value(m->donor, i);
        if (strncmp(value->key, prefix, sizeof prefix - 1) != 0)
            continue;
        if (writer)
            INK_TRY(ink_gguf_writer_set_value(writer, value->key, value, error));
        ink_sha256_add(&m->sum, value->bytes, (size_t)value->n_bytes);
    }
    return INK_OK;
}

/* ---- What it was created of ------------------------------------------------------------------ */

static void add_text(ink_sha256 *sum, const char *text)
{
    ink_sha256_add(sum, text, strlen(text) + 1);
}

static ink_status find_origin(maker *m, ink_error *error)
{
    uint8_t digest[INK_SHA256_BYTES];
    bool chats = has_records(m->creation);
    ink_sha256_init(&m->sum);
    add_text(&m->sum, ORIGIN_VERSION);
    ink_sha256_add(&m->sum, m->config_text.data, m->config_text.n_bytes);
    add_text(&m->sum, m->source == FROM_MODEL ? "model" : m->creation->vocabulary);
    ink_sha256_add(&m->sum, &chats, sizeof chats);
    ink_sha256_add(&m->sum, &m->creation->seed, sizeof m->creation->seed);
    INK_TRY(m->source == FROM_MODEL ? copy_vocabulary(m, NULL, error)
                                    : learn_texts(m, NULL, error));
    ink_sha256_finish(&m->sum, digest);
    ink_sha256_print(digest, INK_SHA256_BYTES, m->origin);
    return INK_OK;
}

/* Whatever is wrong with the file that is there, it is to be replaced. */
static bool is_there(const maker *m)
{
    ink_gguf *gguf = NULL;
    ink_gguf_string origin = {NULL, 0};
    if (access(m->out, F_OK) != 0 ||
        ink_gguf_open(&gguf, m->out, m->creation->allocator, NULL) != INK_OK)
        return false;
    bool same = ink_gguf_get_string(gguf, ORIGIN_KEY, &origin, NULL) == INK_OK && origin.text &&
                strcmp(origin.text, m->origin) == 0;
    ink_gguf_free(gguf);
    return same;
}

/* ---- The file -------------------------------------------------------------------------------- */

static ink_status make(maker *m, ink_error *error)
{
    const ink_creation *c = m->creation;
    INK_TRY(read_choice(m, error));
    INK_TRY(ink_text_read(c->config, &m->config_text, c->allocator, error));
    INK_TRY(ink_gguf_writer_new(&m->writer, 0, c->allocator, error));
    INK_TRY(ink_config_read(&m->config, m->writer, m->config_text.data, m->config_text.n_bytes,
                            c->config, &m->arena, error));
    if (m->source == FROM_MODEL)
        INK_TRY(open_donor(m, error));
    INK_TRY(find_origin(m, error));
    if (is_there(m))
        return INK_OK;
    INK_TRY(ink_gguf_writer_set_text(m->writer, ORIGIN_KEY, m->origin, error));
    INK_TRY(m->source == FROM_MODEL ? copy_vocabulary(m, m->writer, error)
                                    : learn_vocabulary(m, error));
    return ink_init_write(&m->config, m->writer, c->seed, m->out, c->allocator, error);
}

ink_status ink_model_create(const char *out, const ink_creation *creation, ink_error *error)
{
    maker m = {.creation = creation, .out = out};
    if (!creation->config)
        return ink_fail(error, INK_BAD_ARGUMENT, 0, "a new model needs a configuration");
    ink_file_sweep(out);
    ink_arena_init(&m.arena, creation->allocator, MAX_METADATA_MEMORY);
    ink_status status = make(&m, error);
    ink_gguf_writer_free(m.writer);
    ink_gguf_free(m.donor);
    ink_delete(creation->allocator, (char *)m.config_text.data);
    ink_arena_deinit(&m.arena);
    return status;
}
