#include "cli/remote.h"

#include <algorithm>
#include <list>
#include <map>

#include "base/hex.h"
#include "cli/memory.h"
#include "crypto/sha256.h"
#include "http/client.h"
#include "merkle/bundle.h"
#include "merkle/frontier.h"
#include "merkle/tile.h"
#include "os/pty.h"
#include "os/terminal_mode.h"
#include "receipt/checkpoint.h"
#include "receipt/text.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace stele::cli {
namespace {

using ledger::SegmentRef;
using merkle::kTileWidth;

constexpr size_t kFileBytesMax = size_t{64} << 10, kAnswerBytesMax = size_t{64} << 20,
                 kPagesMax = 16;
constexpr int kTriesMax = 40;
constexpr auto kTryAgainAfter = std::chrono::milliseconds(250);
constexpr std::chrono::seconds kRetryAfterMax{60}, kNoProgressMax{60}, kLookAtLogEvery{5};

/// How long the server asks to be left alone; nullopt: it says nothing of that.
std::optional<std::chrono::seconds> retry_after(const http::ClientResponse& response) {
  const std::string* given = response.header("retry-after");
  if (response.status != 503 || given == nullptr) return std::nullopt;
  const auto seconds = receipt::parse_decimal(*given, UINT32_MAX);
  if (!seconds) return std::nullopt;
  return std::clamp(std::chrono::seconds(*seconds), std::chrono::seconds(1), kRetryAfterMax);
}

/// What somebody at a terminal sees while the server is not ready.
class WaitingLine {
 public:
  ~WaitingLine() {
    if (is_shown_) std::fputs("\r\033[K", stderr);
  }
  void show(const std::string& text) {
    if (!os::is_terminal(2)) return;
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    is_shown_ = true;
  }

 private:
  bool is_shown_ = false;
};

/// What a server answers to somebody with a token.
class Link {
 public:
  static Result<Link> make(Context& context, const std::string& purpose) {
    const RemoteOptions& how = context.remote;
    http::ClientOptions options;
    options.base_url = how.server;
    options.response_bytes = kAnswerBytesMax;
    options.now = [&context] { return context.clock.wall(); };
    if (!how.authority_pin.empty()) {
      const auto pin = from_hex(how.authority_pin);
      Hash hash{};
      if (!pin || pin->size() != hash.size())
        return fail(Code::kInvalid,
                    "--ca-pin: 64 hex digits are wanted, as the server prints them");
      std::copy(pin->begin(), pin->end(), hash.begin());
      options.authority_pin = hash;
    }
    if (!how.authority_file.empty()) {
      TRY(const Bytes pem, context.files.read(how.authority_file, kFileBytesMax));
      options.authorities_pem = as_text(pem);
    }
    if (how.token_file.empty())
      return fail(Code::kInvalid,
                  "--token-file: a file with the token that `stele user token` printed");
    TRY(Bytes text, context.files.read(how.token_file, kFileBytesMax));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    auto client = http::Client::make(std::move(options));
    if (!client) return fail(std::move(client).error());
    return Link(*std::move(client), std::string(as_text(text)), purpose, how.server);
  }

  /// Something that changes: said once. As below; kInvalid, kConflict: what the server says.
  Result<Bytes> post(const std::string& target, ByteSpan body) {
    http::ClientRequest request;
    request.method = "POST";
    request.target = target + "?for=" + purpose_;
    request.content_type = "text/plain; charset=utf-8";
    request.headers.push_back({"authorization", "Bearer " + token_});
    request.body = body;
    TRY(auto response, client_.request(request));
    if (response.status == 200) return std::move(response.body);
    const std::string said = server_ + " answers " + std::to_string(response.status) + ": " +
                             printable(as_text(response.body).substr(0, 400));
    switch (response.status) {
      case 400:
        return fail(Code::kInvalid, said);
      case 401:
      case 403:
        return fail(Code::kPermission, said);
      case 404:
        return fail(Code::kNotFound, said);
      case 409:
        return fail(Code::kConflict, said);
      default:
        return fail(Code::kIo, said);
    }
  }
  /// kNotFound; kPermission: not with this token; kIo: nobody answers, or not as a server does.
  Result<Bytes> get(const std::string& target, bool shows_token) {
    http::ClientRequest request;
    request.target = target;
    request.is_idempotent = true;
    if (shows_token) {
      request.target += (target.find('?') == std::string::npos ? "?for=" : "&for=") + purpose_;
      request.headers.push_back({"authorization", "Bearer " + token_});
    }
    WaitingLine line;
    std::string before;
    std::chrono::seconds waited{0};  // and it said the same all the time
    for (int tries = 0;; ++tries) {
      TRY(auto response, client_.request(request));
      if (response.status == 200) return std::move(response.body);
      const std::string said = server_ + " answers " + std::to_string(response.status) + ": " +
                               printable(as_text(response.body).substr(0, 200));
      if (response.status == 404) return fail(Code::kNotFound, said);
      if (response.status == 401 || response.status == 403) return fail(Code::kPermission, said);
      if (const auto pause = retry_after(response)) {
        if (std::exchange(before, said) != said) waited = {};
        if (waited >= kNoProgressMax) return fail(Code::kIo, said);
        line.show(said);
        os::wait_until_ready({}, *pause);
        waited += *pause;
        continue;
      }
      if (response.status != 503 || tries == kTriesMax) return fail(Code::kIo, said);
      os::wait_until_ready({}, kTryAgainAfter);
    }
  }

