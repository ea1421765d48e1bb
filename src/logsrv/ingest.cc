#include "logsrv/ingest.h"

#include <algorithm>

#include "crypto/ed25519.h"
#include "segment/chain.h"
#include "segment/manifest.h"

namespace stele::logsrv {
namespace {

using wire::Accepted;
using wire::Answer;
using wire::Refusal;
using wire::Refused;

Refused refused(Refusal code, std::string reason) { return {code, 0, {}, std::move(reason)}; }

Refused refused(Refusal code, const segment::Tail& tail, std::string reason) {
  return {code, tail.next_sequence, tail.last_hash, std::move(reason)};
}

/// What is of a newer version may be right, and is not to be set aside.
Refused unreadable(const Error& error) {
  const bool is_newer = error.code == Code::kUnsupported;
  return refused(is_newer ? Refusal::kUnsupported : Refusal::kMalformed, error.message());
}

Refused refused(const IngestKeys::Doubt& doubt) {
  return refused(doubt.is_final ? Refusal::kBadSignature : Refusal::kNotNow, doubt.why);
}

std::optional<Refused> check_recipients(const Admission& admission, const segment::View& view) {
  if (view.manifest.empty()) return std::nullopt;
  const auto manifest = segment::parse_manifest(view.manifest);
  if (!manifest) return unreadable(manifest.error());
  if (admission.recipients_lists.contains(manifest->recipients_list)) return std::nullopt;
  return refused(Refusal::kUnknownRecipients, "sealed to a recipients list never in force here");
}

struct Judged {
  std::optional<Refused> refusal;
  bool may_be_there = false;  // then it was right when it came
};

/// What can be said of a segment without the ledger; `hashes`: its own.
Judged check_segment(const Admission& admission, const std::string& host, const segment::View& view,
                     const segment::Hashes& hashes) {
  const auto never = [](Refusal code, std::string why) {
    return Judged{refused(code, std::move(why))};
  };
  const auto doubtful = [](const IngestKeys::Doubt& doubt) {
    return Judged{refused(doubt), doubt.may_be_there};
  };
  if (view.header.kind == segment::Kind::kServer || view.header.kind == segment::Kind::kPrune)
    return never(Refusal::kNotYours, "of a stream that no host writes");
  const std::string name = ledger::host_key_name(admission.origin, host);
  const auto key = admission.keys->signer(admission.hosts, name, view);
  if (!key) return doubtful(key.error());
  if (key->entry.name != name) return never(Refusal::kNotYours, "signed by another host");
  if (!crypto::verify(key->entry.key, hashes.message, view.signature))
    return never(Refusal::kBadSignature, "the signature is not its key's");
  if (const auto doubt = admission.keys->check(*key, view.header, hashes.segment))
    return doubtful(*doubt);
  return {check_recipients(admission, view)};
}

}  // namespace

/// One request on its way. The bytes stay as long as anything looks at them.
struct Ingest::Request {
  std::string host;
  OnRefused on_refused;
  Bytes body;
  Reply reply;
  std::vector<std::optional<Answer>> answers;
  std::vector<ledger::Incoming> submitted;
  std::vector<size_t> places;  // of what was submitted, in `answers`
  std::set<StreamId> stuck;    // streams of which something was refused
  std::vector<std::optional<std::pair<StreamId, uint32_t>>> names;  // nullopt: it is no segment

