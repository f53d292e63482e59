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
    bool ends; /* what is put around a text is said */
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

/* Behind its normalizer, which is read first. */
static bool cut_bert(reader *r, const ink_value *step)
{
    (void)step;
    return r->steps.words;
}

static bool read_nothing(reader *r, const ink_value *step)
{
    (void)r;
    (void)step;
    return true;
}

/* ---- Steps on the way back ------------------------------------------------------------------- */

static bool decode_bytes(reader *r, const ink_value *step)
{
    (void)step;
    return r->steps.bytes;
}

static bool decode_pieces(reader *r, const ink_value *step)
{
    (void)step;
    return r->steps.spaces;
}

static bool decode_spaces(reader *r, const ink_value *step)
{
    return r->steps.spaces &&
           ink_document_is_text(ink_document_get(step, "pattern"), "String", SPACE) &&
           ink_document_is_text(step, "content", " ");
}

/* The space that stands before each text. */
static bool decode_strip(reader *r, const ink_value *step)
{
    double start = 0, stop = 0;
    (void)ink_document_number(ink_document_get(step, "start"), &start);
    (void)ink_document_number(ink_document_get(step, "stop"), &stop);
    return ink_document_is_text(step, "content", " ") && start == r->steps.prefix && stop == 0;
}

static bool decode_words(reader *r, const ink_value *step)
{
    return r->steps.words && ink_document_is_text(step, "prefix", "##");
}

/* ---- What is put around a text --------------------------------------------------------------- */

/* At most one token on either side; WordPiece's own are put there without being asked. */
static bool read_ends(reader *r, const ink_value *step)
{
    static const uint8_t roles[] = {INK_ROLE_BOS, INK_ROLE_EOS},
                         flags[] = {INK_VOCAB_ADD_BOS, INK_VOCAB_ADD_EOS};
    ink_vocab_source *source = &r->tokens->source;
    const ink_value_list *list = ink_document_list(step, "single");
    int32_t ids[2] = {-1, -1};
    size_t n_texts = 0;
    for (size_t i = 0; i < list->n_items; i++) {
        ink_text text = ink_document_text(ink_document_get(&list->items[i], "SpecialToken"), "id");
        bool is_text = ink_document_get(&list->items[i], "Sequence") != NULL;
        int32_t id = text.data ? ink_hf_tokens_find(r->tokens, text) : -1;
        n_texts += is_text;
        if (is_text)
            continue;
        if (id < 0 || n_texts > 1 || ids[n_texts] >= 0)
            return false;
        ids[n_texts] = id;
    }
    bool first = !r->steps.ends;
    r->steps.ends = true;
    if (n_texts != 1 || !first || (r->steps.words && (ids[0] < 0 || ids[1] < 0)))
        return false;
    for (size_t i = 0; i < 2 && !r->steps.words; i++) {
        source->flags[flags[i]] = ids[i] < 0 ? INK_CHOICE_NO : INK_CHOICE_YES;
        if (ids[i] >= 0)
            source->roles[roles[i]] = ids[i];
    }
    return true;
}

/* ---- All steps ------------------------------------------------------------------------------- */

typedef enum stage { STAGE_TEXT, STAGE_ENDS, STAGE_BACK } stage;

