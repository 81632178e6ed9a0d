std = "lua54"
max_line_length = 132
-- A variable that exists to be closed at the end of its block (<close>) is not used otherwise.
ignore = { "211/place", "211/asked" }
files["spec/**/*.lua"] = { std = "lua54+busted" }
files["core/bench/*_test.lua"] = { std = "lua54+busted" }
files["docs/examples/*_test.lua"] = { std = "lua54+busted" }
files["scripts/**/*.lua"] = { read_globals = { "molbuild" } }
files["lua/types"] = { ignore = { "1", "2", "4" } }
