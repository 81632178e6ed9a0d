# molbuild: build, test, install. GNU make; README.md tells the two commands that matter.
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= cc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
FUZZ_SECONDS ?= 60
VERSION := $(shell cat VERSION)

# Several names are in use for one library, and for one interpreter.
LUA_PC = $(firstword $(foreach p,lua5.4 lua-5.4 lua54,$(shell $(PKG_CONFIG) --exists $(p) 2>/dev/null && echo $(p))))
LUA = $(firstword $(foreach p,lua5.4 lua-5.4 lua54 lua,$(shell command -v $(p) 2>/dev/null)))

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Icore
ALL_CFLAGS = -std=c11 -fPIC $(WARNINGS) $(CFLAGS) $(shell $(PKG_CONFIG) --cflags $(LUA_PC) libcurl libcrypto)
LIB_LIBS = $(shell $(PKG_CONFIG) --libs libcurl libcrypto) -lm
LUA_LIBS = $(shell $(PKG_CONFIG) --libs $(LUA_PC))

# The program exports Lua's symbols, for C modules such as cjson; a module finds them in the program that loads it.
ifeq ($(shell uname),Darwin)
MODULE_FLAGS := -bundle -undefined dynamic_lookup
else
PROGRAM_FLAGS := -Wl,-E
MODULE_FLAGS := -shared
endif

# V=1 shows the commands.
say = $(if $(V),,@echo "  $@"; )

LIB_OBJ := $(patsubst core/%.c,$(BUILD)/obj/%.o,$(wildcard core/lib/*.c))
BIND_OBJ := $(patsubst core/%.c,$(BUILD)/obj/%.o,$(wildcard core/bind/*.c))
LUA_FILES := $(shell find lua/molbuild -name '*.lua')
UNIT_TESTS := $(patsubst core/test/%.c,$(BUILD)/test/%,$(wildcard core/test/test_*.c))
FUZZERS := $(patsubst core/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard core/fuzz/fuzz_*.c))

# Fault injection: the unit tests can fail the n-th of these calls (core/test/fault.h).
WRAPPED := $(foreach f,malloc calloc realloc read fork,-Wl,--wrap=$(f))

all: $(BUILD)/molbuild $(BUILD)/lua/molbuild/core.so

$(BUILD)/molbuild: $(BUILD)/obj/main.o $(BUILD)/obj/embedded.o $(BIND_OBJ) $(LIB_OBJ)
	$(say)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(PROGRAM_FLAGS) $^ -o $@ $(LUA_LIBS) $(LIB_LIBS)

$(BUILD)/lua/molbuild/core.so: $(BIND_OBJ) $(LIB_OBJ)
	@mkdir -p $(@D)
	$(say)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(MODULE_FLAGS) $^ -o $@ $(LIB_LIBS)

$(BUILD)/embedded.c: core/embed.lua $(LUA_FILES)
	@mkdir -p $(@D)
	$(say)$(LUA) core/embed.lua lua $(LUA_FILES) > $@.new && mv $@.new $@

$(BUILD)/obj/embedded.o: $(BUILD)/embedded.c
	@mkdir -p $(@D)
	$(say)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/obj/main.o: CPPFLAGS += -DMOLBUILD_VERSION='"$(VERSION)"' -DMOLBUILD_PREFIX='"$(PREFIX)"'
$(BUILD)/obj/main.o: VERSION

$(BUILD)/obj/%.o: core/%.c
	@mkdir -p $(@D)
	$(say)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/test/test_%: $(BUILD)/obj/test/test_%.o $(patsubst core/%.c,$(BUILD)/obj/%.o,$(wildcard core/test/fault.c)) $(LIB_OBJ)
	@mkdir -p $(@D)
	$(say)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(WRAPPED) $^ -o $@ -lcmocka $(LIB_LIBS)

$(BUILD)/test/hostile_server: $(BUILD)/obj/test/hostile_server.o $(LIB_OBJ)
	@mkdir -p $(@D)
	$(say)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@ $(LIB_LIBS)

$(BUILD)/fuzz/%: core/fuzz/%.c $(wildcard core/lib/*.[ch])
	@mkdir -p $(@D)
	$(say)$(CLANG) $(CPPFLAGS) -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined \
	  $(shell $(PKG_CONFIG) --cflags libcurl libcrypto) $< $(wildcard core/lib/*.c) -o $@ $(LIB_LIBS)

bootstrap:
	@scripts/bootstrap.sh --for=test

# A sub-make looks for Lua and the libraries anew, after they have been installed.
test:
	@scripts/bootstrap.sh --for=test
	@$(MAKE) --no-print-directory all unit-programs
	@BUILD=$(BUILD) scripts/test.sh unit spec integration

unit-programs: $(UNIT_TESTS) $(patsubst core/%.c,$(BUILD)/%,$(wildcard core/test/hostile_server.c))

unit: unit-programs
	@BUILD=$(BUILD) scripts/test.sh unit

spec: all
	@BUILD=$(BUILD) scripts/test.sh spec

integration: all unit-programs
	@BUILD=$(BUILD) scripts/test.sh integration

# The C tests, the specs and the integration specs, under the address and undefined-behaviour sanitizers.
ASAN_FLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
asan:
	@scripts/bootstrap.sh --for=test
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-asan CFLAGS='$(ASAN_FLAGS)' all unit-programs
	@BUILD=$(BUILD)-asan SANITIZED=1 scripts/test.sh unit spec

lint:
	@scripts/bootstrap.sh --for=test
	@scripts/lint.sh

fuzz: $(FUZZERS)
	@for fuzzer in $(FUZZERS); do \
	  name=$$(basename $$fuzzer); seeds=core/fuzz/seeds/$${name#fuzz_}; mkdir -p $(BUILD)/corpus/$$name; \
	  echo "$$name: $(FUZZ_SECONDS) s"; \
	  $$fuzzer -max_total_time=$(FUZZ_SECONDS) -print_final_stats=0 -verbosity=0 $(BUILD)/corpus/$$name \
	    $$(test -d $$seeds && echo $$seeds) || exit 1; \
	done

bench: all
	@BUILD=$(BUILD) scripts/bench.sh

demo:
	@scripts/bootstrap.sh --for=demo
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) scripts/demo.sh

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/molbuild/scripts $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(BUILD)/molbuild $(DESTDIR)$(PREFIX)/bin/molbuild
	install -m 644 scripts/*.lua $(DESTDIR)$(PREFIX)/share/molbuild/scripts/
	install -m 644 scripts/man/molbuild.1 $(DESTDIR)$(PREFIX)/share/man/man1/

clean:
	rm -rf $(BUILD) $(BUILD)-asan

.PHONY: all bootstrap test unit-programs unit spec integration asan lint fuzz bench demo install clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
