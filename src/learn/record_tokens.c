#include "learn/record_tokens.h"

#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "model/model.h"

#define MAX_JSON_BYTES ((size_t)256 << 20)

typedef struct answer {
    ink_corpus *corpus;
    const ink_model *model;
    const ink_text_options *options;
    ink_tokens before, after; /* what the model is asked with; the same and what it should say */
    ink_buffer document, targets; /* of int32_t: what was learned of this record so far */
    ink_buffer json;
    bool cut;
} answer;

static size_t n_document(const answer *l)
{
    return l->document.n_bytes / sizeof(int32_t);
}

/* ---- Documents ------------------------------------------------------------------------------- */

static ink_status flush(answer *l, ink_error *error)
{
    const int32_t *tokens = (const int32_t *)(const void *)l->document.data;
    const int32_t *targets = (const int32_t *)(const void *)l->targets.data;
    size_t n = ink_size_min(n_document(l), l->options->n_context);
    ink_status status = n ? ink_corpus_add(l->corpus, tokens, targets, n, error) : INK_OK;
    l->document.n_bytes = l->targets.n_bytes = 0;
    return status;
}

static bool continues(const answer *l)
{
    size_t n_bytes = l->document.n_bytes;
    return n_bytes > 0 && n_document(l) <= l->after.n_tokens &&
           memcmp(l->document.data, l->after.ids, n_bytes) == 0;
}

static size_t common(const ink_tokens *a, const ink_tokens *b)
{
    size_t n = 0;
    while (n < a->n_tokens && n < b->n_tokens && a->ids[n] == b->ids[n])
        n++;
    return n;
}

/* `after` becomes the document, or more of it: from `begin` to `end` it is learned. */
static ink_status extend(answer *l, size_t begin, size_t end, ink_error *error)
{
    if (!continues(l))
        INK_TRY(flush(l, error));
    size_t from = n_document(l);
    for (size_t i = from; i < l->after.n_tokens; i++) {
        int32_t none = -1;
        bool learned = i >= begin && i < end;
        if (learned && i > 0) /* what the one before it should be followed by */
            memcpy(l->targets.data + (i - 1) * sizeof none, &l->after.ids[i], sizeof none);
        if (!ink_buffer_append(&l->targets, &none, sizeof none))
            return ink_fail_memory(error, "the tokens of a record");
    }
    size_t n_bytes = (l->after.n_tokens - from) * sizeof *l->after.ids;
    return ink_buffer_append(&l->document, l->after.ids + from, n_bytes)
               ? INK_OK
               : ink_fail_memory(error, "the tokens of a record");
}

/* What `after` has more than `before`, to the end of the turn. */
static ink_status learn_answer(answer *l, ink_error *error)
{
    size_t begin = common(&l->before, &l->after), end = begin;
    while (end < l->after.n_tokens && !ink_is_end_token(l->model, l->after.ids[end]))
        end++;
    end += end < l->after.n_tokens;
    if (l->after.n_tokens > l->options->n_context) {
        if (!l->options->cut)
            return ink_fail(error, INK_LIMIT, 0,
                            "has %zu tokens, but sequences have %zu; make them longer (context), "
                            "or allow that it is cut (cut)",
                            l->after.n_tokens, l->options->n_context);
        l->cut = true;
    }
    return extend(l, begin, end, error);
}

/* ---- Texts and completions ------------------------------------------------------------------- */

static ink_status add_end(const answer *l, ink_tokens *tokens, ink_error *error)
{
    int32_t end = ink_vocab_role(l->model->vocab, INK_ROLE_EOS);
    if (end < 0)
        return INK_OK;
    int32_t *ids =
        ink_resize(l->model->allocator, tokens->ids, tokens->n_tokens + 1, sizeof *tokens->ids);
    if (!ids)
        return ink_fail_memory(error, "the tokens of a record");
    tokens->ids = ids;
    tokens->capacity = tokens->n_tokens + 1;
    ids[tokens->n_tokens++] = end;
    return INK_OK;
}

static ink_status tokenize(const answer *l, ink_text text, ink_tokens *out, ink_error *error)
{
    return ink_tokenize(l->model, text.data, text.n_bytes, INK_SPECIAL_OPEN, out, error);
}

static ink_status learn_text(answer *l, ink_text text, ink_error *error)
{
    INK_TRY(tokenize(l, text, &l->after, error));
    INK_TRY(add_end(l, &l->after, error));
    return ink_corpus_add(l->corpus, l->after.ids, NULL, l->after.n_tokens, error);
}

