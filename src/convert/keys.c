/* What is known of config.json: keys.def and known.def, names as words and not as addresses. */
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/config.h"

#define FILE_NAME "config.json"
#define SAID_AT_MOST 60 /* bytes of a key, in messages */

static const uint8_t key_traits[INK_N_HF_KEYS] = {
#define KEY(id, type, suffix, where, names, of) INK_HF_##type | INK_HF_##where,
#include "convert/keys.def"
#undef KEY
};

/* Texts that stand in the library anyway, for hparams.c. */
static const char *const key_suffixes[INK_N_HF_KEYS] = {
#define KEY(id, type, suffix, where, names, of) suffix,
#include "convert/keys.def"
#undef KEY
};

/* Names, then who has them. So are the rows of shown_keys and of passed. */
static const char key_names[] =
#define ROTATED                                                                            \
    "llama* mistral mixtral qwen* gemma* phi* gpt_neox starcoder2 stablelm olmo2 smollm3 " \
    "granite* cohere* glm4 falcon nemotron exaone4 minicpm bitnet lfm2*"
#define KEY(id, type, suffix, where, names, of) names "\0" of "\0"
#include "convert/keys.def"
#undef KEY
#undef ROTATED
    ;

/* "architecture key value" */
static const char musts[] =
#define MUST(arch, key, value) arch " " key " " value "\0"
#define SHOW(key, role, other, kind, of)
#define PASS(where, of, keys)
#include "convert/known.def"
#undef MUST
#undef SHOW
    ;

static const char shown_keys[] =
#define MUST(arch, key, value)
#define SHOW(key, role, other, kind, of) key "\0" of "\0"
#include "convert/known.def"
#undef SHOW
    ;

static const struct shown {
    uint8_t roles[2], kind;
} shown[] = {
#define SHOW(key, role, other, kind, of) {{INK_WEIGHT_##role, INK_WEIGHT_##other}, INK_SEEN_##kind},
#include "convert/known.def"
#undef SHOW
#undef PASS
};

#define SHOW(key, role, other, kind, of)
#define PASS(where, of, keys) PASS_##where(keys "\0" of "\0")
#define PASS_TOP(row) row
#define PASS_ROPE(row)
static const char passed[] =
#include "convert/known.def"
    ;
#undef PASS_TOP
#undef PASS_ROPE

#define PASS_TOP(row)
#define PASS_ROPE(row) row
static const char passed_of_rope[] =
#include "convert/known.def"
    ;
#undef PASS_TOP
#undef PASS_ROPE
#undef MUST
#undef SHOW
#undef PASS

static const char *next(const char *text)
{
    return text + strlen(text) + 1;
}

