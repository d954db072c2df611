# The extension, by PGXS: make && make install && make installcheck
#
#   PG_CONFIG=/path/to/pg_config   which PostgreSQL (15 to 18)
#   WERROR=                        do not treat warnings as errors
#
# Out of tree: make -f /path/to/pendo_fdw/Makefile from any folder.
# What needs no PostgreSQL (unit tests, benches) is built by CMakeLists.txt.

EXTENSION = pendo_fdw
MODULE_big = pendo_fdw

srcdir := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))
ifeq ($(realpath $(CURDIR)),$(srcdir))
srcdir := .
else
VPATH := $(srcdir)
endif

# pendo_fdw--A.sql and, from one version to the next, pendo_fdw--A--B.sql
DATA = $(patsubst $(srcdir)/%,%,$(sort $(wildcard $(srcdir)/$(EXTENSION)--*.sql)))
core_sources := $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/src/core/*.cpp))
server_sources := $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/src/bridge/*.cpp $(srcdir)/src/fdw/*.cpp))
simulator_sources := $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/test/simulator/*.cpp))
core_objects := $(core_sources:.cpp=.o)
OBJS = $(core_objects) $(server_sources:.cpp=.o)

PG_CONFIG ?= pg_config
WERROR ?= -Werror
language := -std=c++20 -Wall -Wextra $(WERROR)
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) -I$(srcdir)/src
PG_CXXFLAGS = $(language) -MMD -MP -fvisibility=hidden -fvisibility-inlines-hidden
SHLIB_LINK = -lcurl -lz -lstdc++ -Wl,--version-script=$(srcdir)/src/fdw/exports.map

REGRESS = $(patsubst $(srcdir)/sql/%.sql,%,$(sort $(wildcard $(srcdir)/sql/*.sql)))
REGRESS_OPTS = --inputdir=$(srcdir) --load-extension=pendo_fdw --no-locale --encoding=UTF8
NO_INSTALLCHECK = 1
simulator := build/pendo-simulator
EXTRA_CLEAN = build $(OBJS:.o=.d)

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# LLVM bitcode is compiled with flags of its own
override BITCODE_CXXFLAGS += -std=c++20

# The wall: the core does not see the server's headers.
$(core_objects) $(core_objects:.o=.bc): override CPPFLAGS := -D_GNU_SOURCE -DPENDO_CORE_BUILD -I$(srcdir)/src

# Headers: the compiler lists what each object needs. Bitcode follows its object.
-include $(OBJS:.o=.d)
$(OBJS:.o=.bc): %.bc: %.o
$(OBJS): $(srcdir)/Makefile | build-folders
build-folders:
	@mkdir -p src/core src/bridge src/fdw
.PHONY: build-folders

simulator_objects := $(simulator_sources:%.cpp=build/%.o)
-include $(simulator_objects:.o=.d)
build/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) -O2 -g $(language) -MMD -MP -I$(srcdir)/test/simulator -c -o $@ $<
$(simulator): $(simulator_objects)
	$(CXX) -o $@ $^ -lz -pthread

simulator: $(simulator)
.PHONY: simulator

# The regress suite talks to a simulator of its own, named by PENDO_SIMULATOR.
installcheck: $(simulator)
	$(srcdir)/test/with-simulator $(simulator) --visitors 200 --accounts 20 --clean -- \
	  $(MAKE) -f $(srcdir)/Makefile regress-only
regress-only:
	$(pg_regress_installcheck) $(REGRESS_OPTS) $(REGRESS)
.PHONY: installcheck regress-only
