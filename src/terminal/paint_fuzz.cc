// Whatever bytes made a screen, its paint makes it again, passes the neutraliser unchanged, and
// does so on a dirty terminal too.
#include "base/check.h"
#include "base/fuzz.h"
#include "terminal/emulator.h"
#include "terminal/neutralise.h"
#include "terminal/paint.h"

// The first two bytes are the size.
STELE_FUZZ(terminal_paint, input) {
  using namespace stele;
  using namespace stele::terminal;
  if (input.size() < 2) return;
  const size_t rows = 1 + input[0] % 12, columns = 1 + input[1] % 24;
  const ByteSpan bytes = input.subspan(2);
  Emulator original(rows, columns);
  original.write(bytes);

  const std::string painted = paint(original.screen());
  Emulator fresh(rows, columns);
  fresh.write(as_bytes(painted));
  CHECK(fresh.screen() == original.screen());

  Emulator dirty(rows, columns);
  dirty.write(bytes.first(bytes.size() / 2));
  dirty.write(as_bytes("\x18"));
  dirty.write(as_bytes(painted));
  CHECK(dirty.screen() == original.screen());

  Bytes passed;
  Neutraliser().filter(as_bytes(painted), passed);
  CHECK(as_text(passed) == painted);
}
