/* Parsing: one function per kind of value, one table of kinds, one walk over the words. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/terminal.h"

typedef struct parser {
    const ink_call *call;
    const ink_option *options;
    bool given[INK_MAX_OPTIONS]; /* [option] */
    int at;                      /* next word of argv */
} parser;

const char *ink_option_flag(const ink_option *option, char flag[INK_FLAG_BYTES])
{
    snprintf(flag, INK_FLAG_BYTES, "--%s", option->name);
    for (char *c = flag; *c; c++)
        if (*c == '_')
            *c = '-';
    return flag;
}

static bool wrong(const parser *p, const ink_option *option, const char *text, const char *allowed)
{
    char flag[INK_FLAG_BYTES];
    ink_say("%s: %s is '%.100s', but must be %s", p->call->command->name,
            ink_option_flag(option, flag), text, allowed);
    return false;
}

double ink_option_number(const ink_option *option)
{
    switch (option->kind) {
    case INK_OPTION_INT:
        return *(const int32_t *)option->destination;
    case INK_OPTION_INT64:
        return (double)*(const int64_t *)option->destination;
    case INK_OPTION_SIZE:
        return (double)*(const size_t *)option->destination;
    case INK_OPTION_FLOAT:
        return (double)*(const float *)option->destination;
    default:
        return 0;
    }
}

const char *ink_option_print_number(const ink_option *option, double value,
                                    char out[INK_FLOAT_BYTES])
{
    if (option->kind == INK_OPTION_FLOAT)
        return ink_print_float((float)value, out);
    snprintf(out, INK_FLOAT_BYTES, "%.0f", value);
    return out;
}

static bool out_of_range(const parser *p, const ink_option *option, const char *text,
                         const char *kind)
{
    char allowed[120], low[INK_FLOAT_BYTES], high[INK_FLOAT_BYTES];
    ink_option_print_number(option, option->low, low);
    ink_option_print_number(option, option->high, high);
    if (option->high >= 0x1p62)
        snprintf(allowed, sizeof allowed, "%s, %s or more", kind, low);
    else
        snprintf(allowed, sizeof allowed, "%s from %s to %s", kind, low, high);
    return wrong(p, option, text, allowed);
}

static bool parse_integer(const parser *p, const ink_option *option, const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool clean = *text && *end == '\0' && !isspace((unsigned char)*text);
    if (!clean || errno != 0 || (double)value < option->low || (double)value > option->high)
        return out_of_range(p, option, text, "a whole number");
    *out = value;
    return true;
}

static bool parse_SWITCH(const parser *p, const ink_option *option, const char *text)
{
    (void)p;
    (void)text;
    *(bool *)option->destination = true;
    return true;
}

static bool parse_TEXT(const parser *p, const ink_option *option, const char *text)
{
    (void)p;
    *(const char **)option->destination = text;
    return true;
}

static bool parse_TEXTS(const parser *p, const ink_option *option, const char *text)
{
    ink_texts *list = option->destination;
    if (!*text)
        return wrong(p, option, text, "a text that is not empty");
    if (list->n_texts == INK_MAX_TEXTS) {
        ink_say("%s: --%s may be given %d times", p->call->command->name, option->name,
                INK_MAX_TEXTS);
        return false;
    }
    list->texts[list->n_texts++] = text;
    return true;
}

static bool parse_CHOICE(const parser *p, const ink_option *option, const char *text)
{
    size_t length = strlen(text);
    for (const char *word = option->value; *word; word += strcspn(word, "|"), word += *word == '|')
        if (length && strcspn(word, "|") == length && strncmp(word, text, length) == 0) {
            *(const char **)option->destination = text;
            return true;
        }
    return wrong(p, option, text, option->value);
}

static bool parse_CACHE(const parser *p, const ink_option *option, const char *text)
{
    if (ink_cache_check(text, NULL) != INK_OK)
        return wrong(p, option, text,
                     INK_CACHE_FORMATS ", KEYS,VALUES or [LAYERS=]KEYS,VALUES/...");
    *(const char **)option->destination = text;
    return true;
}

