#include "ingest/sources/feed_parser.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <pugixml.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/keyed_hash.h"
#include "base/strings.h"
#include "ingest/rfc3339.h"

namespace keng::ingest {

namespace {

constexpr size_t kTextMax = size_t{60} << 10;  // a post's text is at most 64 KiB

void AppendUtf8(uint32_t rune, std::string& out) {
  if (rune == 0 || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) rune = 0xFFFD;
  if (rune < 0x80) {
    out.push_back(static_cast<char>(rune));
  } else if (rune < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (rune >> 6)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else if (rune < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (rune >> 12)));
    out.push_back(static_cast<char>(0x80 | ((rune >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (rune >> 18)));
    out.push_back(static_cast<char>(0x80 | ((rune >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((rune >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  }
}

// Well-formed UTF-8 with U+FFFD for what is not, without U+0000.
std::string CleanUtf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    uint32_t rune = length == 1   ? lead
                    : length == 2 ? lead & 0x1F
                    : length == 3 ? lead & 0x0F
                                  : lead & 0x07;
    bool good = length > 0 && lead < 0xF5 && i + length <= text.size() && lead != 0;
    for (size_t k = 1; good && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      good = (next & 0xC0) == 0x80;
      rune = (rune << 6) | (next & 0x3F);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    good =
        good && rune >= kSmallest[length] && rune <= 0x10FFFF && !(rune >= 0xD800 && rune < 0xE000);
    if (good) {
      clean.append(text, i, length);
      i += length;
    } else {
      clean.append("\xEF\xBF\xBD");
      ++i;
    }
  }
  return clean;
}

// Cuts at a character's border.
std::string_view Cut(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

struct NamedEntity {
  std::string_view name;
  uint32_t rune;
};
constexpr NamedEntity kEntities[] = {
    {"amp", '&'},      {"lt", '<'},        {"gt", '>'},       {"quot", '"'},     {"apos", '\''},
    {"nbsp", ' '},     {"hellip", 0x2026}, {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},
    {"rsquo", 0x2019}, {"ldquo", 0x201C},  {"rdquo", 0x201D}, {"bull", 0x2022},  {"middot", 0xB7},
    {"laquo", 0xAB},   {"raquo", 0xBB},    {"deg", 0xB0},     {"agrave", 0xE0},  {"aacute", 0xE1},
    {"acirc", 0xE2},   {"atilde", 0xE3},   {"egrave", 0xE8},  {"eacute", 0xE9},  {"ecirc", 0xEA},
    {"igrave", 0xEC},  {"iacute", 0xED},   {"ograve", 0xF2},  {"oacute", 0xF3},  {"ocirc", 0xF4},
    {"otilde", 0xF5},  {"ugrave", 0xF9},   {"uacute", 0xFA},  {"yacute", 0xFD},  {"Agrave", 0xC0},
    {"Aacute", 0xC1},  {"Acirc", 0xC2},    {"Atilde", 0xC3},  {"Egrave", 0xC8},  {"Eacute", 0xC9},
    {"Ecirc", 0xCA},   {"Igrave", 0xCC},   {"Iacute", 0xCD},  {"Ograve", 0xD2},  {"Oacute", 0xD3},
    {"Ocirc", 0xD4},   {"Otilde", 0xD5},   {"Ugrave", 0xD9},  {"Uacute", 0xDA},  {"Yacute", 0xDD},
    {"times", 0xD7},
};

// The character of an entity at `at` (which is '&'); moves `at` past it. False: it is none.
bool TakeEntity(std::string_view html, size_t& at, std::string& out) {
  const size_t end = html.find(';', at);
  if (end == std::string_view::npos || end - at > 12 || end == at + 1) return false;
  const std::string_view name = html.substr(at + 1, end - at - 1);
  if (name[0] == '#') {
    const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
    uint32_t rune = 0;
    const std::string_view digits = name.substr(hex ? 2 : 1);
    if (digits.empty() || digits.size() > 7) return false;
    for (const char c : digits) {
      const int value = c >= '0' && c <= '9' ? c - '0'
                        : hex && std::isxdigit(static_cast<unsigned char>(c)) != 0
                            ? std::tolower(static_cast<unsigned char>(c)) - 'a' + 10
                            : -1;
      if (value < 0) return false;
      rune = rune * (hex ? 16 : 10) + static_cast<uint32_t>(value);
    }
    AppendUtf8(rune, out);
    at = end + 1;
    return true;
  }
  for (const NamedEntity& entity : kEntities) {
    if (entity.name != name) continue;
    AppendUtf8(entity.rune, out);
    at = end + 1;
    return true;
  }
  return false;
}

bool IsBlock(std::string_view tag) {
  constexpr std::string_view kBlocks[] = {"p",  "br", "div", "li", "ul", "ol", "tr", "table",
                                          "h1", "h2", "h3",  "h4", "h5", "h6", "hr", "blockquote"};
  return std::find(std::begin(kBlocks), std::end(kBlocks), tag) != std::end(kBlocks);
}

std::string LowerName(std::string_view tag) {
  std::string name;
  for (const char c : tag) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) break;
    name.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return name;
}

// Runs of white space become one space, or one line end where one was among them.
std::string Collapse(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (std::isspace(static_cast<unsigned char>(text[i])) == 0) {
      out.push_back(text[i++]);
      continue;
    }
    bool line = false;
    while (i < text.size() && std::isspace(static_cast<unsigned char>(text[i])) != 0)
      line |= text[i++] == '\n';
    if (!out.empty() && i < text.size()) out.push_back(line ? '\n' : ' ');
  }
  return out;
}

// An internal subset is where entities are declared. Looks at everything before the root element.
bool HasInternalSubset(std::string_view xml) {
  const size_t doctype = xml.find("<!DOCTYPE");
  if (doctype == std::string_view::npos) return xml.find("<!ENTITY") != std::string_view::npos;
  const size_t end = xml.find('>', doctype);
  const size_t subset = xml.find('[', doctype);
  return subset != std::string_view::npos && (end == std::string_view::npos || subset < end);
}

bool TooDeep(const pugi::xml_node& root) {
  struct DepthWalker final : pugi::xml_tree_walker {
    bool for_each(pugi::xml_node& /*node*/) override { return depth() < kFeedDepthMax; }
  } walker;
  pugi::xml_node node = root;
  return !node.traverse(walker);
}

// The depth is looked at before pugixml builds a tree of it: its own clean-up is recursive in
// places.
bool NestsTooDeep(std::string_view xml) {
  int depth = 0;
  for (size_t at = 0; at < xml.size();) {
    const void* found = std::memchr(xml.data() + at, '<', xml.size() - at);
    if (found == nullptr) return false;
    at = static_cast<size_t>(static_cast<const char*>(found) - xml.data());
    const std::string_view rest = xml.substr(at);
    if (rest.starts_with("<![CDATA[")) {
      const size_t end = xml.find("]]>", at);
      if (end == std::string_view::npos) return false;
      at = end + 3;
    } else if (rest.starts_with("<!--")) {
      const size_t end = xml.find("-->", at);
      if (end == std::string_view::npos) return false;
      at = end + 3;
    } else if (rest.starts_with("</")) {
      --depth;
      at += 2;
    } else if (rest.starts_with("<?") || rest.starts_with("<!")) {
      at += 2;
    } else {
      const size_t end = xml.find('>', at);
      if (end == std::string_view::npos) return false;
      if (xml[end - 1] != '/' && ++depth > kFeedDepthMax) return true;
      at = end + 1;
    }
  }
  return false;
}

std::string WithoutControls(std::string_view xml) {
  std::string clean;
  clean.reserve(xml.size());
  for (const char c : xml) {
    if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n' || c == '\r')
      clean.push_back(c);
  }
  return clean;
}

std::string_view Child(const pugi::xml_node& node, const char* name) {
  return node.child_value(name);
}

std::string Trimmed(std::string_view text) {
  return CleanUtf8(std::string(absl::StripAsciiWhitespace(base::ToAbsl(text))));
}

// Only what an officer can click.
std::string WebLink(std::string_view text) {
  const std::string link = Trimmed(text);
  const std::string lower = absl::AsciiStrToLower(link.substr(0, 8));
  const bool web = lower.starts_with("http://") || lower.starts_with("https://");
  return web && link.size() <= 2048 && link.find_first_of(" \t\r\n\"<>") == std::string::npos ? link
                                                                                              : "";
}

FeedItem RssItem(const pugi::xml_node& node) {
  FeedItem item;
  const pugi::xml_node guid = node.child("guid");
  item.id = Trimmed(guid.child_value());
  item.url = WebLink(Child(node, "link"));
  if (item.url.empty() &&
      std::string_view(guid.attribute("isPermaLink").as_string("true")) != "false") {
    item.url = WebLink(item.id);
  }
  item.title = HtmlToText(Child(node, "title"));
  std::string_view body = Child(node, "content:encoded");
  if (body.empty()) body = Child(node, "description");
  item.text = HtmlToText(body);
  std::string_view date = Child(node, "pubDate");
  if (date.empty()) date = Child(node, "dc:date");
  item.published = ParseFeedDate(date);
  return item;
}

// The text of an Atom text construct (RFC 4287, section 3.1): text, html or xhtml.
std::string AtomText(const pugi::xml_node& node) {
  if (std::string_view(node.attribute("type").as_string()) != "xhtml")
    return HtmlToText(node.child_value());
  struct TextWalker final : pugi::xml_tree_walker {
    std::string text;
    bool for_each(pugi::xml_node& at) override {
      if (at.type() == pugi::node_pcdata || at.type() == pugi::node_cdata) text.append(at.value());
      if (at.type() == pugi::node_element && IsBlock(LowerName(at.name()))) text.push_back('\n');
      return text.size() < kTextMax;
    }
  } walker;
  pugi::xml_node copy = node;
  copy.traverse(walker);
  return CleanUtf8(Collapse(walker.text));
}

FeedItem AtomEntry(const pugi::xml_node& node) {
  FeedItem item;
  item.id = Trimmed(Child(node, "id"));
  for (const pugi::xml_node& link : node.children("link")) {
    const std::string_view rel = link.attribute("rel").as_string("alternate");
    if (rel == "alternate" && item.url.empty())
      item.url = WebLink(link.attribute("href").as_string());
  }
  item.title = AtomText(node.child("title"));
  const pugi::xml_node content = node.child("content");
  item.text = AtomText(content ? content : node.child("summary"));
  item.published = ParseFeedDate(Child(node, "published"));
  item.updated = ParseFeedDate(Child(node, "updated"));
  if (!item.published.has_value()) item.published = item.updated;
  return item;
}

}  // namespace

std::string HtmlToText(std::string_view html) {
  std::string out;
  for (size_t at = 0; at < html.size() && out.size() < 2 * kTextMax;) {
    const char c = html[at];
    if (c == '<') {
      if (html.substr(at).starts_with("<!--")) {
        const size_t end = html.find("-->", at);
        at = end == std::string_view::npos ? html.size() : end + 3;
        continue;
      }
      const size_t end = html.find('>', at);
      const char next = at + 1 < html.size() ? html[at + 1] : ' ';
      if (end == std::string_view::npos ||
          (std::isalpha(static_cast<unsigned char>(next)) == 0 && next != '/' && next != '!')) {
        out.push_back(c);  // "5 < 6"
        ++at;
        continue;
      }
      const std::string name = LowerName(html.substr(at + (next == '/' ? 2 : 1)));
      at = end + 1;
      if (name == "script" || name == "style") {
        size_t closing = at;
        while (closing < html.size() &&
               LowerName(html.substr(std::min(closing + 2, html.size()))) != name) {
          closing = html.find("</", closing + 1);
          if (closing == std::string_view::npos) closing = html.size();
        }
        const size_t after = html.find('>', closing);
        if (next != '/') at = after == std::string_view::npos ? html.size() : after + 1;
      } else if (IsBlock(name)) {
        out.push_back('\n');
      }
      continue;
    }
    if (c == '&' && TakeEntity(html, at, out)) continue;
    out.push_back(c);
    ++at;
  }
  return CleanUtf8(Cut(Collapse(out), kTextMax));
}

std::optional<absl::Time> ParseFeedDate(std::string_view text) {
  std::string date(absl::StripAsciiWhitespace(base::ToAbsl(text)));
  if (date.empty() || date.size() > 64) return std::nullopt;
  if (const auto exact = ParseRfc3339(date)) return exact;
  // Zone names that RFC 822 knows, and the one of here.
  constexpr std::pair<std::string_view, std::string_view> kZones[] = {
      {" GMT+7", " +0700"}, {" UTC", " +0000"}, {" GMT", " +0000"}, {" UT", " +0000"},
      {" Z", " +0000"},     {" ICT", " +0700"}, {" EST", " -0500"}, {" EDT", " -0400"},
      {" PST", " -0800"},   {" PDT", " -0700"}};
  for (const auto& [name, offset] : kZones) {
    if (date.size() > name.size() && std::string_view(date).ends_with(name)) {
      date.replace(date.size() - name.size(), name.size(), offset);
      break;
    }
  }
  if (const size_t comma = date.find(','); comma != std::string::npos && comma <= 10) {
    date = std::string(
        absl::StripAsciiWhitespace(base::ToAbsl(std::string_view(date).substr(comma + 1))));
  }
  const absl::TimeZone local = absl::FixedTimeZone(7 * 3600);
  constexpr const char* kForms[] = {"%d %b %Y %H:%M:%S %z",
                                    "%d %b %Y %H:%M %z",
                                    "%d %b %y %H:%M:%S %z",
                                    "%d %B %Y %H:%M:%S %z",
                                    "%Y-%m-%d %H:%M:%S %z",
                                    "%Y-%m-%dT%H:%M:%S%z",
                                    "%Y-%m-%dT%H:%M%z",
                                    "%Y-%m-%dT%H:%MZ",
                                    "%a %b %d %H:%M:%S %Y",
                                    "%d %b %Y %H:%M:%S",
                                    "%Y-%m-%d %H:%M:%S",
                                    "%Y-%m-%dT%H:%M:%S",
                                    "%Y-%m-%d %H:%M",
                                    "%d/%m/%Y %H:%M:%S",
                                    "%d/%m/%Y %H:%M",
                                    "%d %b %Y",
                                    "%Y-%m-%d"};
  for (const char* form : kForms) {
    absl::Time time;
    std::string error;
    // %Y takes a year of two digits for the first century; %y comes later and means this one.
    if (absl::ParseTime(form, date, local, &time, &error) &&
        absl::ToCivilYear(time, local).year() >= 1000)
      return time;
  }
  return std::nullopt;
}

absl::StatusOr<Feed> ParseFeed(std::string_view bytes) {
  if (bytes.size() > kFeedBytesMax) {
    return absl::InvalidArgumentError(
        base::StrCat(bytes.size(), " bytes, at most ", kFeedBytesMax, " are read"));
  }
  if (HasInternalSubset(bytes)) {
    return absl::InvalidArgumentError("a DOCTYPE with an internal subset: entities are not taken");
  }
  // UTF-16 has a zero byte in every "<"; those feeds are checked after they are parsed.
  if (bytes.find('\0') == std::string_view::npos && NestsTooDeep(bytes)) {
    return absl::InvalidArgumentError(
        base::StrCat("nested deeper than ", kFeedDepthMax, " elements"));
  }
  pugi::xml_document document;
  constexpr unsigned kParse = pugi::parse_default | pugi::parse_trim_pcdata;
  pugi::xml_parse_result parsed =
      document.load_buffer(bytes.data(), bytes.size(), kParse, pugi::encoding_auto);
  if (!parsed) {
    const std::string clean = WithoutControls(bytes);
    parsed = document.load_buffer(clean.data(), clean.size(), kParse, pugi::encoding_auto);
  }
  if (!parsed) {
    return absl::InvalidArgumentError(base::StrCat("not XML: ", std::string(parsed.description()),
                                                   " at byte ",
                                                   static_cast<int64_t>(parsed.offset)));
  }
  if (TooDeep(document)) {
    return absl::InvalidArgumentError(
        base::StrCat("nested deeper than ", kFeedDepthMax, " elements"));
  }
  Feed feed;
  const pugi::xml_node root = document.document_element();
  const std::string_view name = root.name();
  const auto add = [&feed](FeedItem item) {
    if (feed.items.size() < kFeedItemsMax && (!item.title.empty() || !item.text.empty())) {
      feed.items.push_back(std::move(item));
    }
  };
  if (name == "feed") {
    feed.lang = Trimmed(root.attribute("xml:lang").as_string());
    for (const pugi::xml_node& entry : root.children("entry")) add(AtomEntry(entry));
    return feed;
  }
  // RSS 0.91 to 2.0 have their items in the channel; RSS 1.0 (RDF) beside it.
  if (name != "rss" && name != "rdf:RDF") {
    return absl::InvalidArgumentError(base::StrCat(
        "the root element is <", CleanUtf8(Cut(name, 40)), ">; expected rss, feed or rdf:RDF"));
  }
  const pugi::xml_node channel = root.child("channel");
  feed.lang = Trimmed(Child(channel, "language"));
  int minutes = 0;
  if (absl::SimpleAtoi(Trimmed(Child(channel, "ttl")), &minutes) && minutes > 0 &&
      minutes <= 7 * 24 * 60) {
    feed.ttl = absl::Minutes(minutes);
  }
  for (const pugi::xml_node& item : channel.children("item")) add(RssItem(item));
  for (const pugi::xml_node& item : root.children("item")) add(RssItem(item));
  return feed;
}

std::string FeedItemIdentity(const FeedItem& item) {
  if (!item.id.empty() && item.id.size() <= 400) return item.id;
  if (!item.url.empty() && item.url.size() <= 400) return item.url;
  return base::StrCat(
      "sha256:",
      base::HexPrefix(base::Sha256(base::StrCat(item.title, "|", item.text, "|", item.id)), 40));
}

}  // namespace keng::ingest