ink_hf_key ink_hf_key_at(size_t id)
{
    const char *names = key_names;
    for (size_t i = 0; i < id; i++)
        names = next(next(names));
    return (ink_hf_key){key_traits[id], key_suffixes[id], names};
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* The only value that the key may have; NULL: no row says. */
static const char *find_must(const char *arch, ink_text key)
{
    for (const char *row = musts; *row; row = next(row)) {
        const char *at = row;
        ink_text of, name;
        (void)ink_document_word(&at, ' ', &of);
        (void)ink_document_word(&at, ' ', &name);
        bool here = of.n_bytes == 0 ||
                    (strlen(arch) == of.n_bytes && memcmp(arch, of.data, of.n_bytes) == 0);
        if (here && name.n_bytes == key.n_bytes && memcmp(name.data, key.data, key.n_bytes) == 0)
            return at;
    }
    return NULL;
}

static bool is_switch(const char *must)
{
    return must[0] == '0' || must[0] == '1';
}

static bool is_allowed(const ink_value *value, const char *must)
{
    double number;
    if (ink_document_number(value, &number))
        return is_switch(must) && number == must[0] - '0';
    if (ink_value_is_string(*value))
        return !is_switch(must) &&
               ink_document_has_word(must, '|', (ink_text){value->as.text, value->n_bytes});
    return must[0] == '\0' && !ink_value_truth(*value);
}

static ink_status refuse_value(ink_text key, const char *must, ink_error *error)
{
    return ink_fail(error, INK_UNSUPPORTED, 0,
                    FILE_NAME ": %.*s is not supported as it is: here it can only be %s",
                    (int)key.n_bytes, key.data,
                    must[0] == '0'   ? "false, or 0"
                    : must[0] == '1' ? "true, or 1"
                    : must[0]        ? must
                                     : "empty");
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* Whether the model type is in the index-th list. */
static bool is_among(const char *lists, size_t index, ink_text type)
{
    ink_text word;
    while (ink_document_word(&lists, ' ', &word) && (index > 0 || word.data[0] != '|')) {
        if (index == 0 && ink_document_fits(word, type))
            return true;
        index -= word.data[0] == '|';
    }
    return false;
}

/* A name of a row that the model type has. */
static bool is_name(const char *names, ink_text key, ink_text type)
{
    const char *lists = next(names);
    ink_text name;
    for (size_t i = 0; ink_document_word(&names, '|', &name); i++)
        if (ink_document_fits(name, key))
            return is_among(lists, i, type);
    return false;
}

static bool is_listed(ink_text key, unsigned where, ink_text type)
{
    const char *row = key_names;
    for (size_t i = 0; i < INK_N_HF_KEYS; i++, row = next(next(row)))
        if ((key_traits[i] & INK_HF_ROPE) == where && is_name(row, key, type))
            return true;
    for (row = shown_keys; where == INK_HF_TOP && *row; row = next(next(row)))
        if (is_name(row, key, type))
            return true;
    for (row = where == INK_HF_ROPE ? passed_of_rope : passed; *row; row = next(next(row)))
        if (ink_document_has_word(row, ' ', key) && is_among(next(row), 0, type))
            return true;
    return false;
}

/* The only value that the key may have; NULL: any, if the key is known. */
static const char *must_be(const ink_dialect *dialect, unsigned where, ink_text key, bool *known)
{
    const char *type = ink_dialect_text(dialect, INK_DIALECT_MODEL_TYPE), *must = NULL;
    if (where == INK_HF_TOP)
        must = find_must(ink_dialect_text(dialect, INK_DIALECT_ARCH), key);
    *known = must || is_listed(key, where, (ink_text){type, strlen(type)});
    return must;
}

bool ink_hf_is_known(const ink_dialect *dialect, unsigned where, ink_text key)
{
    bool known;
    (void)must_be(dialect, where, key, &known);
    return known;
}

ink_status ink_hf_check_known(ink_value object, unsigned where, const ink_dialect *dialect,
                              ink_error *error)
{
    for (uint32_t i = 0; i < object.as.dict->n_entries; i++) {
        bool known;
        const ink_value_entry *entry = &object.as.dict->entries[i];
        ink_text key = {entry->key.as.text, entry->key.n_bytes};
        const char *must = must_be(dialect, where, key, &known);
        if (entry->item.kind == INK_VALUE_NONE)
            continue;
        if (must && !is_allowed(&entry->item, must))
            return refuse_value(key, must, error);
        if (!known)
            return ink_fail(error, INK_UNSUPPORTED, 0,
                            FILE_NAME ": %s%.*s is not known of %s and may change what the model "
                                      "computes; if it does not, take it out",
                            where == INK_HF_ROPE ? "rope_scaling." : "",
                            (int)ink_size_min(key.n_bytes, SAID_AT_MOST), key.data,
                            ink_dialect_text(dialect, INK_DIALECT_MODEL_TYPE));
    }
    return INK_OK;
}

/* ---- What tensors show ----------------------------------------------------------------------- */

const char *ink_hf_shown_at(size_t index, const uint8_t seen[INK_N_WEIGHT_ROLES], bool *truth)
{
    const char *key = shown_keys;
    if (index >= sizeof shown / sizeof *shown)
        return NULL;
    for (size_t i = 0; i < index; i++)
        key = next(next(key));
    *truth = ((seen[shown[index].roles[0]] | seen[shown[index].roles[1]]) & shown[index].kind) != 0;
    return key;
}

ink_status ink_hf_check_shown(ink_value json, const uint8_t seen[INK_N_WEIGHT_ROLES],
                              ink_error *error)
{
    const char *key;
    bool truth;
    for (size_t i = 0; (key = ink_hf_shown_at(i, seen, &truth)) != NULL; i++) {
        double said;
        const ink_value *value = ink_document_get(&json, key);
        if (value && (!ink_document_number(value, &said) || (said != 0) != truth))
            return ink_fail(error, INK_CORRUPT, 0,
                            FILE_NAME ": %s is not so: there are %stensors of this kind", key,
                            truth ? "" : "no ");
    }
    return INK_OK;
}
