/*
 * What a template can call by name: the rows of template.def, the calls made to them, and the
 * interpreter's own objects (functions, methods, macros, loops), which are called in the same way.
 */
#ifndef INK_TEXT_TEMPLATE_BUILTIN_H
#define INK_TEXT_TEMPLATE_BUILTIN_H

#include "text/value.h"

typedef struct ink_rendering ink_rendering;
typedef struct ink_builtin ink_builtin;

enum { INK_CALL_MAX_SLOTS = 7 };

/* The arguments as written, and for a builtin also sorted into the slots of its parameters. */
typedef struct ink_call {
    ink_rendering *rendering;
    const ink_builtin *builtin; /* NULL when the callee is none */
    ink_value subject;          /* what stands before '|', 'is' or '.' */
    ink_value *arguments;       /* [n_arguments], positional */
    size_t n_arguments;
    ink_value keywords;                  /* dict, or undefined when there are none */
    ink_value slots[INK_CALL_MAX_SLOTS]; /* by parameter; undefined when not given */
    bool given[INK_CALL_MAX_SLOTS];
} ink_call;

typedef ink_status (*ink_builtin_function)(ink_call *call, ink_value *out);

typedef enum ink_builtin_kind {
    INK_BUILTIN_FILTER,
    INK_BUILTIN_TEST, /* yields a boolean */
    INK_BUILTIN_GLOBAL,
    INK_BUILTIN_STRING_METHOD,
    INK_BUILTIN_DICT_METHOD,
    INK_BUILTIN_LIST_METHOD
} ink_builtin_kind;

struct ink_builtin {
    ink_builtin_kind kind;
    const char *name;
    ink_builtin_function run;
    unsigned n_required; /* of the parameters */
    const char
        *parameters; /* names, separated by spaces; a final '*' takes any further ones unsorted */
};

/* NULL when there is no such row. */
const ink_builtin *ink_builtin_find(ink_builtin_kind kind, ink_value name);

/* For messages: "filter", "test", ... */
const char *ink_builtin_kind_name(ink_builtin_kind kind);

/*
 * Sorts the arguments into the slots and runs the row; fails when they do not fit its parameters.
 */
ink_status ink_builtin_call(const ink_builtin *builtin, ink_call *call, ink_value *out);

/* An argument as its row needs it; `fallback` stands for one that is not given or None. */
ink_status ink_call_integer(ink_call *call, unsigned slot, int64_t fallback, int64_t *out);

/* `fallback` is terminated; NULL: the argument must be a string. */
ink_status ink_call_string(ink_call *call, unsigned slot, const char *fallback, ink_value *out);

/* The functions of the rows; some have several. */
#define BUILTIN(kind, name, run, required, parameters) \
    ink_status run(ink_call *call, ink_value *out);
#include "text/template.def"
#undef BUILTIN

/* ---- Objects. */

typedef struct ink_object_type {
    const char *name;
    ink_status (*call)(ink_value_object *self, ink_call *call,
                       ink_value *out); /* NULL: not callable */
    bool (*attribute)(ink_rendering *r, ink_value_object *self, ink_value name,
                      ink_value *out); /* NULL: has none */
} ink_object_type;

/* The first member of every object. */
struct ink_value_object {
    const ink_object_type *type;
};

/* A row of the table as a value, with the value it is a method of (or undefined). */
ink_status ink_builtin_bind(ink_rendering *r, const ink_builtin *builtin, ink_value subject,
                            ink_value *out);

#endif
