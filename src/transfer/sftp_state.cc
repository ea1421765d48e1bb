#include "transfer/sftp_state.h"

#include <utility>

namespace stele::transfer {
namespace {

using What = event::Transfer::What;

constexpr uint32_t kRead = 1, kWrite = 2, kAppend = 4, kCreate = 8, kTruncate = 16, kExclusive = 32;

size_t name_bytes_of(const SftpRequest& request) {
  return request.transfer.name.size() + request.transfer.to.size();
}

}  // namespace

std::vector<event::Transfer> SftpFile::told(const std::string& why, uint64_t error) const {
  std::vector<event::Transfer> all;
  if (is_directory) return all;
  const auto tell = [&](What what, const Content& content) {
    event::Transfer& one = all.emplace_back(transfer);
    one.what = what;
    one.why = why;
    one.error = error;
    content.tell(one);
  };
  // Opened for both, most are only read, or only written.
  const bool is_both = reads && writes;
  if (writes && !(is_both && to_host.bytes() == 0 && from_host.bytes() > 0))
    tell(What::kToHost, to_host);
  if (reads && !(is_both && from_host.bytes() == 0)) tell(What::kFromHost, from_host);
  return all;
}

Status SftpState::ask(uint32_t id, SftpRequest request) {
  if (requests_.size() >= kSftpRequestsMax) return fail(Code::kLimit, "too many requests");
  name_bytes_ += name_bytes_of(request);
  if (name_bytes_ > kSftpNamesBytesMax) return fail(Code::kLimit, "too many names");
  if (!requests_.emplace(id, std::move(request)).second)
    return fail(Code::kCorrupt, "a second request of one number");
  return {};
}

Result<SftpRequest> SftpState::answered(uint32_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return fail(Code::kCorrupt, "an answer to no request");
  SftpRequest request = std::move(found->second);
  requests_.erase(found);
  name_bytes_ -= name_bytes_of(request);
  return request;
}

const SftpRequest* SftpState::find(uint32_t id) const {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : &found->second;
}

Status SftpState::open(const std::string& handle, const SftpRequest& request) {
  if (files_.size() >= kSftpFilesMax) return fail(Code::kLimit, "too many open files");
  SftpFile file;
  file.transfer = request.transfer;
  file.is_directory = request.type == Sftp::kOpendir;
  file.reads = (request.flags & kRead) != 0;
  file.writes = (request.flags & kWrite) != 0;
  file.appends = (request.flags & kAppend) != 0;
  const bool is_new = (request.flags & kTruncate) != 0 ||
                      (request.flags & (kCreate | kExclusive)) == (kCreate | kExclusive);
  file.to_host.set_whole(is_new);
  if (file.appends) file.to_host.spoil("appended");
  if (!files_.emplace(handle, std::move(file)).second)
    return fail(Code::kCorrupt, "a second file of one handle");
  return {};
}

SftpFile* SftpState::file_or_closing(const std::string& handle) {
  const auto found = files_.find(handle);
  return found == files_.end() ? nullptr : &found->second;
}

SftpFile* SftpState::file(const std::string& handle) {
  SftpFile* const found = file_or_closing(handle);
  return found == nullptr || found->is_closing ? nullptr : found;
}

std::vector<event::Transfer> SftpState::take_all(const std::string& why) {
  std::vector<event::Transfer> all;
  for (auto& [handle, file] : files_) {
    for (event::Transfer& each : file.told(why, 0)) all.push_back(std::move(each));
  }
  for (auto& [id, request] : requests_) {
    if (request.transfer.name.empty() || request.type == Sftp::kOpendir) continue;
    request.transfer.why = why + ", not answered";
    all.push_back(std::move(request.transfer));
  }
  files_.clear();
  requests_.clear();
  name_bytes_ = 0;
  return all;
}

}  // namespace stele::transfer
