#include "ingest/sources/rss_source.h"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "ingest/post_writer.h"
#include "ingest/sources/feed_parser.h"
#include "net/backoff.h"

namespace keng::ingest {

namespace {

namespace json = boost::json;
using base::StrCat;

constexpr absl::Duration kWait = absl::Milliseconds(200);
constexpr absl::Duration kUnconditionalEvery = absl::Hours(24);
constexpr absl::Duration kAskedMax = absl::Hours(24);
constexpr net::BackoffOptions kBackoff = {.base = absl::Minutes(1), .cap = absl::Hours(1)};

// "news.example" of "https://news.example:8443/feed.xml".
std::string HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  std::string_view host = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const size_t colon = host.rfind(':');
      colon != std::string_view::npos && !host.ends_with(']')) {
    host = host.substr(0, colon);
  }
  return absl::AsciiStrToLower(base::ToAbsl(host));
}

// What is remembered between polls.
struct Point {
  std::string etag;
  std::string last_modified;
  absl::Time next_poll = absl::InfinitePast();
  absl::Time unconditional = absl::InfinitePast();  // the last poll without validators

  static Point Parse(const std::string& text) {
    Point point;
    boost::system::error_code error;
    const json::value value = json::parse(text, error);
    if (error || !value.is_object()) return point;
    const auto field = [&](const char* key) {
      const json::value* found = value.as_object().if_contains(key);
      return found != nullptr && found->is_string() ? std::string(found->as_string())
                                                    : std::string();
    };
    point.etag = field("etag");
    point.last_modified = field("last_modified");
    std::string ignored;
    absl::ParseTime(absl::RFC3339_full, field("next_poll"), &point.next_poll, &ignored);
    absl::ParseTime(absl::RFC3339_full, field("unconditional"), &point.unconditional, &ignored);
    return point;
  }
  std::string Serialise() const {
    const auto time = [](absl::Time at) {
      return absl::FormatTime(absl::RFC3339_full, at, absl::UTCTimeZone());
    };
    return json::serialize(json::object{{"etag", etag},
                                        {"last_modified", last_modified},
                                        {"next_poll", time(next_poll)},
                                        {"unconditional", time(unconditional)}});
  }
};

class RssSource final : public Source {
 public:
  RssSource(RssSourceOptions options, std::unique_ptr<SourceIntake> intake,
            std::unique_ptr<net::HttpClient> client, const base::Clock& clock,
            base::Metrics* metrics)
      : options_(std::move(options)),
        host_(HostOf(options_.url)),
        intake_(std::move(intake)),
        client_(std::move(client)),
        clock_(clock),
        metrics_(metrics),
        point_(Point::Parse(intake_->resume_point())) {}

  absl::StatusOr<int64_t> RunOnce() override {
    const absl::Time now = clock_.Now();
    // A clock that was set back must not silence the feed.
    if (now < point_.next_poll && point_.next_poll - now < kAskedMax + options_.interval) {
      base::MutexLock lock(mutex_);
      if (!woken_) wake_.WaitFor(mutex_, kWait);
      woken_ = false;
      return 0;
    }
    if (absl::Status pressure = intake_->Pressure(); !pressure.ok()) return pressure;
    return Poll(now);
  }

  void Wake() override {
    {
      base::MutexLock lock(mutex_);
      woken_ = true;
      wake_.NotifyAll();
    }
    client_->Stop();
  }
  bool finished() const override { return gone_; }

 private:
  absl::StatusOr<int64_t> Poll(absl::Time now) {
    net::HttpRequest request;
    request.url = options_.url;
    request.redirects_max = 5;
    request.total_timeout = absl::Seconds(30);
    request.response_bytes_max = kFeedBytesMax;
    request.headers.emplace_back(
        "Accept", "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.5");
    const bool conditional = now - point_.unconditional < kUnconditionalEvery;
    if (conditional && !point_.etag.empty())
      request.headers.emplace_back("If-None-Match", point_.etag);
    if (conditional && !point_.last_modified.empty()) {
      request.headers.emplace_back("If-Modified-Since", point_.last_modified);
    }
    const net::HttpResult answer = client_->Send(request);
    if (answer.outcome != net::HttpOutcome::kAnswered)
      return Failed("unreachable", answer.error, std::nullopt, now);
    const auto asked = net::ParseRetryAfter(answer.Header("retry-after"), now);
    if (answer.status == 304) return Unchanged(now);
    if (answer.status == 410) {
      gone_ = true;
      Count("gone");
      base::LogError("rss.gone", {{"source", intake_->options().name}});
      return 0;
    }
    if (answer.status != 200)
      return Failed("refused", StrCat("status ", answer.status), asked, now);
    if (!answer.body_status.ok())
      return Failed("broken", std::string(answer.body_status.message()), asked, now);
    absl::StatusOr<Feed> feed = ParseFeed(answer.body);
    if (!feed.ok()) return Failed("broken", std::string(feed.status().message()), asked, now);
    return Take(*feed, answer, conditional, now);
  }

  absl::StatusOr<int64_t> Take(const Feed& feed, const net::HttpResult& answer, bool conditional,
                               absl::Time now) {
    int64_t position = 0;
    for (const FeedItem& item : feed.items) {
      line_.clear();
      AppendItem(feed, item, now);
      const size_t size = line_.size();
      line_.append(PostParser::kPadding, ' ');
      intake_->Add(std::string_view(line_).substr(0, size), ++position);
    }
    Point next = point_;
    // Validators only now, when the feed has been read whole.
    next.etag = std::string(answer.Header("etag"));
    next.last_modified = std::string(answer.Header("last-modified"));
    if (!conditional) next.unconditional = now;
    absl::Duration pause = std::max(options_.interval, feed.ttl.value_or(absl::ZeroDuration()));
    pause = std::max(pause, MaxAge(answer.Header("cache-control")));
    next.next_poll = now + std::min(pause, kAskedMax);
    const absl::Status stored = intake_->Commit(next.Serialise());
    if (!stored.ok()) {
      intake_->Discard();
      return stored;
    }
    point_ = std::move(next);
    failures_ = 0;
    Count("read");
    return position;
  }

