---@meta molbuild.testing

-- Stubs for tests of policies, for language servers: never loaded. docs/testing.md describes each.

---@class molbuild.testing
local testing = {}

---@alias molbuild.testing.Tree table<string, string|{ text: string?, mode: integer?, link: string? }>  by path

---@class molbuild.testing.Options
---@field policy string?  beside the test, or looked up as molbuild run does; the test's name without _test when absent
---@field fork string?  the text of a policy, instead
---@field env table<string, string>?  variables of the runs
---@field repositories table<string, molbuild.testing.Tree|table<string, molbuild.testing.Tree>>?  by name: the tree of main, or
---  trees by branch; each repository that is asked for is there when absent
---@field forge { private: boolean?, token: string?, user: string? }?
---@field images table<string, { labels: table<string, string>?, platform: string?, id: string? }>?  by reference
---@field engine { platform: string?, builder: "buildkit"|"classic"|nil, podman: boolean?, command: string? }?
---@field registry table<string, { labels: table<string, string>?, platform: string?, id: string? }>?  by reference
---@field programs table<string, fun(call: molbuild.testing.Call): integer?, integer?>?  by name
---@field files molbuild.testing.Tree?  by absolute path
---@field credential { username: string?, password: string }?  that git's helpers know
---@field seconds { fetch: number? }?  how long things take
---@field now integer?  unix time of the world's beginning
---@field cpus integer?

--- A machine of a test's own.
---@param options molbuild.testing.Options?
---@return molbuild.testing.World
function testing.world(options) end

-- World -------------------------------------------------------------------------------------------------------------

---@class molbuild.testing.World
---@field policy string
---@field env table<string, string>
---@field forge molbuild.testing.Forge
---@field engine molbuild.testing.Engine
---@field clock { now: number }
---@field files molbuild.testing.Files
---@field fs table  core.fs of this world
---@field programs table<string, fun(call: molbuild.testing.Call): integer?, integer?>
---@field runs molbuild.testing.Run[]
---@field builds molbuild.testing.Build[]
---@field containers { image: string, argv: string[], options: string[] }[]  that the setting smoke has run
local World = {}

--- molbuild run POLICY ARGUMENT...; options of molbuild run are a table after the arguments.
---@param ... string|table
---@return molbuild.testing.Run
function World:run(...) end

--- molbuild VERB POLICY ARGUMENT..., as run.
---@param name string  the verb
---@param ... string|table
---@return molbuild.testing.Run
function World:verb(name, ...) end

--- Call FN(policy, molbuild) in a task of this world.
---@param fn fun(policy: table, molbuild: table): ...
---@return ...
function World:call(fn) end

--- The policy's steps and the outcomes that it has words for.
---@return table<string, function> steps
---@return table<string, string> outcomes
function World:parts() end

--- Call FN when so much of the world's time has passed, while a run waits.
---@param seconds number
---@param fn fun(world: molbuild.testing.World)
function World:after(seconds, fn) end

--- Let a run get a signal.
---@param name "INT"|"TERM"|"HUP"|"ALRM"
function World:signal(name) end

--- Let another process hold a runtime's lock.
---@param name string
---@param seconds number?
function World:lock(name, seconds) end

--- Put up a server for URLs that begin so.
---@param prefix string
---@param answer fun(request: molbuild.testing.Request): { status: integer, headers: table<string, string>?, body: string? }
function World:serve(prefix, answer) end

--- Read a file of this world.
---@param path string
---@return string?
function World:read(path) end

---@class molbuild.testing.Run
---@field exit integer
---@field stdout string
---@field stderr string
---@field events table[]
---@field requests molbuild.testing.Request[]
---@field commands molbuild.testing.Call[]
---@field seconds number
local Run = {}

---@param name string
---@return table[]
function Run:events_of(name) end

---@param name string  forge, engine, or an origin
---@return molbuild.testing.Request[]
function Run:requests_to(name) end

---@param program string
---@param word string?
---@return molbuild.testing.Call[]
function Run:commands_of(program, word) end

---@class molbuild.testing.Request
---@field to string
---@field method string
---@field url string
---@field path string
---@field headers table<string, string>
---@field body string?
---@field status integer?
---@field time number

