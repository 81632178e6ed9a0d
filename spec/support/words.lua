--- The words that ensure.lua wants its runs to be shown in.
return require("molbuild").load("scripts/ensure-settings.lua").words