  // One item as a producer's line. Times that the feed does not give are those of its first sight.
  void AppendItem(const Feed& feed, const FeedItem& item, absl::Time now) {
    const std::string id = StrCat("rss:", host_, ":", FeedItemIdentity(item));
    const std::string source = StrCat("rss:", host_);
    const std::string text = item.title.empty()  ? item.text
                             : item.text.empty() ? item.title
                                                 : StrCat(item.title, "\n", item.text);
    const std::string version =
        item.updated.has_value()
            ? absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", *item.updated, absl::UTCTimeZone())
            : "";
    Post post;
    post.id = id;
    post.source = source;
    post.url = item.url;
    post.account = options_.account;
    post.text = text;
    post.lang = feed.lang.size() <= 16 ? std::string_view(feed.lang) : std::string_view();
    post.version = version;
    // Without a date the item is as old as the memory of it: the recent ids know when it came
    // first.
    post.created_at = std::min(item.published.value_or(now), now);
    AppendPostJson(post, line_);
  }

  absl::StatusOr<int64_t> Unchanged(absl::Time now) {
    failures_ = 0;
    Count("unchanged");
    point_.next_poll = now + options_.interval;
    KENG_RETURN_IF_ERROR(intake_->Commit(point_.Serialise()));
    return 0;
  }

  absl::StatusOr<int64_t> Failed(std::string_view result, std::string_view reason,
                                 std::optional<absl::Duration> asked, absl::Time now) {
    Count(result);
    if (++failures_ == 1) {
      base::LogWarn("rss.poll_failed",
                    {{"source", intake_->options().name}, {"reason", std::string(reason)}});
    }
    point_.next_poll =
        now + std::max(options_.interval, net::NextDelay(kBackoff, std::min(failures_, 20),
                                                         random_(), asked, kAskedMax));
    return 0;
  }

  static absl::Duration MaxAge(std::string_view cache_control) {
    const size_t at = cache_control.find("max-age=");
    int seconds = 0;
    if (at == std::string_view::npos) return absl::ZeroDuration();
    const std::string_view digits = cache_control.substr(at + 8);
    const size_t end = digits.find_first_not_of("0123456789");
    if (!absl::SimpleAtoi(base::ToAbsl(digits.substr(0, end)), &seconds))
      return absl::ZeroDuration();
    return absl::Seconds(seconds);
  }

  void Count(std::string_view result) {
    if (metrics_ == nullptr) return;
    metrics_
        ->counter("keng_rss_polls_total", "Polls of feeds by result",
                  {{"source", intake_->options().name}, {"result", std::string(result)}})
        .Add();
  }

  // Constant after construction.
  const RssSourceOptions options_;
  const std::string host_;
  const std::unique_ptr<SourceIntake> intake_;
  const std::unique_ptr<net::HttpClient> client_;
  const base::Clock& clock_;
  base::Metrics* const metrics_;

  // Of the source's thread.
  Point point_;
  int failures_ = 0;
  std::string line_;
  std::mt19937_64 random_{std::random_device{}()};

  std::atomic<bool> gone_{false};
  base::Mutex mutex_;
  base::CondVar wake_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::StatusOr<RssSourceOptions> ReadRssSourceOptions(const base::Yaml& entry) {
  RssSourceOptions options;
  const base::Yaml* url = entry.Find("url");
  if (url == nullptr) return entry.Error("an rss source without a url; add url: https://...");
  KENG_ASSIGN_OR_RETURN(options.url, url->String("url"));
  if (!options.url.starts_with("http://") && !options.url.starts_with("https://")) {
    return url->Error(StrCat("url is \"", options.url, "\"; expected http:// or https://"));
  }
  if (const base::Yaml* account = entry.Find("account")) {
    KENG_ASSIGN_OR_RETURN(options.account, account->String("account"));
  }
  if (const base::Yaml* interval = entry.Find("interval")) {
    KENG_ASSIGN_OR_RETURN(options.interval, interval->Duration("interval"));
    if (options.interval < absl::Minutes(1))
      return interval->Error("interval is under a minute: feeds are not polled so often");
  }
  if (const base::Yaml* allow = entry.Find("allow_private")) {
    KENG_ASSIGN_OR_RETURN(const bool allowed, allow->Bool("allow_private"));
    if (allowed) options.addresses = net::AddressPolicy::kAny;
  }
  if (const base::Yaml* ca = entry.Find("ca_file")) {
    KENG_ASSIGN_OR_RETURN(options.ca_file, ca->String("ca_file"));
  }
  return options;
}

absl::StatusOr<std::unique_ptr<Source>> MakeRssSource(RssSourceOptions options,
                                                      std::unique_ptr<SourceIntake> intake,
                                                      const base::Clock& clock,
                                                      base::Metrics* metrics) {
  net::HttpClientOptions http;
  http.name = "rss";
  http.user_agent = "keng/0.1 (public posts for local government; feeds only)";
  http.addresses = options.addresses;
  http.ca_file = options.ca_file;
  KENG_ASSIGN_OR_RETURN(auto client, net::HttpClient::Make(std::move(http), metrics));
  return std::unique_ptr<Source>(std::make_unique<RssSource>(std::move(options), std::move(intake),
                                                             std::move(client), clock, metrics));
}

}  // namespace keng::ingest
