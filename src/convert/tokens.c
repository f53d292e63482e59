#include "convert/tokens.h"

#include <stdio.h>
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/llama2c.h"
#include "model/vocab_write.h"
#include "text/vocab_tables.h"

#define CONFIG "tokenizer_config.json"

const ink_named_role ink_named_roles[] = {
    {"bos_token", INK_ROLE_BOS},     {"eos_token", INK_ROLE_EOS},
    {"unk_token", INK_ROLE_UNKNOWN}, {"sep_token", INK_ROLE_SEPARATOR},
    {"pad_token", INK_ROLE_PADDING}, {"cls_token", INK_ROLE_CLS},
    {"mask_token", INK_ROLE_MASK},
};
const size_t ink_n_named_roles = sizeof ink_named_roles / sizeof *ink_named_roles;

void ink_hf_tokens_init(ink_hf_tokens *tokens, size_t capacity, ink_arena *arena)
{
    *tokens = (ink_hf_tokens){.arena = arena, .capacity = capacity};
    ink_vocab_source_init(&tokens->source);
}

static bool take_arrays(ink_hf_tokens *t)
{
    t->texts = ink_arena_take(t->arena, t->capacity, sizeof *t->texts);
    t->scores = ink_arena_take(t->arena, t->capacity, sizeof *t->scores);
    t->types = ink_arena_take(t->arena, t->capacity, sizeof *t->types);
    return t->texts && t->scores && t->types;
}

ink_status ink_hf_tokens_put(ink_hf_tokens *t, int64_t id, ink_text text, ink_token_type type,
                             float score, ink_error *error)
{
    if (!t->texts && !take_arrays(t))
        return ink_fail_memory(error, "a vocabulary");
    if (id < 0 || (uint64_t)id >= t->capacity)
        return ink_fail(error, INK_CORRUPT, 0,
                        "token '%.*s' is %" PRId64 ", the embedding has %zu rows",
                        (int)ink_size_min(text.n_bytes, 60), text.data, id, t->capacity);
    t->n_tokens = ink_size_max(t->n_tokens, (size_t)id + 1);
    t->texts[id] = text;
    t->types[id] = (int32_t)type;
    if (t->has_scores)
        t->scores[id] = score;
    return INK_OK;
}

int32_t ink_hf_tokens_find(const ink_hf_tokens *t, ink_text text)
{
    for (size_t i = 0; i < t->n_tokens; i++)
        if (t->types[i] != 0 && t->texts[i].n_bytes == text.n_bytes &&
            memcmp(t->texts[i].data, text.data, text.n_bytes) == 0)
            return (int32_t)i;
    return -1;
}

void ink_hf_tokens_note_strips(ink_hf_tokens *t, const ink_value *added)
{
    t->strips = t->strips || ink_document_flag(added, "lstrip", false) ||
                ink_document_flag(added, "rstrip", false) ||
                ink_document_flag(added, "single_word", false);
}

/* ---- Tokens beside the vocabulary ------------------------------------------------------------ */

/* A token that is added keeps the type that its own file gives it, unless that is plain text. */
static ink_status put_added(ink_hf_tokens *t, int64_t id, ink_text text, bool special,
                            ink_error *error)
{
    bool known = id >= 0 && (uint64_t)id < t->n_tokens && t->types[id] != 0 &&
                 t->types[id] != INK_TOKEN_NORMAL && t->types[id] != INK_TOKEN_UNUSED;
    if (known)
        return INK_OK;
    return ink_hf_tokens_put(t, id, text, special ? INK_TOKEN_CONTROL : INK_TOKEN_USER_DEFINED, 0,
                             error);
}

static int64_t number_of(ink_value key)
{
    int64_t id = 0;
    if (!ink_value_is_string(key) || key.n_bytes == 0 || key.n_bytes > 9)
        return -1;
    for (size_t i = 0; i < key.n_bytes; i++) {
        if (key.as.text[i] < '0' || key.as.text[i] > '9')
            return -1;
        id = id * 10 + (key.as.text[i] - '0');
    }
    return id;
}

