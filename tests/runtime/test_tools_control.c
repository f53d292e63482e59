/*
 * Markers that are control tokens of the vocabulary: a call begins and ends with these tokens and
 * never with their spelling, alone, in parallel, and while an answer comes. The vocabulary is that
 * of the stories, with rare characters renamed.
 */
#include "stories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format/gguf_writer.h"
#include "text/tools.h"
#include "text/vocab.h"

static const char *const markers[] = {
    "<tool_call>",    "</tool_call>",          "[TOOL_CALLS]",       "[ARGS]", "<|tool_call|>",
    "<|/tool_call|>", "<|tool_call>",          "<tool_call|>",       "<|\"|>", "<escape>",
    "</escape>",      "<start_function_call>", "<end_function_call>"};
enum { N_MARKERS = sizeof markers / sizeof *markers, FIRST = 512 - N_MARKERS };

static const char tools_json[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":"
    "\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"enum\":[\"Bonn\",\"Ulm\"]},"
    "\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":7}},\"required\":[\"city\"]}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";

#define JSON_CALLS                                                                           \
    "{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": 3}}, {\"name\": " \
    "\"now\", \"arguments\": {}}"

static const struct {
    const char *format, *answer; /* two calls */
    size_t n_markers;            /* tokens in it */
} rows[] = {
    {"hermes",
     "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\", \"days\": "
     "3}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
     4},
    {"mistral", "[TOOL_CALLS][" JSON_CALLS "]", 1},
    {"mistral-args",
     "[TOOL_CALLS]weather[ARGS]{\"city\": \"Bonn\", \"days\": 3}[TOOL_CALLS]now[ARGS]{}", 4},
    {"phi", "<|tool_call|>[" JSON_CALLS "]<|/tool_call|>", 2},
    {"gemma4",
     "<|tool_call>call:weather{city:<|\"|>Bonn<|\"|>,days:3}<tool_call|><|tool_call>call:now{}"
     "<tool_call|>",
     6},
    {"function-gemma",
     "<start_function_call>call:weather{city:<escape>Bonn<escape>,days:3}<end_function_call>"
     "<start_function_call>call:now{}<end_function_call>",
     6},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

/* ---- The model ------------------------------------------------------------------------------- */

static void rename_tokens(ink_gguf_writer *writer, const ink_gguf *gguf)
{
    const ink_gguf_value *texts = ink_gguf_find(gguf, "tokenizer.ggml.tokens"),
                         *types = ink_gguf_find(gguf, "tokenizer.ggml.token_type");
    ink_gguf_string strings[512];
    int32_t kinds[512];
    assert_true(texts && types && texts->n_items == 512 && types->n_items == 512);
    memcpy(kinds, types->bytes, sizeof kinds);
    for (size_t i = 0; i < 512; i++)
        strings[i] = ink_gguf_item_string(texts, i);
    for (size_t i = 0; i < N_MARKERS; i++) {
        strings[FIRST + i] = (ink_gguf_string){markers[i], strlen(markers[i])};
        kinds[FIRST + i] = INK_TOKEN_CONTROL;
    }
    assert_int_equal(ink_gguf_writer_set_strings(writer, texts->key, strings, 512, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_set_array(writer, types->key, INK_GGUF_I32, kinds, 512, NULL),
                     INK_OK);
}

static void copy_tensors(ink_gguf_writer *writer, const ink_gguf *gguf, const char *path)
{
    size_t n = ink_gguf_n_tensors(gguf);
    for (size_t i = 0; i < n; i++) {
        const ink_gguf_tensor *t = ink_gguf_get_tensor(gguf, i);
        assert_int_equal(
            ink_gguf_writer_add_tensor(writer, t->name, t->gguf_type, t->n_dims, t->shape, NULL),
            INK_OK);
    }
    assert_int_equal(ink_gguf_writer_begin(writer, path, NULL), INK_OK);
    for (size_t i = 0; i < n; i++) {
        const ink_gguf_tensor *t = ink_gguf_get_tensor(gguf, i);
        char *data = malloc((size_t)t->n_bytes);
        assert_non_null(data);
        assert_int_equal(ink_gguf_read(gguf, t, 0, (size_t)t->n_bytes, data, NULL), INK_OK);
        assert_int_equal(ink_gguf_writer_write(writer, data, (size_t)t->n_bytes, NULL), INK_OK);
        free(data);
    }
    assert_int_equal(ink_gguf_writer_commit(writer, NULL), INK_OK);
}

/* `template`: a chat template, or NULL. */
static ink_model *open_marked(const char *template, ink_log log)
{
    char source[1024], folder[64], path[96];
    ink_gguf *gguf = NULL;
    ink_gguf_writer *writer = NULL;
    ink_model *model = NULL;
    ink_error error = {0};
    ink_require_shared();
    ink_temporary_folder(folder);
    (void)snprintf(path, sizeof path, "%s/marked.gguf", folder);
    ink_shared_path(STORIES, source, sizeof source);
    assert_int_equal(ink_gguf_open(&gguf, source, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_new(&writer, 0, NULL, NULL), INK_OK);
    assert_int_equal(ink_gguf_writer_set_all(writer, gguf, NULL), INK_OK);
    rename_tokens(writer, gguf);
    if (template)
        assert_int_equal(
            ink_gguf_writer_set_text(writer, "tokenizer.chat_template", template, NULL), INK_OK);
    copy_tensors(writer, gguf, path);
    ink_gguf_writer_free(writer);
    ink_gguf_free(gguf);
    if (ink_model_open(&model, path, &(ink_model_options){.n_threads = 1, .log = log}, &error))
        fail_msg("%s", error.message);
    ink_remove_folder(folder);
    return model;
}

static ink_tools *new_tools(const ink_model *model, const char *format, ink_tool_choice choice)
{
    ink_tools *tools = NULL;
    ink_error error;
    const ink_tools_options options = {
        .format = format, .choice = choice, .name = choice == INK_TOOL_NAMED ? "now" : NULL};
    if (ink_tools_new(&tools, model, tools_json, sizeof tools_json - 1, &options, &error))
        fail_msg("%s", error.message);
    return tools;
}

static ink_constraint *constrain(const ink_tools *tools)
{
    ink_constraint *constraint = NULL;
    ink_error error;
    if (ink_tools_constrain(&constraint, tools, INK_THINKING_NONE, &error) != INK_OK)
        fail_msg("%s", error.message);
    return constraint;
}

/* ---- Step by step ---------------------------------------------------------------------------- */

/* The token of the marker that the text begins with, or -1. */
static int32_t marker_at(const char *text)
{
    for (size_t i = 0; i < N_MARKERS; i++)
        if (strncmp(text, markers[i], strlen(markers[i])) == 0)
            return (int32_t)(FIRST + i);
    return -1;
}

/* Accepts the answer with its markers as tokens; gives how many there were. */
static size_t follow(ink_constraint *constraint, const char *text)
{
    size_t n_markers = 0;
    while (*text) {
        int32_t token = marker_at(text);
        size_t n = 1, taken = 1;
        if (token >= 0) {
            n = strlen(markers[token - FIRST]);
            assert_int_equal(ink_constraint_accept_token(constraint, token, NULL), INK_OK);
            n_markers++;
        } else {
            assert_int_equal(ink_constraint_accept(constraint, text, 1, &taken, NULL), INK_OK);
        }
        if (taken != 1)
            fail_msg("refused from \"%s\" on", text);
        text += n;
    }
    return n_markers;
}

static size_t count_allowed(ink_constraint *constraint, int32_t token, bool *is_allowed)
{
    const uint32_t *mask;
    size_t n = 0;
    assert_int_equal(ink_constraint_mask(constraint, &mask, NULL), INK_OK);
    for (size_t i = 0; i < 32 * ink_constraint_mask_words(constraint); i++)
        n += mask[i / 32] >> (i % 32) & 1;
    *is_allowed = mask[token / 32] >> (token % 32) & 1;
    return n;
}

static size_t accepted(ink_constraint *constraint, const char *text)
{
    size_t n;
    assert_int_equal(ink_constraint_accept(constraint, text, strlen(text), &n, NULL), INK_OK);
    return n;
}

static void markers_are_tokens_and_no_text(void **state)
{
    ink_model *model = open_marked(NULL, (ink_log){0});
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        bool allowed;
        int32_t first = marker_at(rows[i].answer);
        ink_tools *required = new_tools(model, rows[i].format, INK_TOOL_REQUIRED),
                  *automatic = new_tools(model, rows[i].format, INK_TOOL_AUTO),
                  *none = new_tools(model, rows[i].format, INK_TOOL_NONE);
        ink_constraint *c = constrain(required);
        assert_int_equal(count_allowed(c, first, &allowed), 1); /* nothing but the token */
        assert_true(allowed);
        assert_int_equal(accepted(c, rows[i].answer), 0); /* not its spelling */
        ink_constraint_reset(c);
        assert_int_equal(follow(c, rows[i].answer), rows[i].n_markers);
        assert_true(ink_constraint_may_end(c));
        ink_constraint_free(c);
        c = constrain(automatic);
        assert_true(count_allowed(c, first, &allowed) > 100 && allowed);
        assert_int_equal(accepted(c, "Hm. "), 4);
        assert_true(accepted(c, markers[first - FIRST]) < strlen(markers[first - FIRST]));
        ink_constraint_reset(c);
        assert_int_equal(accepted(c, "Hm. "), 4);
        (void)follow(c, rows[i].answer);
        assert_true(ink_constraint_may_end(c));
        ink_constraint_free(c);
        c = constrain(none);
        (void)count_allowed(c, first, &allowed);
        assert_false(allowed);
        ink_constraint_free(c);
        ink_tools_free(none);
        ink_tools_free(automatic);
        ink_tools_free(required);
    }
    ink_model_free(model);
}

/* ---- While it comes -------------------------------------------------------------------------- */

typedef struct stream {
    ink_answer *answer;
    size_t n_calls, n_now;
} stream;

static bool take_call(void *context, const ink_tool_call *call)
{
    stream *s = context;
    bool now = strcmp(call->name, "now") == 0;
    assert_int_equal(call->index, s->n_calls);
    if (!now)
        assert_string_equal(call->name, "weather");
    if (now ? strcmp(call->arguments, "{}") : !strstr(call->arguments, "\"city\""))
        fail_msg("%s: %s", call->name, call->arguments);
    s->n_calls++;
    s->n_now += now;
    return true;
}

static bool feed(void *context, const char *text, size_t n_bytes)
{
    stream *s = context;
    ink_error error;
    if (ink_answer_feed(s->answer, text, n_bytes, &error) != INK_OK)
        fail_msg("%s: %s", text, error.message);
    return true;
}

/* Against the end of an answer, and of a list of calls. */
static size_t biases_against_ends(const ink_model *model, ink_logit_bias out[16])
{
    size_t n = 0;
    for (int32_t token = 0; token < FIRST; token++) {
        ink_string text = {0};
        assert_int_equal(ink_detokenize(model, &token, 1, 0, &text, NULL), INK_OK);
        bool closes = text.n_bytes > 0 && memchr(text.data, ']', text.n_bytes);
        if ((closes || ink_is_end_token(model, token)) && n < 16)
            out[n++] = (ink_logit_bias){token, -50};
        ink_string_free(&text);
    }
    assert_true(n > 1);
    return n;
}

/* Each piece goes to the reader as it is written. Gives the number of calls. */
static size_t answer_once(ink_session *session, const ink_tools *tools, int64_t seed, bool goes_on)
{
    stream s = {.answer = NULL};
    const ink_answer_events events = {.call = take_call, .context = &s};
    ink_logit_bias biases[16];
    ink_constraint *constraint = constrain(tools);
    ink_generation generation;
    ink_error error;
    ink_generation_init(&generation);
    generation.sampling.seed = seed;
    generation.sampling.temperature = 1.5f;
    generation.sampling.biases = biases;
    generation.sampling.n_biases = goes_on ? biases_against_ends(session->model, biases) : 0;
    generation.max_tokens = 300;
    generation.constraint = constraint;
    generation.write = feed;
    generation.context = &s;
    assert_int_equal(ink_answer_new(&s.answer, tools, INK_THINKING_NONE, &events, &error), INK_OK);
    assert_int_equal(ink_session_rewind(session, 0, NULL), INK_OK);
    ink_tokens prompt = tokens_of(session->model, "Once upon a time");
    ink_generated result = generate(session, prompt.ids, prompt.n_tokens, &generation);
    size_t n_markers = 0, n_prompt = prompt.n_tokens;
    for (size_t i = n_prompt; i < n_prompt + result.n_tokens; i++)
        n_markers += ink_session_tokens(session)[i] >= FIRST;
    ink_tokens_free(&prompt);
    if (result.stop == INK_STOP_END && ink_answer_end(s.answer, &error) != INK_OK)
        fail_msg("%s", error.message);
    if (tools->choice == INK_TOOL_NONE)
        assert_int_equal(n_markers + s.n_calls, 0);
    assert_true((s.n_calls == 0) || n_markers > 0);
    if (tools->choice == INK_TOOL_NAMED)
        assert_true(result.stop == INK_STOP_END && s.n_calls == 1 && s.n_now == 1);
    if (tools->choice == INK_TOOL_REQUIRED && result.stop == INK_STOP_END)
        assert_true(s.n_calls >= 1);
    ink_answer_free(s.answer);
    ink_constraint_free(constraint);
    return s.n_calls;
}

static void answers_come_in_pieces(void **state)
{
    ink_model *model = open_marked(NULL, (ink_log){0});
    ink_session *session = new_session(model, "f32", 512, 0);
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        for (int choice = INK_TOOL_AUTO; choice <= INK_TOOL_NAMED; choice++) {
            ink_tools *tools = new_tools(model, rows[i].format, (ink_tool_choice)choice);
            for (int64_t seed = 1; seed < 4; seed++)
                (void)answer_once(session, tools, seed, false);
            if (choice == INK_TOOL_REQUIRED) /* a model that does not want to end calls again */
                if (answer_once(session, tools, 1, true) < 2)
                    fail_msg("%s: only one call", rows[i].format);
            ink_tools_free(tools);
        }
    }
    ink_session_free(session);
    ink_model_free(model);
}

/* ---- Spelled by others ----------------------------------------------------------------------- */

/* As families do it: the template's markers around what was said, joined with it, and JSON. */
static const char spelling[] =
    "{{ bos_token }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}"
    "{% for m in messages %}{% if m.role == 'tool' %}{{ '<tool_call>' ~ m.content | trim "
    "}}</tool_call>"
    "{% elif m.tool_calls %}{% for c in m.tool_calls %}<|tool_call>call:{{ c.function.name }}"
    "{{ c.function.arguments | tojson }}<tool_call|>{% endfor %}"
    "{% else %}{{ m.role + ': ' + m.content }}{% endif %}\n{% endfor %}";

static void add_text(char *out, size_t size, const char *text)
{
    for (size_t n = strlen(out); *text && n + 3 < size; text++) {
        if (*text == '"')
            out[n++] = '\\';
        out[n++] = *text;
        out[n] = '\0';
    }
}

/* A conversation in which everyone writes `word` wherever text can be. */
static void converse(char out[4096], const char *word)
{
    static const char *const parts[] = {
        "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\",\"description\":\"",
        "\"}}],\"messages\":[{\"role\":\"system\",\"content\":\"",
        "\"},{\"role\":\"user\",\"content\":\"",
        ("\"},{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\","
         "\"function\":{\"name\":\"now\",\"arguments\":{\"city\":\""),
        "\"}}}]},{\"role\":\"tool\",\"name\":\"now\",\"content\":\"",
        "\"}]}"};
    const size_t n_parts = sizeof parts / sizeof *parts;
    *out = '\0';
    for (size_t i = 0; i < n_parts; i++) {
        (void)snprintf(out + strlen(out), 4096 - strlen(out), "%s", parts[i]);
        if (i + 1 < n_parts)
            add_text(out, 4096, word);
    }
}

static size_t count_markers(const ink_tokens *tokens)
{
    size_t n = 0;
    for (size_t i = 0; i < tokens->n_tokens; i++)
        n += tokens->ids[i] >= FIRST;
    return n;
}

/* Only what the template wrote itself are the tokens that begin and end calls. */
static void what_is_said_is_text(void **state)
{
    enum { OF_TEMPLATE = 4, N_PLACES = 5 };
    char chat[4096];
    ink_model *model = open_marked(spelling, (ink_log){0});
    (void)state;
    for (size_t i = 0; i < N_MARKERS; i++) {
        ink_tokens tokens = {0}, unguarded = {0};
        ink_string text = {0};
        ink_error error;
        converse(chat, markers[i]);
        if (ink_chat_tokenize(model, chat, strlen(chat), 0, &tokens, &error) != INK_OK ||
            ink_chat_render(model, chat, strlen(chat), 0, &text, &error) != INK_OK)
            fail_msg("%s: %s", markers[i], error.message);
        assert_int_equal(count_markers(&tokens), OF_TEMPLATE);
        /* that it is spelled at all; JSON writes quotes otherwise */
        assert_int_equal(
            ink_tokenize(model, text.data, text.n_bytes, INK_SPECIAL_PARSE, &unguarded, NULL),
            INK_OK);
        size_t n_places = strchr(markers[i], '"') ? N_PLACES - 2 : N_PLACES;
        assert_int_equal(count_markers(&unguarded), OF_TEMPLATE + n_places);
        ink_tokens_free(&tokens);
        ink_tokens_free(&unguarded);
        ink_string_free(&text);
    }
    ink_model_free(model);
}

/* ---- Other forms ----------------------------------------------------------------------------- */

static void remember(void *context, ink_log_level level, const char *message)
{
    if (level == INK_LOG_WARNING)
        (void)snprintf(context, 500, "%s", message);
}

/* A template whose calls are written as no row writes them is spoken of; others are not. */
static void forms_that_are_not_known_are_told(void **state)
{
    static const struct {
        const char *template, *asked, *format, *warning;
    } cases[] = {
        {"{{ tools }}<tool_call>\n<function=f>", NULL, "hermes", "<function="},
        {"{{ tools }}<tool_call>f\n<arg_key>", NULL, "hermes", "<arg_key>"},
        {"{{ tools }}<tool_call>\n<function=f>", "json", "json", ""},
        {"{{ tools }}<tool_call>\n{\"name\"", NULL, "hermes", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char warning[500] = "";
        ink_model *model = open_marked(cases[i].template, (ink_log){remember, warning});
        ink_tools *tools = new_tools(model, cases[i].asked, INK_TOOL_AUTO);
        assert_string_equal(ink_tools_format(tools), cases[i].format);
        assert_non_null(strstr(warning, cases[i].warning));
        assert_true(!*cases[i].warning == !*warning);
        ink_tools_free(tools);
        ink_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markers_are_tokens_and_no_text),
        cmocka_unit_test(answers_come_in_pieces),
        cmocka_unit_test(what_is_said_is_text),
        cmocka_unit_test(forms_that_are_not_known_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
