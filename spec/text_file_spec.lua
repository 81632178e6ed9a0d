-- Text files as editors save them.
local sh = require "spec.support.sh"
local text_file = require "molbuild.base.text_file"

local BOM = "\xEF\xBB\xBF"

describe("text_file", function()
  local dir

  setup(function() dir = sh.temporary "text" end)
  teardown(function() sh.remove(dir) end)

  local function file(content)
    sh.write(dir .. "/file", content)
    return dir .. "/file"
  end

  for name, case in pairs {
    ["nothing"] = { "", "" },
    ["a plain text"] = { "a\nb\n", "a\nb\n" },
    ["a byte order mark"] = { BOM .. "a\n", "a\n" },
    ["CR LF"] = { "a\r\nb\r\n", "a\nb\n" },
    ["both"] = { BOM .. "a\r\n\r\nb", "a\n\nb" },
    ["a mark and a CR elsewhere"] = { "a" .. BOM .. "\rb", "a" .. BOM .. "\rb" },
  } do
    it("reads " .. name, function()
      assert.equal(case[2], (text_file.read(file(case[1]))))
    end)
  end

  it("names the encoding that it does not read", function()
    for _, text in ipairs { "\xFF\xFEa\0", "\xFE\xFF\0a" } do
      local read, message, code = text_file.read(file(text))
      assert.same({ nil, dir .. "/file is UTF-16 text: save it as UTF-8", "invalid" }, { read, message, code })
      assert.is_nil((text_file.read_lua(file(text))))
    end
  end)

  it("has the bound and the errors of fs.read", function()
    local read, message = text_file.read(file "12345", 4)
    assert.is_nil(read)
    assert.truthy(message:find("larger than 4", 1, true), message)
    assert.equal("ENOENT", (select(3, text_file.read(dir .. "/none"))))
  end)

  for name, case in pairs {
    ["a first line for the system"] = { "#!/usr/bin/env lua\nreturn 1\n", "\nreturn 1\n" },
    ["such a line behind a mark, with CR LF"] = { BOM .. "#!/bin/x\r\nreturn 1\r\n", "\nreturn 1\n" },
    ["only such a line"] = { "#!/bin/x", "" },
    ["a # elsewhere"] = { "return #t\n#!x\n", "return #t\n#!x\n" },
  } do
    it("reads a Lua program with " .. name, function()
      assert.equal(case[2], (text_file.read_lua(file(case[1]))))
    end)
  end
end)
