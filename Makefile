# molbuild: build, test, install. GNU make; see README.md for the two commands that matter.
PREFIX ?= /usr/local
BUILD ?= build
CC ?= cc
PKG_CONFIG ?= pkg-config
LUA_PC := $(firstword $(foreach p,lua5.4 lua-5.4 lua54 lua,$(shell $(PKG_CONFIG) --exists $(p) 2>/dev/null && echo $(p))))

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Icore
ALL_CFLAGS = -std=c11 -fPIC $(WARNINGS) $(CFLAGS) $(shell $(PKG_CONFIG) --cflags $(LUA_PC) libcurl libcrypto)
LIB_LIBS = $(shell $(PKG_CONFIG) --libs libcurl libcrypto)
LUA_LIBS = $(shell $(PKG_CONFIG) --libs $(LUA_PC))

LIB_OBJ := $(patsubst core/%.c,$(BUILD)/obj/%.o,$(wildcard core/lib/*.c))
UNIT_TESTS := $(patsubst core/test/%.c,$(BUILD)/test/%,$(wildcard core/test/test_*.c))

$(BUILD)/obj/%.o: core/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/test/%: $(BUILD)/obj/test/%.o $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@ -lcmocka $(LIB_LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