static bool parse_INT(const parser *p, const ink_option *option, const char *text)
{
    int64_t value;
    if (!parse_integer(p, option, text, &value))
        return false;
    *(int32_t *)option->destination = (int32_t)value;
    return true;
}

static bool parse_INT64(const parser *p, const ink_option *option, const char *text)
{
    return parse_integer(p, option, text, option->destination);
}

static bool parse_SIZE(const parser *p, const ink_option *option, const char *text)
{
    int64_t value;
    if (!parse_integer(p, option, text, &value))
        return false;
    *(size_t *)option->destination = (size_t)value;
    return true;
}

/* K, M, G, T count in thousands, Ki, Mi, Gi, Ti in 1024; a B behind them says nothing. */
static bool parse_BYTES(const parser *p, const ink_option *option, const char *text)
{
    static const char units[] = "kmgt";
    char *end;
    double value = strtod(text, &end), scale = 1;
    const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
    if (unit) {
        bool binary = end[1] == 'i';
        for (const char *c = units; c <= unit; c++)
            scale *= binary ? 1024 : 1000;
        end += 1 + binary;
    }
    end += *end == 'B';
    value *= scale;
    if (!isdigit((unsigned char)*text) || *end != '\0' || !(value >= 1) || value > 0x1p60)
        return wrong(p, option, text, "a number of bytes: 512M, 1.5G, 800Mi");
    *(uint64_t *)option->destination = (uint64_t)value;
    return true;
}

static bool parse_FLOAT(const parser *p, const ink_option *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    bool clean = *text && *end == '\0' && !isspace((unsigned char)*text);
    if (!clean || !(value >= option->low && value <= option->high)) /* NaN is neither */
        return out_of_range(p, option, text, "a number");
    *(float *)option->destination = (float)value;
    return true;
}

static bool (*const parse_value[])(const parser *, const ink_option *, const char *) = {
#define X(name, type) [INK_OPTION_##name] = parse_##name,
    INK_OPTION_KINDS(X)
#undef X
};

/* By its name with dashes, the first n_bytes of `word`; NULL when it is none. */
static const ink_option *find(const ink_option *options, const char *word, size_t n_bytes)
{
    char flag[INK_FLAG_BYTES];
    for (const ink_option *option = options; option->kind != INK_OPTION_END; option++)
        if (option->kind != INK_OPTION_HEADING &&
            strlen(ink_option_flag(option, flag)) == n_bytes && strncmp(flag, word, n_bytes) == 0)
            return option;
    return NULL;
}

static bool unknown(const parser *p, const char *word, size_t n_bytes)
{
    char flags[INK_MAX_OPTIONS][INK_FLAG_BYTES], found[INK_FLAG_BYTES];
    const char *names[INK_MAX_OPTIONS], *command = p->call->command->name;
    size_t n = 0;
    for (const ink_option *option = p->options; option->kind != INK_OPTION_END; option++)
        if (option->kind != INK_OPTION_HEADING) {
            names[n] = ink_option_flag(option, flags[n]) + 2;
            n++;
        }
    snprintf(found, sizeof found, "%.*s", (int)(n_bytes < 40 ? n_bytes : 40), word);
    const char *nearest = ink_nearest(found + strspn(found, "-"), names, n);
    if (nearest)
        ink_say("%s: unknown option %s; did you mean --%s?", command, found, nearest);
    else
        ink_say("%s: unknown option %s (inkling %s --help lists what there is)", command, found,
                command);
    return false;
}

/* The value of the option at `word`: behind '=' or the next word. NULL after an error message. */
static const char *take_value(parser *p, const ink_option *option, const char *equals)
{
    char flag[INK_FLAG_BYTES];
    const char *command = p->call->command->name;
    ink_option_flag(option, flag);
    if (equals)
        return equals + 1;
    if (p->at == p->call->argc) {
        ink_say("%s: %s needs a value: %s %s", command, flag, flag, option->value);
        return NULL;
    }
    const char *next = p->call->argv[p->at];
    if (find(p->options, next, strcspn(next, "="))) {
        ink_say("%s: %s needs a value, but %.60s follows (if that is the value, write %s=%.60s)",
                command, flag, next, flag, next);
        return NULL;
    }
    p->at++;
    return next;
}