/* {"32000": {"content": "<|im_end|>", "special": true}}, or {"<|im_end|>": 32000}. */
static ink_status read_added(ink_hf_tokens *t, const ink_value *added, ink_error *error)
{
    for (uint32_t i = 0; added && added->kind == INK_VALUE_DICT && i < added->as.dict->n_entries;
         i++) {
        ink_value key = added->as.dict->entries[i].key, item = added->as.dict->entries[i].item;
        double special = 0;
        ink_text text = {key.as.text, key.n_bytes};
        int64_t id = item.kind == INK_VALUE_INTEGER ? item.as.integer : number_of(key);
        if (item.kind == INK_VALUE_DICT) {
            ink_hf_tokens_note_strips(t, &item);
            text = ink_document_text(&item, "content");
            (void)ink_document_number(ink_document_get(&item, "special"), &special);
        }
        if (!text.data)
            return ink_fail(error, INK_CORRUPT, 0, "an added token has no text");
        INK_TRY(put_added(t, id, text, special != 0, error));
    }
    return INK_OK;
}

/* ---- Roles, switches, template --------------------------------------------------------------- */

static void read_roles(ink_hf_tokens *t, const ink_value *config)
{
    for (size_t i = 0; i < ink_n_named_roles; i++) {
        ink_text text = ink_document_text(config, ink_named_roles[i].key);
        if (!text.data)
            text = ink_document_text(ink_document_get(config, ink_named_roles[i].key), "content");
        int32_t id = text.data ? ink_hf_tokens_find(t, text) : -1;
        if (id >= 0)
            t->source.roles[ink_named_roles[i].role] = id;
    }
}

/* The id is the first role's, or the next one's, that no token has yet. */
static ink_status read_id(ink_hf_tokens *t, const ink_value *id, const uint8_t *roles, size_t n,
                          ink_error *error)
{
    int32_t *taken = t->source.roles;
    if (id->kind != INK_VALUE_INTEGER || id->as.integer < 0 ||
        (uint64_t)id->as.integer >= t->n_tokens)
        return ink_fail(error, INK_CORRUPT, 0, "an id of config.json is no token");
    for (size_t i = 0; i < n; i++) {
        if (taken[roles[i]] == (int32_t)id->as.integer)
            return INK_OK;
        if (taken[roles[i]] < 0) {
            taken[roles[i]] = (int32_t)id->as.integer;
            return INK_OK;
        }
    }
    return INK_OK;
}

/*
 * What generation_config.json says where nothing else does; ends that are not known by their texts
 * as well.
 */
static ink_status read_ids(ink_hf_tokens *t, const ink_value *config, ink_error *error)
{
    static const uint8_t bos[] = {INK_ROLE_BOS},
                         ends[] = {INK_ROLE_EOS, INK_ROLE_EOT, INK_ROLE_EOM};
    const ink_value *value = ink_document_get(config, "bos_token_id"),
                    *end = ink_document_get(config, "eos_token_id");
    const ink_value_list *list = ink_document_list(config, "eos_token_id");
    if (value && value->kind == INK_VALUE_INTEGER)
        INK_TRY(read_id(t, value, bos, 1, error));
    if (end && end->kind == INK_VALUE_INTEGER)
        return read_id(t, end, ends, 1, error);
    for (size_t i = 0; i < list->n_items; i++) {
        int64_t id = list->items[i].as.integer;
        bool known = i > 0 && list->items[i].kind == INK_VALUE_INTEGER && id >= 0 &&
                     (uint64_t)id < t->n_tokens && ink_vocab_is_known_text(t->texts[id]);
        if (!known)
            INK_TRY(read_id(t, &list->items[i], ends, 3, error));
    }
    return INK_OK;
}

