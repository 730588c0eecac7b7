#!/usr/bin/env python3
"""Writes unicode_tables.inc: what the fold does with each code point beyond ASCII.

Run by hand when the rules change: python3 make_unicode_tables.py > unicode_tables.inc
"""
import unicodedata as u

TONES = {0x0300: 1, 0x0301: 2, 0x0309: 3, 0x0303: 4, 0x0323: 5, 0x0340: 1, 0x0341: 2}
QUALITY = {('a', 0x0306): 'A', ('a', 0x0302): 'B', ('e', 0x0302): 'E', ('o', 0x0302): 'O',
           ('o', 0x031B): 'P', ('u', 0x031B): 'U'}
# Letters without a decomposition, and shapes of small letters that stand in for Latin ones.
LATIN = {0x00DF: 'ss', 0x1E9E: 'ss', 0x00E6: 'ae', 0x00C6: 'ae', 0x0153: 'oe', 0x0152: 'oe',
         0x00F8: 'o', 0x00D8: 'o', 0x0142: 'l', 0x0141: 'l', 0x0131: 'i', 0x00FE: 'th',
         0x00DE: 'th', 0x0127: 'h', 0x0126: 'h', 0x0167: 't', 0x0166: 't', 0x0180: 'b',
         0x0251: 'a', 0x0261: 'g', 0x1D00: 'a', 0x0299: 'b', 0x1D04: 'c', 0x1D05: 'd',
         0x1D07: 'e', 0x0262: 'g', 0x029C: 'h', 0x026A: 'i', 0x1D0A: 'j', 0x1D0B: 'k',
         0x029F: 'l', 0x1D0D: 'm', 0x0274: 'n', 0x1D0F: 'o', 0x1D18: 'p', 0x0280: 'r',
         0x1D1B: 't', 0x1D1C: 'u', 0x1D20: 'v', 0x1D21: 'w', 0x028F: 'y', 0x1D22: 'z'}
BARRED_D = {0x0110, 0x0111, 0x00D0, 0x00F0, 0x0189, 0x0256}
UPPER_SPECIAL = {0x00C6, 0x0152, 0x00D8, 0x0141, 0x00DE, 0x0126, 0x0166, 0x1E9E, 0x0110, 0x00D0, 0x0189}
IGNORED = [(0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5),
           (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
           (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0x1BCA0, 0x1BCA3),
           (0xE0000, 0xE0FFF)]
# Scripts written without spaces between words.
SOLO = [(0x0E00, 0x0E7F), (0x0E80, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF),
        (0x1A20, 0x1AAF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C),
        (0x3040, 0x30FF), (0x3100, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF), (0xA000, 0xA4CF), (0xA9E0, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF),
        (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFF)]


def inside(cp, ranges):
    return any(a <= cp <= b for a, b in ranges)


def lower1(ch):
    low = ch.lower()
    return low[0]


latin, digits, cased, ranges = [], [], [], []
for cp in range(0x80, 0x40000):
    if 0xD800 <= cp < 0xE000 or 0xE000 <= cp <= 0xF8FF or 0x1F000 <= cp <= 0x1FFFF:
        continue
    ch = chr(cp)
    cat = u.category(ch)
    if inside(cp, IGNORED):
        continue
    if cp in (0x00AA, 0x00BA):  # ordinal signs stand for "degrees" and list marks
        continue
    d = u.decimal(ch, None)
    if d is None and cat == 'No':
        nf = u.normalize('NFKD', ch)
        if len(nf) == 1 and nf.isascii() and nf.isdigit():
            d = int(nf)
    if d is not None:
        digits.append((cp, d))
        continue
    # Latin letters in every form: accents, full-width, mathematical, enclosed, ligatures.
    if cp in BARRED_D:
        latin.append((cp, 'd', 'D', 0, int(cp in UPPER_SPECIAL)))
        continue
    if cp in LATIN:
        latin.append((cp, LATIN[cp], LATIN[cp][0], 0, int(cp in UPPER_SPECIAL)))
        continue
    nf = u.normalize('NFKD', ch)
    letters = [c for c in nf if not u.combining(c)]
    if (cat[0] == 'L' or 0x24B6 <= cp <= 0x24E9) and letters and all(
            c.isascii() and c.isalpha() for c in letters) and len(letters) <= 3:
        base = letters[0].lower()
        quality, tone = base, 0
        for c in nf:
            if (base, ord(c)) in QUALITY:
                quality = QUALITY[(base, ord(c))]
            tone = TONES.get(ord(c), tone)
        latin.append((cp, ''.join(letters).lower(), quality, tone, int(letters[0].isupper())))
        continue
    if inside(cp, SOLO):
        if cat[0] in 'LN' or cat in ('Lm',):
            ranges.append((cp, 'kSolo'))
        elif cat[0] == 'M':
            ranges.append((cp, 'kSoloMark'))
        continue
    if cat[0] == 'M':
        if 0x0300 <= cp <= 0x036F or 0x1AB0 <= cp <= 0x1AFF or 0x1DC0 <= cp <= 0x1DFF or 0x20D0 <= cp <= 0x20FF or 0xFE20 <= cp <= 0xFE2F:
            ranges.append((cp, 'kMark'))
        else:
            ranges.append((cp, 'kOther'))
        continue
    if cat[0] == 'L' or cat == 'Nl':
        ranges.append((cp, 'kOther'))
        greek_or_cyrillic = 0x0370 <= cp <= 0x052F or 0x1F00 <= cp <= 0x1FFF
        nfd = u.normalize('NFD', ch)
        low = lower1(ch)
        tone = 0
        if greek_or_cyrillic:
            low = lower1(nfd[0])
            if low == '\u03c2':
                low = '\u03c3'
            for c in nfd[1:]:
                tone = TONES.get(ord(c), tone)
        if ord(low) != cp:
            cased.append((cp, ord(low), tone, int(ch != ch.lower())))
for a, b in IGNORED:
    for cp in range(a, b + 1):
        ranges.append((cp, 'kIgnored'))
ranges.sort()
merged = []
for cp, cls in ranges:
    if merged and merged[-1][2] == cls and merged[-1][1] == cp - 1:
        merged[-1][1] = cp
    else:
        merged.append([cp, cp, cls])


def table(name, kind, rows):
    print(f'constexpr {kind} {name}[] = {{')
    line = '   '
    for row in rows:
        if len(line) + len(row) + 2 > 100:
            print(line)
            line = '   '
        line += ' ' + row + ','
    print(line)
    print('};')


print('// Made by make_unicode_tables.py from Unicode ' + u.unidata_version + '; do not edit.')
print('// clang-format off')
table('kLatinEntries', 'LatinEntry',
      [f'{{0x{cp:X}, "{s}", \'{q}\', {t}, {up}}}' for cp, s, q, t, up in latin])
merged_digits = []
for cp, d in digits:
    if merged_digits and merged_digits[-1][1] == cp - 1 and merged_digits[-1][2] + cp - merged_digits[-1][0] == d:
        merged_digits[-1][1] = cp
    else:
        merged_digits.append([cp, cp, d])
table('kDigitRanges', 'DigitRange', [f'{{0x{a:X}, 0x{b:X}, {d}}}' for a, b, d in merged_digits])
table('kCasedEntries', 'CasedEntry',
      [f'{{0x{cp:X}, 0x{low:X}, {t}, {up}}}' for cp, low, t, up in cased])
table('kClassRanges', 'ClassRange', [f'{{0x{a:X}, 0x{b:X}, CodePointClass::{c}}}' for a, b, c in merged])
print('// clang-format on')
