#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretokenizer.h"

#include <pcre2.h>
#include <string.h>
#include "base/memory.h"
#include "base/size.h"
#include "base/status.h"
#include "base/utf8.h"

typedef struct family {
    const char *names; /* separated by spaces */
    int traits;
    const char *passes[INK_PRETOKENIZER_MAX_PASSES]; /* NULL beyond the last */
} family;

#define WHOLE_WORDS INK_PRE_WHOLE_WORDS
#define ADDS_BOS INK_PRE_ADDS_BOS
#define CLEANS_SPACES INK_PRE_CLEANS_SPACES
static const family families[] = {
#define FAMILY(names, traits, ...) {names, traits, {__VA_ARGS__}},
#include "text/pretokenizers.def"
#undef FAMILY
};
#undef WHOLE_WORDS
#undef ADDS_BOS
#undef CLEANS_SPACES

#define N_FAMILIES (sizeof families / sizeof families[0])

static bool names_hold(const char *names, ink_text name)
{
    while (*names) {
        size_t n = strcspn(names, " ");
        if (n == name.n_bytes && memcmp(names, name.data, n) == 0)
            return true;
        names += n;
        names += strspn(names, " ");
    }
    return false;
}

static const family *find_family(ink_text name)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (names_hold(families[i].names, name))
            return &families[i];
    return NULL;
}

const char *ink_pretokenizer_family(size_t index)
{
    return index < N_FAMILIES ? families[index].names : NULL;
}

static void *allocate(PCRE2_SIZE n_bytes, void *context)
{
    return ink_resize(context, NULL, n_bytes, 1);
}

static void release(void *pointer, void *context)
{
    ink_delete(context, pointer);
}

/*
 * Without a just-in-time compiler, or where the system forbids one, the pattern is interpreted:
 * same words, slower.
 */
static ink_status compile_pass(ink_pretokenizer *pretokenizer, const char *pattern,
                               ink_error *error)
{
    pcre2_compile_context *context = pcre2_compile_context_create(pretokenizer->memory);
    if (!context)
        return ink_fail_memory(error, "a pre-tokenizer");
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                         PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!compiled && code == PCRE2_ERROR_HEAP_FAILED)
        return ink_fail_memory(error, "a pre-tokenizer");
    if (!compiled)
        return ink_fail(error, INK_UNSUPPORTED, at,
                        "pre-tokenizer '%s': this PCRE2 refuses its pattern (error %d)",
                        pretokenizer->name, code);
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    pretokenizer->passes[pretokenizer->n_passes++] = compiled;
    return INK_OK;
}

static ink_status compile_family(ink_pretokenizer *pretokenizer, const family *row,
                                 const ink_allocator *allocator, ink_error *error)
{
    pretokenizer->memory = pcre2_general_context_create(allocate, release, (void *)allocator);
    if (!pretokenizer->memory)
        return ink_fail_memory(error, "a pre-tokenizer");
    for (size_t i = 0; i < INK_PRETOKENIZER_MAX_PASSES && row->passes[i]; i++)
        INK_TRY(compile_pass(pretokenizer, row->passes[i], error));
    return INK_OK;
}

ink_status ink_pretokenizer_open(ink_pretokenizer *pretokenizer, ink_text name,
                                 const ink_allocator *allocator, ink_error *error)
{
    static const ink_text unsaid = {"default", 7}, fallback = {"gpt-2", 5};
    bool guessed = name.n_bytes == 0 || names_hold(unsaid.data, name);
    const family *row = find_family(guessed ? fallback : name);
    *pretokenizer = (ink_pretokenizer){0};
    if (!row)
        return ink_fail(error, INK_UNSUPPORTED, 0,
                        "pre-tokenizer '%.*s' (tokenizer.ggml.pre) is not supported: its words "
                        "would be cut wrongly",
                        (int)(name.n_bytes < 100 ? name.n_bytes : 100), name.data);
    *pretokenizer = (ink_pretokenizer){.traits = row->traits, .guessed = guessed};
    ink_text known = guessed ? fallback : name;
    memcpy(pretokenizer->name, known.data,
           ink_size_min(known.n_bytes, sizeof pretokenizer->name - 1));
    ink_status status = compile_family(pretokenizer, row, allocator, error);
    if (status != INK_OK)
        ink_pretokenizer_close(pretokenizer);
    return status;
}

