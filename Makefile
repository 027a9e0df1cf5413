# Builds and installs the extension with PGXS: make, make install, make installcheck, PG_CONFIG=...
# Without PostgreSQL's build files (a bare machine) the Makefile still parses: demo, demo-stop, test
# and bench install what they need themselves, the build targets say what is missing.

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

.DEFAULT_GOAL := all
.PHONY: demo demo-stop test bench

demo demo-stop test:
	@scripts/$@

bench:
	@bench/run

# Everything that CREATE EXTENSION runs, one file a module, joined in name order.
SQL_PARTS := $(sort $(wildcard extension/sql/*.sql))
SOURCES := $(sort $(wildcard extension/src/*/*.cpp))

EXTENSION = extension/pg_stash
MODULE_big = pg_stash
OBJS = $(SOURCES:extension/src/%.cpp=build/extension/%.o)
DATA = $(wildcard extension/sql/upgrade/*.sql)
DATA_built = extension/pg_stash--1.0.sql
EXTRA_CLEAN = build/extension

# The tests of sql/ run against the server that PGHOST and PGPORT point to.
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=. --load-extension=pg_stash

# PostgreSQL's headers as system headers: -Wextra -Werror is for our own lines.
PG_CPPFLAGS := -Iextension/src -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
# PostgreSQL 15 leaves it empty; with -fvisibility=hidden that would hide what the server looks up.
PG_CPPFLAGS += '-DPGDLLEXPORT=__attribute__((visibility("default")))'
# -Wno-register: PostgreSQL 15 uses the word. -Wno-clobbered: PG_FINALLY's own variable trips it.
PG_CXXFLAGS = -std=c++20 -O2 -Wall -Wextra -Werror -Wno-register -Wno-clobbered -fvisibility=hidden
SHLIB_LINK = -lstdc++ -lcurl -lcrypto

# No LLVM bitcode: it would let the JIT inline these functions into queries, where a call into
# shared memory gains nothing, and it would make clang a build dependency.
override with_llvm := no

ifneq ($(wildcard $(PGXS)),)

include $(PGXS)

# PostgreSQL may have been built by a newer compiler than ours: gcc 12 refuses these flags of it.
NEWER_FLAGS = -fexcess-precision=standard -Wmissing-variable-declarations
override CXXFLAGS := $(filter-out $(NEWER_FLAGS),$(CXXFLAGS))
override CFLAGS := $(filter-out -Wmissing-variable-declarations,$(CFLAGS))

# Objects depend on the compiler's flags and on the PostgreSQL they were built for, so that another
# PG_CONFIG in the same tree rebuilds them.
BUILD_ID := $(VERSION) $(CXX) $(PG_CXXFLAGS) $(COPT)
build/extension/build_id: FORCE
	@mkdir -p $(@D)
	@echo '$(BUILD_ID)' | cmp -s - $@ || echo '$(BUILD_ID)' > $@

build/extension/%.o: extension/src/%.cpp build/extension/build_id
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJS:.o=.d)

extension/pg_stash--1.0.sql: $(SQL_PARTS) Makefile
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION pg_stash" to load this file. \quit'; \
	   cat $(SQL_PARTS); } > $@.new && mv $@.new $@

.PHONY: FORCE

else

.PHONY: all install installcheck uninstall clean
all install installcheck uninstall:
	@echo "pg_stash: '$(PG_CONFIG) --pgxs' names no PostgreSQL build files." >&2
	@echo "Run scripts/setup to install them, or set PG_CONFIG to the pg_config of your server." >&2
	@exit 1

clean:
	rm -rf build/extension extension/pg_stash--1.0.sql pg_stash.so

endif
