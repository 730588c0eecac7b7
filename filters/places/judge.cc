#include "filters/places/internal/judge.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace keng::filters {
namespace {

// What each sign weighs. A name without doubts has kScoreAccepted by itself.
constexpr int kPlain = kScoreAccepted;
constexpr int kPlainWithoutMarks = 2;
constexpr int kOneDoubt = 1;
constexpr int kTwoDoubts = 0;
constexpr int kWordFits = 3;
constexpr int kWordOfKind = 2;
constexpr int kWordContradicts = -4;
constexpr int kHamletWord = -6;
constexpr int kNearFeature = 2;
constexpr int kPreposition = 1;
constexpr int kPersonOrThing = -4;
constexpr int kGlued = -3;
constexpr int kInAddress = 4;
constexpr int kAroundAddress = 2;
constexpr int kAddressElsewhere = -6;
constexpr int kAddressContradicts = -3;
constexpr int kSameDistrict = 3;
constexpr int kSameProvince = 2;
constexpr int kOnlyElsewhere = -3;
constexpr int kListElsewhere = -2;
constexpr int kRefuted = -6;
constexpr int kAccountCell = 3;
constexpr int kAccountArea = 2;
constexpr size_t kAddressPartsMax = 4;

class Court {
 public:
  Court(Mentions& mentions, const Gazetteer& gazetteer, int account)
      : mentions_(mentions.mentions),
        habit_(mentions.habit),
        gazetteer_(gazetteer),
        account_(account),
        verdicts_(mentions_.size()) {}

  std::vector<Verdict> Hold();

 private:
  const Place& PlaceOf(const Reading& reading) const { return gazetteer_.place(reading.place); }
  uint8_t DoubtsOf(const Reading& reading) const { return gazetteer_.names()[reading.name].doubts; }
  int OwnScore(const Mention& mention, const Reading& reading) const;
  int WordScore(const Mention& mention, const Reading& reading) const;
  bool NamesSpot(const Mention& mention) const;
  int AddressScore(size_t index, const Reading& reading) const;
  int AddressStep(size_t other, const Reading& reading) const;
  bool ClosesAddress(size_t index, const Reading& reading) const;
  int AreaScore(size_t index, const Reading& reading) const;
  int AccountScore(const Reading& reading) const;
  bool SameDistrict(int a, int b) const;
  bool Rivals(const Reading& reading, const Reading& best) const;
  Verdict Best(const Mention& mention) const;