 private:
  Link(http::Client client, std::string token, std::string purpose, std::string server)
      : client_(std::move(client)),
        token_(std::move(token)),
        purpose_(std::move(purpose)),
        server_(std::move(server)) {}

  http::Client client_;
  std::string token_, purpose_, server_;
};

/// Records as they were asked for, the newest pages kept.
class Pages {
 public:
  explicit Pages(Link& link) : link_(link) {}

  struct Page {
    std::string target;
    Bytes body;
    std::vector<wire::Record> records;  // views into body
  };
  /// The page that `target` gives.
  Result<const Page*> get(const std::string& target) {
    TRY(Bytes body, link_.get(target, true));
    if (body.empty()) return &nothing_;
    pages_.push_front({target, std::move(body), {}});
    auto records = wire::parse_records(pages_.front().body);
    if (!records) {
      pages_.pop_front();
      return fail(std::move(records).error());
    }
    pages_.front().records = *std::move(records);
    if (pages_.size() > kPagesMax) pages_.pop_back();
    return &pages_.front();
  }
  const wire::Record* find(std::string_view family, uint64_t index) const {
    for (const Page& page : pages_) {
      if (!page.target.starts_with(family)) continue;
      const auto found =
          std::partition_point(page.records.begin(), page.records.end(),
                               [&](const wire::Record& record) { return record.index < index; });
      if (found != page.records.end() && found->index == index) return &*found;
    }
    return nullptr;
  }

 private:
  Link& link_;
  std::list<Page> pages_;
  const Page nothing_;
};

/// The ledger of a server as files: the public log, what belongs to it, and one volume that is put
/// together from leaves and segments.
class RemoteFiles : public os::FileSystem {
 public:
  RemoteFiles(Link& link, Pages& pages, std::string root)
      : link_(link), pages_(pages), root_(std::move(root)) {}

  /// Keys, checkpoint and the tiles that go with it before they are gone.
  Status open() {
    TRY_VOID(take_keys());
    TRY_VOID(take_policies());
    TRY_VOID(take_absent());
    return look_again();
  }
  /// Checkpoint and tiles of now.
  Status look_again() {
    TRY(const auto log_key, ledger::load_verifier_key(*this, root_ + "/log.vkey"));
    std::erase_if(files_,
                  [](const auto& file) { return file.first.find(".p/") != file.first.npos; });
    for (int tries = 0; tries < kTriesMax; ++tries) {
      files_.erase("vault/log/checkpoint");
      TRY(const Bytes note, read(root_ + "/vault/log/checkpoint", kFileBytesMax));
      const auto checkpoint = receipt::open_checkpoint(note, log_key);
      if (!checkpoint) return {};  // for who verifies
      size_ = checkpoint->size;
      bool is_whole = true;
      for (const merkle::Tile& tile : merkle::partial_tiles(size_)) {
        const auto got = read(root_ + "/vault/log/" + merkle::path(tile), kAnswerBytesMax);
        is_whole = is_whole && got.has_value();
      }
      if (is_whole) return {};
    }
    return {};
  }
  uint64_t size() const { return size_; }
  bool is_absent(uint64_t leaf) const {
    return std::any_of(absent_.begin(), absent_.end(), [&](const segment::LeafRange& range) {
      return range.first <= leaf && leaf < range.next;
    });
  }

