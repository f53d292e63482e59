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

static bool out_of_range(const parser *p, const ink_option *option, const char *text,
                         const char *kind)
{
    char allowed[100];
    if (option->high >= 0x1p62)
        snprintf(allowed, sizeof allowed, "%s, %.9g or more", kind, option->low);
    else
        snprintf(allowed, sizeof allowed, "%s from %.9g to %.10g", kind, option->low, option->high);
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
    const char *nearest = ink_option_nearest(found + strspn(found, "-"), names, n);
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

/* The row of a name without dashes that is in the table. */
static const ink_option *find_name(const parser *p, const char *name)
{
    char word[INK_FLAG_BYTES];
    int n_bytes = snprintf(word, sizeof word, "--%s", name);
    return find(p->options, word, (size_t)n_bytes);
}

static bool is_given(const parser *p, const ink_option *option)
{
    return option && p->given[option - p->options];
}

/*
 * Why a flag that was given changes nothing: NULL, or words and *other, the flag that they end
 * with.
 */
static const char *find_idle(const parser *p, const ink_option *option, const char **other)
{
    if ((*other = option->only_with) && !is_given(p, find_name(p, *other)))
        return "without";
    if ((*other = option->not_with) && is_given(p, find_name(p, *other)))
        return "with";
    const ink_option *number = option->not_at_zero ? find_name(p, option->not_at_zero) : NULL;
    if ((*other = option->not_at_zero) && number && *(const float *)number->destination == 0)
        return "at 0 of";
    return NULL;
}

/* A flag that would change nothing is an error: whoever wrote it believes that it does. */
static bool check_effects(const parser *p)
{
    for (const ink_option *option = p->options; option->kind != INK_OPTION_END; option++) {
        char flag[INK_FLAG_BYTES];
        const char *other, *idle = is_given(p, option) ? find_idle(p, option, &other) : NULL;
        if (!idle)
            continue;
        ink_say("%s: %s has no effect %s --%s", p->call->command->name,
                ink_option_flag(option, flag), idle, other);
        return false;
    }
    return true;
}

size_t ink_command_arguments(const ink_command *command, ink_argument arguments[INK_MAX_ARGUMENTS])
{
    size_t n = 0;
    for (const char *word = command->arguments; *word && n < INK_MAX_ARGUMENTS; n++) {
        size_t length = strcspn(word, " ");
        bool optional = *word == '[';
        arguments[n] = (ink_argument){
            .name = word + optional, .n_bytes = (int)length - 2 * optional, .required = !optional};
        word += length;
        word += strspn(word, " ");
    }
    return n;
}

static bool check_arguments(const parser *p, const ink_argument *named, size_t n_named, size_t n)
{
    const char *command = p->call->command->name;
    if (n >= n_named || !named[n].required)
        return true;
    ink_say("%s: %.*s is missing (usage: inkling %s %s)", command, named[n].n_bytes, named[n].name,
            command, p->call->command->arguments);
    return false;
}

ink_parsed ink_options_parse(const ink_call *call, const ink_option *options, const char *notes,
                             const char **arguments)
{
    parser p = {.call = call, .options = options};
    ink_argument named[INK_MAX_ARGUMENTS];
    size_t n_named = ink_command_arguments(call->command, named), n = 0;
    bool flags_end = false;
    for (int i = 0; i < INK_MAX_ARGUMENTS; i++)
        arguments[i] = NULL;
    while (p.at < call->argc) {
        const char *word = call->argv[p.at++];
        if (flags_end || word[0] != '-' || word[1] == '\0') {
            if (n == n_named) {
                ink_say("%s: '%.100s' is one argument too many (usage: inkling %s %s)",
                        call->command->name, word, call->command->name, call->command->arguments);
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
    bool right = check_arguments(&p, named, n_named, n) && check_effects(&p);
    return right ? INK_PARSED : INK_PARSED_WRONG;
}
