/*
 * JSON Schema (draft 2020-12) to a grammar of the JSON texts whose values it allows.
 *
 * A rule of the grammar stands for a set of schemas that a value must satisfy together: that is
 * what allOf, $ref, and properties that several schemas speak of come to. Choices (anyOf, oneOf,
 * if, not, dependentSchemas) are multiplied out into terms, sets without choices; of each term the
 * keywords are gathered by type and written as expressions. docs/constraints.md lists what is
 * supported.
 */
#ifndef INK_TEXT_CONSTRAINT_SCHEMA_H
#define INK_TEXT_CONSTRAINT_SCHEMA_H

#include "inkling.h"
#include "text/constraint/grammar.h"
#include "text/value.h"

/*
 * Limits, each reported with its place: of the text, of schemas in it, of terms that the choices of
 * one place multiply out to, of schemas that hold at one place together, of patternProperties.
 */
#define INK_SCHEMA_MAX_BYTES ((size_t)16 << 20)
#define INK_SCHEMA_MAX_NODES (1u << 17)
#define INK_SCHEMA_MAX_TERMS 1024
#define INK_SCHEMA_MAX_TOGETHER 512
#define INK_SCHEMA_MAX_PATTERNS 6
#define INK_SCHEMA_MAX_PREFIX 4096

/*
 * CORRUPT: no JSON, or no schema. UNSUPPORTED: names the keyword that cannot be honored and its
 * place as a JSON pointer. BAD_ARGUMENT: no value satisfies it. LIMIT.
 */
INK_MUST_USE
ink_status ink_schema_compile(ink_grammar *grammar, ink_text text, ink_json_form form,
                              ink_expr *root, ink_error *error);

/*
 * The same of a schema that was read already, as a part of a grammar whose definition goes on.
 */
INK_MUST_USE
ink_status ink_schema_grow(ink_grammar *grammar, ink_value value, ink_json_form form,
                           ink_expr *root, ink_error *error);

#endif
