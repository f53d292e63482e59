/*
 * Control tokens typed into a conversation stay text, and what a template means as one stays one.
 *
 * The vocabulary of these tests takes for a control token whatever looks like one in the prompts of
 * all golden chats: far more than any model has.
 */
#include "test_token_small.h"

#include <stdlib.h>
#include "text/chat.h"
#include "text/json.h"

enum { MAX_CONTROL = SMALL_MAX - 300, MAX_CONTROL_BYTES = 48, N_CASES = 504 };

typedef struct looks {
    small vocab;
    ink_arena arena; /* of the texts */
    size_t n_control;
} looks;

static bool is_inside(char c, char close)
{
    bool upper = (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
    return close == ']' ? upper : c != '<' && c != ' ' && c != '\n' && c != '"';
}

/* Bytes of what looks like a control token at the start: <...> or [CAPITALS]; 0: nothing does. */
static size_t looks_like_control(const char *text, size_t n_bytes)
{
    char close = text[0] == '<' ? '>' : text[0] == '[' ? ']' : '\0';
    for (size_t n = 1; close && n < n_bytes && n < MAX_CONTROL_BYTES; n++) {
        if (text[n] == close)
            return n > 1 ? n + 1 : 0;
        if (!is_inside(text[n], close))
            return 0;
    }
    return 0;
}

static void add_control(looks *all, const char *text, size_t n_bytes)
{
    ink_vocab_source *source = &all->vocab.source;
    for (size_t i = 0; i < source->n_tokens; i++)
        if (source->tokens[i].n_bytes == n_bytes &&
            memcmp(source->tokens[i].data, text, n_bytes) == 0)
            return;
    assert_true(all->n_control++ < MAX_CONTROL);
    const char *copy = ink_arena_string(&all->arena, text, n_bytes);
    small_add(&all->vocab, (ink_text){copy, n_bytes}, INK_TOKEN_CONTROL, 0);
}

static void add_controls(looks *all, const char *text, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes; at++) {
        size_t n = looks_like_control(text + at, n_bytes - at);
        if (n > 0)
            add_control(all, text + at, n);
    }
}

static void looks_init(looks *all)
{
    memset(all, 0, sizeof *all);
    small_init(&all->vocab, "gpt2");
    all->vocab.source.pre = text_of("qwen2");
    small_add_bytes(&all->vocab, true);
    ink_arena_init(&all->arena, NULL, (size_t)1 << 20);
}

/* ---- The golden chats */

/* Calls `each` with the line of every case, as a value. */
static void for_each_case(void (*each)(ink_value object, void *context), void *context)
{
    char path[1024];
    size_t n_bytes, n_cases = 0;
    char *text =
        ink_read_file(ink_shared_path("golden/chat/chat.jsonl", path, sizeof path), &n_bytes);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n_cases++) {
        ink_arena arena;
        ink_value object;
        ink_arena_init(&arena, NULL, (size_t)64 << 20);
        assert_int_equal(ink_value_from_json(&arena, line, (size_t)(end - line), &object, NULL),
                         INK_OK);
        each(object, context);
        ink_arena_deinit(&arena);
    }
    free(text);
    assert_int_equal(n_cases, N_CASES);
}

static void collect(ink_value object, void *context)
{
    const ink_value *expected = ink_value_find_name(object, "expect");
    if (expected)
        add_controls(context, expected->as.text, expected->n_bytes);
}

typedef struct rendered {
    ink_buffer text, origins, json; /* json: of the variables */
} rendered;

static ink_status render(const char *source, size_t n_bytes, ink_value variables, rendered *out)
{
    ink_arena arena;
    ink_template *program = NULL;
    ink_template_options how = {.unix_seconds = 1767225600, .origins = &out->origins};
    const ink_chat_options options = {.bos_token = "<s>", .eos_token = "</s>"};
    ink_arena_init(&arena, NULL, (size_t)16 << 20);
    ink_buffer_init(&out->text, NULL, (size_t)1 << 20);
    ink_buffer_init(&out->origins, NULL, (size_t)1 << 20);
    ink_buffer_init(&out->json, NULL, (size_t)1 << 20);
    assert_int_equal(ink_json_write(&out->json, variables, NULL, NULL), INK_OK);
    assert_int_equal(ink_template_new(&program, source, n_bytes, NULL, NULL), INK_OK);
    ink_status status = ink_chat_variables_from_json(&arena, out->json.data, out->json.n_bytes,
                                                     &options, &variables, NULL);
    if (status == INK_OK)
        status = ink_template_render(program, variables, &how, &out->text, NULL);
    if (status == INK_OK)
        assert_int_equal(out->text.n_bytes, out->origins.n_bytes);
    ink_template_free(program);
    ink_arena_deinit(&arena);
    return status;
}

