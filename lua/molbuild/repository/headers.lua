--- The headers that a user's configuration adds to git's requests (http.extraHeader, http.<url>.extraHeader). git sends all
--- of them. So with a token the list is emptied, and all headers but Authorization are added again.
local headers = {}

--- The arguments of the git command that prints them.
headers.QUESTION = { "config", "-z", "--get-regexp", [[^http\.(.*\.)?extraheader$]] }

local PORTS = { http = ":80$", https = ":443$" }

--- Scheme, host (with a port unless it is the default) and path of a URL. nil for other text, and for a URL with a user: git
--- applies such a setting only to URLs with that user.
local function parts_of(url)
  local scheme, host, path = url:match "^(%a[%w+.-]*)://([^/?#@]*)([^?#]*)$"
  if not scheme then
    return nil
  end
  scheme = scheme:lower()
  return scheme, (host:lower():gsub(PORTS[scheme] or "$^", "")), (path:gsub("/+$", ""))
end

--- Whether a setting for PATTERN, a URL whose host may have "*" for labels, applies to URL.
---@param pattern string
---@param url string
---@return boolean
function headers.covers(pattern, url)
  local scheme, host, path = parts_of(pattern)
  local own_scheme, own_host, own_path = parts_of(url)
  if not scheme or scheme ~= own_scheme then
    return false
  end
  local labels = host:gsub("%p", "%%%0"):gsub("%%%*", "[^.]+")
  return own_host:find("^" .. labels .. "$") ~= nil and (own_path .. "/"):sub(1, #path + 1) == path .. "/"
end

--- The headers for URL, except Authorization, from the output of git config (-z, --get-regexp).
---@param text string
---@param url string
---@return string[]
function headers.of(text, url)
  local list = {}
  for name, value in text:gmatch "([^\n%z]+)\n([^%z]*)%z" do
    local pattern = name:match "^http%.(.*)%.extraheader$"
    if not pattern or headers.covers(pattern, url) then
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
