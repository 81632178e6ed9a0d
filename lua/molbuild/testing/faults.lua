--- The faults that a fake meets, in their order.
local faults = {}

--- Add a fault.
---@param list table  of the fake
---@param what any
---@param count integer?  how often it is met; always when absent
function faults.add(list, what, count)
  list[#list + 1] = { what = what, left = count or math.huge }
end

--- Take the fault that is met next.
---@param list table
---@return any what  nil without one
function faults.take(list)
  local fault = list[1]
  if not fault then
    return nil
  end
  fault.left = fault.left - 1
  if fault.left <= 0 then
    table.remove(list, 1)
  end
  return fault.what
end

return faults