static void rendered_deinit(rendered *r)
{
    ink_buffer_deinit(&r->text);
    ink_buffer_deinit(&r->origins);
    ink_buffer_deinit(&r->json);
}

static void encode(const ink_vocab *vocab, const rendered *r, bool guarded, ink_token_list *out)
{
    ink_encode_options options = {.parse_special = true,
                                  .origins = guarded ? r->origins.data : NULL};
    ink_token_list_init(out, NULL, (size_t)1 << 20);
    assert_int_equal(
        ink_vocab_encode(vocab, (ink_text){r->text.data, r->text.n_bytes}, options, out, NULL),
        INK_OK);
}

static size_t count(const ink_token_list *list, int32_t token)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n_tokens; i++)
        n += list->ids[i] == token;
    return n;
}

/* ---- Every template */

typedef struct comparison {
    const ink_vocab *vocab;
    size_t n_prompts, n_control, n_typed;
} comparison;

/*
 * Whether the variables hold the text, or the name that a template writes markup around: <enum> of
 * "enum", </enum>, <function=NAME> of "NAME".
 */
static bool stands_in(const char *json, const char *text)
{
    char name[MAX_CONTROL_BYTES + 2];
    const char *inside = text + 1;
    inside += *inside == '/';
    inside = strchr(inside, '=') ? strchr(inside, '=') + 1 : inside;
    (void)snprintf(name, sizeof name, "\"%.*s\"", (int)strlen(inside) - 1, inside);
    return strstr(json, text) || strstr(json, name);
}

/* Only what stands in the variables may have been read as a control token and now be text. */
static void compare(comparison *c, const rendered *r, const char *name)
{
    ink_token_list plain, guarded;
    size_t n_typed = 0;
    encode(c->vocab, r, false, &plain);
    encode(c->vocab, r, true, &guarded);
    for (int32_t token = 256; token < ink_vocab_n_tokens(c->vocab); token++) {
        size_t before = count(&plain, token), after = count(&guarded, token);
        const char *text = ink_vocab_token_text(c->vocab, token).data;
        if (before != after && !stands_in(r->json.data, text))
            fail_msg("%s: of %zu control tokens %s only %zu were read", name, before, text, after);
        c->n_control += after;
        n_typed += before - after;
    }
    bool same = plain.n_tokens == guarded.n_tokens &&
                memcmp(plain.ids, guarded.ids, plain.n_tokens * sizeof *plain.ids) == 0;
    assert_true(same == (n_typed == 0));
    c->n_typed += n_typed;
    ink_token_list_deinit(&plain);
    ink_token_list_deinit(&guarded);
}

/* The same conversation with all control tokens in what the user says first. */
static ink_value infect(const comparison *c, ink_arena *arena, ink_value variables, bool really)
{
    ink_value copy;
    ink_buffer said;
    ink_buffer_init(&said, NULL, (size_t)1 << 20);
    assert_true(ink_buffer_text(&said, "Hello"));
    for (int32_t token = 256; token < ink_vocab_n_tokens(c->vocab) && really; token++)
        assert_true(ink_buffer_format(&said, " %s", ink_vocab_token_text(c->vocab, token).data));
    assert_true(ink_value_new_string(arena, said.data, said.n_bytes, &copy));
    ink_buffer_deinit(&said);
    const ink_value_list *messages = ink_value_find_name(variables, "messages")->as.list;
    for (size_t i = 0; i < messages->n_items; i++)
        if (ink_value_is_text(*ink_value_find_name(messages->items[i], "role"), "user"))
            assert_true(ink_value_set_name(arena, messages->items[i], "content", copy));
    return variables;
}