void ink_pretokenizer_close(ink_pretokenizer *pretokenizer)
{
    for (size_t i = 0; i < pretokenizer->n_passes; i++)
        pcre2_code_free(pretokenizer->passes[i]);
    if (pretokenizer->memory)
        pcre2_general_context_free(pretokenizer->memory);
    *pretokenizer = (ink_pretokenizer){0};
}

ink_status ink_word_splitter_init(ink_word_splitter *splitter, const ink_pretokenizer *pretokenizer,
                                  ink_word_sink *sink, void *context, ink_error *error)
{
    *splitter = (ink_word_splitter){.pretokenizer = pretokenizer, .sink = sink, .context = context};
    splitter->match = pcre2_match_data_create(1, pretokenizer->memory);
    splitter->limits = pcre2_match_context_create(pretokenizer->memory);
    if (splitter->match && splitter->limits)
        return INK_OK;
    ink_word_splitter_deinit(splitter);
    return ink_fail_memory(error, "splitting words");
}

void ink_word_splitter_deinit(ink_word_splitter *splitter)
{
    pcre2_match_data_free(splitter->match);
    pcre2_match_context_free(splitter->limits);
    *splitter = (ink_word_splitter){0};
}

static ink_status search_failed(const ink_word_splitter *splitter, int code, size_t at,
                                ink_error *error)
{
    if (code == PCRE2_ERROR_NOMEMORY)
        return ink_fail_memory(error, "splitting words");
    return ink_fail(error, INK_LIMIT, at,
                    "pre-tokenizer '%s' needs more steps or memory than allowed at byte %zu of the "
                    "text (PCRE2 error "
                    "%d); shorten the text",
                    splitter->pretokenizer->name, at, code);
}

/* One pass over one piece of valid UTF-8; recursion is as deep as there are passes. */
static ink_status split(ink_word_splitter *splitter, size_t pass, ink_text piece, ink_error *error)
{
    if (piece.n_bytes == 0)
        return INK_OK;
    if (pass == splitter->pretokenizer->n_passes)
        return splitter->sink(splitter->context, piece, error);
    const pcre2_code *code = splitter->pretokenizer->passes[pass];
    size_t done = 0;
    while (done < piece.n_bytes) {
        int found = pcre2_match(code, (PCRE2_SPTR)piece.data, piece.n_bytes, done,
                                PCRE2_NO_UTF_CHECK, splitter->match, splitter->limits);
        if (found == PCRE2_ERROR_NOMATCH)
            break;
        if (found < 0)
            return search_failed(splitter, found, done, error);
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(splitter->match);
        size_t begin = span[0], end = span[1];
        INK_TRY(split(splitter, pass + 1, (ink_text){piece.data + done, begin - done}, error));
        INK_TRY(split(splitter, pass + 1, (ink_text){piece.data + begin, end - begin}, error));
        done = end;
    }
    return split(splitter, pass + 1, (ink_text){piece.data + done, piece.n_bytes - done}, error);
}

/* Where the bytes that begin at `at` stop being UTF-8, or stop not being it. */
static size_t run_end(ink_text text, size_t at, bool valid)
{
    uint32_t code_point;
    while (at < text.n_bytes) {
        size_t length = ink_utf8_decode(text.data + at, text.n_bytes - at, &code_point);
        if ((length > 0) != valid)
            break;
        at += valid ? length : 1;
    }
    return at;
}

ink_status ink_word_splitter_run(ink_word_splitter *splitter, ink_text text, ink_error *error)
{
    pcre2_set_match_limit(splitter->limits,
                          (uint32_t)(INK_PRETOKENIZER_STEPS_PER_BYTE * (text.n_bytes + 65536)));
    pcre2_set_heap_limit(splitter->limits, INK_PRETOKENIZER_MAX_HEAP_KIB);
    bool valid = true;
    for (size_t at = 0; at < text.n_bytes; valid = !valid) {
        size_t end = run_end(text, at, valid);
        ink_text run = {text.data + at, end - at};
        if (valid)
            INK_TRY(split(splitter, 0, run, error));
        else
            INK_TRY(splitter->sink(splitter->context, run, error));
        at = end;
    }
    return INK_OK;
}
