/*
 * tokenizer.json of byte pairs (over bytes, or over characters with bytes to fall back on) and of
 * WordPiece. Each step that it names must be one that is known to be done here too.
 *
 * Source: the serialization of huggingface/tokenizers.
 */
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/tokens.h"
#include "text/vocab_tables.h"

#define FILE_NAME "tokenizer.json"
#define SPACE "\xe2\x96\x81" /* U+2581 */
#define UNMERGED (-1e9f)     /* the score of what no merge makes */

/* What normalizer and pre-tokenizer do to a text. */
typedef struct steps {
    bool spaces, prefix; /* spaces become U+2581, one stands before the text */
    bool bytes, digits, words;
    ink_text pattern;
} steps;

typedef struct reader {
    ink_hf_tokens *tokens;
    const ink_value *model, *vocabulary;
    bool clean;
    steps steps;
    ink_error *error;
} reader;

static ink_status refuse(const reader *r, const char *what, ink_text name)
{
    return ink_fail(r->error, INK_UNSUPPORTED, 0, FILE_NAME ": %s \"%.*s\" is not supported", what,
                    (int)ink_size_min(name.n_bytes, 200), name.data ? name.data : "");
}

static ink_status corrupt(const reader *r, const char *what)
{
    return ink_fail(r->error, INK_CORRUPT, 0, FILE_NAME ": %s", what);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static bool read_metaspace(reader *r, const ink_value *step)
{
    r->steps.spaces = true;
    r->steps.prefix = ink_document_flag(step, "add_prefix_space", true) &&
                      !ink_document_is_text(step, "prepend_scheme", "never");
    return ink_document_is_text(step, "replacement", SPACE);
}

static bool read_prepend(reader *r, const ink_value *step)
{
    r->steps.prefix = true;
    return ink_document_is_text(step, "prepend", SPACE);
}

static bool read_replace(reader *r, const ink_value *step)
{
    const ink_value *pattern = ink_document_get(step, "pattern");
    r->steps.spaces = true;
    return ink_document_is_text(pattern, "String", " ") &&
           ink_document_is_text(step, "content", SPACE);
}

static bool read_byte_level(reader *r, const ink_value *step)
{
    r->steps.bytes = true;
    return !ink_document_flag(step, "add_prefix_space", true) &&
           ink_document_flag(step, "use_regex", true) == !r->steps.pattern.data;
}

static bool read_digits(reader *r, const ink_value *step)
{
    r->steps.digits = true;
    return ink_document_flag(step, "individual_digits", false) && !r->steps.pattern.data;
}

/* Matches are pieces, whether they are kept or what lies between them is taken out. */
static bool read_split(reader *r, const ink_value *step)
{
    const ink_value *pattern = ink_document_get(step, "pattern");
    bool inverse = ink_document_flag(step, "invert", false);
    if (r->steps.spaces && ink_document_is_text(pattern, "String", " "))
        return true; /* there are no spaces any more */
    if (r->steps.pattern.data ||
        !ink_document_is_text(step, "behavior", inverse ? "Removed" : "Isolated"))
        return false;
    r->steps.pattern = ink_document_text(pattern, "Regex");
    return r->steps.pattern.data != NULL;
}

static bool read_bert(reader *r, const ink_value *step)
{
    r->steps.words = true;
    return ink_document_flag(step, "lowercase", true) &&
           ink_document_flag(step, "strip_accents", true) &&
           ink_document_flag(step, "handle_chinese_chars", true) &&
           ink_document_flag(step, "clean_text", true);
}

static bool read_nothing(reader *r, const ink_value *step)
{
    (void)r;
    (void)step;
    return true;
}

static ink_status read_steps(reader *r, const ink_value *step)
{
    static const struct {
        const char *type;
        bool (*read)(reader *r, const ink_value *step);
    } rows[] = {
        {"Metaspace", read_metaspace},  {"Prepend", read_prepend},
        {"Replace", read_replace},      {"Digits", read_digits},
        {"ByteLevel", read_byte_level}, {"Split", read_split},
        {"BertNormalizer", read_bert},  {"BertPreTokenizer", read_nothing},
        {"NFC", read_nothing},
    };
    if (!step)
        return INK_OK;
    if (ink_document_is_text(step, "type", "Sequence")) {
        const ink_value_list *list = ink_document_list(step, "normalizers|pretokenizers");
        for (size_t i = 0; i < list->n_items; i++)
            INK_TRY(read_steps(r, &list->items[i]));
        return INK_OK;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ink_document_is_text(step, "type", rows[i].type) && !r->steps.bytes)
            return rows[i].read(r, step)
                       ? INK_OK
                       : refuse(r, "as set up, step", ink_document_text(step, "type"));
    return refuse(r, "step", ink_document_text(step, "type"));
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static bool is_same(ink_text a, ink_text b)
{
    return a.n_bytes == b.n_bytes && a.data && memcmp(a.data, b.data, a.n_bytes) == 0;
}

/* WordPiece marks what goes on in a word, we what begins one. */
static ink_status spell_word(const reader *r, ink_text text, ink_text *out)
{
    bool inside = text.n_bytes > 2 && memcmp(text.data, "##", 2) == 0;
    *out = (ink_text){text.data + 2, text.n_bytes - 2};
    if (inside)
        return INK_OK;
    char *copy = ink_arena_take(r->tokens->arena, text.n_bytes + 3, 1);
    if (!copy)
        return ink_fail_memory(r->error, "a vocabulary");
    memcpy(copy, SPACE, 3);
    memcpy(copy + 3, text.data, text.n_bytes);
    *out = (ink_text){copy, text.n_bytes + 3};
    return INK_OK;
}

static ink_status read_vocabulary(reader *r)
{
    ink_hf_tokens *t = r->tokens;
    ink_text unknown = ink_document_text(r->model, "unk_token");
    for (uint32_t i = 0; i < r->vocabulary->as.dict->n_entries; i++) {
        const ink_value_entry *entry = &r->vocabulary->as.dict->entries[i];
        ink_text text = {entry->key.as.text, entry->key.n_bytes};
        ink_token_type type = INK_TOKEN_NORMAL;
        if (entry->item.kind != INK_VALUE_INTEGER)
            return corrupt(r, "an id in vocab is no whole number");
        int64_t id = entry->item.as.integer;
        if (id >= 0 && (uint64_t)id < t->n_tokens && t->types[id] != 0)
            return corrupt(r, "two tokens have the same id");
        if (t->has_scores && ink_vocab_named_byte(text) >= 0)
            type = INK_TOKEN_BYTE;
        if (t->has_scores && is_same(unknown, text))
            type = INK_TOKEN_UNKNOWN;
        if (r->steps.words)
            INK_TRY(spell_word(r, text, &text));
        INK_TRY(ink_hf_tokens_put(t, id, text, type, type == INK_TOKEN_NORMAL ? UNMERGED : 0,
                                  r->error));
    }
    return t->n_tokens > 0 ? INK_OK : corrupt(r, "vocab has no tokens");
}

static ink_status read_added(reader *r, const ink_value *json)
{
    const ink_value_list *list = ink_document_list(json, "added_tokens");
    ink_text unknown = ink_document_text(r->model, "unk_token");
    for (size_t i = 0; i < list->n_items; i++) {
        const ink_value *item = &list->items[i];
        const ink_value *id = ink_document_get(item, "id");
        ink_text text = ink_document_text(item, "content");
        if (!id || id->kind != INK_VALUE_INTEGER || !text.data)
            return corrupt(r, "an added token has no id");
        ink_token_type type =
            ink_document_flag(item, "special", false) ? INK_TOKEN_CONTROL : INK_TOKEN_USER_DEFINED;
        if (r->tokens->has_scores && is_same(unknown, text))
            type = INK_TOKEN_UNKNOWN;
        INK_TRY(ink_hf_tokens_put(r->tokens, id->as.integer, text, type, 0, r->error));
    }
    return INK_OK;
}

/* ---- Merges ---------------------------------------------------------------------------------- */

/* "left right", or the two in a list, as one text with a space between them. */
static ink_status take_merge(const reader *r, ink_value merge, ink_text *out)
{
    if (ink_value_is_string(merge)) {
        *out = (ink_text){merge.as.text, merge.n_bytes};
        return INK_OK;
    }
    if (merge.kind != INK_VALUE_LIST || merge.as.list->n_items != 2 ||
        !ink_value_is_string(merge.as.list->items[0]) ||
        !ink_value_is_string(merge.as.list->items[1]))
        return corrupt(r, "a merge is no two texts");
    ink_value left = merge.as.list->items[0], right = merge.as.list->items[1];
    char *text = ink_arena_take(r->tokens->arena, left.n_bytes + right.n_bytes + 1, 1);
    if (!text)
        return ink_fail_memory(r->error, "the merges of a vocabulary");
    memcpy(text, left.as.text, left.n_bytes);
    text[left.n_bytes] = ' ';
    memcpy(text + left.n_bytes + 1, right.as.text, right.n_bytes);
    *out = (ink_text){text, left.n_bytes + right.n_bytes + 1};
    return INK_OK;
}

/* Both parts and what they make must be tokens; the id of the last. */
static bool find_made(const reader *r, ink_text merge, int64_t *id)
{
    char made[2 * INK_VOCAB_MAX_TOKEN_BYTES];
    const char *space = memchr(merge.data, ' ', merge.n_bytes);
    if (!space || merge.n_bytes > sizeof made)
        return false;
    size_t left = (size_t)(space - merge.data), right = merge.n_bytes - left - 1;
    memcpy(made, merge.data, left);
    memcpy(made + left, space + 1, right);
    const ink_value *token = ink_value_find(*r->vocabulary, ink_value_borrow(made, left + right));
    if (!token || memchr(space + 1, ' ', right) ||
        !ink_value_find(*r->vocabulary, ink_value_borrow(merge.data, left)) ||
        !ink_value_find(*r->vocabulary, ink_value_borrow(space + 1, right)))
        return false;
    *id = token->as.integer;
    return true;
}

/* With scores a merge is as good as the token that it makes. */
static ink_status read_merges(reader *r)
{
    ink_hf_tokens *t = r->tokens;
    const ink_value_list *list = ink_document_list(r->model, "merges");
    size_t n = list->n_items;
    ink_text *merges = ink_arena_take(t->arena, n, sizeof *merges);
    if (!merges)
        return ink_fail_memory(r->error, "the merges of a vocabulary");
    for (size_t i = 0; i < n; i++) {
        int64_t made;
        INK_TRY(take_merge(r, list->items[i], &merges[i]));
        if (!find_made(r, merges[i], &made))
            return ink_fail(r->error, INK_CORRUPT, 0, FILE_NAME ": merge %zu makes no token of two",
                            i);
        if (t->has_scores && t->scores[made] < -(float)i)
            t->scores[made] = -(float)i;
    }
    if (t->has_scores)
        return INK_OK;
    t->source.merges = merges;
    t->source.n_merges = n;
    return INK_OK;
}

/* ---- What is put around a text --------------------------------------------------------------- */

static const ink_value *find_template(const ink_value *post)
{
    const ink_value_list *list = ink_document_list(post, "processors");
    for (size_t i = 0; i < list->n_items; i++)
        if (ink_document_is_text(&list->items[i], "type", "TemplateProcessing"))
            return &list->items[i];
    return post;
}

static ink_vocab_choice take_end(reader *r, const ink_value *item, ink_token_role role)
{
    ink_text text = ink_document_text(ink_document_get(item, "SpecialToken"), "id");
    int32_t id = text.data ? ink_hf_tokens_find(r->tokens, text) : -1;
    if (id >= 0)
        r->tokens->source.roles[role] = id;
    return id >= 0 ? INK_CHOICE_YES : INK_CHOICE_NO;
}

/* WordPiece's own are put around its texts here without being asked. */
static void read_ends(reader *r, const ink_value *json)
{
    ink_vocab_source *source = &r->tokens->source;
    const ink_value_list *list =
        ink_document_list(find_template(ink_document_get(json, "post_processor")), "single");
    size_t n = list->n_items;
    if (r->steps.words)
        return;
    source->flags[INK_VOCAB_ADD_BOS] =
        n > 1 ? take_end(r, &list->items[0], INK_ROLE_BOS) : INK_CHOICE_NO;
    source->flags[INK_VOCAB_ADD_EOS] =
        n > 1 ? take_end(r, &list->items[n - 1], INK_ROLE_EOS) : INK_CHOICE_NO;
}

/* ---- All ------------------------------------------------------------------------------------- */

/* Texts that the model itself must not change. */
static bool is_plain(const ink_value *model)
{
    return !ink_document_flag(model, "dropout", false) &&
           !ink_document_flag(model, "continuing_subword_prefix", false) &&
           !ink_document_flag(model, "end_of_word_suffix", false);
}

static ink_status choose_kind(reader *r)
{
    ink_hf_tokens *t = r->tokens;
    const steps *s = &r->steps;
    ink_text type = ink_document_text(r->model, "type");
    bool pairs = !type.data || ink_document_is_text(r->model, "type", "BPE");
    const char *kind = NULL;
    if (ink_document_is_text(r->model, "type", "WordPiece") && s->words && !s->bytes &&
        ink_document_is_text(r->model, "continuing_subword_prefix", "##"))
        kind = "bert";
    if (pairs && s->bytes && !s->spaces && !s->words && is_plain(r->model))
        kind = "gpt2";
    if (pairs && s->spaces && !s->bytes && !s->words && !s->digits && !s->pattern.data &&
        ink_document_flag(r->model, "byte_fallback", false) && is_plain(r->model))
        kind = "llama";
    if (!kind)
        return refuse(r, "with these steps, type", type);
    t->source.model = (ink_text){kind, strlen(kind)};
    t->has_scores = strcmp(kind, "llama") == 0;
    if (t->has_scores)
        t->source.flags[INK_VOCAB_ADD_SPACE_PREFIX] = s->prefix ? INK_CHOICE_YES : INK_CHOICE_NO;
    if (!s->bytes)
        return INK_OK;
    const ink_pieces *row = ink_pieces_find(
        r->clean, ink_document_flag(r->model, "ignore_merges", false), s->digits, s->pattern);
    if (!row)
        return refuse(r, "cutting words by the pattern", s->pattern);
    t->source.pre = (ink_text){row->family, strlen(row->family)};
    return INK_OK;
}

ink_status ink_hf_tokens_read_json(ink_hf_tokens *tokens, ink_value json, bool clean,
                                   ink_error *error)
{
    reader r = {.tokens = tokens, .clean = clean, .error = error};
    r.model = ink_document_get(&json, "model");
    r.vocabulary = ink_document_get(r.model, "vocab");
    INK_TRY(read_steps(&r, ink_document_get(&json, "normalizer")));
    INK_TRY(read_steps(&r, ink_document_get(&json, "pre_tokenizer")));
    INK_TRY(choose_kind(&r));
    if (!r.vocabulary || r.vocabulary->kind != INK_VALUE_DICT)
        return corrupt(&r, "has no model with a vocab");
    INK_TRY(read_vocabulary(&r));
    if (!r.steps.words)
        INK_TRY(read_merges(&r));
    INK_TRY(read_added(&r, &json));
    read_ends(&r, &json);
    return INK_OK;
}
