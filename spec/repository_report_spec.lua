-- What git's words of a failure mean: this machine's, the network's, the server's or ssh's.
local errors = require "molbuild.base.errors"
local git_failure = require "molbuild.repository.report"

local function failure_of(result, url)
  result.code = result.code or not result.signal and 128 or nil
  local ok, failure = pcall(git_failure.raise, "git fetch", url or "https://127.0.0.1:1/o/x", result)
  assert.is_false(ok)
  assert.is_true(errors.is(failure), tostring(failure))
  return failure
end

describe("a failure of git", function()
  for line, code in pairs {
    ["error: file write error: No space left on device"] = "ENOSPC",
    ["fatal: write error: Disk quota exceeded"] = "EDQUOT",
    ["fatal: cannot open '/c/x.git/objects/pack/tmp_pack_x': Permission denied"] = "EACCES",
    ["fatal: unable to access '/root/.gitconfig': Permission denied"] = "EACCES",
    ["error: cannot create async thread: Resource temporarily unavailable"] = "EAGAIN",
    ["fatal: cannot create pipe: Too many open files"] = "EMFILE",
    ["error: cannot fork to run remote-https: Cannot allocate memory"] = "ENOMEM",
    ["fatal: Out of memory, malloc failed (tried to allocate 4097 bytes)"] = "ENOMEM",
    ["fatal: unable to create '/c/x.git/y': File name too long"] = "ENAMETOOLONG",
    ["fatal: Unable to create '/c/x.git/shallow.lock': Read-only file system"] = "EROFS",
    ["error: /c/x.git/objects/pack/x.idx: Input/output error"] = "EIO",
    ["fatal: Unable to read current working directory: No such file or directory"] = "ENOENT",
    ["error: index-pack died of signal 9"] = "killed",
    ["fatal: bad config line 1 in file /root/.gitconfig"] = "config",
  } do
    it("is this machine's, and no retry helps: " .. line, function()
      -- What others say because of it comes after it.
      local failure = failure_of { tail = line .. "\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n",
        memory_bound = 48 << 20 }
      assert.same({ "failed", code }, { failure.kind, failure.code })
      assert.equal(1, errors.exit_code(failure))
      assert.is_false(require("molbuild.base.retry").transient(failure))
    end)
  end

  it("is this machine's where a signal ended git", function()
    local failure = failure_of { signal = 9, tail = "" }
    assert.same({ "failed", "killed", "git fetch: ended by SIGKILL (9)" }, { failure.kind, failure.code, failure.message })
  end)

  for line, expected in pairs {
    ["remote: fatal: write error: No space left on device"] = { "remote" },
    ["fatal: remote error: out of memory"] = { "remote" },
    ["fatal: Out of memory, malloc failed (tried to allocate 30000000 bytes)"] = { "remote" },
    ["fatal: Out of memory, realloc failed"] = { "remote" },
    ["fatal: unable to access 'https://h/': The requested URL returned error: 503"] = { "remote" },
    ["fatal: unable to access 'https://h/': Could not resolve host: h"] = { "remote", "resolve" },
    ["ssh: connect to host h port 22: Connection refused"] = { "remote", "connect" },
    ["fatal: unable to access 'https://h/': The requested URL returned error: 403"] = { "auth" },
    ["git@h: Permission denied (publickey)."] = { "auth", "publickey" },
    ["git@h: Permission denied (publickey,password)."] = { "auth", "publickey" },
    ["Load key \"/k\": Permission denied\ngit@h: Permission denied (publickey)."] = { "auth", "publickey" },
    ["Host key verification failed."] = { "remote", "hostkey" },
  } do
    it("is not this machine's: " .. line:gsub("\n", " "), function()
      local failure = failure_of { tail = line .. "\nfatal: Could not read from remote repository.\n", memory_bound = 48 << 20 }
      assert.same(expected, { failure.kind, failure.code })
    end)
  end
end)
