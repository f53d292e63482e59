#include <pthread.h>

#include "base/status.h"
#include "text/constraint/token_trie.h"
#include "text/vocab_tables.h"

struct ink_trie_holder {
    const ink_allocator *allocator;
    pthread_mutex_t lock;
    ink_token_trie *trie; /* NULL: not built yet */
};

ink_trie_holder *ink_trie_holder_new(const ink_allocator *allocator)
{
    ink_trie_holder *holder = ink_new(allocator, 1, sizeof *holder);
    if (!holder)
        return NULL;
    holder->allocator = allocator;
    if (pthread_mutex_init(&holder->lock, NULL) == 0)
        return holder;
    ink_delete(allocator, holder);
    return NULL;
}

void ink_trie_holder_free(ink_trie_holder *holder)
{
    if (!holder)
        return;
    ink_token_trie_free(holder->trie);
    pthread_mutex_destroy(&holder->lock);
    ink_delete(holder->allocator, holder);
}

ink_status ink_vocab_trie(const ink_vocab *vocab, const ink_token_trie **out, ink_error *error)
{
    ink_trie_holder *holder = vocab->trie;
    ink_status status = INK_OK;
    pthread_mutex_lock(&holder->lock);
    if (!holder->trie)
        status = ink_token_trie_new(&holder->trie, vocab, holder->allocator, error);
    *out = holder->trie;
    pthread_mutex_unlock(&holder->lock);
    return status;
}
