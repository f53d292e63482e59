#define _POSIX_C_SOURCE 200809L
#include "grammar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

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
    char *copy = need(ink_new(NULL, n_bytes + 1, 1));
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    return copy;
}

static node *new_node(node_kind kind, const char *text, size_t n_bytes)
{
    node *n = need(ink_new(NULL, 1, sizeof *n));
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
    choice->optional = optional;
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

/* ---- Headings and what stands below them. */

enum { MAX_ROWS = 64, MAX_COLUMNS = 8, MAX_LINE = 8192 };

typedef struct block {
    char heading[MAX_LINE]; /* empty: there is none */
    char *rows[MAX_ROWS];
    size_t n_rows, first; /* the first of its templates */
    bool rows_ended;      /* a body has come: the next row begins anew */
} block;

/* "light/fan": all of them are domains. */
static const char *read_domains(const char *list)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, "/");
        if (ink_domain_find(at, n) == INK_N_DOMAINS)
            wrong("no such domain", at);
        at += n + (at[n] == '/');
    }
    return copy_text(list, strlen(list));
}

static bool read_word(template *t, char *word)
{
    char *equals = strchr(word, '=');
    if (strcmp(word, "here") == 0)
        t->here = true;
    else if (strcmp(word, "away") == 0)
        t->away = true;
    else if (strcmp(word, "exact") == 0)
        t->exact = true;
    else if (*word == '*')
        t->weight = strtod(word + 1, NULL);
    else if (strncmp(word, "name:", 5) == 0)
        t->domains = read_domains(word + 5);
    else if (equals && t->n_fixed < MAX_FIXED) {
        t->fixed[t->n_fixed] = copy_text(word, (size_t)(equals - word));
        t->fixed_value[t->n_fixed++] = copy_text(equals + 1, strlen(equals + 1));
    } else
        return false;
    return true;
}

static void read_heading(template *t, const char *text)
{
    char copy[MAX_LINE], *rest = NULL;
    (void)snprintf(copy, sizeof copy, "%s", text);
    char *word = strtok_r(copy, " ", &rest);
    *t = (template){.weight = 1};
    if (!word)
        wrong("an intent is missing", text);
    t->intent = ink_intent_find(word, strlen(word));
    if (t->intent == INK_INTENT_NONE && strcmp(word, "none") != 0)
        wrong("no such intent", word);
    while ((word = strtok_r(NULL, " ", &rest)))
        if (!read_word(t, word))
            wrong("a heading does not know this", word);
}

/* Column `index` of a row, without the blanks around it. */
static const char *column(const char *row, size_t index, size_t *n_bytes)
{
    for (; index > 1; index--) {
        row = strchr(row, ';');
        if (!row)
            return NULL;
        row++;
    }
    row += strspn(row, " ");
    *n_bytes = strcspn(row, ";");
    while (*n_bytes && row[*n_bytes - 1] == ' ')
        --*n_bytes;
    return row;
}

/* `text` with the columns of a row in place of $1, $2 ... */
static void substitute(const char *text, const char *row, char out[MAX_LINE])
{
    size_t n = 0, n_bytes = 0;
    for (; *text; text++) {
        const char *from = text;
        n_bytes = 1;
        if (*text == '$' && isdigit((unsigned char)text[1])) {
            from = row ? column(row, (size_t)(*++text - '0'), &n_bytes) : NULL;
            if (!from)
                wrong("the row has no such column", text - 1);
        }
        if (n + n_bytes >= MAX_LINE)
            wrong("a line becomes too long", row ? row : text);
        memcpy(out + n, from, n_bytes);
        n += n_bytes;
    }
    out[n] = '\0';
}

static void add_template(grammar *g, const block *b, const char *text, const char *row)
{
    char heading[MAX_LINE], body[MAX_LINE];
    template t;
    substitute(b->heading, row, heading);
    substitute(text, row, body);
    read_heading(&t, heading);
    t.body = parse_body(body);
    t.file = file_name;
    t.line = line_number;
    g->templates = need(ink_resize(NULL, g->templates, g->n_templates + 1, sizeof t));
    g->templates[g->n_templates++] = t;
}

