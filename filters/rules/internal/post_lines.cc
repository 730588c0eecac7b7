#include "filters/rules/internal/post_lines.h"

#include <istream>
#include <ostream>
#include <string_view>

namespace keng::filters {

bool PostLines::Next(ingest::Post& post) {
  while (std::getline(in_, line_)) {
    ++lines_;
    if (line_.find_first_not_of(" \t\r") == std::string::npos) continue;
    const size_t length = line_.size();
    line_.append(ingest::PostParser::kPadding, '\0');
    const ingest::DropReason reason = parser_.Parse(std::string_view(line_).substr(0, length),
                                                    ingest::PostParser::Mode::kTool, now_, post);
    if (reason == ingest::DropReason::kNone) {
      ++posts_;
      return true;
    }
    ++broken_;
    if (broken_ <= kNamedMax) {
      err_ << "line " << lines_ << ": no post: " << ingest::DropReasonName(reason);
      if (!parser_.failed_field().empty()) err_ << " (" << parser_.failed_field() << ")";
      err_ << "\n";
    }
    if (broken_ == kNamedMax) err_ << "further lines that are no posts are only counted\n";
  }
  return false;
}

}  // namespace keng::filters