/* Whatever a user types, the control tokens of the prompt are those of the template. */
static void expect_immune(comparison *c, const char *source, size_t n_bytes, ink_value variables,
                          const char *name)
{
    ink_arena arena;
    rendered harmless = {0}, hostile = {0};
    ink_token_list wanted, got;
    ink_arena_init(&arena, NULL, (size_t)1 << 20);
    ink_status first = render(source, n_bytes, infect(c, &arena, variables, false), &harmless);
    ink_status second = render(source, n_bytes, infect(c, &arena, variables, true), &hostile);
    assert_int_equal(first, second);
    encode(c->vocab, &harmless, true, &wanted);
    encode(c->vocab, &hostile, true, &got);
    for (int32_t token = 256; token < ink_vocab_n_tokens(c->vocab); token++)
        if (count(&wanted, token) != count(&got, token))
            fail_msg("%s: the user's text is read as %s", name,
                     ink_vocab_token_text(c->vocab, token).data);
    ink_token_list_deinit(&wanted);
    ink_token_list_deinit(&got);
    rendered_deinit(&harmless);
    rendered_deinit(&hostile);
    ink_arena_deinit(&arena);
}

static void check_case(ink_value object, void *context)
{
    comparison *c = context;
    char path[1024], relative[256];
    size_t n_bytes;
    rendered r = {0};
    ink_value name = *ink_value_find_name(object, "template");
    ink_value variables = *ink_value_find_name(object, "vars");
    (void)snprintf(relative, sizeof relative, "golden/chat/templates/%.*s", (int)name.n_bytes,
                   name.as.text);
    char *source = ink_read_file(ink_shared_path(relative, path, sizeof path), &n_bytes);
    if (render(source, n_bytes, variables, &r) == INK_OK) {
        c->n_prompts++;
        compare(c, &r, relative);
        expect_immune(c, source, n_bytes, variables, relative);
    }
    rendered_deinit(&r);
    free(source);
}

static void test_every_template(void **state)
{
    static looks all;
    comparison c = {0};
    (void)state;
    ink_require_shared();
    looks_init(&all);
    for_each_case(collect, &all);
    ink_vocab *vocab = small_open(&all.vocab, NULL);
    c.vocab = vocab;
    for_each_case(check_case, &c);
    print_message("%zu kinds of control tokens; %zu prompts hold %zu, and %zu made of variables\n",
                  all.n_control, c.n_prompts, c.n_control, c.n_typed);
    assert_true(all.n_control > 200 && c.n_prompts > 450);
    assert_true(c.n_control > 5000 && c.n_typed > 0);
    ink_vocab_free(vocab);
    ink_arena_deinit(&all.arena);
}

/* ---- Each way that text takes through a template */

#define LONG_TEXT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/*
 * `d` is "xyz", `l` is ["p", "q"], both data. The origins: a digit repeats what stands before it.
 */
