--- The headers that a user's configuration adds to git's requests (http.extraHeader, http.<url>.extraHeader). git sends all
--- of them, so with a token the list is emptied, and what is no Authorization comes back.
local headers = {}

--- The arguments of the git command that prints them.
headers.QUESTION = { "config", "-z", "--get-regexp", [[^http\.(.*\.)?extraheader$]] }

local PORTS = { http = ":80$", https = ":443$" }

--- Scheme, host (with a port that is not the usual one) and path of a URL; nil where it is none, or has a user: git takes
--- such a setting for URLs with that user alone.
local function parts_of(url)
  local scheme, host, path = url:match "^(%a[%w+.-]*)://([^/?#@]*)([^?#]*)$"
  if not scheme then
    return nil
  end
  scheme = scheme:lower()
  return scheme, (host:lower():gsub(PORTS[scheme] or "$^", "")), (path:gsub("/+$", ""))
end

--- Whether a setting for PATTERN, a URL whose host may have "*" for labels, is one for URL.
local function covers(pattern, url)
  local scheme, host, path = parts_of(pattern)
  local own_scheme, own_host, own_path = parts_of(url)
  if not scheme or scheme ~= own_scheme then
    return false
  end
  local labels = host:gsub("%p", "%%%0"):gsub("%%%*", "[^.]+")
  return own_host:find("^" .. labels .. "$") ~= nil and (own_path .. "/"):sub(1, #path + 1) == path .. "/"
end

--- The headers for URL, but for Authorization, in what git config prints (-z, --get-regexp).
---@param text string
---@param url string
---@return string[]
function headers.of(text, url)
  local list = {}
  for name, value in text:gmatch "([^\n%z]+)\n([^%z]*)%z" do
    local pattern = name:match "^http%.(.*)%.extraheader$"
    if not pattern or covers(pattern, url) then
      if value == "" then
        list = {}
      elseif not value:lower():find "^authorization%s*:" then
        list[#list + 1] = value
      end
    end
  end
  return list
end

return headers