static ink_status learn_completion(answer *l, const ink_record *record, ink_error *error)
{
    ink_buffer *both = &l->json;
    both->n_bytes = 0;
    ink_buffer_append(both, record->text.data, record->text.n_bytes);
    ink_buffer_append(both, record->completion.data, record->completion.n_bytes);
    if (both->failed)
        return ink_fail_memory(error, "a prompt and its completion");
    INK_TRY(tokenize(l, record->text, &l->before, error));
    INK_TRY(tokenize(l, (ink_text){both->data, both->n_bytes}, &l->after, error));
    INK_TRY(add_end(l, &l->after, error));
    return learn_answer(l, error);
}

/* ---- Conversations --------------------------------------------------------------------------- */

/* The variables of a template, with the first n messages. */
static bool select_variables(ink_arena *arena, const ink_record *record, size_t n, bool asks,
                             ink_value *out)
{
    static const char *const passed[] = {"tools", "enable_thinking"};
    const ink_value_list *all = record->messages.as.list;
    ink_value messages;
    if (!ink_value_new_dict(arena, INK_VALUE_DICT, out) ||
        !ink_value_new_list(arena, INK_VALUE_LIST, n, &messages))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ink_value_append(arena, messages, all->items[i]))
            return false;
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
        const ink_value *value = ink_value_find_name(record->object, passed[i]);
        if (value && !ink_value_set_name(arena, *out, passed[i], *value))
            return false;
    }
    return ink_value_set_name(arena, *out, "add_generation_prompt", ink_value_bool(asks)) &&
           ink_value_set_name(arena, *out, "messages", messages);
}

static ink_status tokenize_chat(answer *l, const ink_record *record, size_t n, bool asks,
                                ink_tokens *out, ink_error *error)
{
    ink_arena arena;
    ink_value variables;
    l->json.n_bytes = 0;
    ink_arena_init(&arena, l->corpus->allocator, MAX_JSON_BYTES);
    ink_status status = select_variables(&arena, record, n, asks, &variables)
                            ? ink_json_write(&l->json, variables, NULL, error)
                            : ink_fail_memory(error, "a conversation");
    ink_arena_deinit(&arena);
    if (l->json.failed) /* lines have fewer bytes than it may have */
        return ink_fail_memory(error, "a conversation");
    INK_TRY(status);
    return ink_chat_tokenize(l->model, l->json.data, l->json.n_bytes, 0, out, error);
}

static ink_status learn_turn(answer *l, const ink_record *record, size_t turn, ink_error *error)
{
    if (turn == 0)
        return ink_fail(error, INK_CORRUPT, 0,
                        "begins with the assistant, who needs something to answer");
    INK_TRY(tokenize_chat(l, record, turn, true, &l->before, error));
    INK_TRY(tokenize_chat(l, record, turn + 1, false, &l->after, error));
    return learn_answer(l, error);
}

/* What comes behind a turn that did not fit would not fit either. */
static ink_status learn_conversation(answer *l, const ink_record *record, ink_error *error)
{
    const ink_value_list *messages = record->messages.as.list;
    size_t n_turns = 0;
    for (size_t i = 0; i < messages->n_items && !l->cut; i++) {
        const ink_value *role = ink_value_find_name(messages->items[i], "role");
        if (!ink_value_is_text(*role, "assistant"))
            continue;
        n_turns++;
        INK_TRY(learn_turn(l, record, i, error));
    }
    if (n_turns == 0)
        return ink_fail(error, INK_CORRUPT, 0,
                        "has no message of the role \"assistant\", so nothing to learn");
    return INK_OK;
}

ink_status ink_corpus_add_record(ink_corpus *corpus, const ink_model *model,
                                 const ink_record *record, const ink_text_options *options,
                                 ink_record_counts *counts, ink_error *error)
{
    answer l = {.corpus = corpus, .model = model, .options = options};
    ink_buffer_init(&l.document, corpus->allocator, SIZE_MAX);
    ink_buffer_init(&l.targets, corpus->allocator, SIZE_MAX);
    ink_buffer_init(&l.json, corpus->allocator, MAX_JSON_BYTES);
    ink_status status = record->kind == INK_RECORD_TEXT ? learn_text(&l, record->text, error)
                        : record->kind == INK_RECORD_COMPLETION
                            ? learn_completion(&l, record, error)
                            : learn_conversation(&l, record, error);
    if (status == INK_OK)
        status = flush(&l, error);
    counts->n_records++;
    counts->n_cut += l.cut;
    ink_tokens_free(&l.before);
    ink_tokens_free(&l.after);
    ink_buffer_deinit(&l.json);
    ink_buffer_deinit(&l.targets);
    ink_buffer_deinit(&l.document);
    return status;
}