  void refuse(size_t place, const StreamId* stream, Refused why) {
    answers[place] = std::move(why);
    if (stream != nullptr) stuck.insert(*stream);
  }
  void check(size_t place, ByteSpan bytes, const Admission& admission, const LeafFinder& finder) {
    const auto view = segment::parse_segment(bytes);
    if (!view) return refuse(place, nullptr, unreadable(view.error()));
    const StreamId& stream = view->header.stream;
    names[place] = {stream, view->header.sequence};
    if (stuck.contains(stream))
      return refuse(place, &stream, refused(Refusal::kSkipped, "one before it was refused"));
    const segment::Hashes hashes = segment::hash_segment(bytes);
    if (auto judged = check_segment(admission, host, *view, hashes); judged.refusal) {
      const auto there = judged.may_be_there ? finder.find(stream, view->header.sequence)
                                             : Result<std::optional<FoundLeaf>>(std::nullopt);
      if (!there) return refuse(place, &stream, refused(Refusal::kNotNow, there.error().message()));
      if (!*there || (*there)->leaf.segment_hash != hashes.segment)
        return refuse(place, &stream, *std::move(judged.refusal));
      answers[place] = Accepted{(*there)->index, (*there)->leaf};
      return;
    }
    submitted.push_back({view->header, hashes.segment, bytes});
    places.push_back(place);
  }
  void tell_refusals() const {
    for (size_t i = 0; on_refused && i < answers.size(); ++i) {
      const auto* why = std::get_if<Refused>(&*answers[i]);
      if (why != nullptr && names[i]) on_refused(host, names[i]->first, names[i]->second, *why);
    }
  }
  void answer() {
    tell_refusals();
    std::vector<Answer> all;
    all.reserve(answers.size());
    for (auto& each : answers) all.push_back(*std::move(each));
    reply(std::move(all));
  }
  bool is_answered() const {
    return std::all_of(answers.begin(), answers.end(), [](const auto& a) { return a.has_value(); });
  }
};

Ingest::Ingest(Sequencer& sequencer, LeafFinder& finder, Defer defer, OnRefused on_refused)
    : sequencer_(sequencer),
      finder_(finder),
      defer_(std::move(defer)),
      on_refused_(std::move(on_refused)) {}

void Ingest::admit(std::shared_ptr<const Admission> admission) {
  const std::lock_guard lock(mutex_);
  admission_ = std::move(admission);
}

std::shared_ptr<const Admission> Ingest::admission() const {
  const std::lock_guard lock(mutex_);
  return admission_;
}

void Ingest::take(const std::string& host, Bytes body, Reply reply) {
  const auto request = std::make_shared<Request>();
  request->host = host;
  request->on_refused = on_refused_;
  request->body = std::move(body);
  request->reply = std::move(reply);
  const auto segments = wire::parse_segments(request->body);
  if (!segments) return request->reply(fail(segments.error()));
  request->answers.resize(segments->size());
  request->names.resize(segments->size());
  const auto admitted = admission();
  for (size_t i = 0; i < segments->size(); ++i)
    request->check(i, (*segments)[i], *admitted, finder_);
  if (request->submitted.empty()) return request->answer();
  const Status submitted = sequencer_.submit(
      request->submitted, [this, request](const ledger::Ledger& ledger, auto results) {
        if (!results) return request->reply(fail(std::move(results).error()));
        committed(request, ledger, *std::move(results));
      });
  if (!submitted) request->reply(fail(submitted.error()));
}

// On the sequencer's thread.
void Ingest::committed(const RequestPtr& request, const ledger::Ledger& ledger,
                       Sequencer::Results results) {
  for (size_t i = 0; i < results.size(); ++i) {
    const segment::Header& header = request->submitted[i].header;
    auto& answer = request->answers[request->places[i]];
    if (results[i] && results[i]->index) {
      finder_.add(*results[i]->index, results[i]->leaf);
      const auto admitted = admission();
      admitted->keys->took(admitted->hosts, request->submitted[i], ledger);
      answer = Accepted{*results[i]->index, results[i]->leaf};
      continue;
    }
    if (results[i]) continue;  // there already: found again below
    const Error& error = results[i].error();
    const auto tail = ledger.tail(header.stream);
    if (error.code == Code::kNoSpace) {
      answer = refused(Refusal::kNotNow, error.message());
    } else if (error.code == Code::kPermission) {
      answer = refused(Refusal::kNotYours, error.message());
    } else if (!tail) {
      answer = refused(Refusal::kNotNow, tail.error().message());
    } else if (!*tail) {
      answer = refused(Refusal::kOutOfOrder, error.message());
    } else if (header.sequence < (*tail)->next_sequence) {
      continue;  // the same once more, or another in its place
    } else if ((*tail)->closed) {
      answer = refused(Refusal::kClosed, **tail, error.message());
    } else {
      const bool in_order = header.sequence == (*tail)->next_sequence;
      answer =
          refused(in_order ? Refusal::kConflict : Refusal::kOutOfOrder, **tail, error.message());
    }
  }
  if (request->is_answered()) return request->answer();
  const bool has_room = defer_([this, request] {
    find_again(*request);
    request->answer();
  });
  if (!has_room) request->reply(fail(Code::kBusy, "too much is being looked for"));
}

// What has no answer yet was sent before, or stands where another one is.
void Ingest::find_again(Request& request) const {
  for (size_t i = 0; i < request.submitted.size(); ++i) {
    auto& answer = request.answers[request.places[i]];
    if (answer) continue;
    const ledger::Incoming& segment = request.submitted[i];
    const auto found = finder_.find(segment.header.stream, segment.header.sequence);
    if (!found || !*found) {
      answer = refused(Refusal::kNotNow,
                       found ? "its leaf is not to be found now" : found.error().message());
    } else if ((*found)->leaf.segment_hash == segment.hash) {
      answer = Accepted{(*found)->index, (*found)->leaf};
    } else {
      answer = conflict(segment.header);
    }
  }
}

wire::Refused Ingest::conflict(const segment::Header& header) const {
  Refused why{Refusal::kConflict, header.sequence, {}, "another segment stands in its place"};
  if (header.sequence == 0) return why;
  if (const auto before = finder_.find(header.stream, header.sequence - 1); before && *before)
    why.hash = (*before)->leaf.segment_hash;
  return why;
}

ledger::OwnerRule same_host(std::function<std::shared_ptr<const Admission>()> admission) {
  return [admission = std::move(admission)](const segment::HostKeyId& before,
                                            const segment::HostKeyId& now) {
    const auto name = [&, admitted = admission()](const segment::HostKeyId& id) -> std::string {
      for (const auto& entry : admitted->hosts.entries())
        if (entry.id == id) return entry.name;
      return admitted->keys->host_of(id);
    };
    const std::string owner = name(before);
    return !owner.empty() && owner == name(now);
  };
}

}  // namespace stele::logsrv