  /// Leaf by leaf from there on, as the bundles have them.
  Result<std::vector<segment::Leaf>> leaves(uint64_t from = 0) {
    std::vector<segment::Leaf> all;
    for (uint64_t n = from / kTileWidth; n * kTileWidth < size_; ++n) {
      const auto width =
          static_cast<uint16_t>(std::min<uint64_t>(kTileWidth, size_ - n * kTileWidth));
      const merkle::Tile tile{merkle::kEntries, n, width};
      TRY(const Bytes bytes, read(root_ + "/vault/log/" + merkle::path(tile), kAnswerBytesMax));
      TRY(const auto entries, merkle::parse_bundle(bytes, width));
      for (uint64_t i = 0; i < entries.size(); ++i) {
        if (n * kTileWidth + i < from) continue;
        TRY(segment::Leaf leaf, segment::parse_leaf(entries[i]));
        all.push_back(leaf);
      }
    }
    return all;
  }

  Result<Bytes> read(const std::string& path, size_t bytes_max) override {
    TRY(const std::string name, inside(path));
    auto found = files_.find(name);
    if (found == files_.end()) {
      if (!name.starts_with(kLog)) return fail(Code::kNotFound, "read " + path);
      TRY(Bytes bytes, link_.get("/" + name.substr(kVault.size()), false));
      found = files_.emplace(name, std::move(bytes)).first;
    }
    if (found->second.size() > bytes_max) return fail(Code::kLimit, "read " + path);
    return found->second;
  }
  bool exists(const std::string& path) override {
    const auto name = inside(path);
    return name && files_.contains(*name);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    TRY(const std::string name, inside(path));
    std::vector<std::string> names;
    if (name == kVolumes) {
      if (size_ > 0)
        for (const segment::LeafRange& range : present()) names.push_back(volume_of(range.first));
      return names;
    }
    if (name == kKept && !absent_.empty()) {
      for (const segment::LeafRange& range : absent_) names.push_back(volume_of(range.first));
      return names;
    }
    for (const auto& [file, bytes] : files_)
      if (file.starts_with(name + "/")) names.push_back(file.substr(name.size() + 1));
    if (names.empty()) return fail(Code::kNotFound, "list " + path);
    return names;
  }
  Result<std::unique_ptr<os::File>> open_read(const std::string& path) override {
    TRY(const std::string name, inside(path));
    if (offsets_.empty()) {
      TRY(const auto all, leaves());
      offsets_.push_back(0);
      for (const segment::Leaf& leaf : all)
        offsets_.push_back(offsets_.back() + segment::kLeafBytes + leaf.segment_bytes);
    }
    for (const segment::LeafRange& range : present()) {
      if (name == std::string(kVolumes) + "/" + volume_of(range.first))
        return std::make_unique<Volume>(*this, range);
    }
    for (const segment::LeafRange& range : absent_) {  // nothing of it, as far as a reader sees
      if (name == std::string(kKept) + "/" + volume_of(range.first))
        return std::make_unique<Volume>(*this, segment::LeafRange{0, 0});
    }
    return fail(Code::kNotFound, "open " + path);
  }

  // Nobody writes to a server this way.
  Result<std::unique_ptr<os::File>> open_append(const std::string& p) override { return no(p); }
  Result<std::unique_ptr<os::File>> create_append(const std::string& p) override { return no(p); }
  Status put_once(const std::string& p, ByteSpan) override { return no(p); }
  Status replace(const std::string& p, ByteSpan) override { return no(p); }
  Status replace_lazily(const std::string& p, ByteSpan) override { return no(p); }
  Status remove(const std::string& p) override { return no(p); }
  Status make_directories(const std::string& p) override { return no(p); }
  Result<std::unique_ptr<os::Lock>> lock(const std::string& p, os::Wait) override { return no(p); }
  Result<std::unique_ptr<os::SharedWords>> share(const std::string& p) override { return no(p); }
  Status protect(const std::string& p, os::Protection) override { return no(p); }
  Result<os::Protection> protection(const std::string& p) override { return no(p); }
  Result<std::optional<std::string>> verity(const std::string& p) override { return no(p); }

 private:
  static constexpr std::string_view kVault = "vault/", kLog = "vault/log/",
                                    kVolumes = "vault/volume", kKept = "vault/kept";

