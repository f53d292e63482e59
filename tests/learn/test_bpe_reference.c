/*
 * Learning byte pairs against its definition, done the slow way: every pair of neighbors counted
 * anew before each merge, and the merges applied one after the other to a word.
 */
#include "test_train_small.h"

#include "text/pretokenizer.h"
#include "text/vocab_tables.h"

enum { N_BYTES = 256, MAX_TOKENS = 512, MAX_SYMBOLS = 6000, MAX_BYTES = 16, NO_TOKEN = -1 };

/* Words behind each other, NO_TOKEN between them; a token is its bytes. */
typedef struct slow {
    int symbols[MAX_SYMBOLS];
    size_t n_symbols;
    unsigned char texts[MAX_TOKENS][MAX_BYTES + 1];
    size_t lengths[MAX_TOKENS];
    int n_tokens;
    int left[MAX_TOKENS], right[MAX_TOKENS]; /* what a token was merged of */
    unsigned counts[MAX_TOKENS][MAX_TOKENS];
} slow;

static ink_status take_word(void *context, ink_text word, ink_error *error)
{
    slow *s = context;
    (void)error;
    for (size_t i = 0; i < word.n_bytes; i++)
        s->symbols[s->n_symbols++] = (unsigned char)word.data[i];
    s->symbols[s->n_symbols++] = NO_TOKEN;
    return INK_OK;
}

static void slow_init(slow *s, const char *pre, ink_text text)
{
    ink_pretokenizer pretokenizer;
    ink_word_splitter splitter;
    memset(s, 0, sizeof *s);
    for (s->n_tokens = 0; s->n_tokens < N_BYTES; s->n_tokens++) {
        s->texts[s->n_tokens][0] = (unsigned char)s->n_tokens;
        s->lengths[s->n_tokens] = 1;
    }
    assert_int_equal(ink_pretokenizer_open(&pretokenizer, text_of(pre), NULL, NULL), INK_OK);
    assert_int_equal(ink_word_splitter_init(&splitter, &pretokenizer, take_word, s, NULL), INK_OK);
    assert_int_equal(ink_word_splitter_run(&splitter, text, NULL), INK_OK);
    ink_word_splitter_deinit(&splitter);
    ink_pretokenizer_close(&pretokenizer);
}

static void count_pairs(slow *s)
{
    memset(s->counts, 0, sizeof s->counts);
    for (size_t i = 0; i + 1 < s->n_symbols; i++)
        if (s->symbols[i] != NO_TOKEN && s->symbols[i + 1] != NO_TOKEN)
            s->counts[s->symbols[i]][s->symbols[i + 1]]++;
}

/* The token of the two together, or what the next one would be. */
static int token_of_two(slow *s, int left, int right)
{
    unsigned char *text = s->texts[s->n_tokens];
    memcpy(text, s->texts[left], s->lengths[left]);
    memcpy(text + s->lengths[left], s->texts[right], s->lengths[right]);
    s->lengths[s->n_tokens] = s->lengths[left] + s->lengths[right];
    int token = 0;
    while (s->lengths[token] != s->lengths[s->n_tokens] ||
           memcmp(s->texts[token], text, s->lengths[token]) != 0)
        token++;
    return token;
}

/* The most frequent, the lowest left token among equals, then the lowest right one. */
static bool find_best(slow *s, int *left, int *right)
{
    unsigned most = 1;
    count_pairs(s);
    for (int a = 0; a < s->n_tokens; a++)
        for (int b = 0; b < s->n_tokens; b++) {
            if (s->counts[a][b] <= most || s->lengths[a] + s->lengths[b] > MAX_BYTES ||
                token_of_two(s, a, b) < s->n_tokens)
                continue;
            most = s->counts[a][b];
            *left = a;
            *right = b;
        }
    return most > 1;
}

static size_t merge_symbols(int *symbols, size_t n_symbols, int left, int right, int made)
{
    size_t n = 0;
    for (size_t i = 0; i < n_symbols; i++) {
        bool merges = i + 1 < n_symbols && symbols[i] == left && symbols[i + 1] == right;
        symbols[n++] = merges ? made : symbols[i];
        i += merges;
    }
    return n;
}

static void learn_slowly(slow *s, int n_tokens)
{
    int left = 0, right = 0;
    while (s->n_tokens < n_tokens && find_best(s, &left, &right)) {
        (void)token_of_two(s, left, right);
        s->left[s->n_tokens] = left;
        s->right[s->n_tokens] = right;
        s->n_symbols = merge_symbols(s->symbols, s->n_symbols, left, right, s->n_tokens++);
    }
}

