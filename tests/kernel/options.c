#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct flag {
    const char *name, *value; /* value: what the help calls it, or NULL */
    const char *help;
    bool (*set)(options *o, const char *value);
} flag;

static bool set_op(options *o, const char *value)
{
    o->op = value;
    return *value != '\0';
}

static bool set_isa(options *o, const char *value)
{
    o->isa = value;
    return *value != '\0';
}

static bool set_seed(options *o, const char *value)
{
    char *end;
    errno = 0;
    o->seed = strtoull(value, &end, 0);
    return errno == 0 && end != value && *end == '\0' && *value != '-';
}

static bool set_bench(options *o, const char *value)
{
    (void)value;
    return o->bench = true;
}

static bool set_json(options *o, const char *value)
{
    (void)value;
    return o->json = true;
}

static bool set_no_speed(options *o, const char *value)
{
    (void)value;
    o->speed = false;
    return true;
}

static bool set_list(options *o, const char *value)
{
    (void)value;
    return o->list = true;
}

static bool set_help(options *o, const char *value)
{
    (void)value;
    return o->help = true;
}

static const flag flags[] = {
    {"--op", "NAME", "only ops and facts whose name contains NAME", set_op},
    {"--isa", "NAME", "only rows of this instruction set; C still says what is right", set_isa},
    {"--seed", "N", "other inputs; the same seed gives the same ones", set_seed},
    {"--bench", NULL, "take more time for the timings", set_bench},
    {"--no-speed", NULL, "neither time rows nor fail those slower than C", set_no_speed},
    {"--json", NULL, "one JSON object per row, then one of totals", set_json},
    {"--list", NULL, "name the rows and end", set_list},
    {"--help", NULL, "print this and end", set_help},
};
enum { N_FLAGS = sizeof flags / sizeof *flags };

void options_help(void)
{
    puts("kernels: every row of kernels.def against the C row, bit for bit, and the C rows against "
         "their definition.\n"
         "Exit code: 0 all passed, 1 something failed, 2 wrong usage.\n");
    for (size_t i = 0; i < N_FLAGS; i++)
        printf("  %-10s %-5s %s\n", flags[i].name, flags[i].value ? flags[i].value : "",
               flags[i].help);
}

/* The flag of "--name" or "--name=value"; *value is NULL in the first case. */
static const flag *find_flag(const char *argument, const char **value)
{
    const char *equals = strchr(argument, '=');
    size_t n = equals ? (size_t)(equals - argument) : strlen(argument);
    *value = equals ? equals + 1 : NULL;
    for (size_t i = 0; i < N_FLAGS; i++)
        if (strlen(flags[i].name) == n && strncmp(flags[i].name, argument, n) == 0)
            return &flags[i];
    return NULL;
}

bool options_read(options *o, int n_arguments, char **arguments)
{
    for (int i = 1; i < n_arguments; i++) {
        const char *value, *argument = arguments[i];
        const flag *f = find_flag(argument, &value);
        if (!f) {
            fprintf(stderr, "kernels: %s: unknown option; --help lists them\n", argument);
            return false;
        }
        if (f->value && !value && i + 1 < n_arguments)
            value = arguments[++i];
        if (!f->value != !value) {
            fprintf(stderr, "kernels: %s %s\n", f->name,
                    f->value ? "wants a value" : "takes no value");
            return false;
        }
        if (!f->set(o, value)) {
            fprintf(stderr, "kernels: %s %s: not a valid %s\n", f->name, value, f->value);
            return false;
        }
    }
    return true;
}
