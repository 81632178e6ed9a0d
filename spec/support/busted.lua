--- busted, run by whichever interpreter runs this: lua5.4 spec/support/busted.lua OPTION... FILE...
local is_built, core = pcall(require, "molbuild.core")

require "busted.runner" { standalone = false }

-- The secrets that specs gave to the masker belong to the core, whose library is unloaded before leaks are looked for.
if is_built then core.mask.clear() end
