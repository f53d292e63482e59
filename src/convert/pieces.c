#include <string.h>
#include "convert/tokens.h"
#include "text/pretokenizer.h"

static const ink_pieces rows[] = {
#define PIECES(family, clean, whole, digits, pattern) {family, pattern, clean, whole, digits},
#include "convert/pieces.def"
#undef PIECES
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const ink_pieces *ink_pieces_find(bool clean, bool whole, bool digits, ink_text pattern)
{
    const ink_pieces *found = NULL;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const ink_pieces *row = &rows[i];
        bool same = !row->pattern == !pattern.data &&
                    (!row->pattern || (strlen(row->pattern) == pattern.n_bytes &&
                                       memcmp(row->pattern, pattern.data, pattern.n_bytes) == 0));
        if (same && row->whole == whole && row->digits == digits &&
            (!found || (found->cleans != clean && row->cleans == clean)))
            found = row;
    }
    return found;
}

const ink_pieces *ink_pieces_of_family(ink_text name)
{
    const char *family;
    for (size_t f = 0; (family = ink_pretokenizer_family(f)) != NULL; f++)
        for (size_t i = 0; i < COUNT(rows); i++)
            if (ink_document_has_word(family, ' ', name) &&
                ink_document_has_word(family, ' ',
                                      (ink_text){rows[i].family, strlen(rows[i].family)}))
                return &rows[i];
    return NULL;
}
