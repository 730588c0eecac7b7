#include "filters/places/cells.h"

#include <algorithm>
#include <filesystem>

#include "base/check.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "filters/hit.h"

namespace keng::filters {
namespace {

using base::StrCat;
using base::Yaml;

constexpr size_t kCellsMax = 20'000;
constexpr size_t kAccountsMax = 200'000;
constexpr size_t kErrorsMax = 50;
constexpr int kExtendsMax = 4;

// "facebook:page:1029": a platform, a colon, and what the platform calls it.
bool WellFormedAccount(std::string_view account) {
  const size_t colon = account.find(':');
  if (account.size() > 512 || colon == std::string_view::npos || colon == 0 ||
      colon + 1 == account.size())
    return false;
  for (const char c : account.substr(0, colon))
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
  return std::none_of(account.begin(), account.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

std::string UnknownTopic(std::string_view topic) {
  std::string message = StrCat("topic \"", topic, "\": there is none; expected one of: ");
  for (const std::string_view known : Topics()) {
    base::StrAppend(&message, known == Topics().front() ? "" : ", ", known);
  }
  return message;
}

}  // namespace

class CellsBuilder {
 public:
  explicit CellsBuilder(const Gazetteer& gazetteer) : gazetteer_(gazetteer) {}

  // `depth` counts the files that extend this one.
  void AddFile(const Yaml& root, int depth);
  absl::StatusOr<std::shared_ptr<const Cells>> Build();

 private:
  struct Entry {
    Yaml node;
    Cell cell;
    std::string in;
  };

  void Keep(absl::Status status) {
    if (!status.ok() && errors_.size() < kErrorsMax) errors_.emplace_back(status.message());
  }
  absl::Status AddCell(const Yaml& node);
  void AddAccounts(const Yaml& accounts);
  // The index of the entry above, Cell::kNobody for the desk.
  absl::StatusOr<int> ParentOf(const Entry& entry) const;
  void Sort(const std::vector<int>& parents);
  void CheckUnits();

  const Gazetteer& gazetteer_;
  std::vector<std::string> errors_;
  std::vector<Entry> entries_;
  absl::flat_hash_map<std::string, int> index_;
  std::vector<std::pair<Yaml, Yaml>> accounts_;
  std::string last_file_;
  std::unique_ptr<Cells> out_{new Cells()};
};

void CellsBuilder::AddFile(const Yaml& root, int depth) {
  last_file_ = root.file();
  if (root.is_null()) return;
  if (!root.is_map()) return Keep(root.Error("a cells file is a map; expected cells, accounts"));
  Keep(root.CheckKeys("cells file", {"extends", "cells", "accounts"}));
  if (const Yaml* extends = root.Find("extends")) {
    if (depth >= kExtendsMax)
      return Keep(extends->Error(StrCat("more than ", kExtendsMax,
                                        " files extend each other, perhaps in a circle; name the "
                                        "base file only")));
    const absl::StatusOr<std::string> name = extends->String("extends");
    if (!name.ok()) return Keep(name.status());
    absl::StatusOr<Yaml> base =
        Yaml::ParseFile((std::filesystem::path(root.file()).parent_path() / *name).string());
    if (base.ok())
      AddFile(*base, depth + 1);
    else
      Keep(extends->Error(StrCat("cannot be read: ", std::string(base.status().message()))));
  }
  last_file_ = root.file();
  if (const Yaml* cells = root.Find("cells")) {
    if (!cells->is_sequence())
      return Keep(cells->Error("cells is no list; expected \"- {code: ...}\""));
    for (const Yaml& node : cells->items()) Keep(AddCell(node));
  }
  if (const Yaml* accounts = root.Find("accounts")) AddAccounts(*accounts);
}

absl::Status CellsBuilder::AddCell(const Yaml& node) {
  if (!node.is_map()) return node.Error("a cell is a map: {code: \"30307\", name: ...}");
  KENG_RETURN_IF_ERROR(node.CheckKeys("cell", {"code", "name", "in", "topics"}));
  if (entries_.size() >= kCellsMax) return node.Error(StrCat("more than ", kCellsMax, " cells"));
  const Yaml* code = node.Find("code");
  if (code == nullptr) return node.Error("the cell has no code; add code: \"...\" of its unit");
  Entry entry;
  entry.node = node;
  KENG_ASSIGN_OR_RETURN(entry.cell.code, code->String("code"));
  const int place = gazetteer_.Find(entry.cell.code);
  if (place == Place::kNobody)
    return code->Error(
        StrCat("cell \"", entry.cell.code,
               "\" is no place of the gazetteer; correct the code, or add the place first"));
  const Place& p = gazetteer_.place(place);
  if (!p.served || p.old)
    return code->Error(StrCat("cell \"", entry.cell.code, "\" (", p.type, " ", p.name, ") is ",
                              p.served ? "a unit of before July 2025; use the unit of today"
                                       : "outside the province served; remove it"));
  entry.cell.name = p.type.empty() ? p.name : StrCat(p.type, " ", p.name);
  if (const Yaml* name = node.Find("name")) {
    KENG_ASSIGN_OR_RETURN(entry.cell.name, name->String("name"));
  }
  if (const Yaml* in = node.Find("in")) {
    KENG_ASSIGN_OR_RETURN(entry.in, in->String("in"));
  }
  if (const Yaml* topics = node.Find("topics")) {
    KENG_ASSIGN_OR_RETURN(entry.cell.topics, topics->Strings("topics"));
    for (const std::string& topic : entry.cell.topics)
      if (std::find(Topics().begin(), Topics().end(), topic) == Topics().end())
        return topics->Error(UnknownTopic(topic));
    std::sort(entry.cell.topics.begin(), entry.cell.topics.end());
  }
  const auto [other, fresh] = index_.emplace(entry.cell.code, static_cast<int>(entries_.size()));
  if (!fresh)
    return code->Error(StrCat("cell \"", entry.cell.code, "\" is given a second time, first at ",
                              entries_[static_cast<size_t>(other->second)].node.Where(),
                              "; remove one"));
  entries_.push_back(std::move(entry));
  return absl::OkStatus();
}

void CellsBuilder::AddAccounts(const Yaml& accounts) {
  if (!accounts.is_map())
    return Keep(accounts.Error("accounts is no map; expected \"facebook:page:1029\": \"30307\""));
  for (const auto& entry : accounts.entries()) {
    if (accounts_.size() >= kAccountsMax)
      return Keep(entry.first.Error(StrCat("more than ", kAccountsMax, " accounts")));
    if (WellFormedAccount(entry.first.scalar()))
      accounts_.push_back(entry);
    else
      Keep(entry.first.Error(
          StrCat("account \"", entry.first.scalar(),
                 "\": expected PLATFORM:..., as in the posts' field account, without spaces")));
  }
}

absl::StatusOr<int> CellsBuilder::ParentOf(const Entry& entry) const {
  if (!entry.in.empty()) {
    const auto found = index_.find(entry.in);
    if (found != index_.end()) return found->second;
    return entry.node.Find("in")->Error(
        StrCat("cell ", entry.cell.code, " lies under \"", entry.in,
               "\", which is no cell; correct the code or add that cell"));
  }
  for (int at = gazetteer_.place(gazetteer_.Find(entry.cell.code)).parent; at != Place::kNobody;
       at = gazetteer_.place(at).parent) {
    const auto found = index_.find(gazetteer_.place(at).code);
    if (found != index_.end()) return found->second;
  }
  return Cell::kNobody;
}

// Moves the cells to out_ so that parents come before children, else in order of the files.
void CellsBuilder::Sort(const std::vector<int>& parents) {
  std::vector<int> place_of(entries_.size(), Cell::kNobody);
  size_t placed = 0;
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (place_of[i] != Cell::kNobody) continue;
      const int parent = parents[i];
      if (parent != Cell::kNobody && place_of[static_cast<size_t>(parent)] == Cell::kNobody)
        continue;
      place_of[i] = static_cast<int>(placed++);
      Cell cell = entries_[i].cell;
      cell.parent = parent == Cell::kNobody ? Cell::kNobody : place_of[static_cast<size_t>(parent)];
      out_->by_code_.emplace(cell.code, place_of[i]);
      out_->cells_.push_back(std::move(cell));
      progress = true;
    }
  }
  for (size_t i = 0; i < entries_.size(); ++i)
    if (place_of[i] == Cell::kNobody)
      Keep(entries_[i].node.Error(StrCat("cell ", entries_[i].cell.code,
                                         " lies under itself, by way of its parents; mend in:")));
}

void CellsBuilder::CheckUnits() {
  for (const Place& place : gazetteer_.places()) {
    if (!place.served || place.old || place.level != PlaceLevel::kUnit) continue;
    if (!index_.contains(place.code) && errors_.size() < kErrorsMax)
      errors_.push_back(StrCat(last_file_, ":1:1: ", place.type, " ", place.name,
                               " has no cell; add - {code: \"", place.code, "\"}"));
  }
}

absl::StatusOr<std::shared_ptr<const Cells>> CellsBuilder::Build() {
  std::vector<int> parents(entries_.size(), Cell::kNobody);
  int desk = Cell::kNobody;
  for (size_t i = 0; i < entries_.size(); ++i) {
    absl::StatusOr<int> parent = ParentOf(entries_[i]);
    if (!parent.ok()) {
      Keep(parent.status());
      continue;
    }
    parents[i] = *parent;
    if (*parent != Cell::kNobody) continue;
    if (desk != Cell::kNobody)
      Keep(entries_[i].node.Error(
          StrCat("cell ", entries_[i].cell.code, " has no parent, and neither has ",
                 entries_[static_cast<size_t>(desk)].cell.code, "; there is one desk: add in:")));
    desk = static_cast<int>(i);
  }
  if (errors_.empty() && desk == Cell::kNobody && !entries_.empty())
    errors_.push_back(
        StrCat(last_file_, ":1:1: every cell lies under another; take in: from the desk"));
  if (entries_.empty())
    errors_.push_back(StrCat(
        last_file_, ":1:1: there are no cells; add cells: with the desk and a cell for each unit"));
  CheckUnits();
  for (const auto& [account, code] : accounts_)
    if (!index_.contains(code.scalar()))
      Keep(code.Error(StrCat("account ", account.scalar(), " belongs to \"", code.scalar(),
                             "\", which is no cell; correct the code or add that cell")));
  if (errors_.empty()) Sort(parents);
  if (errors_.empty())
    for (const auto& [account, code] : accounts_)
      out_->accounts_.insert_or_assign(account.scalar(), out_->by_code_.at(code.scalar()));
  if (errors_.empty()) return std::shared_ptr<const Cells>(std::move(out_));
  std::string message = errors_.front();
  for (size_t i = 1; i < errors_.size(); ++i) base::StrAppend(&message, "\n", errors_[i]);
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<std::shared_ptr<const Cells>> Cells::Load(const std::string& path,
                                                         const Gazetteer& gazetteer) {
  KENG_ASSIGN_OR_RETURN(const Yaml root, Yaml::ParseFile(path));
  CellsBuilder builder(gazetteer);
  builder.AddFile(root, 0);
  return builder.Build();
}

absl::StatusOr<std::shared_ptr<const Cells>> Cells::Parse(std::string_view file,
                                                          std::string_view text,
                                                          const Gazetteer& gazetteer) {
  KENG_ASSIGN_OR_RETURN(const Yaml root, Yaml::Parse(file, text));
  CellsBuilder builder(gazetteer);
  builder.AddFile(root, 0);
  return builder.Build();
}

const Cell* Cells::Find(std::string_view code) const {
  const auto found = by_code_.find(base::ToAbsl(code));
  return found == by_code_.end() ? nullptr : &cells_[static_cast<size_t>(found->second)];
}

std::vector<std::string> Cells::PathToDesk(std::string_view code) const {
  std::vector<std::string> path;
  const Cell* cell = Find(code);
  while (cell != nullptr) {
    path.push_back(cell->code);
    cell = cell->parent == Cell::kNobody ? nullptr : &cells_[static_cast<size_t>(cell->parent)];
  }
  return path;
}

const Cell& Cells::For(std::string_view code, std::string_view topic) const {
  const Cell* cell = Find(code);
  while (cell != nullptr) {
    if (topic.empty() || cell->topics.empty() ||
        std::find(cell->topics.begin(), cell->topics.end(), topic) != cell->topics.end())
      return *cell;
    cell = cell->parent == Cell::kNobody ? nullptr : &cells_[static_cast<size_t>(cell->parent)];
  }
  return desk();
}

const Cell* Cells::OfAccount(std::string_view account) const {
  if (account.empty()) return nullptr;
  const auto found = accounts_.find(base::ToAbsl(account));
  return found == accounts_.end() ? nullptr : &cells_[static_cast<size_t>(found->second)];
}

}  // namespace keng::filters
