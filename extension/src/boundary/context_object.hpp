// C++ objects that live as long as a memory context: whoever may be left by ereport keeps a pointer
// to one instead of the object.
#pragma once

#include <new>
#include <utility>

#include "boundary/postgres.hpp"

namespace stash {

// Made in the present memory context, destroyed when that is reset or deleted. The destructor must
// neither throw nor report.
template <typename Object, typename... Arguments>
Object* make_in_context(Arguments&&... arguments) {
  static_assert(alignof(Object) <= MAXIMUM_ALIGNOF);
  auto* callback = static_cast<MemoryContextCallback*>(palloc0(sizeof(MemoryContextCallback)));
  auto* object = new (palloc(sizeof(Object))) Object(std::forward<Arguments>(arguments)...);
  callback->func = [](void* made) { static_cast<Object*>(made)->~Object(); };
  callback->arg = object;
  MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
  return object;
}

}  // namespace stash
