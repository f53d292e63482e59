#include "home/words.h"

#include <string.h>
#include <utf8proc.h>
#include "base/utf8.h"

static const struct {
    const char *text;
    int value;
} number_words[] = {
    {"zero", 0},     {"one", 1},      {"two", 2},        {"three", 3},     {"four", 4},
    {"five", 5},     {"six", 6},      {"seven", 7},      {"eight", 8},     {"nine", 9},
    {"ten", 10},     {"eleven", 11},  {"twelve", 12},    {"thirteen", 13}, {"fourteen", 14},
    {"fifteen", 15}, {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19},
    {"twenty", 20},  {"thirty", 30},  {"forty", 40},     {"fourty", 40},   {"fifty", 50},
    {"sixty", 60},   {"seventy", 70}, {"eighty", 80},    {"ninety", 90},   {"hundred", 100},
};

enum { N_NUMBER_WORDS = sizeof number_words / sizeof *number_words };

typedef enum character { BLANK, LETTER, DIGIT, SIGN } character;

static character kind_of(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return DIGIT;
    if (c == '%' || c == 0xb0)
        return SIGN;
    if (c < 128)
        return (c | 32) >= 'a' && (c | 32) <= 'z' ? LETTER : c == '\'' ? LETTER : BLANK;
    if (c == 0x2019)
        return LETTER;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO ? LETTER : BLANK;
}

static void append(ink_word *word, uint32_t c)
{
    char bytes[4];
    size_t n = ink_utf8_encode(c == 0x2019 ? '\'' : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c),
                               bytes);
    if (word->n_bytes + n >= INK_WORD_MAX_BYTES)
        return;
    memcpy(word->text + word->n_bytes, bytes, n);
    word->n_bytes = (uint8_t)(word->n_bytes + n);
    word->text[word->n_bytes] = '\0';
}

/* "21", "20.5": digits, and a point between them. Returns where they end. */
static size_t read_digits(ink_word *word, const char *text, size_t n_bytes, size_t at)
{
    double scale = 1;
    bool fraction = false;
    for (; at < n_bytes; at++) {
        char c = text[at];
        if (c >= '0' && c <= '9') {
            word->number =
                fraction ? word->number + (c - '0') * (scale /= 10) : word->number * 10 + (c - '0');
        } else if (!fraction && c == '.' && at + 1 < n_bytes && text[at + 1] >= '0' &&
                   text[at + 1] <= '9') {
            fraction = true;
        } else {
            break;
        }
        append(word, (unsigned char)c);
    }
    word->is_number = word->n_bytes < INK_WORD_MAX_BYTES - 1;
    return at;
}

/* "1/2" is a word: what numbers are is not shown to the model. */
static bool is_half(const char *text, size_t n_bytes)
{
    return n_bytes >= 3 && memcmp(text, "1/2", 3) == 0 &&
           (n_bytes == 3 || kind_of((unsigned char)text[3]) != DIGIT);
}

static size_t take_half(ink_word *word)
{
    for (const char *c = "half"; *c; c++)
        append(word, (unsigned char)*c);
    return 3;
}

/* Letters, and digits behind them ("co2"); "what's" ends before its apostrophe. */
static size_t read_letters(ink_word *word, const char *text, size_t n_bytes, size_t at)
{
    uint32_t c;
    for (size_t length; at < n_bytes; at += length) {
        length = ink_utf8_decode(text + at, n_bytes - at, &c);
        bool apostrophe = c == '\'' || c == 0x2019;
        character kind = length ? kind_of(c) : BLANK;
        if (kind == BLANK || kind == SIGN ||
            (apostrophe && word->n_bytes && at + length < n_bytes &&
             (text[at + length] | 32) == 's'))
            break;
        append(word, c);
    }
    for (size_t i = 0; i < N_NUMBER_WORDS; i++)
        if (strcmp(word->text, number_words[i].text) == 0) {
            word->is_number = true;
            word->number = number_words[i].value;
        }
    return at;
}

/* "twenty" "point" "five": the number takes in both words behind it. */
static bool joins_behind_point(ink_words *words, const ink_word *word)
{
    size_t n = words->n_words;
    if (n < 2 || !word->is_number || word->number < 0 || word->number > 9 ||
        !words->items[n - 2].is_number || strcmp(words->items[n - 1].text, "point") != 0)
        return false;
    ink_word *before = &words->items[n - 2];
    before->number += (before->number < 0 ? -word->number : word->number) / 10;
    before->end = word->end;
    words->n_words--;
    return true;
}

/* "twenty" "one", "two" "hundred", "minus" "5": the word before takes in the new one. */
static bool joins(ink_word *before, const ink_word *word)
{
    double value = word->number;
    if (word->is_number && strcmp(before->text, "minus") == 0)
        value = -value;
    else if (!before->is_number)
        return false;
    else if (strcmp(word->text, "hundred") == 0 && before->number > 0 && before->number < 10)
        value = before->number * 100;
    else if (word->is_number && value > 0 && value < 10 && before->number >= 20 &&
             before->number < 100 && before->text[0] > '9' &&
             before->number / 10 == (int)(before->number / 10))
        value = before->number + value;
    else
        return false;
    before->is_number = true;
    before->number = value;
    before->end = word->end;
    return true;
}

void ink_words_read(ink_words *words, const char *text, size_t n_bytes)
{
    *words = (ink_words){0};
    for (size_t at = 0, length; at < n_bytes; at += length) {
        uint32_t c = 0;
        length = ink_utf8_decode(text + at, n_bytes - at, &c);
        character kind = length ? kind_of(c) : BLANK;
        length = length ? length : 1;
        if (kind == BLANK)
            continue;
        ink_word word = {.begin = (uint32_t)at};
        size_t end = at + length;
        if (kind == DIGIT && is_half(text + at, n_bytes - at))
            end = at + take_half(&word);
        else if (kind == DIGIT)
            end = read_digits(&word, text, n_bytes, at);
        else if (kind == LETTER)
            end = read_letters(&word, text, n_bytes, at);
        else
            append(&word, c);
        word.end = (uint32_t)end;
        length = end - at;
        if (joins_behind_point(words, &word) ||
            (words->n_words && joins(&words->items[words->n_words - 1], &word)))
            continue;
        if (words->n_words == INK_HOME_MAX_WORDS) {
            words->more = true;
            words->items[INK_HOME_MAX_WORDS - 1].end = word.end;
            continue;
        }
        words->items[words->n_words++] = word;
    }
}
