local access = require "molbuild.base.access"
local core = require "molbuild.core"
local sh = require "spec.support.sh"

describe("the hint for a file that cannot be used", function()
  local ELSEWHERE = "put the cache in a directory that you may write to"
  local dir

  before_each(function() dir = sh.temporary "access" end)
  after_each(function() sh.remove(dir) end)

  it("says to free space when there is none", function()
    for _, code in ipairs { "ENOSPC", "EDQUOT" } do
      assert.equal("free space on that file system, or put the cache elsewhere", access.hint(code, "cannot write /x: No space"))
      assert.is_true(access.is_full(code))
    end
    assert.is_false(access.is_full "EACCES")
  end)

  it("is none for what is nobody's fault", function()
    assert.is_nil(access.hint("EIO", "cannot read /x: Input/output error"))
    assert.is_nil(access.hint(nil, "cannot"))
  end)

  it("sends elsewhere where all is ours", function()
    assert.equal(ELSEWHERE, access.hint("EACCES", ("cannot write %s/a/b: Permission denied"):format(dir)))
    assert.equal(ELSEWHERE, access.hint("EROFS", "cannot write /x: Read-only file system"))
    assert.equal(ELSEWHERE, access.hint("EACCES", "cannot do something: Permission denied", dir))
  end)

  -- Only root can give a file to another user.
  if core.sys.uid() == 0 then
    local WORDS = '%s belongs to user 65534: give it to the user that runs molbuild ("chown -R 0 %s"), or put the cache elsewhere'

    local function assert_named(path, ...)
      assert.equal(WORDS:format(path, path), access.hint("EACCES", ...))
    end

    it("names the owner of the file, of the directory that it is or should be in, or of one below", function()
      sh.run(("mkdir -p %s/own/deep && cd %s && touch own/file deep"):format(dir, dir))
      sh.run(("chown 65534 %s/own/file"):format(dir))
      assert_named(dir .. "/own/file", ("cannot read %s/own/file: Permission denied"):format(dir))
      assert_named(dir .. "/own/file", "git fetch: error: unable to open: Permission denied", dir)
      sh.run(("chown 65534 %s/own && chown 0 %s/own/file"):format(dir, dir))
      assert_named(dir .. "/own", ("cannot write %s/own/file: Permission denied"):format(dir))
      assert_named(dir .. "/own", ("cannot create %s/own/none/at/all: Permission denied"):format(dir))
    end)
  end
end)
