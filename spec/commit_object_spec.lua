-- The object of a commit: one reading, or none.
local commit = require "molbuild.repository.commit"

local ID = ("0123456789abcdef"):rep(4)
local SHA1 = ID:sub(1, 40)

describe("a commit's object", function()
  local function text(digits, more, message)
    local id = ID:sub(1, digits)
    return ("tree %s\nparent %s\nparent %s\nauthor A <a@x> 1 +0000\ncommitter C <c@x> 1700000000 +0100\n%s\n%s"):format(id, id, id,
      more or "", message or "message\n")
  end

  local function refused(words, raw)
    local found, why = commit.parse(raw, SHA1)
    assert.is_nil(found)
    assert.equal(words, why)
  end

  it("has a tree, a time, and a text that is signed", function()
    assert.same({ id = SHA1, tree = SHA1, time = 1700000000, payload = text(40) }, commit.parse(text(40), SHA1))
    local root = text(40):gsub("parent %x+\n", "")
    assert.equal(root, commit.parse(root, SHA1).payload)
    assert.equal("", commit.parse(text(40, "", ""), SHA1).payload:match "\n\n(.*)$")
  end)

  it("has a signature of its own format", function()
    local more = "encoding x\ngpgsig A\n B\n \n C\ngpgsig-sha256 D\n E\nmergetag object 1\n gpgsig F\n"
    local found = commit.parse(text(40, more), SHA1)
    assert.same({ "A\nB\n\nC", true }, { found.signature, found.other })
    assert.equal(text(40, "encoding x\nmergetag object 1\n gpgsig F\n"), found.payload)
    found = commit.parse(text(64, more), ID)
    assert.same({ "D\nE", true }, { found.signature, found.other })
  end)

  it("has none in its message", function()
    assert.is_nil(commit.parse(text(40, "", "m\n\ngpgsig A\n\ngpgsig B\n"), SHA1).signature)
  end)

  for words, list in pairs {
    ["has no headers that end"] = { "", "\n", "tree x", text(40):gsub("\n\n.*$", "\n"), text(40, "a\0 b\n") },
    ["has a line that is no header"] = {
      " x\n" .. text(40), "\n\n" .. text(40), text(40, "gpgsig\n"), text(40, "x\n"), text(40, "\tx y\n"),
    },
    ["does not begin with its tree, its parents, its author and its committer"] = {
      "gpgsig x\n" .. text(40), "tree " .. ID .. text(40):sub(46), text(40):gsub("^tree %x+\n", ""),
      text(40):gsub("author", "gpgsig"), text(40):gsub("author [^\n]*\n", ""), text(40):gsub("committer [^\n]*\n", ""),
      text(40):gsub("\nparent", "\nx y\nparent", 1), text(40):gsub("\nparent %x", "\nparent X"), text(40):gsub("1700000000", "now"),
      text(40):gsub("1700000000", ("9"):rep(20)), text(40):gsub("1700000000", "-1"), text(40):gsub("1700000000", "999999999999"),
      text(40):gsub("tree (%x+)\n", "tree %1\n more\n"), text(40):gsub("committer C", "committer C\n > 1 +0000 D"),
    },
    ["has more than one signature"] = {
      text(40, "gpgsig A\ngpgsig B\n"), text(40, "gpgsig-sha256 A\ngpgsig B\ngpgsig-sha256 C\n"),
    },
    ["has a header that is like a signature's"] = {
      text(40, "gpgsigx A\n"), text(40, "gpgsig-sha1 A\n"), text(40, "GPGSIG A\n"),
    },
    ["has the header tree twice"] = { text(40, "tree " .. SHA1 .. "\n") },
    ["has the header parent twice"] = { text(40, "parent " .. SHA1 .. "\n") },
    ["has the header committer twice"] = { text(40, "committer C <c@x> 1 +0000\n") },
  } do
    it("is refused when it " .. words, function()
      for _, raw in ipairs(list) do
        if type(raw) == "string" then refused(words, raw) end
      end
    end)
  end
end)
