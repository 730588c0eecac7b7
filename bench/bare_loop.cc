#include "bench/bare_loop.h"

#include <hs/hs.h>
#include <simdjson.h>

#include <array>

#include "base/check.h"
#include "base/strings.h"

namespace keng::bench {

namespace {

// Letters of Vietnamese in Unicode order of their composed forms, each run with the ASCII letter
// that it folds to.
struct Run {
  char32_t first, last;
  char letter;
};
constexpr Run kRuns[] = {
    {0x00C0, 0x00C5, 'a'}, {0x00C8, 0x00CB, 'e'}, {0x00CC, 0x00CF, 'i'}, {0x00D2, 0x00D6, 'o'},
    {0x00D9, 0x00DC, 'u'}, {0x00DD, 0x00DD, 'y'}, {0x00E0, 0x00E5, 'a'}, {0x00E8, 0x00EB, 'e'},
    {0x00EC, 0x00EF, 'i'}, {0x00F2, 0x00F6, 'o'}, {0x00F9, 0x00FC, 'u'}, {0x00FD, 0x00FD, 'y'},
    {0x0102, 0x0103, 'a'}, {0x0110, 0x0111, 'd'}, {0x0128, 0x0129, 'i'}, {0x0168, 0x0169, 'u'},
    {0x01A0, 0x01A1, 'o'}, {0x01AF, 0x01B0, 'u'}, {0x1EA0, 0x1EB7, 'a'}, {0x1EB8, 0x1EC7, 'e'},
    {0x1EC8, 0x1ECB, 'i'}, {0x1ECC, 0x1EE3, 'o'}, {0x1EE4, 0x1EF1, 'u'}, {0x1EF2, 0x1EF9, 'y'},
};

std::array<char, 0x1F00> MakeTable() {
  std::array<char, 0x1F00> table{};
  for (char32_t c = 'a'; c <= 'z'; ++c) table[c] = static_cast<char>(c);
  for (char32_t c = 'A'; c <= 'Z'; ++c) table[c] = static_cast<char>(c - 'A' + 'a');
  for (char32_t c = '0'; c <= '9'; ++c) table[c] = static_cast<char>(c);
  for (const Run& run : kRuns) {
    for (char32_t c = run.first; c <= run.last; ++c) table[c] = run.letter;
  }
  return table;
}

class BareLoopImpl final : public BareLoop {
 public:
  BareLoopImpl(hs_database_t* database, hs_scratch_t* scratch)
      : database_(database), scratch_(scratch) {}
  ~BareLoopImpl() override {
    hs_free_scratch(scratch_);
    hs_free_database(database_);
  }

  std::string_view Parse(std::string_view json) override {
    const simdjson::padded_string_view padded(json.data(), json.size(),
                                              json.size() + simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document document;
    std::string_view text;
    if (parser_.iterate(padded).get(document) != simdjson::SUCCESS ||
        document.find_field_unordered("text").get_string().get(text) != simdjson::SUCCESS) {
      return {};
    }
    return text;
  }

  std::string_view Fold(std::string_view text) override {
    folded_.resize(text.size() + 2);
    char* out = folded_.data();
    *out++ = ' ';
    const auto* at = reinterpret_cast<const unsigned char*>(text.data());
    const unsigned char* const end = at + text.size();
    while (at < end) {
      char32_t c = *at;
      if (c < 0x80) {
        ++at;
      } else if (c < 0xE0 && at + 1 < end) {
        c = ((c & 0x1F) << 6) | (at[1] & 0x3F);
        at += 2;
      } else if (c < 0xF0 && at + 2 < end) {
        c = ((c & 0x0F) << 12) | ((at[1] & 0x3F) << 6) | (at[2] & 0x3F);
        at += 3;
      } else {
        c = 0;
        at += at + 3 < end ? 4 : end - at;
      }
      const char letter = c < table_.size() ? table_[c] : '\0';
      if (letter != '\0') {
        *out++ = letter;
      } else if (out[-1] != ' ') {
        *out++ = ' ';
      }
    }
    if (out[-1] != ' ') *out++ = ' ';
    return {folded_.data(), static_cast<size_t>(out - folded_.data())};
  }

  int64_t Scan(std::string_view folded) override {
    int64_t found = 0;
    const auto count = [](unsigned, unsigned long long, unsigned long long, unsigned,
                          void* context) {
      ++*static_cast<int64_t*>(context);
      return 0;
    };
    const hs_error_t error = hs_scan(database_, folded.data(), static_cast<unsigned>(folded.size()),
                                     0, scratch_, count, &found);
    KENG_CHECK(error == HS_SUCCESS, "hs_scan: ", error);
    return found;
  }

 private:
  const std::array<char, 0x1F00> table_ = MakeTable();
  hs_database_t* const database_;
  hs_scratch_t* const scratch_;
  simdjson::ondemand::parser parser_;
  std::string folded_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BareLoop>> BareLoop::Make(const std::vector<std::string>& literals) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  std::vector<unsigned> ids;
  const std::vector<unsigned> flags(literals.size(), HS_FLAG_SINGLEMATCH);
  for (const std::string& literal : literals) {
    texts.push_back(literal.data());
    sizes.push_back(literal.size());
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_lit_multi(texts.data(), flags.data(), ids.data(), sizes.data(),
                           static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, nullptr, &database,
                           &error) != HS_SUCCESS) {
    const absl::Status status =
        absl::InternalError(base::StrCat("hs_compile_lit_multi: ", std::string(error->message)));
    hs_free_compile_error(error);
    return status;
  }
  hs_scratch_t* scratch = nullptr;
  KENG_CHECK(hs_alloc_scratch(database, &scratch) == HS_SUCCESS, "no scratch");
  return std::unique_ptr<BareLoop>(std::make_unique<BareLoopImpl>(database, scratch));
}

}  // namespace keng::bench