  static std::string volume_of(uint64_t first) {
    return vault::to_string(vault::VolumeName{first, 0});
  }
  /// What lies between the leaves that the server says are not there; the newest volume is.
  std::vector<segment::LeafRange> present() const {
    std::vector<segment::LeafRange> out;
    uint64_t next = 0;
    for (const segment::LeafRange& range : absent_) {
      if (next >= size_) break;
      if (range.first > next) out.push_back({next, std::min(range.first, size_)});
      next = range.next;
    }
    if (next < size_) out.push_back({next, size_});
    return out;
  }

  class Volume : public os::File {
   public:
    Volume(RemoteFiles& files, segment::LeafRange range)
        : files_(files), from_(files.offsets_[range.first]), until_(files.offsets_[range.next]) {}
    Result<size_t> read_at(uint64_t offset, MutableByteSpan out) override {
      const auto& ends = files_.offsets_;
      size_t done = 0;
      while (done < out.size() && from_ + offset + done < until_) {
        const uint64_t at = from_ + offset + done;
        const auto next = std::upper_bound(ends.begin(), ends.end(), at);
        const auto index = static_cast<uint64_t>(next - ends.begin()) - 1;
        TRY(const Bytes record, files_.record(index));
        if (record.size() != *next - ends[index])
          return fail(Code::kCorrupt, "leaf " + std::to_string(index) +
                                          ": the server gives another record than its log has");
        const auto from = static_cast<size_t>(at - ends[index]);
        const size_t some = std::min(out.size() - done, record.size() - from);
        std::copy_n(record.begin() + static_cast<ptrdiff_t>(from), some,
                    out.begin() + static_cast<ptrdiff_t>(done));
        done += some;
      }
      return done;
    }
    Result<uint64_t> size() override { return until_ - from_; }
    Status append(std::initializer_list<ByteSpan>) override { return no("append"); }
    Status sync() override { return no("sync"); }
    void drop_cache() override {}

   private:
    RemoteFiles& files_;
    const uint64_t from_, until_;  // of all records' bytes
  };

  static tl::unexpected<Error> no(const std::string& path) {
    return fail(Code::kUnsupported, path + ": a server is only read");
  }
  Result<std::string> inside(const std::string& path) const {
    if (!path.starts_with(root_ + "/")) return fail(Code::kNotFound, "read " + path);
    return path.substr(root_.size() + 1);
  }
  Status take_keys() {
    TRY(const Bytes answer, link_.get("/v1/keys", true));
    auto keys = wire::parse_log_keys(as_text(answer));
    if (!keys) return fail(std::move(keys).error().within("the server's keys"));
    const auto put = [&](const char* name, std::string_view text) {
      const ByteSpan bytes = as_bytes(text);
      files_[name].assign(bytes.begin(), bytes.end());
    };
    put("log.vkey", keys->log_vkey + "\n");
    put("policy.vkey", keys->policy_vkey + "\n");
    put("host.vkey", keys->host_vkeys);
    files_["recipients"] = std::move(keys->recipients);
    return take_predecessor();
  }
  // A server that does not know what is asked for has none.
  Status take_predecessor() {
    auto note = link_.get("/v1/predecessor", true);
    if (!note && note.error().code == Code::kNotFound) return {};
    if (!note) return fail(std::move(note).error());
    if (!note->empty()) files_["predecessor"] = *std::move(note);
    return {};
  }
  // Likewise. Whether the policy key signed them is for who reads them.
  Status take_policies() {
    auto text = link_.get("/v1/policies", true);
    if (!text && text.error().code == Code::kNotFound) return {};
    if (!text) return fail(std::move(text).error());
    std::string_view rest = as_text(*text);
    TRY(const std::string_view first, receipt::take_line(rest));
    if (first != "stele-policies-v1")
      return fail(Code::kCorrupt, "the server's policies: malformed");
    while (!rest.empty()) {
      TRY(const std::string_view line, receipt::take_line(rest));
      TRY(Bytes note, from_base64(line));
      files_["policy.d/" + to_hex(crypto::sha256(note))] = std::move(note);
    }
    return {};
  }
  // Likewise. It is a claim: what is said not to be there is judged as what is not there.
  Status take_absent() {
    const auto text = link_.get("/v1/absent", true);
    if (!text && text.error().code == Code::kNotFound) return {};
    if (!text) return fail(text.error());
    std::string_view rest = as_text(*text);
    const auto malformed = [] { return fail(Code::kCorrupt, "what the server lacks: malformed"); };
    TRY(const std::string_view first, receipt::take_line(rest));
    if (first != "stele-absent-v1") return malformed();
    while (!rest.empty()) {
      TRY(const std::string_view line, receipt::take_line(rest));
      const size_t blank = line.find(' ');
      if (blank == line.npos) return malformed();
      segment::LeafRange range;
      TRY(range.first, receipt::parse_decimal(line.substr(0, blank), INT64_MAX));
      TRY(range.next, receipt::parse_decimal(line.substr(blank + 1), INT64_MAX));
      if (range.next <= range.first || (!absent_.empty() && absent_.back().next >= range.first))
        return malformed();
      absent_.push_back(range);
    }
    return {};
  }
  /// leaf ‖ segment
  Result<Bytes> record(uint64_t index) {
    constexpr std::string_view kFamily = "/v1/segments?";
    const wire::Record* found = pages_.find(kFamily, index);
    if (found == nullptr) {
      TRY(const auto* page, pages_.get(std::string(kFamily) + "leaf=" + std::to_string(index)));
      if (page->records.empty() || page->records.front().index != index)
        return fail(Code::kCorrupt, "the server does not give leaf " + std::to_string(index));
      found = &page->records.front();
    }
    const auto leaf = segment::encode(found->leaf);
    Bytes bytes(leaf.begin(), leaf.end());
    bytes.insert(bytes.end(), found->bytes.begin(), found->bytes.end());
    return bytes;
  }