/* "left right" in the alphabet of files. */
static size_t spell_merge(const slow *s, int token, char *out)
{
    size_t n = 0;
    for (int side = 0; side < 2; side++) {
        int part = side ? s->right[token] : s->left[token];
        if (side)
            out[n++] = ' ';
        for (size_t i = 0; i < s->lengths[part]; i++)
            n += ink_byte_level_spell(s->texts[part][i], out + n);
    }
    return n;
}

/* Every word: merges in order, each wherever it can be, and what the tokenizer makes of it. */
static ink_status check_word(void *context, ink_text word, ink_error *error)
{
    static int symbols[MAX_SYMBOLS];
    const void *const *both = context;
    const slow *s = both[0];
    ink_token_list list;
    (void)error;
    size_t n = word.n_bytes;
    for (size_t i = 0; i < n; i++)
        symbols[i] = (unsigned char)word.data[i];
    for (int token = N_BYTES; token < s->n_tokens; token++)
        n = merge_symbols(symbols, n, s->left[token], s->right[token], token);
    encode_text(both[1], word, &list);
    assert_int_equal(list.n_tokens, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list.ids[i], symbols[i]);
    ink_token_list_deinit(&list);
    return INK_OK;
}

static void check_words(const slow *s, const ink_vocab *vocab, const char *pre, ink_text text)
{
    ink_pretokenizer pretokenizer;
    ink_word_splitter splitter;
    const void *both[] = {s, vocab};
    assert_int_equal(ink_pretokenizer_open(&pretokenizer, text_of(pre), NULL, NULL), INK_OK);
    assert_int_equal(ink_word_splitter_init(&splitter, &pretokenizer, check_word, both, NULL),
                     INK_OK);
    assert_int_equal(ink_word_splitter_run(&splitter, text, NULL), INK_OK);
    ink_word_splitter_deinit(&splitter);
    ink_pretokenizer_close(&pretokenizer);
}

static void expect_reference(const char *pre, ink_text text, int n_tokens)
{
    static slow s;
    const ink_vocab_train_options options = {
        .n_tokens = (size_t)n_tokens, .pre = text_of(pre), .max_token_bytes = MAX_BYTES};
    slow_init(&s, pre, text);
    size_t n_ends = 0, n_left = 0;
    for (size_t i = 0; i < s.n_symbols; i++)
        n_ends += s.symbols[i] == NO_TOKEN;
    learn_slowly(&s, n_tokens);
    n_left = s.n_symbols - n_ends;
    ink_trained_vocab *trained = learn_text(&options, text);
    assert_int_equal(trained->source.n_tokens, s.n_tokens);
    assert_int_equal(trained->source.n_merges, s.n_tokens - N_BYTES);
    for (int token = N_BYTES; token < s.n_tokens; token++) {
        char merge[4 * MAX_BYTES];
        size_t n = spell_merge(&s, token, merge);
        ink_text got = trained->source.merges[token - N_BYTES];
        if (!same_text(got, (ink_text){merge, n}))
            fail_msg("merge %d is '%.*s' instead of '%.*s'", token, (int)got.n_bytes, got.data,
                     (int)n, merge);
    }
    assert_int_equal(trained->n_pieces, n_left);
    ink_vocab *vocab = open_trained(trained);
    check_words(&s, vocab, pre, text);
    ink_vocab_free(vocab);
    ink_trained_vocab_free(trained);
}

/* Few letters, long words and many ties: runs that overlap, and tokens made in two ways. */
static void test_random_words(void **state)
{
    static const char *const alphabets[] = {"a", "ab", "aab ", "abc ", "aaaaab\n", "\xff\x80 a"};
    static char text[1500];
    uint64_t seed = 11;
    (void)state;
    for (size_t round = 0; round < 24; round++) {
        const char *letters = alphabets[round % (sizeof alphabets / sizeof alphabets[0])];
        size_t n_letters = strlen(letters);
        size_t n = 1 + (size_t)(ink_test_random(&seed) % sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = letters[ink_test_random(&seed) % n_letters];
        expect_reference(round & 1 ? "bloom" : "qwen2", (ink_text){text, n}, 330);
    }
}

static void test_english(void **state)
{
    (void)state;
    ink_require_shared();
    for (size_t i = 0; i < N_SHARED_TEXTS; i++) {
        size_t n_bytes;
        char *text = read_shared_text(shared_texts[i], &n_bytes);
        assert_true(n_bytes > 104000);
        expect_reference("gpt-2", (ink_text){text + 100000, 4000}, 450);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_words),
                                       cmocka_unit_test(test_english)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
