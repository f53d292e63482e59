/*
 * Vocabularies as tokenizer.json and tokenizer_config.json; what cannot be said there is refused.
 */
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/tokens.h"

#define SPACE "\xe2\x96\x81" /* U+2581 */

typedef struct writer {
    const ink_vocab_source *source;
    ink_buffer *out;
    bool words; /* WordPiece */
} writer;

/* In a form '@' stands for the text, as JSON, '#' for the number. A full buffer remembers it. */
static void say(writer *w, const char *form, ink_text text, size_t number)
{
    for (size_t n; *form; form += n) {
        n = strcspn(form, "@#");
        (void)ink_buffer_append(w->out, form, n);
        if (form[n] == '@')
            (void)ink_json_write(w->out, ink_value_borrow(text.data, text.n_bytes), NULL, NULL);
        if (form[n] == '#')
            (void)ink_buffer_format(w->out, "%zu", number);
        n += form[n] != '\0';
    }
}

static void put(writer *w, const char *text)
{
    (void)ink_buffer_text(w->out, text);
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static void put_token(writer *w, ink_text text, int32_t type, size_t id, bool added)
{
    char inside[INK_VOCAB_MAX_TOKEN_BYTES + 3] = "##";
    bool plain = type == INK_TOKEN_NORMAL;
    if (added && !plain) {
        say(w,
            ",\n{\"id\":#,\"content\":@,\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
            "\"normalized\":false,\"special\":",
            text, id);
        put(w, type == INK_TOKEN_USER_DEFINED ? "false}" : "true}");
    }
    if (added)
        return;
    if (w->words && plain) {
        bool begins = text.n_bytes >= 3 && memcmp(text.data, SPACE, 3) == 0;
        size_t n = ink_size_min(text.n_bytes, INK_VOCAB_MAX_TOKEN_BYTES);
        memcpy(inside + 2, text.data, n);
        text = begins ? (ink_text){text.data + 3, text.n_bytes - 3} : (ink_text){inside, n + 2};
    }
    say(w, ",\n@:#", text, id);
}

/* Of those that are used; the comma before the first one is taken back. */
static void put_tokens(writer *w, bool added)
{
    const ink_vocab_source *s = w->source;
    size_t begin = w->out->n_bytes;
    for (size_t i = 0; i < s->n_tokens; i++) {
        int32_t type = s->types ? s->types[i] : INK_TOKEN_NORMAL;
        if (type != INK_TOKEN_UNUSED)
            put_token(w, s->tokens[i], type, i, added);
    }
    if (w->out->n_bytes > begin && !w->out->failed)
        w->out->data[begin] = ' ';
}

static void put_merges(writer *w)
{
    for (size_t i = 0; i < w->source->n_merges; i++) {
        ink_text merge = w->source->merges[i]; /* the vocabulary is open, so it has its space */
        const char *space = memchr(merge.data + 1, ' ', merge.n_bytes - 1);
        size_t left = (size_t)(space - merge.data);
        say(w, i ? ",\n[@," : "\n[@,", (ink_text){merge.data, left}, 0);
        say(w, "@]", (ink_text){space + 1, merge.n_bytes - left - 1}, 0);
    }
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* What a text is put between: one, or with room for none, of the tokens of a role. */
static void put_ends(writer *w, int32_t begin, int32_t end)
{
    static const char one[] = "{\"SpecialToken\":{\"id\":@,\"type_id\":0}}";
    static const char entry[] = "@:{\"id\":@,\"ids\":[#],\"tokens\":[@]}";
    const ink_text *texts = w->source->tokens;
    if (begin < 0 && end < 0) {
        put(w, "null");
        return;
    }
    put(w, "{\"type\":\"TemplateProcessing\",\"single\":[");
    if (begin >= 0)
        say(w, one, texts[begin], 0);
    put(w, begin < 0 ? "" : ",");
    put(w, "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}");
    put(w, end < 0 ? "" : ",");
    if (end >= 0)
        say(w, one, texts[end], 0);
    put(w, "],\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
           "{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],\"special_tokens\":{");
    if (begin >= 0)
        say(w, entry, texts[begin], (size_t)begin);
    put(w, begin < 0 || end < 0 || end == begin ? "" : ",");
    if (end >= 0 && end != begin)
        say(w, entry, texts[end], (size_t)end);
    put(w, "}}");
}

static void put_words(writer *w)
{
    const int32_t *roles = w->source->roles;
    int32_t unknown = roles[INK_ROLE_UNKNOWN];
    put(w, "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,"
           "\"strip_accents\":null,\"lowercase\":true},\n\"pre_tokenizer\":"
           "{\"type\":\"BertPreTokenizer\"},\n\"post_processor\":");
    put_ends(w, roles[INK_ROLE_CLS], roles[INK_ROLE_SEPARATOR]);
    put(w, ",\n\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}");
    say(w, ",\n\"model\":{\"type\":\"WordPiece\",\"unk_token\":@",
        unknown >= 0 ? w->source->tokens[unknown] : (ink_text){"[UNK]", 5}, 0);
    put(w, ",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":{");
}

static void put_level(writer *w, bool cuts)
{
    put(w, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
           "\"use_regex\":");
    put(w, cuts ? "true}" : "false}");
}

static void put_bytes(writer *w, const ink_pieces *row)
{
    const ink_vocab_source *s = w->source;
    const ink_vocab_choice *flags = s->flags;
    bool begins = flags[INK_VOCAB_ADD_BOS] == INK_CHOICE_YES ||
                  (flags[INK_VOCAB_ADD_BOS] == INK_CHOICE_DEFAULT && row->whole);
    bool ends = flags[INK_VOCAB_ADD_EOS] == INK_CHOICE_YES;
    put(w, "null,\n\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[");
    if (row->digits)
        put(w, "{\"type\":\"Digits\",\"individual_digits\":true},");
    if (row->pattern)
        say(w,
            "{\"type\":\"Split\",\"pattern\":{\"Regex\":@},\"behavior\":\"Isolated\","
            "\"invert\":false},",
            (ink_text){row->pattern, strlen(row->pattern)}, 0);
    put_level(w, row->pattern == NULL);
    put(w, "]},\n\"post_processor\":");
    put_ends(w, begins ? s->roles[INK_ROLE_BOS] : -1, ends ? s->roles[INK_ROLE_EOS] : -1);
    put(w, ",\n\"decoder\":");
    put_level(w, true);
    put(w, ",\n\"model\":{\"type\":\"BPE\",\"ignore_merges\":");
    put(w, row->whole ? "true" : "false");
    put(w, ",\"vocab\":{");
}

/* ---- Files ----------------------------------------------------------------------------------- */

ink_status ink_tokenizer_json_write(const ink_vocab_source *source, ink_buffer *out,
                                    ink_error *error)
{
    writer w = {.source = source, .out = out};
    const ink_pieces *row = ink_pieces_of_family(source->pre);
    w.words = source->model.n_bytes == 4 && memcmp(source->model.data, "bert", 4) == 0;
    if (!w.words && !row)
        return ink_fail(error, INK_UNSUPPORTED, 0, "pre-tokenizer \"%.*s\" cannot be exported",
                        (int)ink_size_min(source->pre.n_bytes, 60),
                        source->pre.data ? source->pre.data : "");
    put(&w, "{\"version\":\"1.0\",\"added_tokens\":[");
    put_tokens(&w, true);
    put(&w, "],\n\"normalizer\":");
    if (w.words)
        put_words(&w);
    else
        put_bytes(&w, row);
    put_tokens(&w, false);
    put(&w, w.words ? "}" : "},\"merges\":[");
    if (!w.words)
        put_merges(&w);
    put(&w, w.words ? "}}\n" : "]}}\n");
    return out->failed ? ink_fail_memory(error, "a vocabulary") : INK_OK;
}

static void put_flag(writer *w, const char *key, ink_vocab_flag flag)
{
    ink_vocab_choice choice = w->source->flags[flag];
    if (choice != INK_CHOICE_DEFAULT)
        (void)ink_buffer_format(w->out, "\"%s\": %s,\n", key,
                                choice == INK_CHOICE_YES ? "true" : "false");
}

ink_status ink_tokenizer_config_write(const ink_vocab_source *source, ink_text chat_template,
                                      ink_buffer *out, ink_error *error)
{
    writer w = {.source = source, .out = out};
    const ink_pieces *row = ink_pieces_of_family(source->pre);
    put(&w, "{\n");
    for (size_t i = 0; i < ink_n_named_roles; i++) {
        int32_t token = source->roles[ink_named_roles[i].role];
        if (token < 0)
            continue;
        (void)ink_buffer_format(out, "\"%s\": ", ink_named_roles[i].key);
        say(&w, "@,\n", source->tokens[token], 0);
    }
    put_flag(&w, "add_bos_token", INK_VOCAB_ADD_BOS);
    put_flag(&w, "add_eos_token", INK_VOCAB_ADD_EOS);
    put_flag(&w, "add_prefix_space", INK_VOCAB_ADD_SPACE_PREFIX);
    if (chat_template.n_bytes > 0)
        say(&w, "\"chat_template\": @,\n", chat_template, 0);
    (void)ink_buffer_format(out,
                            "\"clean_up_tokenization_spaces\": %s,\n\"tokenizer_class\": "
                            "\"%s\"\n}\n",
                            row && row->cleans ? "true" : "false",
                            source->scores ? "LlamaTokenizer" : "PreTrainedTokenizerFast");
    return out->failed ? ink_fail_memory(error, "a vocabulary") : INK_OK;
}
