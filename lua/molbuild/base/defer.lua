--- What must be done when a block ends, whatever ends it:   local _ <close> = defer(function() ... end)

--- A value to be closed.
---@param fn fun(failure: any)  called when the block ends: with the error that ends it, or nil
---@return table
return function(fn)
  return setmetatable({}, { __close = function(_, failure) fn(failure) end })
end
