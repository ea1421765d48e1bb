#include "transfer/sftp_follower.h"

#include <algorithm>

namespace stele::transfer {
namespace {

using event::Piped;
using What = event::Transfer::What;

constexpr uint32_t kPacketBytesMax = 256U << 10;  // OpenSSH's own bound
constexpr size_t kFrontBytes = 5;                 // length and type
constexpr size_t kContentFrontBytes = 13;         // and id, and the length of what comes first
constexpr uint32_t kVersion = 3, kOk = 0, kEof = 1;
constexpr uint32_t kWriteFlag = 2;  // of an open
constexpr uint32_t kSize = 1, kOwner = 2, kPermissions = 4, kTimes = 8, kExtendedFlag = 1U << 31;

tl::unexpected<Error> wrong(const char* what) { return fail(Code::kCorrupt, what); }

Result<std::string> read_string(ByteReader& in, size_t size_max) {
  const uint32_t size = in.u32();
  if (size > size_max) return fail(Code::kLimit, "a name that is too long");
  return std::string(as_text(in.bytes(size)));
}

/// Attributes that are asked for. What is extended is passed over.
Status read_attributes(ByteReader& in, SftpRequest& request) {
  const uint32_t flags = in.u32();
  if ((flags & ~(kSize | kOwner | kPermissions | kTimes | kExtendedFlag)) != 0)
    return wrong("attributes that version 3 has not");
  if ((flags & kSize) != 0) request.size = in.u64();
  if ((flags & kOwner) != 0) {
    request.transfer.uid = in.u32();
    request.transfer.gid = in.u32();
  }
  if ((flags & kPermissions) != 0) request.transfer.mode = in.u32();
  if ((flags & kTimes) != 0) in.u64();
  if ((flags & kExtendedFlag) != 0) in.bytes(in.rest().size());
  return {};
}

bool may_answer(Sftp asked, Sftp answer) {
  if (answer == Sftp::kStatus) return true;
  switch (asked) {
    case Sftp::kOpen:
    case Sftp::kOpendir:
      return answer == Sftp::kHandle;
    case Sftp::kRead:
      return answer == Sftp::kData;
    case Sftp::kReaddir:
    case Sftp::kRealpath:
    case Sftp::kReadlink:
      return answer == Sftp::kName;
    case Sftp::kStat:
    case Sftp::kLstat:
    case Sftp::kFstat:
      return answer == Sftp::kAttrs;
    case Sftp::kExtended:
      return answer == Sftp::kExtendedReply;
    default:
      return false;
  }
}

bool is_content(Sftp type, bool is_request) {
  return type == (is_request ? Sftp::kWrite : Sftp::kData);
}

}  // namespace

std::unique_ptr<Follower> follow_sftp() { return std::make_unique<SftpFollower>(); }

std::vector<event::Transfer> SftpFollower::take_all(const std::string& why) {
  return state_.take_all(why);
}

Status SftpFollower::follow(Piped::Pipe pipe, ByteSpan& bytes) {
  const bool is_request = pipe == Piped::Pipe::kInput;
  Way& way = is_request ? requests_ : answers_;
  if (way.content_left > 0) {
    const ByteSpan part = bytes.first(std::min<size_t>(way.content_left, bytes.size()));
    bytes = bytes.subspan(part.size());
    pass_content(way, is_request, part);
    return {};
  }
  const ByteSpan part = bytes.first(std::min(way.wanted - way.packet.size(), bytes.size()));
  bytes = bytes.subspan(part.size());
  pieces_.keep(part);
  way.packet.insert(way.packet.end(), part.begin(), part.end());
  return way.packet.size() == way.wanted ? grow(way, is_request) : Status{};
}

/// What was wanted of the packet is there: reads it, or wants more.
Status SftpFollower::grow(Way& way, bool is_request) {
  ByteReader in(way.packet);
  const uint32_t length = in.u32();
  if (way.packet.size() == 4) {
    if (length == 0 || length > kPacketBytesMax) return wrong("a packet of no such length");
    way.wanted = kFrontBytes;
    return {};
  }
  const size_t end = size_t{4} + length;
  const auto type = static_cast<Sftp>(in.u8());
  if (is_content(type, is_request) && way.packet.size() < end) {
    if (way.packet.size() > kFrontBytes) return measure_content(way, is_request);
    if (end < kContentFrontBytes) return wrong("a packet that is cut short");
    way.wanted = kContentFrontBytes;
    return {};
  }
  if (way.packet.size() < end) {
    way.wanted = end;
    return {};
  }
  if (is_content(type, is_request)) return measure_content(way, is_request);
  const Status read = is_request ? request(way.packet) : answer(way.packet);
  way.packet.clear();
  way.wanted = 4;
  return read;
}

/// In front of content: wants the rest of that, or lets the content begin.
Status SftpFollower::measure_content(Way& way, bool is_request) {
  ByteReader in(way.packet);
  const size_t end = size_t{4} + in.u32();
  (void)in.bytes(1 + 4);
  size_t front = kContentFrontBytes;
  uint32_t length = in.u32();
  if (is_request) {
    if (length > kSftpHandleBytesMax) return wrong("a handle that is too long");
    front += length + 8 + 4;
    if (front > end) return wrong("a packet that is cut short");
    if (way.packet.size() < front) {
      way.wanted = front;
      return {};
    }
    (void)in.bytes(length + 8);
    length = in.u32();
  }
  if (front + length != end) return wrong("content that does not fill its packet");
  TRY_VOID(is_request ? begin_write(way, length) : begin_data(way, length));
  way.packet.clear();
  way.wanted = 4;
  way.content_left = length;
  return {};
}

Status SftpFollower::begin_write(Way& way, uint32_t length) {
  if (!has_begun_) return wrong("a request before the first");
  ByteReader in(ByteSpan(way.packet).subspan(kFrontBytes));
  const uint32_t id = in.u32();
  TRY(way.handle, read_string(in, kSftpHandleBytesMax));
  way.offset = in.u64();
  SftpFile* const file = state_.file(way.handle);
  if (file == nullptr || !file->writes) return wrong("a write to nothing that is open for it");
  if (way.offset > INT64_MAX) return wrong("a write beyond any file");
  SftpRequest asked;
  asked.type = Sftp::kWrite;
  asked.handle = way.handle;
  asked.length = length;
  ++file->unanswered;
  // What is appended may go where no file is: a pipe, a terminal, a socket.
  way.elides = !file->appends;
  return state_.ask(id, std::move(asked));
}

Status SftpFollower::begin_data(Way& way, uint32_t length) {
  ByteReader in(ByteSpan(way.packet).subspan(kFrontBytes));
  TRY(const SftpRequest asked, state_.answered(in.u32()));
  if (!is_answered_ || asked.type != Sftp::kRead || length > asked.length)
    return wrong("content that was not asked for");
  if (state_.file_or_closing(asked.handle) == nullptr) return wrong("content of a closed file");
  way.handle = asked.handle;
  way.offset = asked.offset;
  way.elides = true;
  return {};
}

void SftpFollower::pass_content(Way& way, bool is_request, ByteSpan bytes) {
  SftpFile* const file = state_.file_or_closing(way.handle);
  Content of_nothing;  // it was closed, or failed to be, while this was on its way
  Content& content = file == nullptr ? of_nothing : is_request ? file->to_host : file->from_host;
  const Digest digest = content.pass(way.offset, bytes);
  if (!is_request) content.set_whole(false);
  if (way.elides) {
    pieces_.elide(digest);
  } else {
    pieces_.keep(bytes);
  }
  way.offset += bytes.size();
  way.content_left -= static_cast<uint32_t>(bytes.size());
}

Status SftpFollower::request(ByteSpan packet) {
  ByteReader in(packet.subspan(4));
  const auto type = static_cast<Sftp>(in.u8());
  if (!has_begun_) {
    if (type != Sftp::kInit || in.u32() < kVersion || !in.ok()) return wrong("another beginning");
    has_begun_ = true;
    return {};
  }
  const uint32_t id = in.u32();
  SftpRequest asked;
  asked.type = type;
  asked.transfer.protocol = "sftp";
  switch (type) {
    case Sftp::kClose:
    case Sftp::kRead:
    case Sftp::kFstat:
    case Sftp::kFsetstat:
    case Sftp::kReaddir:
      TRY_VOID(handle_request(type, in, asked));
      break;
    case Sftp::kExtended:
      TRY_VOID(extended_request(in, asked));
      break;
    default:
      TRY_VOID(named_request(type, in, asked));
  }
  if (!in.done()) return wrong("a request of another length");
  return state_.ask(id, std::move(asked));
}

Status SftpFollower::handle_request(Sftp type, ByteReader& in, SftpRequest& request) {
  TRY(request.handle, read_string(in, kSftpHandleBytesMax));
  SftpFile* const file = state_.file(request.handle);
  if (file == nullptr) return wrong("a handle of nothing that is open");
  if (type == Sftp::kClose) file->is_closing = true;
  if (type == Sftp::kRead) {
    request.offset = in.u64();
    request.length = in.u32();
    if (request.offset > INT64_MAX) return wrong("a read beyond any file");
  }
  if (type == Sftp::kFsetstat) {
    TRY_VOID(read_attributes(in, request));
    request.completes = request.size == file->to_host.next();
    request.transfer.name = file->transfer.name;
    request.transfer.what = What::kSetAttributes;
  }
  return {};
}

Status SftpFollower::named_request(Sftp type, ByteReader& in, SftpRequest& request) {
  event::Transfer& transfer = request.transfer;
  TRY(transfer.name, read_string(in, kSftpNameBytesMax));
  switch (type) {
    case Sftp::kOpen: {
      request.flags = in.u32();
      transfer.what = (request.flags & kWriteFlag) != 0 ? What::kToHost : What::kFromHost;
      SftpRequest ignored;  // rights of a file that is made: the protocol's, and so in the record
      return read_attributes(in, ignored);
    }
    case Sftp::kRemove:
      transfer.what = What::kRemove;
      return {};
    case Sftp::kRmdir:
      transfer.what = What::kRemoveDirectory;
      return {};
    case Sftp::kMkdir:
    case Sftp::kSetstat:
      transfer.what = type == Sftp::kMkdir ? What::kMakeDirectory : What::kSetAttributes;
      return read_attributes(in, request);
    case Sftp::kRename: {
      transfer.what = What::kRename;
      TRY(transfer.to, read_string(in, kSftpNameBytesMax));
      return {};
    }
    case Sftp::kSymlink: {
      // In OpenSSH's order, which is not the draft's: first what the link points to.
      transfer.what = What::kSymlink;
      TRY(std::string link, read_string(in, kSftpNameBytesMax));
      transfer.to = std::exchange(transfer.name, std::move(link));
      return {};
    }
    case Sftp::kOpendir:
      return {};
    case Sftp::kLstat:
    case Sftp::kStat:
    case Sftp::kRealpath:
    case Sftp::kReadlink:
      transfer.name.clear();  // changes nothing
      return {};
    default:
      return wrong("no such request");
  }
}

Status SftpFollower::extended_request(ByteReader& in, SftpRequest& request) {
  event::Transfer& transfer = request.transfer;
  TRY(const std::string name, read_string(in, kSftpHandleBytesMax));
  if (name == "posix-rename@openssh.com") {
    transfer.what = What::kRename;
    TRY(transfer.name, read_string(in, kSftpNameBytesMax));
    TRY(transfer.to, read_string(in, kSftpNameBytesMax));
  } else if (name == "hardlink@openssh.com") {
    transfer.what = What::kLink;
    TRY(transfer.to, read_string(in, kSftpNameBytesMax));
    TRY(transfer.name, read_string(in, kSftpNameBytesMax));
  } else if (name == "lsetstat@openssh.com") {
    transfer.what = What::kSetAttributes;
    TRY(transfer.name, read_string(in, kSftpNameBytesMax));
    TRY_VOID(read_attributes(in, request));
  } else if (name == "copy-data") {
    TRY_VOID(read_string(in, kSftpHandleBytesMax));  // from which
    (void)in.bytes(8 + 8);
    TRY(const std::string to, read_string(in, kSftpHandleBytesMax));
    (void)in.u64();
    if (SftpFile* const file = state_.file(to)) file->to_host.spoil("copied on the host");
  } else {
    (void)in.bytes(in.rest().size());
  }
  return {};
}

Status SftpFollower::answer(ByteSpan packet) {
  ByteReader in(packet.subspan(4));
  const auto type = static_cast<Sftp>(in.u8());
  if (!is_answered_) {
    if (!has_begun_ || type != Sftp::kVersion || in.u32() != kVersion || !in.ok())
      return wrong("another version");
    is_answered_ = true;
    return {};
  }
  TRY(const SftpRequest asked, state_.answered(in.u32()));
  if (!may_answer(asked.type, type)) return wrong("an answer to something else");
  if (type == Sftp::kHandle) return opened(in, asked);
  if (type != Sftp::kStatus) return in.ok() ? Status{} : wrong("a packet that is cut short");
  const uint32_t code = in.u32();
  if (!in.ok()) return wrong("a packet that is cut short");
  status(asked, code);
  return {};
}

Status SftpFollower::opened(ByteReader& in, const SftpRequest& request) {
  TRY(const std::string handle, read_string(in, kSftpHandleBytesMax));
  if (!in.done()) return wrong("a handle of another length");
  return state_.open(handle, request);
}

void SftpFollower::status(const SftpRequest& request, uint32_t code) {
  SftpFile* const file = state_.file_or_closing(request.handle);
  switch (request.type) {
    case Sftp::kClose:
      return closed(request, code);
    case Sftp::kWrite:
      if (file == nullptr) return;
      --file->unanswered;
      if (code != kOk) file->to_host.spoil("a write failed");
      return;
    case Sftp::kRead:
      if (file == nullptr) return;
      if (code != kEof) return file->from_host.spoil("a read failed");
      if (request.offset == file->from_host.next()) file->from_host.set_whole(true);
      return;
    case Sftp::kFsetstat:
      return attributes_set(request, code);
    default:
      break;
  }
  if (request.transfer.name.empty() || request.type == Sftp::kOpendir) return;
  event::Transfer transfer = request.transfer;
  transfer.error = code;
  if (code != kOk) transfer.why = "refused";
  if (code == kOk && request.size) transfer.why = "and its size";
  pieces_.say(std::move(transfer));
}

void SftpFollower::closed(const SftpRequest& request, uint32_t code) {
  SftpFile* const file = state_.file_or_closing(request.handle);
  if (file == nullptr) return;
  if (file->unanswered > 0) file->to_host.spoil("a write was not answered");
  for (event::Transfer& each : file->told(code == kOk ? "" : "its closing failed", code))
    pieces_.say(std::move(each));
  state_.erase(request.handle);
}

/// Of a file that is written they are a part of how it ends; of others they are said themselves.
void SftpFollower::attributes_set(const SftpRequest& request, uint32_t code) {
  SftpFile* const file = state_.file_or_closing(request.handle);
  if (file != nullptr && file->writes && code == kOk) {
    if (request.size && request.completes) file->to_host.set_whole(true);
    if (request.size && !request.completes) file->to_host.spoil("its size was changed");
    if (request.transfer.mode) file->transfer.mode = request.transfer.mode;
    if (request.transfer.uid) file->transfer.uid = request.transfer.uid;
    if (request.transfer.gid) file->transfer.gid = request.transfer.gid;
    return;
  }
  event::Transfer transfer = request.transfer;
  transfer.error = code;
  if (code != kOk) transfer.why = "refused";
  pieces_.say(std::move(transfer));
}

}  // namespace stele::transfer
