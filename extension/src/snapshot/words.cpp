// See words.hpp. A tsvector ends at 1 MB, with an error that would keep a snapshot from being made:
// so words are counted while they come in, and the rest is left out.
#include "snapshot/words.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "tsearch/ts_utils.h"
#include "utils/fmgrprotos.h"
}

namespace stash::memory {
namespace {

// Bytes of words, with 8 for each one's position and alignment, before they are made unique. A
// slice more than that stays below a tsvector's limit, however it falls into words.
constexpr std::size_t most_bytes = 600 * 1024;
constexpr int slice = 64 * 1024;
constexpr int weight_count = 4;

struct name {
  const char* text;
  int size;
};

// The names of members that lead to where the iteration is.
class name_stack {
 public:
  name_stack() : names_(static_cast<name*>(palloc(sizeof(name) * static_cast<Size>(room_)))) {}

  void push() {
    if (depth_ == room_) {
      room_ *= 2;
      names_ = static_cast<name*>(repalloc(names_, sizeof(name) * static_cast<Size>(room_)));
    }
    names_[depth_++] = {"", 0};
  }
  void pop() { depth_--; }
  void set(const JsonbValue& key) { names_[depth_ - 1] = {key.val.string.val, key.val.string.len}; }
  [[nodiscard]] int depth() const { return depth_; }
  [[nodiscard]] const name& operator[](int at) const { return names_[at]; }

 private:
  int room_ = 16;
  int depth_ = 0;
  name* names_;
};

bool ends_with(const name_stack& at, const name& path) {
  int left = path.size;
  for (int i = at.depth() - 1; i >= 0; i--) {
    const name& each = at[i];
    if (each.size > left ||
        memcmp(path.text + left - each.size, each.text, static_cast<std::size_t>(each.size)) != 0)
      return false;
    left -= each.size;
    if (left == 0) return true;
    if (path.text[--left] != '.') return false;
  }
  return false;
}

class collector {
 public:
  collector(Oid language, const Jsonb* weights) : language_(language), weights_(weights) {
    for (ParsedText& each : texts_) {
      each.lenwords = 64;
      each.curwords = 0;
      each.pos = 0;
      each.words =
          static_cast<ParsedWord*>(palloc(sizeof(ParsedWord) * static_cast<Size>(each.lenwords)));
    }
  }

  void add(const name_stack& at, char* text, int size) {
    ParsedText* into = &texts_[weight_at(at)];
    while (size > 0 && complete_) {
      CHECK_FOR_INTERRUPTS();
      const int part = cut(text, size);
      const int before = into->curwords;
      parsetext(language_, into, text, part);
      for (int i = before; i < into->curwords; i++) bytes_ += into->words[i].len + 8U;
      text += part;
      size -= part;
      // What is left of this text, or comes after it.
      if (bytes_ > most_bytes) complete_ = false;
    }
    // A phrase does not go from one string into the next.
    into->pos += 1;
  }

  [[nodiscard]] bool full() const { return !complete_; }

  word_list finish() {
    Datum all = 0;
    for (int i = 0; i < weight_count; i++) {
      if (texts_[i].curwords == 0) continue;
      Datum some = PointerGetDatum(make_tsvector(&texts_[i]));
      if (i < weight_count - 1)
        some =
            DirectFunctionCall2(tsvector_setweight, some, CharGetDatum(static_cast<char>('A' + i)));
      all = all == 0 ? some : DirectFunctionCall2(tsvector_concat, all, some);
    }
    if (all == 0) {
      ParsedText none = texts_[weight_count - 1];
      all = PointerGetDatum(make_tsvector(&none));
    }
    return {DatumGetTSVector(all), complete_};
  }

 private:
  // The index of the weight: 0 for A to 3 for D.
  [[nodiscard]] int weight_at(const name_stack& at) const {
    int found = weight_count - 1;
    if (JB_ROOT_COUNT(weights_) == 0) return found;
    int longest = 0;
    JsonbIterator* iterator = JsonbIteratorInit(const_cast<JsonbContainer*>(&weights_->root));
    JsonbValue value;
    name path = {"", 0};
    JsonbIteratorToken token;
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
      if (token == WJB_KEY) path = {value.val.string.val, value.val.string.len};
      if (token == WJB_VALUE && value.type == jbvString && path.size > longest &&
          ends_with(at, path)) {
        found = value.val.string.val[0] - 'A';
        longest = path.size;
      }
    }
    return found;
  }

  // How much of the text to look at: up to a space, if there is one near the end of the slice.
  static int cut(const char* text, int size) {
    if (size <= slice) return size;
    for (int at = slice; at > slice / 2; at--)
      if (text[at - 1] == ' ' || text[at - 1] == '\n') return at;
    return Max(1, pg_mbcliplen(text, size, slice));
  }

  Oid language_;
  const Jsonb* weights_;
  ParsedText texts_[weight_count] = {};
  std::size_t bytes_ = 0;
  bool complete_ = true;
};

void collect(const Jsonb* content, collector* into) {
  JsonbIterator* iterator = JsonbIteratorInit(const_cast<JsonbContainer*>(&content->root));
  name_stack at;
  JsonbValue value;
  JsonbIteratorToken token;
  while (!into->full() && (token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE) {
    if (token == WJB_BEGIN_OBJECT) at.push();
    if (token == WJB_END_OBJECT) at.pop();
    if (token == WJB_KEY) at.set(value);
    if ((token == WJB_VALUE || token == WJB_ELEM) && value.type == jbvString)
      into->add(at, value.val.string.val, value.val.string.len);
  }
}

}  // namespace

word_list words_of(const Jsonb* content, Oid language, const Jsonb* weights) {
  // The parser tells the client of every word that is too long; base64 would make a stream of it.
  const int nest = NewGUCNestLevel();
  (void)set_config_option("client_min_messages", "error", PGC_USERSET, PGC_S_SESSION,
                          GUC_ACTION_SAVE, true, 0, false);
  (void)set_config_option("log_min_messages", "error", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                          true, 0, false);
  collector into(language, weights);
  collect(content, &into);
  AtEOXact_GUC(false, nest);
  return into.finish();
}

}  // namespace stash::memory
