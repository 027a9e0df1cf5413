// The rows that a set-returning function gives back, collected in a tuplestore.
#pragma once

#include "boundary/postgres.hpp"

namespace stash {

class row_set {
 public:
  explicit row_set(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
    result_ = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  }
  void add(Datum* columns, bool* nulls) const {
    tuplestore_putvalues(result_->setResult, result_->setDesc, columns, nulls);
  }

 private:
  ReturnSetInfo* result_;
};

}  // namespace stash
