#include "learn/special_tokens.h"

#include <string.h>

#define INK_ROLE_NONE INK_N_TOKEN_ROLES

static const struct row {
    const char *name;
    ink_special_token token;
} rows[] = {
#define SPECIAL(name, text, role) {#name, {{text, sizeof text - 1}, INK_ROLE_##role, 0}},
#include "learn/special_tokens.def"
#undef SPECIAL
};

const char ink_chatml_template[] =
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";

const ink_special_token *ink_special_token_at(size_t index, const char **name)
{
    if (index >= sizeof rows / sizeof rows[0])
        return NULL;
    *name = rows[index].name;
    return &rows[index].token;
}

const ink_special_token *ink_special_token_named(const char *name)
{
    const char *known;
    const ink_special_token *token;
    for (size_t i = 0; (token = ink_special_token_at(i, &known)) != NULL; i++)
        if (strcmp(known, name) == 0)
            return token;
    return NULL;
}
