#include "grammar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *file_name;
static size_t line_number;

static void wrong(const char *what, const char *where)
{
    fprintf(stderr, "%s:%zu: %s at \"%.40s\"\n", file_name, line_number, what, where);
    exit(1);
}

void *need(void *pointer)
{
    if (pointer)
        return pointer;
    fprintf(stderr, "out of memory\n");
    exit(1);
}

char *copy_text(const char *text, size_t n_bytes)
{
    char *copy = need(malloc(n_bytes + 1));
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    return copy;
}

static node *new_node(node_kind kind, const char *text, size_t n_bytes)
{
    node *n = need(calloc(1, sizeof *n));
    n->kind = kind;
    n->text = text ? copy_text(text, n_bytes) : NULL;
    return n;
}

static void add_child(node *parent, node *child)
{
    node **end = &parent->child;
    while (*end)
        end = &(*end)->next;
    *end = child;
    parent->n_children++;
}

static node *parse_choice(const char **at, const char *ends);

static node *parse_slot(const char **at)
{
    const char *begin = *at + 1, *end = strchr(begin, '}');
    if (!end)
        wrong("'}' is missing", *at);
    size_t n = (size_t)(end - begin), name = 0;
    while (name < n && begin[name] != '=' && begin[name] != ':')
        name++;
    node *slot = new_node(NODE_SLOT, begin, name);
    if (name < n) {
        slot->sign = begin[name];
        slot->value = copy_text(begin + name + 1, n - name - 1);
    }
    *at = end + 1;
    return slot;
}

static node *parse_group(const char **at, char close, bool optional)
{
    const char ends[] = {'|', close, '\0'};
    const char *begin = *at;
    ++*at;
    node *choice = parse_choice(at, ends);
    if (**at != close)
        wrong("a bracket is not closed", begin);
    ++*at;
    if (optional)
        add_child(choice, new_node(NODE_SEQUENCE, NULL, 0));
    return choice;
}

static node *parse_item(const char **at)
{
    if (**at == '(')
        return parse_group(at, ')', false);
    if (**at == '[')
        return parse_group(at, ']', true);
    if (**at == '{')
        return parse_slot(at);
    const char *begin = *at, *end;
    if (*begin == '<') {
        if (!(end = strchr(begin, '>')))
            wrong("'>' is missing", begin);
        *at = end + 1;
        return new_node(NODE_RULE, begin + 1, (size_t)(end - begin) - 1);
    }
    size_t n = strcspn(begin, " ()[]{}<>|");
    if (n == 0)
        wrong("nothing can stand here", begin);
    *at = begin + n;
    return new_node(NODE_WORD, begin, n);
}

static node *parse_choice(const char **at, const char *ends)
{
    node *choice = new_node(NODE_CHOICE, NULL, 0);
    for (;;) {
        node *sequence = new_node(NODE_SEQUENCE, NULL, 0);
        for (*at += strspn(*at, " "); **at && !strchr(ends, **at); *at += strspn(*at, " "))
            add_child(sequence, parse_item(at));
        add_child(choice, sequence);
        if (**at != '|')
            return choice;
        ++*at;
    }
}

static node *parse_body(const char *text)
{
    node *body = parse_choice(&text, "|");
    if (*text)
        wrong("nothing can stand here", text);
    return body;
}

static void read_heading(template *t, char *text)
{
    char *word = strtok(text, " ");
    *t = (template){.weight = 1};
    if (!word)
        wrong("an intent is missing", text);
    t->intent = ink_intent_find(word, strlen(word));
    if (t->intent == INK_INTENT_NONE && strcmp(word, "none") != 0)
        wrong("no such intent", word);
    while ((word = strtok(NULL, " "))) {
        char *equals = strchr(word, '=');
        if (strcmp(word, "here") == 0)
            t->here = true;
        else if (strcmp(word, "away") == 0)
            t->away = true;
        else if (*word == '*')
            t->weight = (unsigned)strtoul(word + 1, NULL, 10);
        else if (strncmp(word, "name:", 5) == 0)
            t->domains = copy_text(word + 5, strlen(word + 5));
        else if (equals && t->n_fixed < MAX_FIXED) {
            t->fixed[t->n_fixed] = copy_text(word, (size_t)(equals - word));
            t->fixed_value[t->n_fixed++] = copy_text(equals + 1, strlen(equals + 1));
        } else
            wrong("a heading does not know this", word);
    }
}

static void add_template(grammar *g, const template *heading, const char *text)
{
    template t = *heading;
    t.body = parse_body(text);
    t.file = file_name;
    t.line = line_number;
    g->templates = need(realloc(g->templates, (g->n_templates + 1) * sizeof t));
    g->templates[g->n_templates++] = t;
    g->total_weight += t.weight;
}

static void add_rule(grammar *g, char *text, char *equals)
{
    char *end = equals;
    while (end > text && end[-1] == ' ')
        end--;
    rule r = {.name = copy_text(text, (size_t)(end - text)), .body = parse_body(equals + 1)};
    g->rules = need(realloc(g->rules, (g->n_rules + 1) * sizeof r));
    g->rules[g->n_rules++] = r;
}

/* "word = " begins a rule; in a template no '=' stands outside of braces. */
static char *rule_equals(char *line)
{
    size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return n && strncmp(line + n, " = ", 3) == 0 ? line + n + 1 : NULL;
}

void grammar_read(grammar *g, const char *path)
{
    char line[8192];
    template heading = {0};
    FILE *file = fopen(path, "r");
    file_name = copy_text(path, strlen(path));
    line_number = 0;
    if (!file)
        wrong("cannot be opened", path);
    while (fgets(line, sizeof line, file)) {
        line_number++;
        if (!strchr(line, '\n'))
            wrong("a line is too long or has no end", line);
        line[strcspn(line, "\n")] = '\0';
        char *equals = rule_equals(line);
        if (*line == '#' || !*line)
            continue;
        if (*line == '>')
            read_heading(&heading, line + 1);
        else if (equals)
            add_rule(g, line, equals);
        else if (heading.weight == 0)
            wrong("a sentence without a heading", line);
        else
            add_template(g, &heading, line);
    }
    fclose(file);
}

const node *grammar_rule(const grammar *g, const char *name)
{
    for (size_t i = 0; i < g->n_rules; i++)
        if (strcmp(g->rules[i].name, name) == 0)
            return g->rules[i].body;
    return NULL;
}

static void check_node(const grammar *g, const node *n, unsigned depth)
{
    if (depth > 60)
        wrong("rules within rules without end", n->text ? n->text : "");
    const char *name =
        n->kind == NODE_RULE                                                           ? n->text
        : n->kind == NODE_SLOT && n->sign == ':' && !isdigit((unsigned char)*n->value) ? n->value
                                                                                       : NULL;
    if (name && !grammar_rule(g, name))
        wrong("no such rule", name);
    if (name)
        check_node(g, grammar_rule(g, name), depth + 1);
    if (n->kind == NODE_SLOT && strcmp(n->text, "ghost") != 0 &&
        ink_slot_find(n->text, strlen(n->text)) == INK_N_SLOTS)
        wrong("no such slot", n->text);
    for (const node *child = n->child; child; child = child->next)
        check_node(g, child, depth + 1);
}

void grammar_check(const grammar *g)
{
    for (size_t i = 0; i < g->n_templates; i++) {
        file_name = g->templates[i].file;
        line_number = g->templates[i].line;
        check_node(g, g->templates[i].body, 0);
    }
}