static void add_body(grammar *g, block *b, const char *text)
{
    if (!*b->heading)
        wrong("a sentence without a heading", text);
    for (size_t i = 0; i < b->n_rows; i++)
        add_template(g, b, text, b->rows[i]);
    if (!b->n_rows)
        add_template(g, b, text, NULL);
    b->rows_ended = true;
}

static void drop_rows(block *b)
{
    while (b->n_rows > 0)
        ink_delete(NULL, b->rows[--b->n_rows]);
}

static void add_row(block *b, const char *text)
{
    if (b->rows_ended)
        drop_rows(b);
    b->rows_ended = false;
    if (b->n_rows == MAX_ROWS)
        wrong("too many rows", text);
    b->rows[b->n_rows++] = copy_text(text, strlen(text));
}

/* The bodies of a heading share its weight. */
static void end_block(grammar *g, block *b)
{
    size_t n = g->n_templates - b->first;
    for (size_t i = b->first; i < g->n_templates; i++) {
        g->templates[i].weight /= (double)n;
        g->total_weight += g->templates[i].weight;
    }
    drop_rows(b);
    *b = (block){.first = g->n_templates};
}

static void add_rule(grammar *g, char *text, char *equals)
{
    char *end = equals;
    while (end > text && end[-1] == ' ')
        end--;
    rule r = {.name = copy_text(text, (size_t)(end - text)), .body = parse_body(equals + 1)};
    if (grammar_rule(g, r.name))
        wrong("there is such a rule already", text);
    g->rules = need(ink_resize(NULL, g->rules, g->n_rules + 1, sizeof r));
    g->rules[g->n_rules++] = r;
}

/* "word = " begins a rule; in a template no '=' stands outside of braces. */
static char *rule_equals(char *line)
{
    size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return n && strncmp(line + n, " = ", 3) == 0 ? line + n + 1 : NULL;
}

static void read_line(grammar *g, block *b, char *line)
{
    char *equals = rule_equals(line);
    if (*line == '#' || !*line)
        return;
    if (*line == '>') {
        end_block(g, b);
        (void)snprintf(b->heading, sizeof b->heading, "%s", line + 1);
    } else if (*line == '|') {
        add_row(b, line + 1);
    } else if (equals) {
        add_rule(g, line, equals);
    } else {
        add_body(g, b, line);
    }
}

void grammar_read(grammar *g, const char *path)
{
    static char line[MAX_LINE];
    block b = {.first = g->n_templates};
    FILE *file = fopen(path, "r");
    if (g->n_files == MAX_FILES)
        wrong("too many files", path);
    file_name = g->files[g->n_files++] = copy_text(path, strlen(path));
    line_number = 0;
    if (!file)
        wrong("cannot be opened", path);
    while (fgets(line, sizeof line, file)) {
        line_number++;
        if (!strchr(line, '\n'))
            wrong("a line is too long or has no end", line);
        line[strcspn(line, "\n")] = '\0';
        read_line(g, &b, line);
    }
    end_block(g, &b);
    (void)fclose(file);
}

const node *grammar_rule(const grammar *g, const char *name)
{
    for (size_t i = 0; i < g->n_rules; i++)
        if (strcmp(g->rules[i].name, name) == 0)
            return g->rules[i].body;
    return NULL;
}

const char *template_fixed(const template *t, const char *slot)
{
    for (size_t i = 0; i < t->n_fixed; i++)
        if (strcmp(t->fixed[i], slot) == 0)
            return t->fixed_value[i];
    return NULL;
}

/* The rule that a node names; NULL: it names none. */
static const char *named_rule(const node *n)
{
    if (n->kind == NODE_RULE)
        return n->text;
    bool text = n->kind == NODE_SLOT && n->sign == ':' && !isdigit((unsigned char)*n->value);
    return text ? n->value : NULL;
}

static void check_node(const grammar *g, const node *n, unsigned depth)
{
    const char *name = named_rule(n);
    if (depth > 60)
        wrong("rules within rules without end", n->text ? n->text : "");
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
        const template *t = &g->templates[i];
        file_name = t->file;
        line_number = t->line;
        check_node(g, t->body, 0);
        for (size_t k = 0; k < t->n_fixed; k++)
            if (ink_slot_find(t->fixed[k], strlen(t->fixed[k])) == INK_N_SLOTS)
                wrong("no such slot", t->fixed[k]);
    }
}