  std::vector<Mention>& mentions_;
  const MarksHabit habit_;
  const Gazetteer& gazetteer_;
  const int account_;
  std::vector<Verdict> verdicts_;
  // The old districts served: looked for once a post, and only where they are asked for.
  mutable std::optional<std::vector<int>> districts_;
};

int Court::WordScore(const Mention& mention, const Reading& reading) const {
  const PlaceName& name = gazetteer_.names()[reading.name];
  // The name has its word of place in itself; a street or hamlet is still one of many.
  if (name.typed) return name.doubts == 0 ? kWordOfKind : 1;
  if (mention.word == nullptr) return 0;
  const Place& place = PlaceOf(reading);
  const bool plain = name.doubts == 0;
  switch (mention.word->kind) {
    case WordKind::kUnit:
      if (place.level == PlaceLevel::kUnit)
        return mention.word->type == place.type ? kWordFits : (plain ? kWordOfKind : 1);
      return kWordContradicts;
    case WordKind::kDistrict:
      if (place.level == PlaceLevel::kDistrict)
        return mention.word->type == place.type ? kWordFits : kWordOfKind;
      if (place.level == PlaceLevel::kProvince && mention.word->type == "thành phố")
        return kWordFits;
      return kWordContradicts;
    case WordKind::kProvince:
      return place.level == PlaceLevel::kProvince ? kWordFits : kWordContradicts;
    case WordKind::kHamlet:
      return kHamletWord;
    case WordKind::kRoad:
      // Our towns have a Hà Nội street each.
      return plain && place.served ? 0 : -1;
    case WordKind::kFeature:
      // Where the market itself is known, its word of place says nothing about a ward.
      return plain || NamesSpot(mention) ? 0 : kNearFeature;
    default:
      return 0;
  }
}

// One reading is a spot of ours that has its word of place in its name.
bool Court::NamesSpot(const Mention& mention) const {
  return std::any_of(mention.readings.begin(), mention.readings.end(), [&](const Reading& reading) {
    return gazetteer_.names()[reading.name].typed && PlaceOf(reading).served &&
           PlaceOf(reading).level == PlaceLevel::kSpot;
  });
}

// What the mention says by itself.
int Court::OwnScore(const Mention& mention, const Reading& reading) const {
  const uint8_t doubts = DoubtsOf(reading);
  const PlaceName& name = gazetteer_.names()[reading.name];
  const bool common = name.Doubted(NameDoubt::kCommonWord);
  const bool namesake = name.Doubted(NameDoubt::kNamesake);
  const bool short_form = name.Doubted(NameDoubt::kAbbreviation);
  const bool word_of_unit = mention.word != nullptr && mention.word->kind <= WordKind::kProvince;
  if (short_form && !mention.all_capitals && !word_of_unit) return -kScoreAccepted;

  int score = kPlain;
  if (doubts != 0) {
    score = common && namesake ? kTwoDoubts : kOneDoubt;
  } else if (reading.marks != MarksEvidence::kEqual && !name.unmistakable) {
    score = habit_ == MarksHabit::kTypesMarks ? kOneDoubt : kPlainWithoutMarks;
  }
  const bool plain = score == kPlain;
  score += WordScore(mention, reading);
  const bool named_as_place = word_of_unit || name.typed;
  const WordKind cue = mention.cue == nullptr ? WordKind::kNone : mention.cue->kind;
  if (plain) {
    // Between the shop and the name may stand what is really there: "quán chợ Châu Đốc".
    const bool near_feature = mention.word != nullptr && mention.word->kind == WordKind::kFeature;
    if (cue == WordKind::kThing && !named_as_place && !near_feature) --score;
    if ((mention.glued_left || mention.glued_right) && !name.unmistakable) --score;
    return score;
  }
  if (cue == WordKind::kAt || cue == WordKind::kThrough)
    score += namesake || short_form ? kPreposition : kPreposition + 1;
  if ((cue == WordKind::kPerson || cue == WordKind::kThing) && !named_as_place)
    score += kPersonOrThing;
  if (mention.glued_right || (mention.glued_left && !named_as_place)) score += kGlued;
  if (common && mention.casing == Casing::kCapitals) ++score;
  if (common && mention.casing == Casing::kLower && !named_as_place) score -= 2;
  if (doubts != 0 && reading.marks != MarksEvidence::kEqual && habit_ == MarksHabit::kTypesMarks)
    --score;
  return score;
}

// What the part of the same address at `other` says about the reading.
int Court::AddressStep(size_t other, const Reading& reading) const {
  const Place& place = PlaceOf(reading);
  int score = 0;
  for (const Reading& theirs : mentions_[other].readings) {
    if (theirs.place == reading.place) continue;
    // The commune Tân An says nothing in "TP Tân An".
    if (WordScore(mentions_[other], theirs) <= kWordContradicts) continue;
    if (gazetteer_.Contains(theirs.place, reading.place)) {
      const bool district = gazetteer_.place(theirs.place).level != PlaceLevel::kProvince;
      const bool direct = place.parent == theirs.place;
      score = std::max(score, (district ? kInAddress : kInAddress - 1) + (direct ? 1 : 0));
    } else if (gazetteer_.Contains(reading.place, theirs.place)) {
      score = std::max(score, kAroundAddress);
    }
  }
  if (score != 0) return score;
  const Verdict& verdict = verdicts_[other];
  if (verdict.place == Place::kNobody) return 0;
  const Place& judged = gazetteer_.place(verdict.place);
  if (place.served && !verdict.served && judged.level <= place.level && DoubtsOf(reading) != 0)
    return kAddressElsewhere;
  if (place.served && verdict.served && judged.level < place.level &&
      judged.level == PlaceLevel::kDistrict)
    return kAddressContradicts;
  return 0;
}

// A province that follows a name with its word of place ("xã Bình An, Hà Tĩnh") is what the other
// lies in. Not where we have the name, too: it may be the next of a list.
bool Court::ClosesAddress(size_t index, const Reading& reading) const {
  if (PlaceOf(reading).level != PlaceLevel::kProvince || index == 0 ||
      mentions_[index].link == Link::kNone)
    return false;
  const PlaceWord* word = mentions_[index - 1].word;
  if (word == nullptr || word->kind == WordKind::kProvince) return false;
  return std::none_of(mentions_[index].readings.begin(), mentions_[index].readings.end(),
                      [&](const Reading& other) { return PlaceOf(other).served; });
}

int Court::AddressScore(size_t index, const Reading& reading) const {
  int best = ClosesAddress(index, reading) ? kAroundAddress : 0, worst = 0;
  for (size_t step = 1; step <= kAddressPartsMax && index + step < mentions_.size(); ++step) {
    if (mentions_[index + step].link == Link::kNone) break;
    const int score = AddressStep(index + step, reading);
    best = std::max(best, score);
    worst = std::min(worst, score);
  }
  for (size_t step = 0; step < kAddressPartsMax && step < index; ++step) {
    if (mentions_[index - step].link == Link::kNone) break;
    const int score = AddressStep(index - step - 1, reading);
    best = std::max(best, score);
    if (score == kAddressElsewhere) worst = std::min(worst, kListElsewhere);
  }
  return best > 0 ? best : worst;
}

bool Court::SameDistrict(int a, int b) const {
  if (!districts_) {
    districts_.emplace();
    for (size_t i = 0; i < gazetteer_.places().size(); ++i) {
      const Place& place = gazetteer_.places()[i];
      if (place.level == PlaceLevel::kDistrict && place.served)
        districts_->push_back(static_cast<int>(i));
    }
  }
  return std::any_of(districts_->begin(), districts_->end(), [&](int district) {
    return gazetteer_.Contains(district, a) && gazetteer_.Contains(district, b);
  });
}

// What the places that already count say, wherever they stand in the post.
int Court::AreaScore(size_t index, const Reading& reading) const {
  const Place& place = PlaceOf(reading);
  // Every town has a Lê Lợi street and a hamlet 5: only its own town vouches for it.
  const bool local = place.level >= PlaceLevel::kHamlet;
  int score = 0;
  bool ours = false, elsewhere = false, refuted = false;
  for (size_t i = 0; i < verdicts_.size(); ++i) {
    const int other = verdicts_[i].place;
    if (i != index && verdicts_[i].refuted && verdicts_[i].best == reading.place) refuted = true;
    if (i == index || other == Place::kNobody || !verdicts_[i].firm) continue;
    (verdicts_[i].served ? ours : elsewhere) = true;
    if (verdicts_[i].served != place.served) continue;
    const bool province = gazetteer_.place(other).level == PlaceLevel::kProvince;
    if (other == reading.place) {
      score = std::max(score, kSameDistrict);
    } else if (gazetteer_.Contains(other, reading.place)) {
      if (!province || !local) score = std::max(score, province ? kSameProvince : kSameDistrict);
    } else {
      const bool near = place.served && !province && SameDistrict(other, reading.place);
      if (near || !local) score = std::max(score, near ? kSameDistrict : 1);
    }
  }
  if (refuted) return kRefuted;
  if (place.served && elsewhere && !ours && DoubtsOf(reading) != 0) return kOnlyElsewhere;
  return DoubtsOf(reading) != 0 ? score : 0;
}

int Court::AccountScore(const Reading& reading) const {
  const Place& place = PlaceOf(reading);
  if (account_ == Place::kNobody || !place.served || DoubtsOf(reading) == 0) return 0;
  const int today = gazetteer_.Today(reading.place);
  const bool province = gazetteer_.place(account_).level == PlaceLevel::kProvince;
  if (!province && (gazetteer_.Contains(account_, today) || gazetteer_.Contains(today, account_) ||
                    SameDistrict(account_, reading.place)))
    return kAccountCell;
  return place.level >= PlaceLevel::kHamlet ? 0 : kAccountArea;
}

// Another place of ours fits as well as the best reading: neither counts. A unit of today stands
// before a unit of before July 2025 of its name, but not before a district: who says Châu Thành
// means either.
bool Court::Rivals(const Reading& reading, const Reading& best) const {
  if (!PlaceOf(reading).served || gazetteer_.Today(reading.place) == gazetteer_.Today(best.place))
    return false;
  // That the post is lost to us takes more than one small sign.
  if (!PlaceOf(best).served)
    return reading.score >= kScoreAccepted && best.score <= reading.score + 1;
  if (reading.score != best.score) return false;
  if (gazetteer_.names()[best.name].typed != gazetteer_.names()[reading.name].typed) return false;
  const bool old = PlaceOf(reading).old && PlaceOf(reading).level != PlaceLevel::kDistrict;
  return PlaceOf(best).old || !old;
}

Verdict Court::Best(const Mention& mention) const {
  // Among equals: a named spot before a unit, a unit of today before one of before July 2025, a
  // unit before a district, ours before another. What is elsewhere only if marks are added to it
  // is no better than that.
  const auto rank = [&](const Reading& reading) {
    const Place& place = PlaceOf(reading);
    const bool spot = gazetteer_.names()[reading.name].typed && place.served;
    const bool guessed =
        !place.served && reading.marks != MarksEvidence::kEqual && !reading.vouched;
    return std::tuple(guessed ? std::min(reading.score, kScoreAccepted) : reading.score, spot,
                      place.served, !place.old, place.level == PlaceLevel::kUnit);
  };
  const Reading* best = nullptr;
  for (const Reading& reading : mention.readings)
    if (best == nullptr || rank(reading) > rank(*best)) best = &reading;
  const bool ambiguous =
      std::any_of(mention.readings.begin(), mention.readings.end(),
                  [&](const Reading& reading) { return Rivals(reading, *best); });
  Verdict verdict;
  verdict.best = best->place;
  verdict.score = best->score;
  verdict.ambiguous = ambiguous;
  if (best->score >= kScoreAccepted && !ambiguous) {
    verdict.place = best->place;
    verdict.served = PlaceOf(*best).served;
    verdict.firm = DoubtsOf(*best) == 0 || best->vouched;
  }
  verdict.refuted = best->refuted;
  return verdict;
}

std::vector<Verdict> Court::Hold() {
  // First each mention by itself; then twice with what counts by then, so that a chain of two
  // supports is followed and the cost stays bounded.
  for (size_t i = 0; i < mentions_.size(); ++i) {
    for (Reading& reading : mentions_[i].readings) reading.score = OwnScore(mentions_[i], reading);
    verdicts_[i] = Best(mentions_[i]);
  }
  for (int round = 0; round < 2; ++round) {
    std::vector<Verdict> next(mentions_.size());
    for (size_t i = 0; i < mentions_.size(); ++i) {
      for (Reading& reading : mentions_[i].readings) {
        const int address = AddressScore(i, reading);
        const int account = AccountScore(reading);
        reading.score = OwnScore(mentions_[i], reading) + account +
                        (address != 0 ? address : AreaScore(i, reading));
        reading.vouched = address > 0 || account > 0;
        reading.refuted = address == kAddressElsewhere;
      }
      next[i] = Best(mentions_[i]);
    }
    verdicts_ = std::move(next);
  }
  return std::move(verdicts_);
}

}  // namespace

std::vector<Verdict> Judge(Mentions& mentions, const Gazetteer& gazetteer, int account) {
  return Court(mentions, gazetteer, account).Hold();
}

}  // namespace keng::filters
