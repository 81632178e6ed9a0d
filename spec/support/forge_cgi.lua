--- What the test forge answers by program (forge.sh): git over smart HTTP, Gitea's branch API, and canned answers.
---
---   lua5.4 forge_cgi.lua DIR GIT      run by fcgiwrap for one request; GIT is what git --exec-path prints
---
--- A directory DIR/canned/PATH holds answers for requests of that path (for git, the path ends in info/refs or
--- git-upload-pack): `response` is what is sent, a CGI answer ("Status: 502\r\n...\r\n\r\nbody"); `delay` the seconds
--- to wait first; every file `left.N` lets one request have it, and is removed by that; without such files, and without
--- `counted`, all have it. A delay without a response is followed by the true answer.
local cjson = require "cjson"

local dir, git_programs = arg[1], arg[2]
local path = os.getenv "PATH_INFO" or "/"
local authorization = os.getenv "HTTP_AUTHORIZATION" or ""

local function read(name)
  local file = io.open(name, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function answer(status, body, headers)
  io.write("Status: ", status, "\r\nContent-Type: application/json; charset=utf-8\r\n", headers or "", "\r\n",
    cjson.encode(body))
end

--- Base64, as far as a Basic authorization needs it.
local function decode(text)
  local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local bits, count, out = 0, 0, {}
  for char in text:gmatch "[%w+/]" do
    bits, count = (bits << 6 | alphabet:find(char, 1, true) - 1) & 0xffffff, count + 6
    if count >= 8 then
      count = count - 8
      out[#out + 1] = string.char(bits >> count & 0xff)
    end
  end
  return table.concat(out)
end

--- Take one of the counted answers: removing a file succeeds for one request only.
local function take(canned)
  if not read(canned .. "/counted") then return true end
  for number = 1, tonumber(read(canned .. "/counted")) do
    if os.remove(canned .. "/left." .. number) then return true end
  end
  return false
end

local function send_canned()
  if path:find("..", 1, true) then return false end
  local canned = dir .. "/canned" .. path
  local response, delay = read(canned .. "/response"), read(canned .. "/delay")
  if not response and not delay or not take(canned) then return false end
  if delay then os.execute("exec sleep " .. quote(delay)) end
  if response then io.write(response) end
  return response ~= nil
end

local function token()
  return (read(dir .. "/token"):gsub("%s+$", ""))
end

local function repository(org, name)
  local git_dir = ("%s/repos/%s/%s.git"):format(dir, org, name:gsub("%.git$", ""))
  return read(git_dir .. "/HEAD") and git_dir
end

-- The branch API ----------------------------------------------------------------------------------------------------

local FORMAT = "%H%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"

local function commit_of(git_dir, branch)
  local command = "exec git --git-dir=%s log -1 --format=%s --end-of-options %s -- 2>/dev/null"
  local pipe = io.popen(command:format(quote(git_dir), quote(FORMAT), quote("refs/heads/" .. branch)))
  local text = pipe:read "a"
  pipe:close()
  local fields = {}
  for field in (text .. "\0"):gmatch "(%Z*)\0" do fields[#fields + 1] = field end
  return #text > 0 and fields
end

local function person(name, email)
  return { name = name, email = email, username = "" }
end

local function send_branch(org, name, branch)
  local url = ("%s/api/swagger"):format(os.getenv "FORGE_URL")
  if org == "private" and authorization ~= "token " .. token() then
    return answer("401 Unauthorized", { message = "token is required", url = url })
  end
  local git_dir = repository(org, name)
  local commit = git_dir and commit_of(git_dir, branch)
  if not commit then
    return answer("404 Not Found", {
      errors = git_dir and { ("branch does not exist [name: %s]"):format(branch) } or cjson.null,
      message = "The target couldn't be found.",
      url = url,
    })
  end
  answer("200 OK", {
    name = branch,
    commit = {
      id = commit[1],
      message = commit[8],
      url = ("%s/%s/%s/commit/%s"):format(os.getenv "FORGE_URL", org, name, commit[1]),
      author = person(commit[2], commit[3]),
      committer = person(commit[5], commit[6]),
      verification = { verified = false, reason = "gpg.error.not_signed_commit", payload = "", signature = "" },
      timestamp = commit[7],
      added = cjson.null, removed = cjson.null, modified = cjson.null,
    },
    protected = false, required_approvals = 0, enable_status_check = false,
    user_can_push = false, user_can_merge = false,
    effective_branch_protection_name = "",
  })
end

local function send_repository(org, name)
  if org == "private" and authorization ~= "token " .. token() then
    return answer("401 Unauthorized", { message = "token is required", url = "" })
  elseif not repository(org, name) then
    return answer("404 Not Found", { errors = cjson.null, message = "The target couldn't be found.", url = "" })
  end
  answer("200 OK", { id = 1, name = name, full_name = org .. "/" .. name, default_branch = "main" })
end

local function send_commits(org, name)
  local query = os.getenv "QUERY_STRING" or ""
  local git_dir = org ~= "private" and repository(org, name)
  if not git_dir then return answer("404 Not Found", { message = "The target couldn't be found.", url = "" }) end
  local pipe = io.popen(("exec git --git-dir=%s rev-list -n %d --end-of-options %s -- 2>/dev/null"):format(
    quote(git_dir), tonumber(query:match "limit=(%d+)") or 50, quote(query:match "sha=(%x+)" or "HEAD")))
  local list = setmetatable({}, cjson.array_mt)
  for id in pipe:lines() do list[#list + 1] = { sha = id, commit = { message = "spec" } } end
  pipe:close()
  answer("200 OK", list)
end

-- git ---------------------------------------------------------------------------------------------------------------

local function git_may(org)
  local user, password = decode(authorization:match "^Basic (.*)$" or ""):match "^([^:]*):(.*)$"
  if user then
    local log = assert(io.open(dir .. "/log/users.log", "a"))
    log:write(user, "\n")
    log:close()
  end
  return org ~= "private" or password == token()
end

local function send_git(org, name)
  if not git_may(org) then
    return answer("401 Unauthorized", { message = "Unauthorized" }, 'WWW-Authenticate: Basic realm="Gitea"\r\n')
  end
  if not repository(org, name) then
    return answer("404 Not Found", { message = "Not found." })
  end
  io.stdout:flush()
  os.execute(("GIT_PROJECT_ROOT=%s GIT_HTTP_EXPORT_ALL=1 exec %s/git-http-backend"):format(
    quote(dir .. "/repos"), quote(git_programs)))
end

local function main()
  if send_canned() then return end
  local org, name, branch = path:match "^/api/v1/repos/([%w._-]+)/([%w._-]+)/branches/(.+)$"
  if org then return send_branch(org, name, branch) end
  org, name = path:match "^/api/v1/repos/([%w._-]+)/([%w._-]+)/commits$"
  if org then return send_commits(org, name) end
  org, name = path:match "^/api/v1/repos/([%w._-]+)/([%w._-]+)$"
  if org then return send_repository(org, name) end
  org, name = path:match "^/([%w._-]+)/([%w._-]+)/"
  if org and (path:find "/info/refs$" or path:find "/git%-upload%-pack$" or path:find "/objects/") then
    return send_git(org, name)
  end
  answer("404 Not Found", { errors = cjson.null, message = "The target couldn't be found.", url = "" })
end

main()
