// See merge_patch.hpp.
#include "session/merge_patch.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

bool is_object(const JsonbValue* value) {
  return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

JsonbValue binary_of(Jsonb* whole) {
  JsonbValue value;
  value.type = jbvBinary;
  value.val.binary.data = &whole->root;
  value.val.binary.len = static_cast<int>(VARSIZE_ANY_EXHDR(whole));
  return value;
}

JsonbValue* member(const JsonbValue* object, const JsonbValue* key) {
  if (object == nullptr || !is_object(object)) return nullptr;
  return getKeyJsonValueFromContainer(object->val.binary.data, key->val.string.val,
                                      key->val.string.len, nullptr);
}

// Writes every member of an object: visit(key, value).
template <typename Visit>
void each_member(const JsonbValue* object, Visit visit) {
  JsonbIterator* iterator = JsonbIteratorInit(object->val.binary.data);
  JsonbValue key;
  JsonbValue value;
  (void)JsonbIteratorNext(&iterator, &key, true);
  while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY) {
    (void)JsonbIteratorNext(&iterator, &value, true);
    visit(&key, &value);
  }
}

// target: nullptr or what the patch, an object, is applied to. Returns the pushed object.
JsonbValue* push_merged(JsonbParseState** state, const JsonbValue* target,
                        const JsonbValue* patch) {
  check_stack_depth();
  CHECK_FOR_INTERRUPTS();
  (void)pushJsonbValue(state, WJB_BEGIN_OBJECT, nullptr);
  if (target != nullptr && is_object(target))
    each_member(target, [&](JsonbValue* key, JsonbValue* value) {
      if (member(patch, key) != nullptr) return;
      (void)pushJsonbValue(state, WJB_KEY, key);
      (void)pushJsonbValue(state, WJB_VALUE, value);
    });
  each_member(patch, [&](JsonbValue* key, JsonbValue* value) {
    if (value->type == jbvNull) return;
    (void)pushJsonbValue(state, WJB_KEY, key);
    if (is_object(value))
      (void)push_merged(state, member(target, key), value);
    else
      (void)pushJsonbValue(state, WJB_VALUE, value);
  });
  return pushJsonbValue(state, WJB_END_OBJECT, nullptr);
}

}  // namespace

Jsonb* merge_patch(Jsonb* target, Jsonb* patch) {
  if (!JB_ROOT_IS_OBJECT(patch)) return patch;
  const JsonbValue old = binary_of(target);
  const JsonbValue change = binary_of(patch);
  JsonbParseState* state = nullptr;
  return JsonbValueToJsonb(push_merged(&state, &old, &change));
}

}  // namespace stash