static bool parse_flag(parser *p, const char *word)
{
    size_t n_bytes = strcspn(word, "=");
    const char *equals = word[n_bytes] ? word + n_bytes : NULL, *value = NULL;
    const ink_option *option = find(p->options, word, n_bytes);
    if (!option)
        return unknown(p, word, n_bytes);
    bool *given = &p->given[option - p->options];
    if (*given && option->kind != INK_OPTION_TEXTS) {
        ink_say("%s: %.*s is given twice", p->call->command->name, (int)n_bytes, word);
        return false;
    }
    *given = true;
    if (option->kind == INK_OPTION_SWITCH && equals) {
        ink_say("%s: %.*s takes no value", p->call->command->name, (int)n_bytes, word);
        return false;
    }
    if (option->kind != INK_OPTION_SWITCH && !(value = take_value(p, option, equals)))
        return false;
    return parse_value[option->kind](p, option, value);
}

static bool is_given(const parser *p, const ink_option *option)
{
    return option && p->given[option - p->options];
}

/* The row of a name without dashes, the first n_bytes of `name`, that is in the table. */
static const ink_option *find_name(const parser *p, const char *name, size_t n_bytes)
{
    char word[INK_FLAG_BYTES];
    int length = snprintf(word, sizeof word, "--%.*s", (int)n_bytes, name);
    for (char *c = word; *c; c++)
        if (*c == '_')
            *c = '-';
    return find(p->options, word, (size_t)length);
}

/* Whether its value makes a difference. */
static bool is_on(const ink_option *option)
{
    if (option->kind == INK_OPTION_SWITCH)
        return *(const bool *)option->destination;
    if (option->kind == INK_OPTION_TEXT || option->kind == INK_OPTION_CHOICE) {
        const char *text = *(const char *const *)option->destination;
        return text && *text && strcmp(text, "off") != 0;
    }
    if (option->kind == INK_OPTION_TEXTS)
        return ((const ink_texts *)option->destination)->n_texts > 0;
    return ink_option_number(option) != option->off;
}

enum { REASON_BYTES = 200 };

/* " at 0 of --a, 1 of --b" when all of the numbers that it needs are off. */
static bool lacks_needed(const parser *p, const char *names, char reason[REASON_BYTES])
{
    size_t used = 0, length;
    for (const char *name = names; *name; name += length, name += *name == '|') {
        char flag[INK_FLAG_BYTES], number[INK_FLOAT_BYTES];
        length = strcspn(name, "|");
        const ink_option *option = find_name(p, name, length);
        if (!option || is_on(option))
            return false;
        if (used < REASON_BYTES)
            used += (size_t)snprintf(reason + used, REASON_BYTES - used, "%s%s of %s",
                                     used ? ", " : "at ",
                                     ink_option_print_number(option, option->off, number),
                                     ink_option_flag(option, flag));
    }
    return true;
}

/* Whether another option, given by its name, is on; *flag is then how it is written. */
static bool other_is_on(const parser *p, const char *name, char flag[INK_FLAG_BYTES])
{
    const ink_option *other = find_name(p, name, strlen(name));
    ink_option_flag(other, flag);
    return is_on(other);
}

/* Whether a flag that was given changes nothing, and why. */
static bool is_idle(const parser *p, const ink_option *option, char reason[REASON_BYTES])
{
    char flag[INK_FLAG_BYTES];
    if (option->only_with && !other_is_on(p, option->only_with, flag))
        snprintf(reason, REASON_BYTES, "without %s", flag);
    else if (option->not_with && other_is_on(p, option->not_with, flag))
        snprintf(reason, REASON_BYTES, "with %s", flag);
    else
        return option->needs && lacks_needed(p, option->needs, reason);
    return true;
}

