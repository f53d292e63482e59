/*
 * Vocabularies built by rule. Pieces come level by level: level n has every run of n letters behind
 * a word's start, then every run of n + 1 letters within a word, in alphabetical order. Each piece
 * is two shorter ones joined in any place, so that merging reaches them all.
 */
#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "cli/synthetic.h"
#include "text/vocab.h"
#include "text/vocab_tables.h"

enum { N_BYTES = 256, N_LETTERS = 26, MAX_LETTERS = 6, MAX_ARRAYS_BYTES = 256 << 20 };

#define KEY(name) "tokenizer.ggml." name

typedef struct builder {
    const ink_synthetic_vocab *vocab;
    ink_arena arena;
    size_t n, n_tokens;     /* so far, wanted */
    ink_gguf_string *texts; /* [n_tokens] */
    int32_t *types;         /* [n_tokens] */
    float *scores;          /* [n_tokens] */
    ink_gguf_string *merges;
    size_t n_merges;
    bool failed; /* memory is out; said once at the end */
} builder;

static ink_gguf_string keep(builder *w, const char *text, size_t n_bytes)
{
    const char *copy = ink_arena_string(&w->arena, text, n_bytes);
    w->failed = w->failed || !copy;
    return (ink_gguf_string){copy, copy ? n_bytes : 0};
}

/* Tokens beyond those wanted are left out. */
static void add(builder *w, const char *text, size_t n_bytes, ink_token_type type, float score)
{
    if (w->n == w->n_tokens)
        return;
    w->texts[w->n] = keep(w, text, n_bytes);
    w->types[w->n] = (int32_t)type;
    w->scores[w->n++] = score;
}

static void add_controls(builder *w, const char *const *names, size_t n)
{
    char text[64];
    for (size_t i = 0; i < n; i++) {
        if (*names)
            (void)snprintf(text, sizeof text, "%s", *names++);
        else
            (void)snprintf(text, sizeof text, w->vocab->filler, i);
        bool unknown = w->n == w->vocab->unknown && !w->vocab->byte_level;
        add(w, text, strlen(text), unknown ? INK_TOKEN_UNKNOWN : INK_TOKEN_CONTROL, 0);
    }
}

static void add_bytes(builder *w)
{
    char text[8];
    for (int byte = 0; byte < N_BYTES; byte++) {
        bool spelled = w->vocab->byte_level;
        size_t n = spelled ? ink_byte_level_spell((uint8_t)byte, text)
                           : (size_t)snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        add(w, text, n, spelled ? INK_TOKEN_NORMAL : INK_TOKEN_BYTE, 0);
    }
}

/* Where bytes have names of their own, single characters are pieces too. */
static void add_characters(builder *w, size_t n_first)
{
    if (w->vocab->byte_level)
        return;
    add(w, w->vocab->word_start, strlen(w->vocab->word_start), INK_TOKEN_NORMAL, 0);
    for (int c = '!'; c <= '~'; c++) {
        char text = (char)c;
        add(w, &text, 1, INK_TOKEN_NORMAL, -(float)(w->n - n_first));
    }
}

/* One for every place in which a piece may be joined: a list of `a b`. */
static void add_merges(builder *w, const char *piece, size_t n_start, size_t n_letters)
{
    char text[2 * (MAX_LETTERS + 4)];
    size_t n_bytes = n_start + n_letters;
    for (size_t left = n_start ? n_start : 1; left < n_bytes; left++) {
        int n = snprintf(text, sizeof text, "%.*s %s", (int)left, piece, piece + left);
        w->merges[w->n_merges++] = keep(w, text, (size_t)n);
    }
}

/* Runs of n_letters, as numbers in base 26. */
static void add_runs(builder *w, const char *start, size_t n_letters, size_t n_first)
{
    char piece[MAX_LETTERS + 4];
    size_t n_start = strlen(start), n_runs = 1;
    memcpy(piece, start, n_start + 1);
    for (size_t i = 0; i < n_letters; i++)
        n_runs *= N_LETTERS; /* at most 26^6 */
    for (size_t run = 0; run < n_runs && w->n < w->n_tokens; run++) {
        size_t rest = run;
        for (size_t i = n_letters; i-- > 0; rest /= N_LETTERS)
            piece[n_start + i] = (char)('a' + rest % N_LETTERS);
        piece[n_start + n_letters] = '\0';
        if (w->vocab->byte_level)
            add_merges(w, piece, n_start, n_letters);
        add(w, piece, n_start + n_letters, INK_TOKEN_NORMAL, -(float)(w->n - n_first));
    }
}

