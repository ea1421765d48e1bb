#include "ledger/key_epochs.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/ed25519.h"

namespace stele::ledger {
namespace {

using segment::Header;
using segment::Manifest;
using segment::Standing;

std::string epoch_text(uint32_t epoch) { return "epoch " + std::to_string(epoch); }

}  // namespace

std::optional<KeyEpochs::Key> KeyEpochs::find(const HostKeys& enrolled, const Named& key) const {
  if (const auto found = introduced_.find(key); found != introduced_.end()) return found->second;
  if (const auto* entry = enrolled.find(key.first, key.second)) return Key{*entry, std::nullopt};
  return std::nullopt;
}

std::optional<KeyFault> KeyEpochs::check_rotation(const HostKeys& enrolled, const Header& header,
                                                  ByteSpan manifest_bytes,
                                                  const Manifest& manifest) const {
  const segment::Rotation& r = *manifest.rotation;
  const auto bad = [&](std::string why) { return KeyFault{"bad rotation", std::move(why)}; };
  const Named old_name{r.old_key, r.epoch - 1};
  const auto old = find(enrolled, old_name);
  if (!old)
    return bad("by key " + to_hex(r.old_key) + " of " + epoch_text(r.epoch - 1) +
               ", which no trusted host has");
  if (is_ended(old_name)) return bad("by a key whose time was over: a second rotation from it");
  if (header.key_epoch != r.epoch ||
      header.host_key != segment::host_key_id(old->entry.name, r.new_key))
    return bad("its segment is not signed by the key that it introduces");
  if (!crypto::verify(old->entry.key, segment::rotation_message(header, manifest_bytes),
                      r.signature))
    return bad("not signed by the key before (" + old->entry.name + ")");
  return std::nullopt;
}

void KeyEpochs::remember_part(const Header& header, std::vector<Standing> list) {
  Parts& parts = parts_[header.stream];
  if (parts.next_sequence != header.sequence) parts.lists.clear();
  parts.next_sequence = header.sequence + 1;
  parts.lists.push_back(std::move(list));
  if (parts.lists.size() > segment::kAgreedPartsMax) parts.lists.pop_front();
}

// nullopt: the segments before it do not hold its beginning.
std::optional<std::vector<Standing>> KeyEpochs::whole_list(const Header& header,
                                                           const Manifest& manifest) {
  std::vector<Standing> all;
  if (const size_t wanted = manifest.rotation->parts; wanted > 0) {
    const auto found = parts_.find(header.stream);
    if (found == parts_.end() || found->second.next_sequence != header.sequence ||
        found->second.lists.size() < wanted)
      return std::nullopt;
    const auto& lists = found->second.lists;
    for (size_t i = lists.size() - wanted; i < lists.size(); ++i)
      all.insert(all.end(), lists[i].begin(), lists[i].end());
  }
  all.insert(all.end(), manifest.agreed.begin(), manifest.agreed.end());
  const bool ascends =
      std::adjacent_find(all.begin(), all.end(), [](const Standing& a, const Standing& b) {
        return a.stream >= b.stream;
      }) == all.end();
  if (!ascends) return std::nullopt;
  return all;
}

std::vector<KeyFault> KeyEpochs::agree(const std::string& host, const Named& old,
                                       const std::vector<Standing>& list, const TailOf& tail_of) {
  std::vector<KeyFault> faults;
  for (const Standing& standing : list) {
    const auto tail = tail_of(standing.stream);
    const auto has = tail ? tail->next_sequence : 0;
    if (has > standing.next_sequence ||
        (has == standing.next_sequence && tail->last_hash != standing.last_hash)) {
      faults.push_back(
          {"not agreed", "of stream " + to_string(standing.stream) + " it names " +
                             std::to_string(standing.next_sequence) +
                             " segments; the ledger holds " + std::to_string(has) +
                             (has == standing.next_sequence ? ", another last one" : "")});
    }
    const bool is_done =
        has > standing.next_sequence || (has == standing.next_sequence && tail->closed);
    if (!is_done) add_agreement(host, old, standing);
  }
  return faults;
}

// A stream that stood still since the rotation before: what was agreed on then still says it all.
void KeyEpochs::add_agreement(const std::string& host, const Named& old, const Standing& standing) {
  auto& known = agreements_[standing.stream];
  const bool stood_still = std::any_of(known.begin(), known.end(), [&](const Agreement& a) {
    return a.host == host && a.standing == standing;
  });
  if (stood_still) return;
  known.push_back({host, old, standing});
  ++awaited_[old];
}

template <typename IsDone>
void KeyEpochs::forget_agreements(std::map<StreamId, std::vector<Agreement>>::iterator at,
                                  const IsDone& is_done) {
  std::erase_if(at->second, [&](const Agreement& a) {
    if (!is_done(a.standing)) return false;
    if (--awaited_[a.old] == 0) awaited_.erase(a.old);
    return true;
  });
  if (at->second.empty()) agreements_.erase(at);
}

void KeyEpochs::forget_the_oldest(Host& host) {
  if (host.ended.size() <= kEndedKept) return;
  const auto oldest = std::find_if(host.ended.begin(), host.ended.end(),
                                   [this](const Named& key) { return !awaited_.contains(key); });
  if (oldest == host.ended.end()) return;
  introduced_.erase(*oldest);
  ended_.erase(*oldest);
  host.ended.erase(oldest);
}

std::vector<KeyFault> KeyEpochs::take_host_segment(const HostKeys& enrolled, const Header& header,
                                                   ByteSpan manifest_bytes, const TailOf& tail_of) {
  const auto manifest = manifest_bytes.empty() ? Result<Manifest>(Manifest())
                                               : segment::parse_manifest(manifest_bytes);
  if (!manifest) return {{"bad manifest", manifest.error().message()}};
  if (!manifest->rotation) {
    if (manifest->agreed.empty()) {
      parts_.erase(header.stream);
    } else {
      remember_part(header, manifest->agreed);
    }
    return {};
  }
  if (auto fault = check_rotation(enrolled, header, manifest_bytes, *manifest))
    return {*std::move(fault)};
  const auto list = whole_list(header, *manifest);
  parts_.erase(header.stream);
  if (!list) return {{"bad rotation", "the beginning of its list is not before it"}};

  const segment::Rotation& r = *manifest->rotation;
  const Named old{r.old_key, r.epoch - 1}, now{header.host_key, r.epoch};
  const std::string name = find(enrolled, old)->entry.name;
  introduced_[now] = {{now.first, now.second, name, {r.new_key}}, r.not_before};
  ended_[old] = name;
  Host& host = hosts_[name];
  host.epoch = std::max(host.epoch, r.epoch);
  host.ended.push_back(old);
  auto faults = agree(name, old, *list, tail_of);
  if (header.sequence > 0) {
    add_agreement(name, old, {header.stream, header.sequence, header.previous});
  }
  forget_the_oldest(host);
  return faults;
}

std::optional<KeyFault> KeyEpochs::check(const Key& key, const Header& header, const Hash& hash,
                                         const std::optional<Named>& before) const {
  const Named now{header.host_key, header.key_epoch};
  const auto number = [](uint32_t n) { return std::to_string(n); };
  bool is_listed = false, before_is_listed = false;
  if (const auto found = agreements_.find(header.stream); found != agreements_.end()) {
    for (const Agreement& a : found->second) {
      if (a.host != key.entry.name) continue;
      const uint32_t next = a.standing.next_sequence;
      before_is_listed = before_is_listed || (before && a.old == *before);
      if (a.old == now) {
        is_listed = true;
        if (header.sequence >= next)
          return KeyFault{"ended key", epoch_text(now.second) + " ended before segment " +
                                           number(next) + "; this is " + number(header.sequence)};
        if (header.sequence + 1 == next && hash != a.standing.last_hash)
          return KeyFault{"not agreed", "another segment than the one its host agreed on when " +
                                            epoch_text(now.second) + " ended"};
      } else if (a.old.second < now.second) {
        if (header.sequence < next)
          return KeyFault{"signed for the past", epoch_text(now.second) + " signed segment " +
                                                     number(header.sequence) + "; up to " +
                                                     number(next - 1) + " " +
                                                     epoch_text(a.old.second) + " had signed"};
        if (header.sequence == next && header.previous != a.standing.last_hash)
          return KeyFault{"not agreed", "goes on behind another segment than its host agreed on"};
      }
    }
  }
  if (is_ended(now) && !is_listed)
    return KeyFault{"ended key", epoch_text(now.second) +
                                     " ended before; the rotation says nothing of this stream"};
  if (before && *before != now && is_ended(*before) && !before_is_listed)
    return KeyFault{"not agreed", "goes on, but was not in the list when " +
                                      epoch_text(before->second) + " ended"};
  return std::nullopt;
}

void KeyEpochs::took(const StreamId& stream, uint32_t sequence, bool closes) {
  const auto found = agreements_.find(stream);
  if (found == agreements_.end()) return;
  const uint64_t has = uint64_t{sequence} + 1;
  forget_agreements(found, [&](const Standing& wanted) {
    return has > wanted.next_sequence || (has == wanted.next_sequence && closes);
  });
}

void KeyEpochs::forget_what_came(const TailOf& tail_of) {
  for (auto at = agreements_.begin(); at != agreements_.end();) {
    const auto stream = at++;
    const auto tail = tail_of(stream->first);
    if (!tail) continue;
    forget_agreements(stream, [&](const Standing& wanted) {
      return tail->next_sequence > wanted.next_sequence ||
             (tail->next_sequence == wanted.next_sequence && tail->closed);
    });
  }
}

std::string KeyEpochs::host_of(const segment::HostKeyId& key) const {
  const auto found = introduced_.lower_bound({key, 0});
  return found != introduced_.end() && found->first.first == key ? found->second.entry.name
                                                                 : std::string();
}

uint32_t KeyEpochs::newest_epoch(const std::string& host) const {
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? 0 : found->second.epoch;
}

std::vector<Standing> KeyEpochs::awaited() const {
  std::vector<Standing> all;
  for (const auto& [stream, agreements] : agreements_) {
    Standing furthest = agreements.front().standing;
    for (const Agreement& a : agreements)
      if (a.standing.next_sequence > furthest.next_sequence) furthest = a.standing;
    all.push_back(furthest);
  }
  return all;
}

}  // namespace stele::ledger