  Link& link_;
  Pages& pages_;
  const std::string root_;
  std::map<std::string, Bytes, std::less<>> files_;  // by name in the ledger
  uint64_t size_ = 0;
  std::vector<segment::LeafRange> absent_;  // leaves that the server says it has no records of
  std::vector<uint64_t> offsets_;           // of each record in the volume, and the end
};

class Server : public Source {
 public:
  Server(Context& context, Link link)
      : context_(context), link_(std::move(link)), pages_(link_), files_(link_, pages_, "server") {}

  Status open() { return files_.open(); }

  /// Which streams there are, as far as the log's own root says so.
  Status load() override {
    TRY(const auto trust, load_trust(files_, layout_));
    hosts_ = trust.hosts;
    log_key_ = trust.log;
    TRY(const auto memory, recall(context_.files, memory_directory(), trust.log.name));
    if (memory && memory->log_vkey != trust.log.to_string())
      return fail(Code::kUnauthentic, "this reader knows the log " + trust.log.name +
                                          " by another key; stele verify says more");
    catalog_ = {};
    tree_ = {};
    return take_leaves(memory);
  }

  Result<Bytes> segment(const SegmentRef& ref) override {
    TRY(Bytes bytes, bytes_of(ref, "segments", ""));
    if (crypto::sha256(bytes) != ref.leaf.segment_hash)
      return fail(Code::kCorrupt, "is not what its leaf commits to");
    return bytes;
  }

  // The front of a whole segment that is here already will do.
  Result<Bytes> front(const SegmentRef& ref) override {
    TRY(Bytes bytes, bytes_of(ref, "facts", "/v1/facts?leaf=" + std::to_string(ref.index)));
    TRY(const auto header, segment::parse_header(bytes));
    if (!segment::agrees(ref.leaf, header, ref.leaf.segment_hash) ||
        bytes.size() < wire::front_bytes(header))
      return fail(Code::kCorrupt, "is not what its leaf says");
    return bytes;
  }

  bool may_go_on(const ledger::StreamRef& stream) override {
    return !stream.closed() && hosts_ && is_of_another_host(*hosts_, stream) && !is_cut(stream);
  }

  // What is acknowledged is shown; a checkpoint covers it a second later. Where nothing came, the
  // log may say that the stream is cut.
  Status look_again(const StreamId& stream) override {
    TRY(const bool came, read_on(stream));
    if (came || context_.clock.boot() < log_due_) return {};
    log_due_ = context_.clock.boot() + kLookAtLogEvery;
    TRY_VOID(files_.look_again());
    return take_leaves(std::nullopt);
  }

  os::FileSystem& files() override { return files_; }
  const ledger::Layout& layout() const override { return layout_; }

