-- Colours, or none.

local CODES = { red = "31", green = "32", yellow = "33", cyan = "36", dim = "2" }

local paint = {}

--- A function that colours a text, or returns it unchanged.
---@param color boolean
---@return fun(text: string, name: string?): string
function paint.new(color)
  if not color then
    return function(text)
      return text
    end
  end
  return function(text, name)
    if not name or text == "" then
      return text
    end
    return "\27[" .. CODES[name] .. "m" .. text .. "\27[0m"
  end
end

return paint
