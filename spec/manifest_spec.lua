-- A file that names the commit of each runtime: its two forms, what is wrong with one, and which entry is a runtime's.
local errors = require "molbuild.base.errors"
local manifest = require "molbuild.machine.manifest"
local sh = require "spec.support.sh"

local A, B = ("a1"):rep(20), ("b2"):rep(20)
local BASE = "https://git.example/acme/"

describe("a manifest", function()
  local dir, path

  setup(function()
    dir = sh.temporary "manifest"
    path = dir .. "/m.json"
  end)
  teardown(function() sh.remove(dir) end)

  local function read(text)
    if text then sh.write(path, text) end
    return manifest.read(path, "MOLECULE_MANIFEST")
  end

  local function mistake(text, fn)
    local ok, failure = pcall(function()
      local found = read(text)
      return fn and fn(found)
    end)
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "usage"), tostring(failure))
    assert.equal(2, errors.exit_code(failure))
    assert.is_nil(failure.message:find "\n")
    return (failure.message:gsub("^MOLECULE_MANIFEST: " .. path:gsub("%p", "%%%0"), "FILE"))
  end

  local function templates(...)
    return ('{ "version": 1, "plugins": [{ "ref": "main" }], "workspace_templates": [ %s ] }'):format(table.concat({ ... }, ", "))
  end

  local function entry(name, repo, ref, more)
    return ('{ "name": "%s", "repo": "%s", "ref": "%s"%s }'):format(name, repo, ref, more or "")
  end

  local function pin(runtime, commit, repository)
    return ('{ "runtime": "%s", "repository": "%s", "branch": "main", "commit": "%s" }'):format(runtime,
      repository or BASE .. "t-" .. runtime, commit)
  end

  local function pinned(...) return ('{ "version": 1, "pins": [ %s ] }'):format(table.concat({ ... }, ", ")) end

  -- The commit for a runtime whose repository is at BASE.
  local function commit(text, runtime, name)
    return manifest.find(read(text), runtime, BASE .. (name or "t-" .. runtime)).commit
  end

  it("of a caller is matched by the repository, not by name or runtime", function()
    local text = templates(
      entry("claude-code-default", "acme/t-claude-code", A),
      entry("platform-agent", "acme/t-platform-agent", B, ', "runtime": "claude-code", "private": true'))
    assert.equal(A, commit(text, "claude-code"))
    assert.equal(B, commit(text, "platform-agent"))
  end)

  it("names a repository by its URL, with .git, by its path, or by its last part", function()
    for _, repo in ipairs { "https://git.example/acme/t-hermes.git", "git@git.example:acme/t-hermes", "acme/t-hermes", "t-hermes",
      "acme/t-hermes/", "elsewhere/t-hermes" } do
      assert.equal(A, commit(templates(entry("x", repo, A)), "hermes"), repo)
      assert.equal(A, commit(templates(entry("x", repo, A)), "hermes", "t-hermes.git"), repo)
    end
  end)

  it("prefers the whole path of a repository to its last part", function()
    local text = templates(entry("x", "elsewhere/t-hermes", B), entry("y", "acme/t-hermes", A))
    assert.equal(A, commit(text, "hermes"))
  end)

  it("may leave out the first words of a repository's name, if the runtime's name is in the rest", function()
    local text = templates(entry("x", "acme/workspace-template-hermes", A), entry("y", "acme/code", B))
    assert.equal(A, commit(text, "hermes", "molecule-ai-workspace-template-hermes"))
    assert.matches("does not name the runtime claude%-code", mistake(text, function(found)
      manifest.find(found, "claude-code", BASE .. "t-claude-code")
    end))
  end)

  it("takes an id in upper case, and of SHA-256", function()
    assert.equal(A, commit(templates(entry("x", "acme/t-hermes", A:upper())), "hermes"))
    assert.equal(("c3"):rep(32), commit(templates(entry("x", "acme/t-hermes", ("c3"):rep(32))), "hermes"))
  end)

  it("takes null for a field that may be absent", function()
    assert.equal(A, commit(templates(entry("x", "acme/t-hermes", A, ', "runtime": null, "private": null')), "hermes"))
  end)

  it("with two commits for one repository is an error that names both", function()
    local text = templates(entry("one", "acme/t-hermes", A), entry("two", "acme/t-hermes", B))
    assert.equal('FILE: workspace_templates[0] ("one") and workspace_templates[1] ("two") name two commits of one repository: '
      .. "which is the runtime hermes?", mistake(text, function(found) manifest.find(found, "hermes", BASE .. "t-hermes") end))
    assert.equal(A, commit(templates(entry("one", "acme/t-hermes", A), entry("two", "acme/t-hermes", A)), "hermes"))
  end)

  it("that does not name a runtime is an error, also when a name is the runtime's and the repository another", function()
    local function find(found) manifest.find(found, "hermes", BASE .. "t-hermes") end
    assert.equal("FILE: it does not name the runtime hermes (" .. BASE .. "t-hermes)",
      mistake(templates(entry("codex", "acme/t-codex", A)), find))
    assert.equal('FILE: workspace_templates[0] ("hermes") is not the template of the runtime hermes: its repository is acme/other, '
      .. "not " .. BASE .. "t-hermes", mistake(templates(entry("hermes", "acme/other", A)), find))
    assert.matches("does not name", mistake('{ "workspace_templates": [] }', find))
  end)

  it("of `molbuild pin` is matched by the runtime, and must be of the same repository", function()
    assert.equal(B, commit(pinned(pin("codex", A), pin("hermes", B)), "hermes"))
    assert.matches("its repository is https://other/x/t%-z, not", mistake(pinned(pin("hermes", B, "https://other/x/t-z")),
      function(found) manifest.find(found, "hermes", BASE .. "t-hermes") end))
  end)

  it("gives all that it pins: commits, and ids of images", function()
    read(pinned(pin("codex", A), (pin("hermes", B):gsub(" }$", ', "images": { "m/hermes:b2": "sha256:1", "x": 3 } }'))))
    assert.same({ [A] = true, [B] = true, ["sha256:1"] = true }, manifest.pinned(path))
    read(templates(entry("x", "a/b", A)))
    assert.same({ [A] = true }, manifest.pinned(path))
  end)

  for what, case in pairs {
    ["no JSON"] = { '{\n  "pins": [\n    { "runtime": "x", }\n  ]\n}', "^FILE:3:%d+: no JSON: " },
    ["nothing"] = { "", "^FILE:1:1: no JSON: " },
    ["a cut file"] = { '{ "pins": [', "^FILE:1:%d+: no JSON: " },
    ["a text"] = { '"x"', "^FILE: no manifest: the whole must be an object" },
    ["null"] = { "null", "^FILE: no manifest" },
    ["neither list"] = { '{ "plugins": [] }', '^FILE: no manifest: it has neither "pins" nor "workspace_templates"$' },
    ["an object"] = { '{ "workspace_templates": { "hermes": {} } }', "^FILE: workspace_templates: it must be a list$" },
    ["a list that is a text"] = { '{ "workspace_templates": "x" }', "^FILE: workspace_templates: it must be a list$" },
    ["an entry that is a text"] = { '{ "workspace_templates": ["x"] }', "^FILE: workspace_templates%[0%]: it must be an object$" },
    ["an entry that is null"] = { '{ "workspace_templates": [{ "repo": "a", "ref": "' .. A .. '" }, null] }',
      "^FILE: workspace_templates%[1%]: it must be an object$" },
    ["an entry that is a list"] = { '{ "workspace_templates": [[]] }', "^FILE: workspace_templates%[0%]: repo is missing$" },
    ["no repo"] = { '{ "workspace_templates": [{ "name": "x", "ref": "' .. A .. '" }] }',
      "^FILE: workspace_templates%[0%]: repo is missing$" },
    ["no ref"] = { '{ "workspace_templates": [{ "name": "x", "repo": "a/b" }] }', "%[0%]: ref is missing$" },
    ["a ref that is a number"] = { '{ "workspace_templates": [{ "name": "x", "repo": "a/b", "ref": 12 }] }',
      "^FILE: workspace_templates%[0%]: ref must be a text, not a number$" },
    ["a ref that is a branch"] = { templates(entry("x", "a/b", "main")),
      '^FILE: workspace_templates%[0%]: ref "main" is no commit id: 40 or 64 hex digits are needed$' },
    ["a ref that is short"] = { templates(entry("x", "a/b", A:sub(1, 12))), "is no commit id" },
    ["a ref that is too long"] = { templates(entry("x", "a/b", A .. "a")), "is no commit id" },
    ["a ref of other letters"] = { templates(entry("x", "a/b", ("g"):rep(40))), "is no commit id" },
    ["private as a text"] = { templates(entry("x", "a/b", A, ', "private": "yes"')), "private must be a boolean, not a string$" },
    ["a runtime that is a list"] = { templates(entry("x", "a/b", A, ', "runtime": []')), "runtime must be a text, not a table$" },
    ["one name twice"] = { templates(entry("x", "a/b", A), entry("y", "a/c", A), entry("x", "a/d", A)),
      '^FILE: workspace_templates%[0%] and workspace_templates%[2%] both have the name "x"$' },
    ["one pin twice"] = { pinned(pin("x", A), pin("x", A)), '^FILE: pins%[0%] and pins%[1%] both have the runtime "x"$' },
    ["a pin without a runtime"] = { '{ "version": 1, "pins": [{ "repository": "a", "commit": "' .. A .. '" }] }',
      "^FILE: pins%[0%]: runtime is missing$" },
    ["a newer version of ours"] = { '{ "version": 2, "pins": [] }', "^FILE: version must be 1, not 2$" },
    ["too many bytes"] = { (" "):rep(1024 * 1024 + 1), "more than 1048576 bytes" },
    ["deep lists"] = { ("["):rep(300), "no JSON: " },
    ["UTF-16"] = { "\xFF\xFE{\0", "UTF%-16" },
    ["control characters"] = { templates(entry("x", "a/b", "\\u001b[2J\\n")), 'ref "%?%[2J%?" is no commit id' },
  } do
    it("with " .. what .. " is an error with the place", function()
      assert.matches(case[2], mistake(case[1]))
    end)
  end

  it("that is not there, or a directory, is an error that names it", function()
    for _, wrong in ipairs { dir .. "/none.json", dir } do
      local ok, failure = pcall(manifest.read, wrong, "MOLECULE_MANIFEST")
      assert.is_false(ok)
      assert.equal(2, errors.exit_code(failure))
      assert.matches("^MOLECULE_MANIFEST: .*" .. wrong:gsub("%p", "%%%0"), failure.message)
    end
  end)
end)
