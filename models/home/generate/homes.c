#include "homes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "grammar.h"
#include "home/request.h"
#include "random.h"

enum { MAX_WORDS = 400 };

typedef struct word_list {
    const char *words[MAX_WORDS];
    size_t n;
} word_list;

/* Lists are files; those of nouns are named like domains. */
struct name_lists {
    word_list areas, floors, adjectives, people, devices[INK_N_DOMAINS];
};

static ink_buffer json;

static void read_list(word_list *list, const char *folder, const char *name)
{
    char path[512], line[128];
    (void)snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    FILE *file = fopen(path, "r");
    list->n = 0;
    if (!file)
        return;
    while (list->n < MAX_WORDS && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line && *line != '#')
            list->words[list->n++] = copy_text(line, strlen(line));
    }
    fclose(file);
}

name_lists *names_read(const char *folder)
{
    name_lists *names = need(calloc(1, sizeof *names));
    read_list(&names->areas, folder, "areas");
    read_list(&names->floors, folder, "floors");
    read_list(&names->adjectives, folder, "adjectives");
    read_list(&names->people, folder, "people");
    for (size_t i = 0; i < INK_N_DOMAINS; i++)
        read_list(&names->devices[i], folder, ink_domain_name((ink_home_domain)i));
    if (!names->areas.n || !names->floors.n || !names->adjectives.n || !names->people.n) {
        fprintf(stderr, "%s: areas, floors, adjectives or people are missing\n", folder);
        exit(1);
    }
    return names;
}

/* Held-out words are for homes that are measured on; those may have all words. */
static const char *pick(const word_list *list, bool held_out, uint64_t *random)
{
    const char *word;
    do
        word = list->words[below(random, list->n)];
    while (list->n > 9 && hash_text(word) % 10 == 0 && !held_out);
    return word;
}

static void invent(char *out, uint64_t *random)
{
    static const char *const begins[] = {"b", "br", "d", "dr", "f",  "fl", "g", "gr", "h", "k",
                                         "l", "m",  "n", "p",  "pl", "r",  "s", "st", "t", "tr",
                                         "v", "w",  "z", "sh", "ch", "th", "j", "qu", "y", ""};
    static const char *const middles[] = {"a", "e", "i", "o", "u", "ai", "ee", "oa", "ou", "y"};
    static const char *const ends[] = {"",  "",  "n", "r",  "l",  "s",  "t",
                                       "m", "k", "x", "nd", "ck", "th", "sh"};
    size_t n = 2 + below(random, 2);
    *out = '\0';
    for (size_t i = 0; i < n; i++) {
        strcat(out, begins[below(random, sizeof begins / sizeof *begins)]);
        strcat(out, middles[below(random, sizeof middles / sizeof *middles)]);
        if (i + 1 == n || chance(random, 30))
            strcat(out, ends[below(random, sizeof ends / sizeof *ends)]);
    }
}

static void area_name(const name_lists *names, bool held_out, char *out, size_t room,
                      uint64_t *random)
{
    char word[64];
    const char *area = pick(&names->areas, held_out, random);
    unsigned kind = (unsigned)below(random, 10);
    if (kind < 6) {
        (void)snprintf(out, room, "%s", area);
    } else if (kind == 6) {
        (void)snprintf(out, room, "%s's %s", pick(&names->people, held_out, random), area);
    } else if (kind == 7) {
        (void)snprintf(out, room, "%s %s", pick(&names->adjectives, held_out, random), area);
    } else {
        invent(word, random);
        (void)snprintf(out, room, kind == 8 ? "%s room" : "%s", word);
    }
}

static void device_name(const name_lists *names, ink_home_domain domain, const char *area,
                        bool held_out, char *out, size_t room, uint64_t *random)
{
    char word[64];
    const char *noun = pick(&names->devices[domain], held_out, random);
    invent(word, random);
    unsigned kind = (unsigned)below(random, 12);
    if (kind < 4)
        (void)snprintf(out, room, "%s", noun);
    else if (kind < 6)
        (void)snprintf(out, room, "%s %s", pick(&names->adjectives, held_out, random), noun);
    else if (kind < 8)
        (void)snprintf(out, room, "%s %s", area, noun);
    else if (kind == 8)
        (void)snprintf(out, room, "%s's %s", pick(&names->people, held_out, random), noun);
    else if (kind == 9)
        (void)snprintf(out, room, "%s %zu", noun, 1 + below(random, 9));
    else if (kind == 10)
        (void)snprintf(out, room, "%s %s", word, noun);
    else
        (void)snprintf(out, room, "%s", word);
}

static bool has_name(const char *names, const char *name)
{
    char quoted[2 * 120 + 3];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", name);
    return strstr(names, quoted) != NULL;
}

static struct {
    char name[2 * 120], alias[2 * 120];
} aliases[128];
static size_t n_aliases;