---@class molbuild.testing.Build
---@field tag string
---@field dir string
---@field platform string?
---@field labels table<string, string>
---@field build_args table<string, string>
---@field files molbuild.testing.Tree
---@field no_cache boolean
---@field pull boolean
---@field secrets table<string, string>  by id: the value
---@field ssh string[]
---@field memory integer?  bytes
---@field cpus number?
---@field network string?
---@field target string?

-- Forge -------------------------------------------------------------------------------------------------------------

---@class molbuild.testing.Forge
---@field private boolean
---@field token string
local Forge = {}

--- Commit a tree to a branch.
---@param name string
---@param tree molbuild.testing.Tree
---@param branch string?  main when absent
---@return string sha
function Forge:push(name, tree, branch) end

---@param name string
---@param branch string?  main when absent
---@return string? sha
function Forge:head(name, branch) end

--- Remove a branch, or the repository.
---@param name string
---@param branch string?
function Forge:remove(name, branch) end

--- Let the next requests fail, or be answered otherwise.
---@param what "timeout"|"resolve"|"connect"|"reset"|"tls"|integer|{ status: integer?, headers: table?, body: string? }
---@param count integer?  all when absent
function Forge:fails(what, count) end

--- Let the next fetches find a replica without the branch's commit.
---@param count integer?
function Forge:lags(count) end

--- Let everything succeed again.
function Forge:recovers() end

-- Engine ------------------------------------------------------------------------------------------------------------

---@class molbuild.testing.Image
---@field id string
---@field tags string[]
---@field labels table<string, string>
---@field platform string
---@field created integer  seconds since 1970

---@class molbuild.testing.Engine
---@field platform string
---@field images molbuild.testing.Image[]
---@field containers { name: string, image: string }[]  running or not
---@field registry table<string, table>
local Engine = {}

---@param ref string
---@param fields { labels: table<string, string>?, platform: string?, id: string? }?
---@return molbuild.testing.Image
function Engine:add(ref, fields) end

---@param ref string
function Engine:remove(ref) end

---@param ref string
---@return molbuild.testing.Image?
function Engine:image(ref) end

---@class molbuild.testing.Plan
---@field prints string|string[]|nil  by the last step
---@field seconds number?  that it takes
---@field exit integer?
---@field says string?  the program's last line
---@field signal integer?  that ends it
---@field image { platform: string?, labels: table<string, string>? }|false|nil  what else the image is; false: there is none

--- Set how the next containers go, which the setting smoke runs.
---@param plan { prints: string|string[]|nil, seconds: number?, exit: integer? }|
---  fun(container: table, call: molbuild.testing.Call): integer?
---@param count integer?  all of them when absent
function Engine:runs(plan, count) end

--- Set how the next builds go.
---@param plan molbuild.testing.Plan|fun(build: molbuild.testing.Build, call: molbuild.testing.Call): integer?, integer?
---@param count integer?  all when absent
function Engine:builds(plan, count) end

--- Make an operation fail in its last step.
---@param operation "build"|"pull"|"push"
---@param cause string  one of those that docs/testing.md lists, such as "disk full", or the program's last line
---@param count integer?  all when absent
function Engine:fails_after(operation, cause, count) end

--- Let questions fail.
---@param what "unreachable"|"stuck"|integer
---@param count integer?  all when absent
function Engine:fails(what, count) end

--- Let everything succeed again.
function Engine:recovers() end

-- Files, programs ---------------------------------------------------------------------------------------------------

---@class molbuild.testing.Files
local Files = {}

--- Put a file, a link or a socket there.
---@param path string
---@param what string|{ text: string?, mode: integer?, link: string?, socket: boolean? }
function Files:add(path, what) end

--- Let writing fail; nil: no longer.
---@param code string?  "ENOSPC"
function Files:fails(code) end

---@class molbuild.testing.Call
---@field name string  the program
---@field argv string[]
---@field env table<string, string>
---@field input string?
---@field output string
---@field code integer?
---@field signal integer?
---@field seconds number
local Call = {}

--- Print lines to stderr.
---@param format string
---@param ... any
function Call:print(format, ...) end

--- Print to stdout.
---@param text string
function Call:out(text) end

--- Let time pass.
---@param seconds number
function Call:wait(seconds) end

--- Whether a word is among the arguments.
---@param word string
---@return boolean
function Call:has(word) end

--- The value of an option: the first one, and all.
---@param name string
---@return string? first
---@return string[] all
function Call:option(name) end

return testing
