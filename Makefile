# molbuild: build, test, install. GNU make; see README.md for the two commands that matter.
#
#   make            build/molbuild, a program that runs from the checkout, and build/lua/molbuild/core.so
#   make demo       the main job on a small template repository
#   make check      the fast lane: lint of what changed, unit, specs   (make lint: of all; make unit, make spec)
#   make test       everything: unit tests, specs, integration specs   (make integration)
#   make asan       the same under AddressSanitizer and UBSan, with invariants checked          (make bench, make fuzz)
#   make faults     every system call and allocation fails once        (make soak: many runs, nothing grows)
#   make format     lays the C out as lint expects it
#   make docs       the tables and examples in pages and the manual, the types for editors, the reference of the library
#   make release    the files of a release, in build/release            (make release-test)
#   make install    PREFIX=/usr/local DESTDIR=                         (make uninstall)

# The last line of a test run is its count. With -C and -w, make prints a line on the directory as its last, unless only another
# make has run and -O groups what is printed (which takes two jobs): so another make does the work. $(shell) would run, too.
TESTING := check test unit spec integration asan release-test
ifneq ($(and $(if $(COUNT_LAST),,1),$(findstring w,$(firstword -$(MAKEFLAGS))),$(filter $(TESTING),$(MAKECMDGOALS))),)
JOBS := $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j2)
MAKEFLAGS += -Otarget $(JOBS)
.PHONY: $(MAKECMDGOALS)
$(MAKECMDGOALS):
	@$(MAKE) -Onone --no-print-directory COUNT_LAST=1 $@
else

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= cc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
INSTALL ?= install
FUZZ_SECONDS ?= 60
FUZZ_RUNS ?= -1

find_program = $(firstword $(foreach p,$(1),$(shell command -v $(p) 2>/dev/null)))
LUA := $(call find_program,lua5.4 lua-5.4 lua54 lua)
LUA_PC := $(firstword $(foreach p,lua5.4 lua-5.4 lua54 lua,$(shell $(PKG_CONFIG) --exists $(p) 2>/dev/null && echo $(p))))
VERSION := $(shell cat VERSION)

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Icore -Icore/lib
SANITIZE_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# A luarocks build hands over where its Lua's headers are.
LUA_CFLAGS := $(if $(LUA_INCDIR),-I$(LUA_INCDIR),$(shell $(PKG_CONFIG) --cflags $(LUA_PC) 2>/dev/null))
LUA_LIBS := $(shell $(PKG_CONFIG) --libs $(LUA_PC) 2>/dev/null)
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags libcurl libssl libcrypto 2>/dev/null)
# glibc before 2.34 has timers in a library of their own.
LIB_LIBS := $(shell $(PKG_CONFIG) --libs libcurl libssl libcrypto 2>/dev/null) $(if $(filter Linux,$(shell uname -s)),-lrt)
ALL_CFLAGS = -std=c11 -fPIC $(WARNINGS) $(CFLAGS) $(if $(SANITIZE),$(SANITIZE_FLAGS)) $(LUA_CFLAGS) $(LIB_CFLAGS)

# Lua modules written in C find the interpreter's functions in the program.
ifeq ($(shell uname -s),Darwin)
EXPORT_SYMBOLS :=
MODULE_FLAGS := -bundle -undefined dynamic_lookup
# Its linker has no --wrap.
SKIPPED_TESTS := core/test/test_fault.c core/test/test_fault_streams.c core/test/test_arena.c
FAULTY :=
else
FAULTY := $(BUILD)/test/faulty.so
EXPORT_SYMBOLS := -Wl,-E
MODULE_FLAGS := -shared -Wl,-Bsymbolic
endif

# ALONE=1: the program is one static file, which loads no modules in C.
ifdef ALONE
EXPORT_SYMBOLS :=
CPPFLAGS += -DMOLBUILD_ALONE
endif

# VENDOR=DIR: lua-cjson and argparse.lua of this directory become a part of the program. The source archive of a release has it.
ifdef VENDOR
CPPFLAGS += -DMOLBUILD_VENDOR
VENDOR_OBJ := $(patsubst %,$(BUILD)/obj/vendor/%.o,lua_cjson strbuf fpconv)
VENDOR_MODULES := $(VENDOR)/argparse.lua
endif

# As many jobs as there are processors, where the caller does not say.
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN)
endif
MAKEFLAGS += --no-print-directory

# One short line a file; V=1 shows the commands.
Q := $(if $(V),,@)
say = @printf '  %-6s %s\n' $(1) $@