/* A flag that would change nothing is an error: whoever wrote it believes that it does. */
static bool check_effects(const parser *p)
{
    for (const ink_option *option = p->options; option->kind != INK_OPTION_END; option++) {
        char flag[INK_FLAG_BYTES], reason[REASON_BYTES];
        if (!is_given(p, option) || !is_idle(p, option, reason))
            continue;
        ink_say("%s: %s has no effect %s", p->call->command->name, ink_option_flag(option, flag),
                reason);
        return false;
    }
    return true;
}

/* ---- What a command's row names */

typedef struct named {
    const char *text; /* "MODEL", "[PROMPT]", "--out FILE" */
    size_t n_bytes;
    bool required, is_option;
} named;

/* The next thing that the row names, and *row behind it; false at the end. */
static bool next_named(const char **row, named *out)
{
    const char *text = *row + strspn(*row, " ");
    size_t n_bytes = strcspn(text, " ");
    *out = (named){.text = text, .required = *text != '[', .is_option = *text == '-'};
    if (out->is_option && text[n_bytes]) /* with its value */
        n_bytes += 1 + strcspn(text + n_bytes + 1, " ");
    out->n_bytes = n_bytes;
    *row = text + n_bytes;
    return n_bytes > 0;
}

/* Whether any number of words may stand there: "[TEXT...]". */
static bool is_many(const named *name)
{
    static const char dots[] = "...";
    size_t n = sizeof dots - 1, end = name->n_bytes - (name->text[name->n_bytes - 1] == ']');
    return end > n && memcmp(name->text + end - n, dots, n) == 0;
}

static size_t count_arguments(const ink_command *command)
{
    named name;
    size_t n = 0;
    for (const char *row = command->arguments; next_named(&row, &name);)
        n = !name.is_option && is_many(&name) ? INK_MAX_ARGUMENTS : n + !name.is_option;
    return n;
}

/* All that is missing at once; n arguments were given. */
static bool check_arguments(const parser *p, size_t n)
{
    const ink_command *command = p->call->command;
    char missing[200];
    size_t used = 0, n_missing = 0, at = 0;
    named name;
    for (const char *row = command->arguments; next_named(&row, &name);) {
        size_t length = strcspn(name.text, " ");
        bool given = name.is_option ? is_given(p, find(p->options, name.text, length)) : at++ < n;
        if (given || !name.required || used >= sizeof missing)
            continue;
        used += (size_t)snprintf(missing + used, sizeof missing - used, "%s%.*s",
                                 n_missing++ ? ", " : "", (int)name.n_bytes, name.text);
    }
    if (n_missing)
        ink_say("%s: %s %s missing (usage: inkling %s %s)", command->name, missing,
                n_missing > 1 ? "are" : "is", command->name, command->arguments);
    return n_missing == 0;
}

static void too_many(const parser *p, const char *word)
{
    const ink_command *command = p->call->command;
    ink_say("%s: '%.100s' is one argument too many (usage: inkling %s%s%s)", command->name, word,
            command->name, *command->arguments ? " " : "", command->arguments);
}

ink_parsed ink_options_parse(const ink_call *call, const ink_option *options, const char *notes,
                             const char **arguments)
{
    parser p = {.call = call, .options = options};
    size_t n_named = count_arguments(call->command), n = 0;
    bool flags_end = false;
    for (int i = 0; i < INK_MAX_ARGUMENTS; i++)
        arguments[i] = NULL;
    while (p.at < call->argc) {
        const char *word = call->argv[p.at++];
        if (flags_end || word[0] != '-' || word[1] == '\0') {
            if (n == n_named) {
                too_many(&p, word);
                return INK_PARSED_WRONG;
            }
            arguments[n++] = word;
        } else if (strcmp(word, "--") == 0) {
            flags_end = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            ink_options_print_help(call->command, options, notes);
            return INK_PARSED_HELP;
        } else if (!parse_flag(&p, word)) {
            return INK_PARSED_WRONG;
        }
    }
    bool right = check_arguments(&p, n) && check_effects(&p);
    return right ? INK_PARSED : INK_PARSED_WRONG;
}