const char *home_alias(const ink_thing *thing)
{
    for (size_t i = 0; i < n_aliases; i++)
        if (strcmp(aliases[i].name, thing->name) == 0)
            return aliases[i].alias;
    return thing->name;
}

static void begin_item(const char *name, const char *alias)
{
    ink_buffer_format(&json, "{\"name\":\"%s\"", name);
    if (alias && n_aliases < sizeof aliases / sizeof *aliases) {
        (void)snprintf(aliases[n_aliases].name, sizeof aliases->name, "%s", name);
        (void)snprintf(aliases[n_aliases++].alias, sizeof aliases->alias, "%s", alias);
    }
    if (alias)
        ink_buffer_format(&json, ",\"aliases\":[\"%s\"]", alias);
}

static void comma(size_t i)
{
    ink_buffer_text(&json, i ? "," : "");
}

static size_t write_floors(const name_lists *names, const char **floors, uint64_t *random)
{
    size_t n = below(random, 4), begin = below(random, names->floors.n);
    ink_buffer_text(&json, "{\"floors\":[");
    for (size_t i = 0; i < n; i++) {
        floors[i] = names->floors.words[(begin + i) % names->floors.n];
        comma(i);
        begin_item(floors[i], NULL);
        ink_buffer_text(&json, "}");
    }
    return n;
}

enum { MAX_AREAS = 12, NAME = 120 };

static size_t write_areas(const name_lists *names, const char **floors, size_t n_floors,
                          char areas[][NAME], bool held_out, uint64_t *random)
{
    size_t n = 0, tries = 2 + below(random, MAX_AREAS - 2);
    ink_buffer_text(&json, "],\"areas\":[");
    for (size_t i = 0; i < tries; i++) {
        char alias[NAME];
        area_name(names, held_out, areas[n], NAME, random);
        area_name(names, held_out, alias, NAME, random);
        if (has_name(json.data, areas[n]) || has_name(json.data, alias))
            continue;
        comma(n);
        begin_item(areas[n], chance(random, 15) ? alias : NULL);
        if (n_floors && chance(random, 80))
            ink_buffer_format(&json, ",\"floor\":\"%s\"", floors[below(random, n_floors)]);
        ink_buffer_text(&json, "}");
        n++;
    }
    return n;
}

static void write_device(const name_lists *names, size_t i, ink_home_domain domain,
                         const char *area, bool held_out, uint64_t *random)
{
    char name[2 * NAME], alias[2 * NAME];
    device_name(names, domain, area, held_out, name, NAME - 20, random);
    device_name(names, domain, area, held_out, alias, NAME - 20, random);
    if (has_name(json.data, name) || has_name(json.data, alias))
        return;
    comma(i);
    begin_item(name, chance(random, 20) ? alias : NULL);
    ink_buffer_format(&json, ",\"domain\":\"%s\"", ink_domain_name(domain));
    if (chance(random, 85))
        ink_buffer_format(&json, ",\"area\":\"%s\"", area);
    ink_buffer_text(&json, "}");
}

ink_home *home_random(const name_lists *names, bool held_out, uint64_t *random)
{
    const char *floors[8];
    char areas[MAX_AREAS][NAME];
    ink_error error;
    ink_home *home;
    if (!json.max_bytes)
        ink_buffer_init(&json, NULL, INK_HOME_MAX_BYTES);
    for (;;) {
        json.n_bytes = n_aliases = 0;
        size_t n_floors = write_floors(names, floors, random);
        size_t n_areas = write_areas(names, floors, n_floors, areas, held_out, random);
        ink_buffer_text(&json, "],\"devices\":[");
        size_t n = 12 + below(random, 30), first = json.n_bytes;
        for (size_t i = 0; i < n; i++) {
            ink_home_domain domain = (ink_home_domain)below(random, INK_N_DOMAINS);
            if (names->devices[domain].n)
                write_device(names, json.n_bytes - first, domain, areas[below(random, n_areas)],
                             held_out, random);
        }
        ink_buffer_text(&json, "]}");
        if (!json.failed &&
            ink_home_read(&home, json.data, json.n_bytes, "home", NULL, &error) == INK_OK)
            return home;
        if (json.failed) {
            fprintf(stderr, "out of memory\n");
            exit(1);
        }
    }
}

const char *home_json(void)
{
    return json.data;
}

void ghost_random(const name_lists *names, const ink_home *home, bool held_out, char *out,
                  size_t room, uint64_t *random)
{
    ink_request request;
    do {
        ink_home_domain domain = (ink_home_domain)below(random, INK_N_DOMAINS);
        if (!names->devices[domain].n || chance(random, 30))
            area_name(names, held_out, out, room, random);
        else
            device_name(names, domain, "spare", held_out, out, room, random);
    } while (ink_request_read(&request, home, out, strlen(out), INK_THING_NOWHERE, NULL) !=
                 INK_OK ||
             request.n_candidates);
}