static void read_flag(ink_hf_tokens *t, const ink_value *config, const char *key,
                      ink_vocab_flag flag)
{
    const ink_value *value = ink_document_get(config, key);
    if (value && value->kind == INK_VALUE_BOOL)
        t->source.flags[flag] = value->as.boolean ? INK_CHOICE_YES : INK_CHOICE_NO;
}

/* One template, or several with names, of which "default" is for chats. */
static ink_status read_template(ink_hf_tokens *t, const char *folder, const ink_value *config,
                                ink_error *error)
{
    INK_TRY(ink_document_bytes(folder, "chat_template.jinja", t->arena, &t->chat_template, error));
    const ink_value_list *list = ink_document_list(config, "chat_template");
    if (t->chat_template.data || !ink_document_get(config, "chat_template"))
        return INK_OK;
    t->chat_template = ink_document_text(config, "chat_template");
    for (size_t i = 0; i < list->n_items; i++)
        if (ink_document_is_text(&list->items[i], "name", "default"))
            t->chat_template = ink_document_text(&list->items[i], "template");
    return t->chat_template.data
               ? INK_OK
               : ink_fail(error, INK_UNSUPPORTED, 0, "chat_template has no default");
}

/* ---- All ------------------------------------------------------------------------------------- */

static ink_status fill_holes(ink_hf_tokens *t, ink_error *error)
{
    char text[24];
    for (size_t i = 0; i < t->capacity; i++) {
        if (i < t->n_tokens && t->types[i] != 0)
            continue;
        int n = snprintf(text, sizeof text, "[PAD%zu]", i);
        char *copy = ink_arena_string(t->arena, text, (size_t)n);
        if (!copy)
            return ink_fail_memory(error, "a vocabulary");
        INK_TRY(ink_hf_tokens_put(t, (int64_t)i, (ink_text){copy, (size_t)n}, INK_TOKEN_UNUSED, 0,
                                  error));
    }
    return INK_OK;
}

static ink_status read_vocabulary(ink_hf_tokens *t, const char *folder, const ink_value *config,
                                  ink_error *error)
{
    ink_text spm;
    ink_value json;
    INK_TRY(ink_document_bytes(folder, "tokenizer.model", t->arena, &spm, error));
    if (spm.data)
        return ink_hf_tokens_read_spm(t, spm, error);
    INK_TRY(ink_document_read(folder, "tokenizer.json", t->arena, &json, error));
    if (json.kind == INK_VALUE_UNDEFINED)
        return ink_fail(error, INK_IO, 0, "%s: has neither tokenizer.json nor tokenizer.model",
                        folder);
    return ink_hf_tokens_read_json(
        t, json, ink_document_flag(config, "clean_up_tokenization_spaces", true), error);
}

ink_status ink_hf_tokens_read(ink_hf_tokens *t, const char *folder, ink_value config, size_t n_rows,
                              ink_arena *arena, ink_error *error)
{
    ink_value tokenizer, generation, added;
    ink_hf_tokens_init(t, n_rows, arena);
    INK_TRY(ink_document_read(folder, CONFIG, arena, &tokenizer, error));
    INK_TRY(ink_document_read(folder, "generation_config.json", arena, &generation, error));
    INK_TRY(ink_document_read(folder, "added_tokens.json", arena, &added, error));
    INK_TRY(read_vocabulary(t, folder, &tokenizer, error));
    INK_TRY(read_added(t, &added, error));
    INK_TRY(read_added(t, ink_document_get(&tokenizer, "added_tokens_decoder"), error));
    INK_TRY(fill_holes(t, error));
    read_roles(t, &tokenizer);
    INK_TRY(read_ids(t, &generation, error));
    INK_TRY(read_ids(t, &config, error));
    read_flag(t, &tokenizer, "add_bos_token", INK_VOCAB_ADD_BOS);
    read_flag(t, &tokenizer, "add_eos_token", INK_VOCAB_ADD_EOS);
    if (t->has_scores)
        read_flag(t, &tokenizer, "add_prefix_space", INK_VOCAB_ADD_SPACE_PREFIX);
    return read_template(t, folder, &tokenizer, error);
}