 private:
  // Those beyond what is known: the log has to go on from there.
  Status take_leaves(const std::optional<ledger::Remembered>& memory) {
    TRY(const Bytes note, files_.read(layout_.vault() + "/log/checkpoint", kFileBytesMax));
    TRY(const auto checkpoint, receipt::open_checkpoint(note, *log_key_));
    if (checkpoint.size < tree_.size())
      return fail(Code::kUnauthentic, "the server's log has fewer leaves than a moment ago");
    TRY(const auto leaves, files_.leaves(tree_.size()));
    merkle::Frontier tree = tree_;
    std::optional<Hash> before;
    for (const segment::Leaf& leaf : leaves) {
      if (memory && tree.size() == memory->size) before = tree.root();
      tree.append(merkle::leaf_hash(segment::encode(leaf)));
    }
    if (memory && tree.size() == memory->size) before = tree.root();
    if (tree.root() != checkpoint.root || tree.size() != checkpoint.size)
      return fail(Code::kUnauthentic, "the server's leaves are not those of its checkpoint");
    if (memory && before != memory->root)
      return fail(Code::kUnauthentic,
                  "the server's log does not go on from what this reader saw of it before; stele "
                  "verify says more");
    for (uint64_t i = 0; i < leaves.size(); ++i)
      TRY_VOID(add({tree_.size() + i,
                    {},
                    0,
                    leaves[i],
                    files_.is_absent(tree_.size() + i) ? ledger::LeafWalk::Where::kGone
                                                       : ledger::LeafWalk::Where::kVolume}));
    tree_ = tree;
    return learn_cuts(*hosts_);
  }
  // One that was acknowledged is known already.
  Status add(const SegmentRef& ref) {
    const ledger::StreamRef* known = catalog_.find(ref.leaf.stream);
    if (known == nullptr || ref.leaf.sequence >= known->segments.size()) {
      catalog_.add(ref);
      return {};
    }
    const SegmentRef& told = known->segments[ref.leaf.sequence];
    if (told.index == ref.index && told.leaf == ref.leaf) return {};
    return fail(Code::kUnauthentic, "the server's log has another leaf than it acknowledged: " +
                                        std::to_string(ref.index));
  }
  // Whether anything came.
  Result<bool> read_on(const StreamId& stream) {
    const ledger::StreamRef* known = catalog_.find(stream);
    if (known == nullptr) return fail(Code::kNotFound, "no such stream");
    TRY(const auto* page,
        pages_.get(family_of(stream, "segments") + std::to_string(known->segments.size())));
    for (const wire::Record& record : page->records) {
      const ledger::StreamRef* now = catalog_.find(stream);
      if (record.leaf.stream != stream || record.leaf.sequence != now->segments.size())
        return fail(Code::kCorrupt, "the server gives another stream than was asked for");
      catalog_.add({record.index, {}, 0, record.leaf});
    }
    return !page->records.empty();
  }
  static std::string family_of(const StreamId& stream, std::string_view what) {
    return "/v1/sessions/" + to_string(stream) + "/" + std::string(what) + "?from=";
  }
  Result<Bytes> bytes_of(const SegmentRef& ref, std::string_view what, const std::string& instead) {
    const std::string family = instead.empty() ? family_of(ref.leaf.stream, what) : "/v1/facts?";
    const wire::Record* found = pages_.find(family, ref.index);
    if (found == nullptr) {
      TRY(const auto* page,
          pages_.get(instead.empty() ? family + std::to_string(ref.leaf.sequence) : instead));
      if (page->records.empty()) return fail(Code::kNotFound, "the server does not have it");
      found = &page->records.front();
    }
    if (found->index != ref.index || found->leaf != ref.leaf)
      return fail(Code::kCorrupt, "the server gives another leaf than its log has");
    return Bytes(found->bytes.begin(), found->bytes.end());
  }

  Context& context_;
  Link link_;
  Pages pages_;
  RemoteFiles files_;
  const ledger::Layout layout_{"server"};
  std::optional<ledger::HostKeys> hosts_;
  std::optional<receipt::VerifierKey> log_key_;
  merkle::Frontier tree_;  // of the leaves that are known to be covered
  BootTime log_due_{};
};

}  // namespace

Result<std::unique_ptr<Source>> open_remote(Context& context, const std::string& purpose) {
  TRY(auto link, Link::make(context, purpose));
  auto server = std::make_unique<Server>(context, std::move(link));
  TRY_VOID(server->open());
  return server;
}

Result<Bytes> ask_server(Context& context, const std::string& method, const std::string& target,
                         ByteSpan body) {
  TRY(auto link, Link::make(context, "hold"));
  return method == "POST" ? link.post(target, body) : link.get(target, true);
}

}  // namespace stele::cli