static const struct {
    const char *source, *text, *origins;
} ways[] = {
    {"a{{ d }}b", "axyzb", "TdddT"},
    {"{{ 'a' + d + 'b' }}", "axyzb", "TdddT"},
    {"{{ 'a' ~ d ~ 12 ~ true ~ none }}", "axyz12TrueNone", "TdddTTTTTTTTTT"},
    {"{{ ('a' ~ d ~ 'b')[2:] }}|{{ ('a' ~ d)[::2] }}|{{ ('a' ~ d)[1] }}", "yzb|ay|x", "ddTTTdTd"},
    {"{{ l | join('-') }}{{ '+'.join(l) }}", "p-qp+q", "dTddTd"},
    {"{{ (' ' ~ d ~ ' ') | trim }}{{ ('a' ~ d).lstrip('a') }}", "xyzxyz", "dddddd"},
    {"{{ ('a' ~ d) | upper }}{{ ('A' ~ d) | lower }}", "AXYZaxyz", "TdddTddd"},
    {"{{ ('a' ~ d) | title }}{{ ('\xc3\x9f' ~ d) | upper }}", "AxyzSSXYZ", "TdddTTddd"},
    {"{{ 'a-a' | replace('-', d) }}{{ d | replace('y', 'b') }}", "axyzaxbz", "TdddTdTd"},
    {"{{ '<%s|%d>' % (d, 5) }}{{ '<{}>'.format(d) }}", "<xyz|5><xyz>", "TdddTTTTdddT"},
    {"{{ ('a' ~ d) | reverse }}{{ ('a' ~ d) * 2 }}", "zyxaaxyzaxyz", "dddTTdddTddd"},
    {"{{ ('a' ~ d).split('y') | last }}{{ ('a b ' ~ d).split()[2] }}", "zxyz", "dddd"},
    {"{{ ('a-' ~ d).partition('-')[0] }}{{ ('a' ~ d).removeprefix('ax') }}", "ayz", "Tdd"},
    {"{{ 'a' | center(3) }}{{ d | indent(1, true) }}", " a  xyz", "dTd5"},
    {"{% for c in 'a' ~ d %}{{ c }}.{% endfor %}", "a.x.y.z.", "TTdTdTdT"},
    {"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(d) }}{{ m('a') }}", "<xyz><a>", "TdddTTTT"},
    {"{% set s %}a{{ d }}{% endset %}{{ s }}{% filter upper %}b{{ d }}{% endfilter %}", "axyzBXYZ",
     "TdddTddd"},
    {"{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}{{ d }}{% endcall %}", "<xyz>",
     "TdddT"},
    {"{% set n = namespace(s='') %}{% for i in l %}{% set n.s = n.s + 'a' + i %}{% endfor %}{{ n.s "
     "}}",
     "apaq", "TdTd"},
    {"{{ d | tojson }}{{ 'a' | tojson }}{{ [d] }}", "\"xyz\"\"a\"['xyz']", "d16"},
    {"{{ d | default('a') }}{{ u | default('a') }}{{ d or 'a' }}", "xyzaxyz", "dddTddd"},
    {"{{ {'k': d, 'a': 'b'}.items() | map('last') | join }}", "xyzb", "dddT"},
    {"{{ l | map('upper') | list | first }}{{ ['b', 'a'] | sort | first }}", "Pa", "dT"},
    {"{{ '<a>' | escape }}{{ d | urlencode }}{{ 'a b' | urlencode }}", "&lt;a&gt;xyza%20b",
     "T9dddT5"},
    {"{% set a = '" LONG_TEXT "' %}{% set a = a ~ a %}{% set b = a ~ a ~ d %}{% set c = b ~ 'e' "
     "%}{{ c[253:] }}{{ (b ~ d)[256:] }}",
     "defxyzexyzxyz", "TTTdddTdddddd"},
    {"{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ other }}", "BEPO", "TTTd"},
    {"{% for m in messages %}{{ '<|' ~ m.role ~ '|>' ~ m.name }}{% endfor %}", "<|user|>n<|a|b|>n",
     "TTTTTTTTdTTdddTTd"},
};

/* "d16" and the like, written out. */
static void write_origins(const char *short_form, char out[64])
{
    size_t n = 0;
    while (*short_form) {
        char *end = NULL, origin = *short_form++;
        long times = strtol(short_form, &end, 10);
        if (end == short_form)
            times = 1;
        for (long i = 0; i < times && n < 63; i++)
            out[n++] = origin == 'T' ? INK_ORIGIN_TEMPLATE : INK_ORIGIN_DATA;
        short_form = end;
    }
    out[n] = '\0';
}

static void test_every_way(void **state)
{
    static const char json[] =
        "{\"messages\": [{\"role\": \"user\", \"name\": \"n\"}, {\"role\": \"a|b\", \"name\": "
        "\"n\"}], \"d\": \"xyz\", \"l\": [\"p\", \"q\"], \"bos_token\": \"B\", \"eos_token\": "
        "\"E\", \"pad_token\": \"P\", \"other\": \"O\"}";
    ink_arena arena;
    ink_value variables;
    (void)state;
    ink_arena_init(&arena, NULL, (size_t)1 << 20);
    assert_int_equal(ink_value_from_json(&arena, json, sizeof json - 1, &variables, NULL), INK_OK);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        rendered r = {0};
        char expected[64];
        assert_int_equal(render(ways[i].source, strlen(ways[i].source), variables, &r), INK_OK);
        assert_string_equal(r.text.data, ways[i].text);
        write_origins(ways[i].origins, expected);
        for (size_t at = 0; at < r.text.n_bytes; at++)
            if (r.origins.data[at] != expected[at])
                fail_msg("%s: byte %zu of '%s' has the wrong origin", ways[i].source, at,
                         r.text.data);
        rendered_deinit(&r);
    }
    ink_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_template),
                                       cmocka_unit_test(test_every_way)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
