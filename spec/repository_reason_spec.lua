-- The one line of git's output that goes into a message.
local report = require "molbuild.repository.report"

describe("the reason why git failed", function()
  local NO_REMOTE = "fatal: Could not read from remote repository.\n\n"
    .. "Please make sure you have the correct access rights\nand the repository exists.\n"

  for tail, reason in pairs {
    ["ssh: connect to host h port 22: Connection refused\n" .. NO_REMOTE] =
      "ssh: connect to host h port 22: Connection refused",
    ["fatal: '/x' does not appear to be a git repository\n" .. NO_REMOTE] =
      "fatal: '/x' does not appear to be a git repository",
    [NO_REMOTE] = "fatal: Could not read from remote repository.",
    ["Receiving objects:  40% (2/5)\nerror: RPC failed; curl 18 transfer closed\nfatal: early EOF\n"] =
      "error: RPC failed; curl 18 transfer closed",
    ["Receiving objects:  40% (2/5)\nfatal: early EOF\nfatal: index-pack failed\n"] = "fatal: early EOF",
    ["fatal: unable to access 'https://h/': no\n"] = "fatal: unable to access 'https://h/': no",
    ["Receiving objects:  40% (2/5)\n"] = "exit status 128",
    [""] = "exit status 128",
  } do
    it("is: " .. reason, function()
      assert.equal(reason, report.reason { tail = tail, code = 128 })
    end)
  end

  it("is the signal that ended it, whatever it printed before", function()
    assert.equal("ended by SIGKILL (9)", report.reason { tail = "error: half a word\n", signal = 9 })
  end)
end)