ink_status ink_hf_tokens_write(const ink_hf_tokens *t, ink_gguf_writer *writer, ink_error *error)
{
    ink_vocab_source source = t->source;
    source.tokens = t->texts;
    source.types = t->types;
    source.n_tokens = t->n_tokens;
    source.scores = t->has_scores ? t->scores : NULL;
    INK_TRY(ink_model_vocab_write(writer, &source, NULL, t->arena->allocator, error));
    if (!t->chat_template.data)
        return INK_OK;
    return ink_gguf_writer_set_string(
        writer, "tokenizer.chat_template",
        (ink_gguf_string){t->chat_template.data, t->chat_template.n_bytes}, error);
}

/* ---- llama2.c -------------------------------------------------------------------------------- */

/* Its texts are decoded ones: spaces as such, and line ends around the first tokens. */
static ink_status put_piece(ink_hf_tokens *t, size_t id, ink_text piece, float score,
                            ink_error *error)
{
    static const ink_text first[] = {{"<unk>", 5}, {"<s>", 3}, {"</s>", 4}};
    char *copy = ink_arena_take(t->arena, piece.n_bytes, 3);
    ink_text text = {copy, 0};
    ink_token_type type = id == 0 ? INK_TOKEN_UNKNOWN : INK_TOKEN_CONTROL;
    if (!copy)
        return ink_fail_memory(error, "a vocabulary");
    for (size_t i = 0; i < piece.n_bytes; i++) {
        bool space = piece.data[i] == ' ';
        memcpy(copy + text.n_bytes, space ? "\xe2\x96\x81" : piece.data + i, space ? 3 : 1);
        text.n_bytes += space ? 3 : 1;
    }
    if (id < 3)
        text = first[id];
    else
        type = ink_vocab_named_byte(piece) >= 0 ? INK_TOKEN_BYTE : INK_TOKEN_NORMAL;
    return ink_hf_tokens_put(t, (int64_t)id, text, type, score, error);
}

ink_status ink_hf_tokens_read_llama2c(ink_hf_tokens *t, const char *path, size_t n_tokens,
                                      ink_arena *arena, ink_error *error)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char folder[INK_DOCUMENT_PATH_BYTES];
    ink_text bytes;
    size_t at = 4;
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1,
                   slash ? path : ".");
    ink_hf_tokens_init(t, n_tokens, arena);
    t->has_scores = true;
    t->source.model = (ink_text){"llama", 5};
    t->source.roles[INK_ROLE_UNKNOWN] = 0;
    t->source.roles[INK_ROLE_BOS] = 1;
    t->source.roles[INK_ROLE_EOS] = 2;
    INK_TRY(ink_document_bytes(folder, name, arena, &bytes, error));
    if (!bytes.data)
        return ink_fail(error, INK_IO, 0, "%s: there is no such tokenizer", path);
    for (size_t id = 0; id < n_tokens; id++) {
        uint32_t bits, n;
        float score;
        if (bytes.n_bytes < 8 || at > bytes.n_bytes - 8)
            return ink_fail(error, INK_CORRUPT, at, "%s: ends before token %zu", path, id);
        bits = ink_llama2c_number(bytes.data + at);
        n = ink_llama2c_number(bytes.data + at + 4);
        at += 8;
        if (n > bytes.n_bytes - at || n > INK_VOCAB_MAX_TOKEN_BYTES)
            return ink_fail(error, INK_CORRUPT, at, "%s: token %zu has %u bytes", path, id, n);
        memcpy(&score, &bits, sizeof score);
        INK_TRY(put_piece(t, id, (ink_text){bytes.data + at, n}, score, error));
        at += n;
    }
    return at == bytes.n_bytes
               ? INK_OK
               : ink_fail(error, INK_CORRUPT, at, "%s: has more than %zu tokens", path, n_tokens);
}
