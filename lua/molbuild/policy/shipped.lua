--- The policies that are part of the program. They look like the files of one directory, which is in no file system: a program that
--- is a single file has no other policies.
local shipped = {
  --- The directory, as part of a path. A real directory of that name is "./builtin:".
  DIRECTORY = "builtin:",
}

--- The program's functions: the text of a policy, or with no name the list of names; and the bytecode for a text.
---@type { policy: (fun(name: string?): string|string[]|nil)?, compiled: (fun(text: string): string?)? }
local program = {}

--- Set the program that the policies are part of. Under a plain Lua there is none.
---@param functions { policy: (fun(name: string?): string|string[]|nil)?, compiled: (fun(text: string): string?)? }
function shipped.set(functions)
  program = functions
end

--- Whether the path names the directory or something in it, not a file or directory of the file system.
---@param path string
---@return boolean
function shipped.owns(path)
  return (path .. "/"):sub(1, #shipped.DIRECTORY + 1) == shipped.DIRECTORY .. "/"
end

--- The text of a policy.
---@param path string  "builtin:/ensure.lua"
---@return string? text  nil: the program has no such policy
function shipped.read(path)
  return program.policy and program.policy(path:sub(#shipped.DIRECTORY + 2)) or nil
end

--- The names of all, such as "ensure.lua".
---@return string[]
function shipped.names()
  return program.policy and program.policy() or {}
end

--- The bytecode of the policy with exactly this text; nil for any other text. Compiling takes a tenth of a hit's time.
---@param text string
---@return string?
function shipped.compiled(text)
  return program.compiled and program.compiled(text) or nil
end

return shipped
