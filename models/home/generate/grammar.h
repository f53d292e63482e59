/*
 * The notation of models/home/grammar:
 *
 *     NAME = BODY                 a rule, used as <NAME>
 *     > INTENT key=value ...      what the bodies below it mean, one a line
 *     | ONE ; TWO                 a row: the bodies that follow are taken once a row, with ONE in
 *                                 the place of $1, TWO of $2, in the heading as in themselves
 *
 * In a body "(a|b)" is a choice, "[a]" may be left out; "{slot}" is a value for a slot: a device,
 * area, floor or number; "{slot:RULE}" a text; "{slot:5-30}" numbers of a range; "{slot=word}" says
 * nothing and sets the slot. "{ghost}" is a name that the home lacks.
 *
 * In a heading "name:light/fan" says what {name} may be, twice what it is to be more often; "here"
 * that the sentence is about the area where it was spoken; "away" that this is unknown; "exact"
 * that {name} must tell its device class; "*4" how often all bodies of the heading come, together.
 */
#ifndef INK_GENERATE_GRAMMAR_H
#define INK_GENERATE_GRAMMAR_H

#include <stdbool.h>
#include "home/vocabulary.h"

typedef enum node_kind { NODE_WORD, NODE_SLOT, NODE_RULE, NODE_CHOICE, NODE_SEQUENCE } node_kind;

typedef struct node {
    node_kind kind;
    const char *text;  /* word, slot or rule */
    const char *value; /* of slots: what stands behind '=' or ':', or NULL */
    char sign;         /* '=', ':', or 0 */
    bool optional;     /* of choices: may be left out */
    struct node *child, *next;
    size_t n_children;
} node;

typedef struct rule {
    const char *name;
    node *body;
} rule;

enum { MAX_FIXED = 6 };

typedef struct template
{
    ink_home_intent intent;
    const char *fixed[MAX_FIXED], *fixed_value[MAX_FIXED];
    size_t n_fixed;
    const char *domains; /* "light/fan" */
    bool here, away, exact;
    double weight; /* of its heading, shared by the bodies */
    node *body;
    const char *file;
    size_t line;
}
template;

enum { MAX_FILES = 32 };

typedef struct grammar {
    const char *files[MAX_FILES]; /* that were read */
    size_t n_files;
    rule *rules;
    size_t n_rules;
    template *templates;
    size_t n_templates;
    double total_weight;
} grammar;

/* Ends the program with a message when a file is wrong. Nothing is freed before its end. */
void grammar_read(grammar *g, const char *path);
void grammar_check(const grammar *g);
const node *grammar_rule(const grammar *g, const char *name);

/* What a heading sets a slot to; NULL: nothing. */
const char *template_fixed(const template *t, const char *slot);

/* All memory of this program; never NULL. */
void *need(void *pointer);
char *copy_text(const char *text, size_t n_bytes);

#endif
