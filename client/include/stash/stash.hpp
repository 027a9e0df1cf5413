// Everything of the client.
#pragma once

#include "stash/admin.hpp"
#include "stash/cache.hpp"
#include "stash/cached.hpp"
#include "stash/call_statistics.hpp"
#include "stash/client.hpp"
#include "stash/connection.hpp"
#include "stash/error.hpp"
#include "stash/expected.hpp"
#include "stash/health_monitor.hpp"
#include "stash/nothrow.hpp"
#include "stash/pipeline.hpp"
#include "stash/pool.hpp"
#include "stash/replicas.hpp"
#include "stash/secret.hpp"
#include "stash/sessions.hpp"
#include "stash/transaction.hpp"
