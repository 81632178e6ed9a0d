std = "lua54"
max_line_length = 132
files["spec/**/*.lua"] = { std = "lua54+busted" }
files["scripts/*.lua"] = { read_globals = { "molbuild" } }
files["lua/types/*.lua"] = { ignore = { "1", "2" } }
