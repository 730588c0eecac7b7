#ifndef KENG_INGEST_MASKING_H_
#define KENG_INGEST_MASKING_H_

// What tells who somebody is leaves a text before the text reaches a disk: phone numbers, identity
// numbers (CMND, CCCD, passport, health insurance), bank accounts after a word that says so,
// vehicle plates, e-mail addresses and @handles. Each byte becomes '*', so that lengths, spans and
// UTF-8 stay right.
//
// Masking too much costs an officer a number; masking too little breaks a promise. Still, prices,
// dates, times, water levels, house numbers, road names, year ranges and emergency numbers (113,
// 114, 115, 1022) are what reports are made of and stay. Where a number can be both, the words
// around it and its grouping decide; the table in masking_test.cc is the definition.
//
// Not found: digits written as words ("không chín một ..."), names without an @.

#include <cstddef>
#include <string>
#include <string_view>

namespace keng::ingest {

// False: MaskPersonalData would change nothing, for there is no digit and no @. About 8 GB/s.
bool MayHoldPersonalData(std::string_view text);

// Masks in place; returns how many bytes it changed. Idempotent. REQUIRES: valid UTF-8 (other
// bytes do no harm: they count as letters).
size_t MaskPersonalData(std::string& text);

// A line that did not become a post, for `dead`: as MaskPersonalData, and besides every string
// that is not the value of one of the schema's fields (or is the author's) becomes asterisks, as do
// escapes that hide a digit or @, bytes that are not UTF-8, and what stands outside of strings but
// JSON's own punctuation and numbers. Keeps at most `bytes_max` bytes.
std::string RedactLine(std::string_view line, size_t bytes_max);

}  // namespace keng::ingest

#endif  // KENG_INGEST_MASKING_H_
