/* What is known of config.json: keys.def and known.def, names as words and not as addresses. */
#include <string.h>
#include "base/size.h"
#include "base/status.h"
#include "convert/config.h"

#define FILE_NAME "config.json"
#define SAID_AT_MOST 60 /* bytes of a key, in messages */

static const uint8_t key_traits[INK_N_HF_KEYS] = {
#define KEY(id, type, suffix, where, names) INK_HF_##type | INK_HF_##where,
#include "convert/keys.def"
#undef KEY
};

/* Texts that stand in the library anyway, for hparams.c. */
static const char *const key_suffixes[INK_N_HF_KEYS] = {
#define KEY(id, type, suffix, where, names) suffix,
#include "convert/keys.def"
#undef KEY
};

static const char key_names[] =
#define KEY(id, type, suffix, where, names) names "\0"
#include "convert/keys.def"
#undef KEY
    ;

/* "architecture key value" */
static const char musts[] =
#define MUST(arch, key, value) arch " " key " " value "\0"
#define SHOW(key, role, other, of)
#define PASS(where, keys)
#include "convert/known.def"
#undef MUST
#undef SHOW
    ;

static const char shown_keys[] =
#define MUST(arch, key, value)
#define SHOW(key, role, other, of) key "\0"
#include "convert/known.def"
#undef SHOW
    ;

static const struct shown {
    uint8_t roles[2], of;
} shown[] = {
#define SHOW(key, role, other, of) {{INK_WEIGHT_##role, INK_WEIGHT_##other}, INK_SEEN_##of},
#include "convert/known.def"
#undef SHOW
#undef PASS
};

#define SHOW(key, role, other, of)
#define PASS(where, keys) PASS_##where(keys)
#define PASS_TOP(keys) keys " "
#define PASS_ROPE(keys)
static const char passed[] =
#include "convert/known.def"
    ;
#undef PASS_TOP
#undef PASS_ROPE

#define PASS_TOP(keys)
#define PASS_ROPE(keys) keys " "
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
        names = next(names);
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

static bool is_listed(ink_text key, unsigned where)
{
    const char *names = key_names;
    for (size_t i = 0; i < INK_N_HF_KEYS; i++, names = next(names))
        if ((key_traits[i] & INK_HF_ROPE) == where && ink_document_has_word(names, '|', key))
            return true;
    if (where == INK_HF_ROPE)
        return ink_document_has_word(passed_of_rope, ' ', key);
    for (const char *row = shown_keys; *row; row = next(row))
        if (ink_document_has_word(row, '|', key))
            return true;
    return ink_document_has_word(passed, ' ', key);
}

ink_status ink_hf_check_known(ink_value object, unsigned where, const char *arch, ink_error *error)
{
    for (uint32_t i = 0; i < object.as.dict->n_entries; i++) {
        const ink_value_entry *entry = &object.as.dict->entries[i];
        ink_text key = {entry->key.as.text, entry->key.n_bytes};
        const char *must = where == INK_HF_TOP ? find_must(arch, key) : NULL;
        if (entry->item.kind == INK_VALUE_NONE)
            continue;
        if (must && !is_allowed(&entry->item, must))
            return refuse_value(key, must, error);
        if (!must && !is_listed(key, where))
            return ink_fail(error, INK_UNSUPPORTED, 0,
                            FILE_NAME ": %s%.*s is not known and may change what the model "
                                      "computes; if it does not, take it out",
                            where == INK_HF_ROPE ? "rope_scaling." : "",
                            (int)ink_size_min(key.n_bytes, SAID_AT_MOST), key.data);
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
        key = next(key);
    *truth = ((seen[shown[index].roles[0]] | seen[shown[index].roles[1]]) & shown[index].of) != 0;
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