static ink_status read_steps(reader *r, stage of, const ink_value *step)
{
    static const struct {
        const char *type;
        uint8_t of;
        bool (*read)(reader *r, const ink_value *step);
    } rows[] = {
        {"Metaspace", STAGE_TEXT, read_metaspace},
        {"Prepend", STAGE_TEXT, read_prepend},
        {"Replace", STAGE_TEXT, read_replace},
        {"Digits", STAGE_TEXT, read_digits},
        {"ByteLevel", STAGE_TEXT, read_byte_level},
        {"Split", STAGE_TEXT, read_split},
        {"BertNormalizer", STAGE_TEXT, read_bert},
        {"BertPreTokenizer", STAGE_TEXT, cut_bert},
        {"NFC", STAGE_TEXT, read_nothing},
        {"TemplateProcessing", STAGE_ENDS, read_ends},
        {"BertProcessing", STAGE_ENDS, cut_bert},
        {"ByteLevel", STAGE_ENDS, decode_bytes}, /* which offsets are told */
        {"ByteLevel", STAGE_BACK, decode_bytes},
        {"Metaspace", STAGE_BACK, decode_pieces},
        {"ByteFallback", STAGE_BACK, decode_pieces},
        {"Fuse", STAGE_BACK, decode_pieces},
        {"Replace", STAGE_BACK, decode_spaces},
        {"Strip", STAGE_BACK, decode_strip},
        {"WordPiece", STAGE_BACK, decode_words},
    };
    static const char *const lists[] = {"normalizers|pretokenizers", "processors", "decoders"};
    if (!step)
        return INK_OK;
    if (ink_document_is_text(step, "type", "Sequence")) {
        const ink_value_list *list = ink_document_list(step, lists[of]);
        for (size_t i = 0; i < list->n_items; i++)
            INK_TRY(read_steps(r, of, &list->items[i]));
        return INK_OK;
    }
    bool late = of == STAGE_TEXT && r->steps.bytes; /* bytes are the last step of a text */
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !late; i++)
        if (rows[i].of == of && ink_document_is_text(step, "type", rows[i].type))
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
        ink_hf_tokens_note_strips(r->tokens, item);
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
        ink_document_flag(r->model, "byte_fallback", false) && is_plain(r->model) &&
        !ink_document_flag(r->model, "ignore_merges", false))
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

/* What is said under another key might change what texts become. */
static ink_status check_keys(const reader *r, const ink_value *object, const char *known)
{
    for (uint32_t i = 0; object && object->kind == INK_VALUE_DICT && i < object->as.dict->n_entries;
         i++) {
        const ink_value_entry *entry = &object->as.dict->entries[i];
        ink_text key = {entry->key.as.text, entry->key.n_bytes};
        if (entry->item.kind != INK_VALUE_NONE && !ink_document_has_word(known, ' ', key))
            return refuse(r, "key", key);
    }
    return INK_OK;
}

ink_status ink_hf_tokens_read_json(ink_hf_tokens *tokens, ink_value json, bool clean,
                                   ink_error *error)
{
    reader r = {.tokens = tokens, .clean = clean, .error = error};
    r.model = ink_document_get(&json, "model");
    r.vocabulary = ink_document_get(r.model, "vocab");
    if (ink_document_is_text(r.model, "type", "Unigram"))
        return ink_fail(r.error, INK_UNSUPPORTED, 0,
                        FILE_NAME ": Unigram models are not run here, and no other kind cuts texts "
                                  "as they do");
    INK_TRY(check_keys(&r, &json,
                       "version truncation padding added_tokens normalizer pre_tokenizer "
                       "post_processor decoder model"));
    INK_TRY(check_keys(&r, r.model,
                       "type dropout unk_token continuing_subword_prefix end_of_word_suffix "
                       "fuse_unk byte_fallback ignore_merges vocab merges "
                       "max_input_chars_per_word"));
    INK_TRY(read_steps(&r, STAGE_TEXT, ink_document_get(&json, "normalizer")));
    INK_TRY(read_steps(&r, STAGE_TEXT, ink_document_get(&json, "pre_tokenizer")));
    INK_TRY(choose_kind(&r));
    if (!r.vocabulary || r.vocabulary->kind != INK_VALUE_DICT)
        return corrupt(&r, "has no model with a vocab");
    INK_TRY(read_vocabulary(&r));
    if (!r.steps.words)
        INK_TRY(read_merges(&r));
    INK_TRY(read_added(&r, &json));
    if (!r.steps.words)
        tokens->source.flags[INK_VOCAB_ADD_BOS] = tokens->source.flags[INK_VOCAB_ADD_EOS] =
            INK_CHOICE_NO;
    INK_TRY(read_steps(&r, STAGE_ENDS, ink_document_get(&json, "post_processor")));
    return read_steps(&r, STAGE_BACK, ink_document_get(&json, "decoder"));
}