sources = $(patsubst core/%.c,$(BUILD)/obj/%.o,$(sort $(wildcard $(1))))
LIB_OBJ := $(call sources,core/lib/*.c core/lib/*/*.c)
BIND_OBJ := $(call sources,core/bind/*.c)
MODULES := $(sort $(wildcard lua/molbuild/*.lua lua/molbuild/*/*.lua))
POLICIES := $(sort $(wildcard scripts/*.lua scripts/verbs/*.lua))
UNIT_TESTS := $(patsubst core/test/%.c,$(BUILD)/test/%,$(filter-out $(SKIPPED_TESTS),$(wildcard core/test/test_*.c)))
BENCHES := $(patsubst core/bench/%.c,$(BUILD)/bench/%,$(wildcard core/bench/*.c))
FUZZERS := $(patsubst core/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard core/fuzz/fuzz_*.c))
# What the specs need in addition to the program.
SUPPORT_PROGRAMS := $(BUILD)/test/hostile_server $(BUILD)/test/proc_watch $(BUILD)/test/peak $(BUILD)/test/unread
SUPPORT := $(SUPPORT_PROGRAMS) $(FAULTY)

PROGRAM := $(BUILD)/molbuild
MODULE := $(BUILD)/lua/molbuild/core.so
RUN = BUILD=$(BUILD) LUA=$(LUA) tools/test.sh

.PHONY: all core.so check test unit spec integration asan lint bench soak faults fuzz can-fuzz docs format demo release release-test install install-share uninstall \
	install-rock clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAM) $(MODULE)
core.so: $(MODULE)

# --- Build -----------------------------------------------------------------------------------------------------------

$(BUILD)/obj/%.o: core/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(PROGRAM): $(BUILD)/obj/main.o $(BUILD)/obj/embedded.o $(BIND_OBJ) $(LIB_OBJ) $(VENDOR_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(EXPORT_SYMBOLS) $^ -o $@ $(LUA_LIBS) $(LIB_LIBS) -lm

# Its warnings are not ours.
$(BUILD)/obj/vendor/%.o: $(VENDOR)/lua-cjson/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -fPIC $(CFLAGS) $(LUA_CFLAGS) -DNDEBUG -w -c $< -o $@

# No liblua in it: the interpreter that loads it has one.
$(MODULE): $(BIND_OBJ) $(LIB_OBJ)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(MODULE_FLAGS) $^ -o $@ $(LIB_LIBS) -lm

$(BUILD)/obj/main.o: CPPFLAGS += -DMOLBUILD_VERSION='"$(VERSION)"' -DMOLBUILD_PREFIX='"$(PREFIX)"'
# Sanitizers look for leaks in a program that has given everything back.
$(BUILD)/obj/main.o: CPPFLAGS += $(if $(SANITIZE),-DMOLBUILD_CLOSE_STATE)
$(BUILD)/obj/main.o: $(BUILD)/settings

$(BUILD)/embedded.c: core/embed.lua $(MODULES) $(POLICIES) $(VENDOR_MODULES) $(BUILD)/modules
	$(call say,EMBED)
	$(Q)$(LUA) core/embed.lua lua $(MODULES) -- $(POLICIES) -- $(VENDOR_MODULES) >$@

$(BUILD)/obj/embedded.o: $(BUILD)/embedded.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Files that change only when what they hold does: another PREFIX or VERSION, a module that came or went.
update = @mkdir -p $(@D) && printf '%s\n' '$(1)' >$@.new && if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi
$(BUILD)/settings: FORCE
	$(call update,$(VERSION) $(PREFIX) $(VENDOR) $(ALONE))
$(BUILD)/modules: FORCE
	$(call update,$(MODULES) $(POLICIES) $(VENDOR_MODULES))

# --- Test ------------------------------------------------------------------------------------------------------------

# An archive: a test is linked with what it uses.
$(BUILD)/lib.a: $(LIB_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# With sanitizers, compiling the tests takes longer than running them. The other build has the warnings of the optimiser.
$(BUILD)/obj/test/%.o: ALL_CFLAGS += $(if $(SANITIZE),-O0)

$(BUILD)/test/%: $(BUILD)/obj/test/%.o $(BUILD)/lib.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@ -lcmocka $(LIB_LIBS) -lm

# Tests that make the n-th call of a function fail (core/test/fault.h): GNU ld puts our wrappers before the real ones.
FAULTS := malloc aligned_alloc calloc realloc strdup strndup read pread write pwrite open openat opendir fdopendir mkstemp fstat lstat \
	fstatat fsync close rename renameat unlinkat flock fork pipe
FAULT_TESTS := $(filter %/test_fault %/test_fault_streams %/test_arena,$(UNIT_TESTS))
$(FAULT_TESTS): $(BUILD)/obj/test/fault.o
$(FAULT_TESTS): LDFLAGS += $(FAULTS:%=-Wl,--wrap=%)

# A library to preload.
$(BUILD)/test/faulty.so: $(BUILD)/obj/test/faulty.o
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared $^ -o $@ -ldl

# A Lua interpreter of our own, for the specs under ASan: the sanitizer's runtime must be in the program.
$(BUILD)/test/lua_host: $(BUILD)/obj/test/lua_host.o
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(EXPORT_SYMBOLS) $^ -o $@ $(LUA_LIBS) -lm

$(SUPPORT_PROGRAMS): $(BUILD)/test/%: $(BUILD)/obj/test/%.o
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@

# The tools may have to be installed first, and are looked for when make starts: hence the second make.
check:
	tools/bootstrap.sh --for=test
	$(MAKE) check-run
test:
	tools/bootstrap.sh --for=test
	$(MAKE) test-run
asan:
	tools/bootstrap.sh --for=test
	$(MAKE) BUILD=build-asan SANITIZE=1 CFLAGS='-O1 -g -DMOLBUILD_DEBUG' asan-run

.PHONY: check-run test-run asan-run unit-tests
check-run: all $(UNIT_TESTS)
	CPPFLAGS='$(CPPFLAGS)' tools/lint.sh --changed
	$(RUN) unit spec
test-run: all $(UNIT_TESTS) $(SUPPORT)
	$(RUN) unit spec integration
unit-tests: $(UNIT_TESTS)
unit: $(UNIT_TESTS)
	$(RUN) unit
spec: all
	$(RUN) spec
integration: all $(SUPPORT)
	$(RUN) integration
# The main job in all its outcomes. The terminal is drawn by Lua alone, and the specs that end runs at many points would take
# too long here: the C tests end children in every way under the sanitizers.
ASAN_SPECS := $(foreach name,cli ensure fork lookup retry side_by_side,spec/integration/$(name)_spec.lua)
asan-run: all $(UNIT_TESTS) $(SUPPORT) $(BUILD)/test/lua_host
	LUA_HOST=$(BUILD)/test/lua_host INTEGRATION_SPECS='$(ASAN_SPECS)' $(RUN) unit spec integration

# The build has no warnings anyway: they are errors.
lint: all $(UNIT_TESTS) $(BENCHES) $(SUPPORT)
	CPPFLAGS='$(CPPFLAGS)' tools/lint.sh

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(LIB_OBJ)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@ $(LUA_LIBS) $(LIB_LIBS) -lm

# One table, and the same as JSON in the build directory.
bench: all $(BENCHES)
	@BUILD=$(BUILD) tools/bench.sh

soak: all $(BENCHES)
	@BUILD=$(BUILD) tools/soak.sh

# A state in the build directory: an interrupted one continues. FAULTS_SECONDS=60 is a sample of it.
faults:
	tools/bootstrap.sh --for=test
	$(MAKE) all $(FAULTY)
	@BUILD=$(BUILD) LUA=$(LUA) tools/faults.sh

# libFuzzer brings the main function. All that runs is compiled with its instrumentation.
can-fuzz:
	@echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		$(CLANG) -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null || { echo "make fuzz: clang with libFuzzer is" \
		"needed. On Debian: apt-get install clang libclang-rt-14-dev (the number is clang's version);" \
		"elsewhere CLANG=/path/to/clang" >&2; exit 1; }

FUZZ_FLAGS = -std=c11 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
$(BUILD)/fuzz/obj/%.o: core/%.c | can-fuzz
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) $(LUA_CFLAGS) $(LIB_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/fuzz/%.o $(LIB_OBJ:$(BUILD)/%=$(BUILD)/fuzz/%)
	$(call say,LD)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined $(LDFLAGS) $^ -o $@ $(LIB_LIBS) $(FUZZ_LIBS) -lm

# This one runs the library, with the bindings; cjson finds Lua in the program.
$(BUILD)/fuzz/fuzz_branch: $(BIND_OBJ:$(BUILD)/%=$(BUILD)/fuzz/%)
$(BUILD)/fuzz/fuzz_branch: LDFLAGS += $(EXPORT_SYMBOLS)
$(BUILD)/fuzz/fuzz_branch: FUZZ_LIBS = $(LUA_LIBS)

# The corpus grows in the build directory; the seeds are left alone. FUZZ_RUNS=0 runs what is there, and no more.
fuzz: $(FUZZERS)
	@for fuzzer in $(FUZZERS); do \
		name=$${fuzzer##*/fuzz_}; seeds=core/fuzz/seeds/$$name; corpus=$(BUILD)/fuzz/corpus/$$name; \
		mkdir -p $$corpus; [ -d $$seeds ] || seeds=; \
		words=core/fuzz/$$name.dict; [ -f $$words ] || words=; \
		echo "== $$name"; \
		$$fuzzer $${words:+-dict=$$words} -max_total_time=$(FUZZ_SECONDS) -runs=$(FUZZ_RUNS) -timeout=10 \
			-print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/$$name- $$corpus $$seeds || exit 1; \
	done

format:
	find core -name '*.[ch]' | xargs clang-format -i

# The parts of pages that are made from the policy's tables and from the examples.
docs: all
	LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua;;' LUA_CPATH='./$(BUILD)/lua/?.so;;' \
		$(LUA) -e 'require("spec.support.pages").write() require("spec.support.types").write()'

demo:
	tools/bootstrap.sh --for=demo
	$(MAKE) all
	MOLBUILD=$(PROGRAM) tools/demo.sh

# --- Release ---------------------------------------------------------------------------------------------------------

release:
	tools/bootstrap.sh --for=release
	tools/release.sh

# The tests need the program of the checkout, too: the specs load its module in C.
release-test: release
	tools/bootstrap.sh --for=test
	$(MAKE) all $(SUPPORT)
	@BUILD=$(BUILD) LUA=$(LUA) tools/release-test.sh

# --- Install ---------------------------------------------------------------------------------------------------------

SHARE = $(DESTDIR)$(PREFIX)/share
# Each shell looks for a file of its own; the path begins with the shell's name.
COMPLETIONS := bash-completion/completions/molbuild zsh/site-functions/_molbuild fish/vendor_completions.d/molbuild.fish

install: $(PROGRAM) install-share
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/molbuild/lua $(SHARE)/molbuild/scripts/verbs
	$(INSTALL) -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/molbuild
	$(call install_modules,$(SHARE)/molbuild/lua)
	$(INSTALL) -m 644 scripts/*.lua $(SHARE)/molbuild/scripts
	$(INSTALL) -m 644 scripts/verbs/*.lua $(SHARE)/molbuild/scripts/verbs
	$(INSTALL) -d $(dir $(COMPLETIONS:%=$(SHARE)/%))
	$(foreach file,$(COMPLETIONS),$(PROGRAM) completion $(firstword $(subst /, ,$(subst -, ,$(file)))) >$(SHARE)/$(file) && )true

# What a program that is one file comes with, too: the manual, the types, the pages, the examples, and files for service managers.
install-share:
	$(INSTALL) -d $(SHARE)/man/man1
	$(INSTALL) -m 644 docs/molbuild.1 $(SHARE)/man/man1
	$(INSTALL) -d $(SHARE)/molbuild/types/core $(SHARE)/molbuild/doc $(SHARE)/molbuild/examples
	$(INSTALL) -m 644 lua/types/*.lua $(SHARE)/molbuild/types
	$(INSTALL) -m 644 lua/types/core/*.lua $(SHARE)/molbuild/types/core
	$(INSTALL) -m 644 docs/*.md docs/*.json docs/*.svg $(SHARE)/molbuild/doc
	$(INSTALL) -m 644 docs/examples/* $(SHARE)/molbuild/examples
	ln -sfn ../examples $(SHARE)/molbuild/doc/examples
	$(INSTALL) -d $(SHARE)/molbuild/systemd $(SHARE)/molbuild/launchd
	$(INSTALL) -m 644 dist/systemd/* $(SHARE)/molbuild/systemd
	$(INSTALL) -m 644 dist/launchd/* $(SHARE)/molbuild/launchd

# Scripts that an operator has added are kept.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/molbuild $(SHARE)/man/man1/molbuild.1 $(COMPLETIONS:%=$(SHARE)/%)
	rm -f $(patsubst scripts/%,$(SHARE)/molbuild/scripts/%,$(POLICIES))
	rm -rf $(patsubst %,$(SHARE)/molbuild/%,lua types doc examples systemd launchd)
	for dir in $(SHARE)/molbuild/scripts/verbs $(SHARE)/molbuild/scripts $(SHARE)/molbuild; do [ ! -d $$dir ] || rmdir $$dir 2>/dev/null || :; done

# For luarocks, which says where its Lua modules (LUADIR) and C modules (LIBDIR) go.
install-rock: $(MODULE)
	$(INSTALL) -d $(LIBDIR)/molbuild
	$(INSTALL) -m 755 $(MODULE) $(LIBDIR)/molbuild/core.so
	$(call install_modules,$(LUADIR))

install_modules = for module in $(MODULES:lua/%=%); do \
	$(INSTALL) -d $(1)/$${module%/*} && $(INSTALL) -m 644 lua/$$module $(1)/$$module || exit 1; done

clean:
	rm -rf build build-asan build-rock

-include $(shell find $(BUILD) -path '$(BUILD)/release*' -prune -o -name '*.d' -print 2>/dev/null)

endif
