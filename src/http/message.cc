#include "http/message.h"

namespace stele::http {
namespace {

class FileBody : public BodySource {
 public:
  FileBody(std::unique_ptr<os::File> file, uint64_t offset, uint64_t size)
      : file_(std::move(file)), offset_(offset), size_(size) {}

  uint64_t size() const override { return size_; }
  Result<size_t> read_at(uint64_t offset, MutableByteSpan out) override {
    TRY(const size_t read, file_->read_at(offset_ + offset, out));
    if (read == 0 && !out.empty()) return fail(Code::kCorrupt, "file: shorter than it was");
    return read;
  }

 private:
  const std::unique_ptr<os::File> file_;
  const uint64_t offset_, size_;
};

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t from = text.find_first_not_of(kBlanks);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

const std::string* find_header(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (header.name == name) return &header.value;
  }
  return nullptr;
}

std::unique_ptr<BodySource> file_body(std::unique_ptr<os::File> file, uint64_t offset,
                                      uint64_t size) {
  return std::make_unique<FileBody>(std::move(file), offset, size);
}

Response text_response(int status, std::string_view text) {
  const ByteSpan bytes = as_bytes(text);
  return {status, "text/plain; charset=utf-8", Bytes(bytes.begin(), bytes.end()), {}};
}

}  // namespace stele::http