static void add_pieces(builder *w, size_t n_last)
{
    size_t n_first = w->n, n_tokens = w->n_tokens;
    w->n_tokens -= n_last;
    add_characters(w, n_first);
    for (size_t n = 1; n < MAX_LETTERS; n++) {
        add_runs(w, w->vocab->word_start, n, n_first);
        add_runs(w, "", n + 1, n_first);
    }
    w->n_tokens = n_tokens;
}

static ink_status fill(builder *w, ink_error *error)
{
    size_t n_merges;
    if (!ink_size_mul(w->n_tokens, MAX_LETTERS, &n_merges))
        return ink_fail_memory(error, "a vocabulary");
    w->texts = ink_arena_take(&w->arena, w->n_tokens, sizeof *w->texts);
    w->types = ink_arena_take(&w->arena, w->n_tokens, sizeof *w->types);
    w->scores = ink_arena_take(&w->arena, w->n_tokens, sizeof *w->scores);
    w->merges = ink_arena_take(&w->arena, n_merges, sizeof *w->merges);
    if (!w->texts || !w->types || !w->scores || !w->merges)
        return ink_fail_memory(error, "a vocabulary");
    add_controls(w, w->vocab->first, w->vocab->n_first);
    add_bytes(w);
    add_pieces(w, w->vocab->n_last);
    add_controls(w, w->vocab->last, w->vocab->n_last);
    return w->failed ? ink_fail_memory(error, "a vocabulary") : INK_OK;
}

/* The id of a control token, counted over both lists. */
static size_t control_id(const ink_synthetic_vocab *vocab, size_t n_tokens, size_t control)
{
    size_t n_first = vocab->n_first;
    return control < n_first ? control : n_tokens - vocab->n_last + (control - n_first);
}

bool ink_synthetic_vocab_has_text(const ink_synthetic_vocab *vocab, size_t n_tokens, size_t token)
{
    return token == control_id(vocab, n_tokens, vocab->bos) ||
           (token >= vocab->n_first + N_BYTES && token < n_tokens - vocab->n_last);
}

static ink_status set_roles(ink_gguf_writer *writer, const ink_synthetic_vocab *vocab,
                            size_t n_tokens, ink_error *error)
{
    const struct {
        const char *key;
        size_t control;
    } roles[] = {{KEY("bos_token_id"), vocab->bos},
                 {KEY("eos_token_id"), vocab->eos},
                 {KEY("unknown_token_id"), vocab->unknown},
                 {KEY("padding_token_id"), vocab->padding}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (roles[i].control != INK_NO_CONTROL)
            INK_TRY(ink_gguf_writer_set_u32(writer, roles[i].key,
                                            (uint32_t)control_id(vocab, n_tokens, roles[i].control),
                                            error));
    return ink_gguf_writer_set_bool(writer, KEY("add_bos_token"), true, error);
}

static ink_status set_all(ink_gguf_writer *writer, const builder *w, ink_error *error)
{
    const ink_synthetic_vocab *vocab = w->vocab;
    INK_TRY(ink_gguf_writer_set_text(writer, KEY("model"), vocab->model, error));
    if (vocab->pre)
        INK_TRY(ink_gguf_writer_set_text(writer, KEY("pre"), vocab->pre, error));
    INK_TRY(ink_gguf_writer_set_strings(writer, KEY("tokens"), w->texts, w->n, error));
    if (vocab->byte_level)
        INK_TRY(ink_gguf_writer_set_strings(writer, KEY("merges"), w->merges, w->n_merges, error));
    else
        INK_TRY(
            ink_gguf_writer_set_array(writer, KEY("scores"), INK_GGUF_F32, w->scores, w->n, error));
    INK_TRY(
        ink_gguf_writer_set_array(writer, KEY("token_type"), INK_GGUF_I32, w->types, w->n, error));
    return set_roles(writer, vocab, w->n, error);
}

ink_status ink_synthetic_vocab_write(ink_gguf_writer *writer, const ink_synthetic_vocab *vocab,
                                     size_t n_tokens, ink_error *error)
{
    builder w = {.vocab = vocab, .n_tokens = n_tokens};
    ink_arena_init(&w.arena, NULL, MAX_ARRAYS_BYTES);
    ink_status status = fill(&w, error);
    if (status == INK_OK)
        status = set_all(writer, &w, error);
    ink_arena_deinit(&w.arena);
    return status;
}
