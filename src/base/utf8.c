#include "base/utf8.h"

/* What a lead byte promises: length, its payload bits, and the range of the byte that follows. */
typedef struct lead {
    uint8_t length, payload_mask, second_low, second_high;
} lead;

static lead classify(unsigned char byte)
{
    if (byte < 0x80)
        return (lead){1, 0x7f, 0, 0};
    if (byte >= 0xc2 && byte <= 0xdf)
        return (lead){2, 0x1f, 0x80, 0xbf};
    if (byte >= 0xe0 && byte <= 0xef)
        return (lead){3, 0x0f, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
    if (byte >= 0xf0 && byte <= 0xf4)
        return (lead){4, 0x07, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
    return (lead){0, 0, 0, 0};
}

/* How many bytes from the lead on are what they should be, at most its length and n_bytes. */
static size_t good_prefix(lead first, const unsigned char *bytes, size_t n_bytes)
{
    size_t n = 1;
    for (; n < first.length && n < n_bytes; n++) {
        unsigned char low = n == 1 ? first.second_low : 0x80,
                      high = n == 1 ? first.second_high : 0xbf;
        if (bytes[n] < low || bytes[n] > high)
            break;
    }
    return n;
}

size_t ink_utf8_decode(const char *text, size_t n_bytes, uint32_t *code_point)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (n_bytes == 0)
        return 0;
    lead first = classify(bytes[0]);
    if (first.length == 0 || good_prefix(first, bytes, n_bytes) < first.length)
        return 0;
    uint32_t value = bytes[0] & first.payload_mask;
    for (size_t i = 1; i < first.length; i++)
        value = value << 6 | (bytes[i] & 0x3fu);
    *code_point = value;
    return first.length;
}

size_t ink_utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
        return 0;
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const unsigned char lead_bits[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)(lead_bits[length] | code_point);
    return length;
}

bool ink_utf8_valid(const char *text, size_t n_bytes)
{
    uint32_t code_point;
    for (size_t at = 0; at < n_bytes;) {
        size_t length = ink_utf8_decode(text + at, n_bytes - at, &code_point);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

size_t ink_utf8_complete(const char *text, size_t n_bytes)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t back = 1; back <= 3 && back <= n_bytes; back++) {
        size_t at = n_bytes - back;
        lead first = classify(bytes[at]);
        if (first.length <= 1) {
            if (bytes[at] >= 0x80 && bytes[at] <= 0xbf)
                continue; /* a continuation byte: its lead stands further back */
            return n_bytes;
        }
        bool pending = first.length > back && good_prefix(first, bytes + at, back) == back;
        return pending ? at : n_bytes;
    }
    return n_bytes;
}
