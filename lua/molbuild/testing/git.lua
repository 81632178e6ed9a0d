--- The program git of a test's world, as far as the library uses it: it looks at the forge of the world, and keeps what it has
--- fetched in the files of the world, as the real one does.
local maps = require "molbuild.base.maps"

local git = {}

--- git's messages for a failed request; they include libcurl's.
local WORDS = {
  resolve = "Could not resolve host: %s", connect = "Failed to connect to %s port 443 after 1 ms: Couldn't connect to server",
  reset = "Recv failure: Connection reset by peer",
  tls = "server certificate verification failed. CAfile: none CRLfile: none",
}

local FAILED = 128

-- git's arguments without its own options: the command and what follows it; and those options.
local function split(argv)
  local at, own = 2, { config = {} }
  while argv[at] and argv[at]:sub(1, 1) == "-" do
    if argv[at] == "-c" then
      at = at + 1
      own.config[#own.config + 1] = argv[at]
    else
      local name, value = argv[at]:match "^%-%-([^=]+)=(.*)$"
      own[name or argv[at]] = value or true
    end
    at = at + 1
  end
  local words = table.move(argv, at + 1, #argv, 1, {})
  return argv[at], words, own
end

-- The words behind "--end-of-options", or those that are no options.
local function plain_words(words)
  local plain = {}
  for index, word in ipairs(words) do
    if word == "--end-of-options" then
      return table.move(words, index + 1, #words, 1, {})
    elseif word:sub(1, 1) ~= "-" then
      plain[#plain + 1] = word
    end
  end
  return plain
end

local function unable(call, url, words)
  call:print("fatal: unable to access '%s/': %s", url, words)
  return FAILED
end

local STATUS = { [401] = "Authentication failed for '%s/'", [404] = "repository '%s/' not found" }

local function refuse_status(call, url, status)
  if status == 401 and not call.env.MOLBUILD_GIT_TOKEN then
    call:print("fatal: could not read Username for '%s': terminal prompts disabled", url:match "^%a+://[^/]+")
    return FAILED
  elseif STATUS[status] then
    call:print("fatal: " .. STATUS[status], url)
    return FAILED
  end
  return unable(call, url, "The requested URL returned error: " .. status)
end

--- The repository of a URL, or nil and the status that git ends with. Only http and https take a token.
local function reach(forge, call, url)
  local fault = forge:take_fault()
  if type(fault) == "table" then
    fault = fault.status or 200
  end
  if fault == "timeout" then
    call:wait(math.huge)
  elseif type(fault) == "string" then
    return nil, unable(call, url, WORDS[fault]:format(url:match "^%a+://([^/:]+)" or url))
  elseif fault and fault ~= 200 then
    return nil, refuse_status(call, url, fault)
  end
  local takes_token = url:find "^https?://"
  if forge.private and takes_token and call.env.MOLBUILD_GIT_TOKEN ~= forge.token then
    return nil, refuse_status(call, url, 401)
  end
  local repository = forge:find(url)
  if not repository and takes_token then
    return nil, refuse_status(call, url, 404)
  elseif not repository then
    call:print("fatal: '%s' does not appear to be a git repository", (url:gsub("^file://", "")))
    call:print "fatal: Could not read from remote repository."
    return nil, FAILED
  end
  return repository
end

local commands = {}

commands["ls-remote"] = function(world, call, words)
  local url, ref = table.unpack(plain_words(words))
  local repository, status = reach(world.forge, call, url)
  if not repository then
    return status
  end
  local sha = repository.branches[(ref or ""):match "^refs/heads/(.+)$" or ""]
  if sha then
    call:out(("%s\t%s\n"):format(sha, ref))
  end
  return 0
end

-- The commit that a fetch asks for; nil where the server does not give it.
local function wanted(world, repository, ref)
  local branch = ref:match "^refs/heads/(.+)$"
  if branch then
    return repository.branches[branch]
  elseif repository.commits[ref] and (world.forge.lag or 0) > 0 then
    world.forge.lag = world.forge.lag - 1
    return nil
  end
  return repository.commits[ref] and ref or nil
end

local function refuse_ref(call, ref)
  if ref:find "^refs/" then
    call:print("fatal: couldn't find remote ref %s", ref)
  else
    call:print("fatal: remote error: upload-pack: not our ref %s", ref)
  end
  return FAILED
end

-- What the real one leaves in the repository: one pack, and the reference.
local function store(world, dir, sha, target)
  local pack = ("%s/objects/pack/pack-%s"):format(dir, sha)
  for path, text in pairs {
    [pack .. ".pack"] = "PACK of " .. sha, [pack .. ".idx"] = "index of " .. sha, [dir .. "/" .. target] = sha .. "\n",
  } do
    local ok, message, code = world.fs.write_atomic(path, text, 384)
    if not ok then
      return message, code
    end
  end
end

function commands.fetch(world, call, words, own)
  local url, refspec = table.unpack(plain_words(words))
  local ref, target = refspec:match "^%+?([^:]+):(.+)$"
  local repository, status = reach(world.forge, call, url)
  if not repository then
    return status
  end
  local sha = wanted(world, repository, ref)
  if not sha then
    return refuse_ref(call, ref)
  end
  call:wait(world.seconds.fetch or 0)
  local message, code = store(world, own["git-dir"], sha, target)
  if message then
    call:print("fatal: write error: %s", code == "ENOSPC" and "No space left on device" or message)
    return FAILED
  end
  call:print("From %s\n * [new ref]         %s -> %s", url, ref, target)
  return 0
end

-- The commits from a reference on, the newest first: all that its branch ever pointed at.
commands["rev-list"] = function(world, call, words, own)
  local sha = (world.fs.read(own["git-dir"] .. "/" .. words[1]) or ""):match "^%x+"
  for _, repository in pairs(world.forge.repositories) do
    while sha and repository.commits[sha] do
      call:out(sha .. "\n")
      sha = repository.former[sha]
    end
  end
  return 0
end

commands["update-ref"] = function(world, _, words, own)
  return store(world, own["git-dir"], words[2], words[1]) and FAILED or 0
end

-- The tree of a commit that the repository holds. It came from one of the forge's.
local function tree_of(world, own, sha)
  if not world.fs.lstat(("%s/objects/pack/pack-%s.pack"):format(own["git-dir"] or "", sha)) then
    return nil
  end
  for _, repository in pairs(world.forge.repositories) do
    if repository.commits[sha] then
      return repository.commits[sha]
    end
  end
end

local function described(what)
  if type(what) ~= "table" then
    return 420, what
  end
  return what.mode or 420, what.link or what.text or ""
end

-- With -t directories are listed, too, each before what is in it.
commands["ls-tree"] = function(world, call, words, own)
  local sha = words[#words]
  local tree, seen, lines = tree_of(world, own, sha), {}, {}
  if not tree then
    call:print("fatal: Not a valid object name %s", sha)
    return FAILED
  end
  for _, path in ipairs(maps.keys(tree)) do
    for above in path:gmatch "()/" do
      local dir = path:sub(1, above - 1)
      if not seen[dir] then
        seen[dir] = true
        lines[#lines + 1] = ("040000 tree %s       -\t%s\n"):format(sha, dir)
      end
    end
    local mode, text = described(tree[path])
    local kind = type(tree[path]) == "table" and tree[path].link and "120000" or mode & 64 ~= 0 and "100755" or "100644"
    lines[#lines + 1] = ("%s blob %s %7d\t%s\n"):format(kind, sha, #text, path)
  end
  call:out(table.concat(lines))
  return 0
end

-- A commit, which is not signed. All are of the same second.
commands["cat-file"] = function(world, call, _, own)
  local sha = (call.input or ""):match "^%x+"
  if not tree_of(world, own, sha) then
    call:out(("%s missing\n"):format(sha))
    return 0
  end
  local who = "spec <spec@localhost> 1700000000 +0000"
  local text = ("tree %s\nauthor %s\ncommitter %s\n\nspec\n"):format(sha, who, who)
  call:out(("%s commit %d\n%s\n"):format(sha, #text, text))
  return 0
end

commands["read-tree"] = function(world, call, words, own)
  local sha, dir = words[#words], own["work-tree"]
  local tree = tree_of(world, own, sha)
  if not tree then
    call:print("fatal: failed to unpack tree object %s", sha)
    return FAILED
  end
  for _, path in ipairs(maps.keys(tree)) do
    local mode, text = described(tree[path])
    if path:lower():find "^%.git$" or path:lower():find "^%.git/" then
      call:print("error: invalid path '%s'", path)
      return FAILED
    elseif world.files.fault then
      call:print("error: unable to write file %s", path)
      return FAILED
    end
    world.files:add(dir .. "/" .. path, { text = text, mode = mode, link = type(tree[path]) == "table" and tree[path].link or nil })
  end
  call:print("Checking out files: 100%% (%d/%d), done.", #maps.keys(tree), #maps.keys(tree))
  return 0
end

local function version(call)
  call:out("git version 2.39.5\n")
  return 0
end

commands["repack"] = function() return 0 end

-- The user's configuration is empty.
commands["config"] = function() return 1 end

function commands.credential(world, call)
  if not world.credential then
    call:print "fatal: could not read Username: terminal prompts disabled"
    return FAILED
  end
  call:out(("username=%s\npassword=%s\n"):format(world.credential.username or "", world.credential.password))
  return 0
end

--- The program.
---@param world table  forge, fs, files, seconds; credential: { username, password } that git's helpers know
---@return fun(call: molbuild.testing.Call): integer
function git.program(world)
  return function(call)
    if call.argv[2] == "--version" then return version(call) end
    local command, words, own = split(call.argv)
    local run = commands[command]
    if not run then
      call:print("git: '%s' is not a git command of the test's world", tostring(command))
      return 1
    end
    return run(world, call, words, own)
  end
end

return git
