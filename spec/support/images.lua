--- Images for specs that cost almost nothing: one shared layer, and a configuration each. They are put into an engine as one
--- archive, in docker's own form, and asked for and removed by the engine's API.
local cjson = require "cjson"
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local images = {}

-- An archive ---------------------------------------------------------------------------------------------------------

local BLOCK = 512

-- One file of an archive, in the form of ustar.
local function entry(name, content)
  local function octal(number, width) return ("%0" .. width - 1 .. "o\0"):format(number) end
  local head = name .. ("\0"):rep(100 - #name) .. octal(420, 8) .. octal(0, 8) .. octal(0, 8) .. octal(#content, 12) .. octal(0, 12)
  local tail = "0" .. ("\0"):rep(100) .. "ustar\0" .. "00" .. ("\0"):rep(BLOCK - 265)
  local sum = 0
  for index = 1, #head do sum = sum + head:byte(index) end
  for index = 1, #tail do sum = sum + tail:byte(index) end
  local checksum = ("%06o\0 "):format(sum + 8 * 32)
  return head .. checksum .. tail .. content .. ("\0"):rep(-#content % BLOCK)
end

local END = ("\0"):rep(2 * BLOCK)

local function layer_of(content)
  return entry("file", content) .. END
end

local function date(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

---@class ImageSpec
---@field tags string[]  its names
---@field labels table<string, string>
---@field created integer  seconds since 1970
---@field content string?  of the one file in it; the same for all when absent
---@field id string?  set by archive()

--- An archive of images. Each gets its id, which its configuration decides.
---@param list ImageSpec[]
---@return string
function images.archive(list)
  local parts, manifest, layers = {}, {}, {}
  for _, image in ipairs(list) do
    local layer = layer_of(image.content or "shared")
    local digest = core.sha256.hex(layer)
    if not layers[digest] then parts[#parts + 1], layers[digest] = entry(digest .. ".tar", layer), true end
    local config = cjson.encode {
      architecture = "amd64", os = "linux", created = date(image.created),
      config = { Labels = next(image.labels) and image.labels or nil, Cmd = { "/file" } },
      rootfs = { type = "layers", diff_ids = { "sha256:" .. digest } }, history = { { created = date(image.created) } },
    }
    local id = core.sha256.hex(config)
    image.id = "sha256:" .. id
    parts[#parts + 1] = entry(id .. ".json", config)
    manifest[#manifest + 1] = {
      Config = id .. ".json", RepoTags = #image.tags > 0 and image.tags or cjson.null, Layers = { digest .. ".tar" },
    }
  end
  parts[#parts + 1] = entry("manifest.json", cjson.encode(manifest))
  return table.concat(parts) .. END
end

-- An engine's API ------------------------------------------------------------------------------------------------------

---@class EngineSocket
---@field socket string
local Socket = {}
Socket.__index = Socket

--- The API of an engine at a socket.
---@param socket string  a path, or unix://PATH
---@param podman boolean?
---@return EngineSocket
function images.at(socket, podman)
  return setmetatable({ socket = socket:gsub("^unix://", ""), podman = podman }, Socket)
end

--- One request: the status, and the answer's document or text.
---@param body table|string|nil  a table is sent as JSON
---@return integer status
---@return any answer
function Socket:ask(method, path, body)
  local response
  local is_document = type(body) == "table"
  task.run(function()
    response = assert(core.http.request {
      url = "http://engine" .. (path:find "^/libpod/" and "/v4.0.0" or "/v1.41") .. path, method = method,
      unix_socket = self.socket, timeout = 300, max_body = 64 * 1024 * 1024, body = is_document and cjson.encode(body) or body,
      headers = body and { ["Content-Type"] = is_document and "application/json" or "application/x-tar" } or nil,
    })
  end)
  local ok, answer = pcall(cjson.decode, response.body)
  return response.status, ok and answer or response.body
end

--- Put images into the engine, in one request.
---@param list ImageSpec[]
function Socket:load(list)
  local status, answer = self:ask("POST", "/images/load", images.archive(list))
  assert(status == 200, answer)
end

--- Create a container, which does not run.
---@return boolean created
---@return any why_not
function Socket:container(name, image)
  local status, answer
  if self.podman then -- its compatible API takes no mode of control groups, which the specs' podman does without
    status, answer = self:ask("POST", "/libpod/containers/create", { name = name, image = image, cgroups_mode = "enabled" })
  else
    status, answer = self:ask("POST", "/containers/create?name=" .. name, { Image = image, HostConfig = { NetworkMode = "none" } })
  end
  return status == 201, answer
end

--- All images: their names, without podman's own registry, by a label.
---@param label string
---@return table<string, { id: string, tags: string[] }>
function Socket:images(label)
  local status, list = self:ask("GET", "/images/json")
  assert(status == 200, list)
  local found = {}
  for _, image in ipairs(list) do
    local tags = {}
    for _, tag in ipairs(type(image.RepoTags) == "table" and image.RepoTags or {}) do
      if tag ~= "<none>:<none>" then tags[#tags + 1] = tag:gsub("^localhost/", "") end
    end
    table.sort(tags)
    local name = type(image.Labels) == "table" and image.Labels[label]
    if name then found[name] = { id = image.Id, tags = tags } end
  end
  return found
end

--- Remove all images that have a label, and the containers of these images. None of them runs.
---@param label string
function Socket:clear(label)
  for _, path in ipairs {
    '/containers/prune?filters={"label":["LABEL"]}', self.podman and '/libpod/images/prune?all=true&filters={"label":["LABEL"]}'
      or '/images/prune?filters={"dangling":["false"],"label":["LABEL"]}',
  } do
    local status, answer = self:ask("POST", (path:gsub("LABEL", label):gsub('[{}%[%]"]', function(char)
      return ("%%%02X"):format(char:byte())
    end)))
    assert(status == 200, answer)
  end
end

return images
