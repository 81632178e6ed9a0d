local git_bounds = require "molbuild.repository.bounds"

local function raises(check, ...)
  local ok, failure = pcall(check, ...)
  assert.is_false(ok)
  assert.equal("template", failure.kind)
  assert.truthy(failure.hint)
  return failure.message
end

describe("a fetch's bound", function()
  it("reads what git says of the wire", function()
    for line, bytes in pairs {
      ["Receiving objects:  33% (1/3), 512 bytes | 10 KiB/s"] = 512,
      ["Receiving objects: 100% (3/3), 22.50 MiB | 1.71 MiB/s, done."] = 22.5 * 1024 ^ 2,
      ["Unpacking objects: 100% (3/3), 2.00 GiB | 1.71 MiB/s, done."] = 2 * 1024 ^ 3,
      ["Receiving objects:  33% (1/3), 1.00 KiB | 10 KiB/s"] = 1024,
    } do
      assert.equal(bytes, git_bounds.received(line))
    end
    for _, line in ipairs {
      "", "Receiving objects:  33% (1/3)", "remote: Receiving objects: 33% (1/3), 9.00 GiB | x",
      "Resolving deltas: 100% (3/3), done.",
      "Receiving objects: 1% (1/3), 1.2.3 GiB | x", "Receiving objects: 1% (1/3), 5 TiB | x",
    } do
      assert.is_nil(git_bounds.received(line) or nil)
    end
  end)

  it("ends it with an error when it is exceeded", function()
    local on_line, check = git_bounds.fetch(1024 ^ 3)
    assert.is_nil(on_line "Receiving objects:  33% (1/3), 1.00 GiB | 10 KiB/s")
    check(nil)
    assert.equal("stop", on_line "Receiving objects:  33% (1/3), 1.02 GiB | 10 KiB/s")
    assert.equal("stop", on_line "any other line")
    assert.equal("the fetch transfers more than 1073741824 bytes", raises(check, nil))
  end)

  it("need not be a whole number", function()
    local on_line, check = git_bounds.fetch(0.5)
    on_line "Receiving objects:  33% (1/3), 2.00 GiB | 10 KiB/s"
    assert.equal("the fetch transfers more than 0.5 bytes", raises(check, nil))
  end)

  it("is none at math.huge", function()
    local on_line, check = git_bounds.fetch(math.huge)
    assert.is_nil(on_line "Receiving objects:  99% (3/3), 900.00 GiB | 1.00 MiB/s")
    check()
    on_line, check = git_bounds.tree { files = math.huge, bytes = math.huge }
    for _ = 1, 3 do
      assert.is_nil(on_line "100644 blob 0123456789012345678901234567890123456789 99999999999999\tf")
    end
    assert.equal(3, (check()))
  end)

  it("is zero at 0", function()
    local on_line, check = git_bounds.fetch(0)
    assert.equal("stop", on_line "Receiving objects:  99% (3/3), 2.00 MiB | 1.00 MiB/s")
    assert.equal("the fetch transfers more than 0 bytes", raises(check))
    on_line, check = git_bounds.tree { files = 0, bytes = math.huge }
    assert.equal("stop", on_line "100644 blob 0123456789012345678901234567890123456789 1\tf")
    assert.equal("the tree holds more than 0 files and directories", raises(check))
  end)

  it("may be none", function()
    local on_line, check = git_bounds.fetch(nil)
    assert.is_nil(on_line "Receiving objects:  33% (1/3), 900.00 GiB | 10 KiB/s")
    check(nil)
  end)

  it("knows the words of git that was refused memory", function()
    local _, check = git_bounds.fetch(1)
    check { code = 0, tail = "" }
    check { code = 1, tail = "fatal: anything" }
    raises(check, { code = 128, tail = "fatal: attempting to allocate 5368708801 over limit 1073741824\n" })
  end)
end)

describe("a tree's bounds", function()
  local function row(size, path)
    return ("100644 blob %s %7s\t%s"):format(("a"):rep(40), size, path)
  end

  it("need not be whole numbers", function()
    local on_line, check = git_bounds.tree { files = 1.5, bytes = 100 }
    on_line(row(1, "one"))
    on_line(row(1, "two"))
    assert.equal("the tree holds more than 1.5 files and directories", raises(check))
    on_line, check = git_bounds.tree { files = 5, bytes = 2.5 }
    on_line(row(3, "three"))
    assert.equal("the tree is larger than 2.5 bytes", raises(check))
  end)

  it("count files, directories and bytes, past 32 bits", function()
    local on_line, check = git_bounds.tree { files = 3, bytes = 2 ^ 40 }
    assert.is_nil(on_line(row(5368709120, "big")))
    assert.is_nil(on_line(row("-", "dir"):gsub("blob", "tree")))
    assert.is_nil(on_line(row(1, "small")))
    assert.same({ 3, 5368709121 }, { check() })
    assert.equal("stop", on_line(row(1, "one more")))
    assert.equal("the tree holds more than 3 files and directories", raises(check))
  end)

  it("end with the byte that is too much", function()
    local on_line, check = git_bounds.tree { files = 3, bytes = 10 }
    assert.is_nil(on_line(row(10, "x")))
    assert.equal("stop", on_line(row(1, "y")))
    assert.equal("the tree is larger than 10 bytes", raises(check))
  end)

  it("end with a path that no system call takes", function()
    local on_line, check = git_bounds.tree { files = 3, bytes = 10 }
    assert.is_nil(on_line(row(1, ("x"):rep(3000))))
    assert.equal("stop", on_line(row(1, ("x"):rep(3001))))
    assert.equal("a path in the tree is longer than 3000 bytes", raises(check))
  end)
end)

describe("a checkout's failure", function()
  it("is the tree's where a name is", function()
    assert.equal('the tree holds the name "sub/.git", which git refuses to write',
      raises(git_bounds.checkout, "x\nerror: invalid path 'sub/.git'\n"))
    assert.equal('the tree holds the name "a?b", which git refuses to write',
      raises(git_bounds.checkout, "error: invalid path 'a\27b'"))
    raises(git_bounds.checkout, "error: unable to create file aaa: File name too long")
    git_bounds.checkout "error: unable to create file aaa: Permission denied"
  end)
end)
