---@meta molbuild

-- Stubs of the library, for language servers: never loaded. Made by make docs from the annotations in lua/molbuild.

---@class molbuild.Argument
---@field [1] string  the option, with its dashes
---@field [2] string?  what its value is called; nil: it takes none
---@field [3] string  its meaning, in one line

---@class molbuild.BuildKitOptions
---@field builder string?  the name of a builder of buildx's (docker buildx ls)
---@field cache_from string?  where layers are taken from: type=registry,ref=..., or an image; several with spaces between them
---@field cache_to string?  where layers are put: inline, or type=registry,ref=...; several with spaces between them

---@class molbuild.BuildOptions
---@field tag string
---@field called string?  the name of the image in messages; its tag when absent
---@field dir string
---@field builder "buildkit"|"classic"  see Engine:builder()
---@field buildkit molbuild.BuildKitOptions?  what only BuildKit can do
---@field platform string?
---@field target string?  as the next five: see molbuild.BuildDemands
---@field secrets table<string, molbuild.BuildSecret>?
---@field ssh string|string[]|nil
---@field memory string|integer|nil
---@field cpus string|number|nil
---@field network "default"|"none"|"host"|nil
---@field build_args table<string, string>?
---@field labels table<string, string>?
---@field no_cache boolean?  without the layers of former builds
---@field pull boolean?  the base images are fetched again
---@field timeout number?  the ceiling, in seconds
---@field stall number?  the longest silence, in seconds; four times as much in BuildKit's silent phases
---@field log_file string?
---@field metadata_file string?  buildx writes there what it knows of the build, its sources for example
---@field keep table?  locks that are held as long as the build runs
---@field settings { native: string?, cache: string? }?  for hints: how the caller's user builds for the engine's own platform,
---  and moves the cache directory

---@class molbuild.BuildSecret
---@field env string?  the variable that has the value
---@field file string?  or the file

---@class molbuild.ChildOptions: molbuild.core.ProcessOptions
---@field silent boolean?  its output lines become no events

---@class molbuild.CommitOptions
---@field repository string  where it is kept; its directory exists
---@field dir string  a path in an existing private directory, beside which files may be
---@field url string
---@field commit string
---@field branch string  where the commit is looked for if the server does not serve it by its id
---@field bytes integer  the most bytes on the wire
---@field memory integer?  bytes of memory for git, for data from the server; no bound when absent
---@field token molbuild.Credential?
---@field timeout number?
---@field stall number?
---@field keep table?  locks that git keeps, too
---@field offline boolean?  nothing is fetched

---@class molbuild.Credential
local Credential = {}

--- The secret, for a request to a URL. Nil, with a warning, when the URL has another origin.
--- Raises: auth (the URL has that origin, but would carry the secret in clear text).
---@param url string
---@return string? secret
---@return string? user
function Credential:secret_for(url) end

--- The user name that goes with the token; nil: the usual one.
---@return string?
function Credential:user() end

--- Where it was found.
---@return { [1]: string, file: string?, setting: string? }  in words, such as "MOLECULE_GITEA_TOKEN"; the file that holds it,
---  and what names that file
function Credential:source() end

---@class molbuild.DoctorCheck
---@field [1] string  its name
---@field [2] fun(report: molbuild.DoctorReport)

---@class molbuild.DoctorLine
---@field check string
---@field status "ok"|"warning"|"failure"
---@field message string
---@field hint string?
---@field exit integer?  of a failure

---@class molbuild.DoctorReport
---@field about string?  named in the next lines: which of several
---@field [integer] molbuild.DoctorLine
local DoctorReport = {}

--- A check that passed.
---@param check string  its name
---@param message string  what was found
function DoctorReport:ok(check, message) end

--- Something that does not stop a run.
---@param check string
---@param message string
---@param hint string?
function DoctorReport:warn(check, message, hint) end

--- Something that a run would fail with: that failure, or a line with its exit status.
---@param check string
---@param failure any  a raised value
function DoctorReport:fail(check, failure) end

--- Call a function. Its failure becomes the line of a check; a cancellation is raised again.
---@param check string
---@param fn function
---@param ... any
---@return boolean ok
---@return any result
function DoctorReport:try(check, fn, ...) end

--- The lines of another report, behind its own.
---@param other molbuild.DoctorReport
function DoctorReport:append(other) end

--- The exit status: 0, or that of the first failure.
---@return integer
function DoctorReport:exit() end

---@class molbuild.Engine
---@field command string  the program that builds: docker, podman, or a path
---@field podman boolean
local Engine = {}

--- Ask a question: of the API; after the first question that the API does not answer, of the program. The program
--- supports more endpoints, and explains best why an engine cannot be reached. A stuck engine is not asked again, so a
--- question takes a minute at most.
---@param question string|{ api: function, cli: function, seconds: number }  a function that both back ends have; or one for each
---  of them, and the most seconds that it may take
---@param ... string  references
function Engine:ask(question, ...) end

--- Whether the engine answers now.
--- Raises: cancelled.
---@return boolean there
---@return string? message  why it does not
function Engine:answers() end

--- Ask about an image ahead of time, while something else is waited for. The next image() of this name, or of another name
--- of the same image, uses the answer. Each name is answered once, and none after a build: an answer must not become stale.
---@param ref string
---@return table asked  to be closed, which ends a question in progress
function Engine:ask_early(ref) end

--- Which image a name leads to. The answer of ask_early is used, and stays there for image().
--- Raises: missing_tool (the engine cannot be reached).
---@param ref string
---@return string? found  the commit that the image was built from, by its label; else the image's id; "none" when the engine has
---  no such image; nil when its answer is unusable
function Engine:revision(ref) end

--- The engine's description of an image.
--- Raises: missing_tool (the engine cannot be reached), usage (not a reference).
---@param ref string
---@return molbuild.Image?  nil when it has none
---@return string? message  when the engine's answer is unusable: neither yes nor no
function Engine:image(ref) end

--- The platform of the engine, which may run on another machine, in Go's names: "linux/amd64". Asked once.
--- Raises: missing_tool (the engine cannot be reached).
---@return string? platform
---@return string? message  when the engine's answer is unusable
function Engine:platform() end

--- The images that have a label with a value.
--- Raises: missing_tool (the engine cannot be reached).
---@param name string
---@param value string
---@return molbuild.Image[]?  they may lack their platforms: a list of the engine's has none
---@return string? message  when the engine's answer is unusable
function Engine:labelled(name, value) end

--- Give an image another name.
--- Raises: failed, missing_tool, usage.
---@param ref string
---@param alias string
function Engine:tag(ref, alias) end

--- The builder for the program: see engine/builder.lua.
--- Raises: usage (DOCKER_BUILDKIT is not a boolean).
---@return "buildkit"|"classic"
---@return string? advice  one line, when only the classic builder is available
function Engine:builder() end

--- The program that builds, by its real name: once builder() has detected a podman that is called docker, "podman".
---@return string
function Engine:program() end

--- Build an image from a directory with a Dockerfile at its root; see engine/build.lua.
--- Raises: build, timeout, missing_tool, cancelled, usage.
---@param options molbuild.BuildOptions
---@return molbuild.Image?  nil when the engine's answer is unusable
function Engine:build(options) end

--- Pull an image from its registry by the program, which has the credentials; see engine/transfer.lua.
--- Raises: auth, not_found, remote, failed, timeout, missing_tool, cancelled, usage.
---@param ref string
---@param options molbuild.TransferOptions?
---@return molbuild.Image?  nil when the engine's answer is unusable
function Engine:pull(ref, options) end

--- Push an image to its registry by the program, which has the credentials. One that is there already is a success.
--- Raises: auth, not_found, remote, failed, timeout, missing_tool, cancelled, usage.
---@param ref string
---@param options molbuild.TransferOptions?
function Engine:push(ref, options) end

---@class molbuild.Error
---@field kind string
---@field message string
---@field hint string?
---@field retry boolean?
---@field cause any
---@field signal integer?
---@field traceback string?

---@class molbuild.Found
---@field document string?  the record; nil when there is none that can be used
---@field signature string?
---@field message string?  why there is no such document or signature, where there is a file

---@class molbuild.GcReport
---@field rows molbuild.GcRow[]
---@field removed integer  images
---@field failed integer
---@field freed integer?  bytes: by how much the engine's own count of its layers and its build cache has become smaller
---@field free integer?  bytes that are free where the engine keeps its images
---@field dry_run boolean?

---@class molbuild.GcRow
---@field action "removed"|"would_remove"|"kept"|"failed"
---@field kind "image"|"tree"|"log"|"record"|"signature"|"order"|"repository"|"staging"|"name"|"container"|"build_cache"
---@field runtime string?
---@field tag string?
---@field count integer?  how many files or directories
---@field size integer?  bytes
---@field reason string

---@class molbuild.HeadMoment
---@field time number  unix time, in seconds
---@field monotonic number  seconds of the monotonic clock
---@field boot string  which boot that clock belongs to; "-" when the system does not say

---@class molbuild.Image
---@field id string  "sha256:..."
---@field tags string[]  all its names, with their tags
---@field os string
---@field architecture string
---@field variant string?  of the architecture
---@field created string|integer|nil  when the engine made it, as the engine writes it: a date, in a list seconds since 1970
---@field size integer?  bytes, with all of its layers
---@field labels table<string, string>
---@field digests string[]?  its names in registries, with digests: "debian@sha256:..."
---@field layers string[]?  the digests of its layers, the lowest first

---@class molbuild.Inventory
---@field rows table[]  one for each image or build, and for each repository
---@field images integer  how many
---@field own integer  bytes that only one image uses, in sum
---@field disk integer  bytes in the cache
---@field layers integer?  bytes of all layers in the engine, also those of images that are not ours
---@field build_cache integer?  bytes
---@field free integer?  bytes that are free where the engine keeps its images

---@class molbuild.LastGood
---@field sha string  the commit
---@field tag string  the image's name with its tag
---@field image_id string
---@field current number  when it was last known to be right: the branch pointed at its commit, and it was not too old; seconds
---  since 1970
---@field record molbuild.Record
---@field doubt string  where nothing may be changed: "; " and what a run would check before it is given; else ""

---@class molbuild.Link
---@field link string  its name
---@field what string?  what holds, or what was found
---@field reason string?  why the link is broken; nil when it holds

---@class molbuild.Manifest
---@field path string
---@field own boolean  whether `molbuild pin` wrote it
---@field entries molbuild.ManifestEntry[]

---@class molbuild.ManifestEntry
---@field place string  for messages: `pins[2]`
---@field name string?
---@field runtime string?
---@field repository string  as the file has it
---@field commit string
---@field pin table?  the whole object, in a file of `molbuild pin`

---@class molbuild.Program
---@field version string
---@field prefix string  where it is installed; "" for a program that is one file
---@field compiled (fun(text: string): string?)?  the bytecode of the built-in policy with exactly this text
---@field policy (fun(name: string?): string|string[]|nil)?  the text of a built-in policy; with no name, all their names
---@field library table?  the module molbuild

---@class molbuild.Record
---@field path string  the file
---@field runtime string
---@field image string  name and tag
---@field image_id string?  the engine's id, of a build that succeeded
---@field commit string  of a working tree: its digest
---@field repository string  URL, without credentials
---@field branch string  "" for a working tree
---@field platform string
---@field asked string?  the commit that was asked for, or pinned: the branch was not looked up
---@field inputs table<string, string>
---@field build_args table<string, string>
---@field policy { name: string, sha256: string }
---@field builder string?  buildkit or classic
---@field started integer  seconds since 1970
---@field finished integer
---@field seconds number  by a clock that cannot be set
---@field max_files number?  the bounds of the template; nil: none
---@field max_bytes number?
---@field engine string?  the program that builds
---@field bases { name: string, digest: string?, id: string?, digests: string[]? }[]  the images that the build began with
---@field unknown_bases string[]  how the Dockerfile writes those that are not known; "?" for all
---@field demands table  as of demands.recorded
---@field error molbuild.RecordError?  of a build that failed
---@field signer molbuild.Signer?  of the commit, when it was built
---@field verified molbuild.Verdict?  what the step verify found of the image before it got its tag

---@class molbuild.RecordError
---@field kind string
---@field exit integer
---@field message string
---@field hint string?
---@field log string?
---@field step string?
---@field code string?  what the engine's program named as the cause
---@field retry boolean  whether the same call may have succeeded later
---@field pulled boolean?  it is about an image of a shared registry, and none was built

---@class molbuild.Rows
---@field columns molbuild.RowsColumn[]
---@field notes string[]
---@field exit integer?
---@field [integer] table
local Rows = {}

--- Add a row. The object has all of its fields; the table has those of the columns.
---@param fields table<string, any>  an absent or false field is not in the object, and "-" in the table
function Rows:add(fields) end

--- Add a line of text behind the table. The objects are without it.
---@param line string
function Rows:note(line) end

--- The rows as a table for people, with a line of titles, and the notes behind it. Without rows there are the notes alone.
---@return string
function Rows:text() end

--- The rows as JSON, one object per line.
---@param encode fun(t: table, first: string[]): string
---@return string
function Rows:json(encode) end

---@class molbuild.RowsColumn
---@field [1] string  the field of a row
---@field align "right"|nil
---@field shown (fun(value: any, row: table): string)?  the value as the table shows it; tostring when absent

---@class molbuild.RowsOptions
---@field columns molbuild.RowsColumn[]

---@class molbuild.Semaphore
local Semaphore = {}

--- Wait for a slot, first come first served.
--- Raises: cancelled.
---@param on_wait fun()?  called when no slot is free
---@return table  an object to close
function Semaphore:acquire(on_wait) end

---@class molbuild.Setting
---@field [1] string  the name: a field of the policy, and of a job
---@field [2] any  the default; nil: none
---@field [3] string  the type, a key of TYPES below
---@field [4] string  what it is, in one line
---@field variable string?  the environment variable that overrides the policy
---@field per_runtime boolean?  whether `per_runtime` may set it
---@field bound string?  the library's option that the setting bounds, as in failure.bound
---@field choices string[]?  for the type choice
---@field min number?
---@field max number?
---@field zero number?  what 0 stands for in a job: math.huge, no bound
---@field shown_default string?  the default in words, if it depends on the machine
---@field fields table[]?  for the type options: see option_table.lua
---@field replaces string?  a former name of it in the policy, which is refused

---@class molbuild.SettingValue
---@field row molbuild.Setting
---@field value any
---@field origin "default"|"fork"|"variable"
---@field where string  its place, for messages: a variable, "ceiling", "per_runtime.hermes.ceiling"

---@class molbuild.Signer
---@field commit string
---@field principal string?  who signed the commit; nil when the signature was refused
---@field fingerprint string?  of the key
---@field kind "ssh"|"gpg"|nil
---@field refused string?  why the signature was refused, where that is only reported
---@field signers_sha256 string  the digest of the file of allowed signers
---@field revoked_sha256 string?  the digest of the file of revoked ones

---@class molbuild.StockContainer
---@field id string
---@field name string
---@field image string  the image's id
---@field created integer?  seconds since 1970
---@field state string?  "running", "exited", "created", ...
---@field labels table<string, string>

---@class molbuild.Task
---@field scope table  shared by this task and its children; inherits from the parent's scope
---@field ended boolean
---@field ok boolean?  how it ended
local Task = {}

--- Cancel a task and all its descendants. Join it as usual to wait for its end. No effect on a task that has ended.
---@param reason any?  the error that join() raises; a "cancelled" error when absent
function Task:cancel(reason) end

--- End immediately whatever the task and its children wait for: child processes get KILL.
function Task:kill() end

--- Wait for a task that this one spawned; return its results, or raise its error.
function Task:join() end

---@class molbuild.TransferOptions
---@field platform string?  of a pull; as of names.platform; the engine's own when absent
---@field timeout number?  the ceiling, in seconds
---@field stall number?  the longest silence, in seconds; four times as much for a layer, which is silent by nature
---@field log_file string?
---@field keep table?  locks that are held as long as the transfer runs
---@field on_line (fun(line: string): any)?  called for each line that the program prints

---@class molbuild.TreeOptions
---@field repository string  where it is kept; its directory exists
---@field dir string  where the files go: a new directory in an existing one
---@field url string
---@field commit string
---@field branch string
---@field on_branch boolean?  nil: the commit is the branch's, looked up just now. Else it was given: true, it must be on the
---  branch, whose history is fetched to find that out; false, any commit of the repository will do
---@field detached_hint string?  the hint when a given commit is not on the branch
---@field files integer  the most files and directories of the tree
---@field bytes integer  the most bytes of the tree, and on the wire
---@field memory integer?  bytes of memory for git, for data from the server; no bound when absent
---@field token molbuild.Credential?
---@field timeout number?
---@field stall number?
---@field keep table?  locks that git keeps, too
---@field auth_hint string?  the hint when the server refuses the token, or requires one
---@field verify (fun(options: molbuild.TreeOptions))?  called when the repository holds the commit, before anything of its tree
---  is read: it raises an error for a commit that must not be used

---@class molbuild.Verdict
---@field by "smoke"|"verify"  the setting of the shipped policy, or a fork's own step
---@field sha256 string?  the digest of that setting, or of the fork
---@field seconds number  how long it took
---@field at integer  when; seconds since 1970
---@field error molbuild.RecordError?  why the image was refused

---@class molbuild.WatchHow
---@field prepare fun(job: table): table  makes a job of the policy one of a watch
---@field outcomes string[]  the outcomes that a job may have
---@field unchanged string  the outcome of a job that found its image
---@field steps { lookup: string, fetch: string }  the names of the steps that ask the forge
---@field reload fun(): table, function  loads the policy again; gives it, and what identifies it

--- The arguments of a verb: what follows the script on the command line.
---@class molbuild.arguments
local arguments = {}

--- Split a verb's arguments into options and words. `--keep=2` and `--keep 2` are the same; behind `--` there are words alone.
--- Raises: usage.
---@param args string[]
---@param rows molbuild.Argument[]  the options that the verb has; each may be given once
---@param word string?  an argument that stays among the words although it begins with dashes
---@return table<string, string|true> given  by name, without dashes, and with "_" for each other dash: `no_cache`
---@return string[] words
function arguments.parse(args, rows, word) end

--- What is proven about an image: its record is signed by an allowed key, names the engine's image, and is that of the commit, the
--- repository and the policy of the run. Nothing is believed that the signature does not cover.
---@class molbuild.attest
local attest = {}

--- Check a record as that of a job's image, one link after the other.
--- Raises: usage, failed, timeout, missing_tool.
---@param job table  with its commit, its platform and its tag
---@param image_id string?  the engine's; nil when it has no such image
---@param found molbuild.Found?  the job's own record when absent
---@return molbuild.Link[]  the first broken one has the cause
function attest.links(job, image_id, found) end

--- The first broken link; nil when all hold.
---@param links molbuild.Link[]
---@return molbuild.Link?
function attest.broken(links) end

--- Demand that the image under a job's tag is attested. What the check depended on is remembered: checked.before.
--- Raises: auth (it is not; the message names the broken link), usage, failed, timeout, missing_tool.
---@param job table  as of attest.links
function attest.demand(job) end

--- The commit of the image that a job's moving name has, by its label; nil when there is no such image.
--- Raises: missing_tool (the engine cannot be reached, or gives no usable answer).
---@param job table  with its alias
---@return string?
function attest.newest(job) end

--- What is proven about the images of some runtimes, one row for each link. The exit status is 5 for a broken one, or if there
--- is no image.
--- Raises: usage, missing_tool, failed, timeout.
---@param policy table
---@param args string[]  options, and runtimes; all that have an image when nothing is given
---@param find fun(job: table): boolean  gives a job its platform, its alias, and, if there is an image, its commit and its tag
---@return molbuild.Rows
function attest.rows(policy, args, find) end

--- The images that a build begins with, by digest: as BuildKit reports them, or as the engine has them when the build ends. What is
--- not certain is unknown, in the record and in the labels.
---@class molbuild.bases
local bases = {}

--- A name with its registry and its tag, as docker completes it.
---@param name string
---@return string  without a digest
function bases.qualified(name) end

--- Read which images a job's tree begins with.
--- Raises: failed.
---@param job table  with its tree, its builder, and perhaps the stage that is built, job.target
---@param build_args table<string, string>
---@return table bases  with labels(), settle() and the field metadata_file; to be closed
function bases.find(job, build_args) end

--- The digests of images in what buildx writes about a build.
---@param document string
---@return table<string, string> pins  by whole name
function bases.pins(document) end

--- A build that continues behind a result: in a process of molbuild's own, with the runtime's lock, which no signal to this process
--- reaches. It runs the same policy for that runtime alone. Its messages go to a log beside those of builds.
---@class molbuild.behind
---@field LOG string  The name of the log, in the directory of a runtime.
---@field VARIABLE string  The variable by which a molbuild knows that it is such a process: the descriptor of the lock, or
---  "followed" (--detach).
local behind = {}

--- What the starter of this process has left to it; nil for a process that a user or another program has started.
---@return { descriptor: integer?, is_behind: boolean }?  descriptor: of the lock, until it is taken over
function behind.left() end

---@class molbuild.behind.slots.left
---@field directory string?

--- Slots for processes that build behind results: as many build at the same time in one cache, whatever started them. A process
--- that was killed leaves its slot. Without the directory of its lock a process does not wait.
---@param count integer
---@param left molbuild.behind.slots.left  as of behind.left; the directory is known when its lock was taken over
---@return { acquire: fun(self: table, on_wait: fun()): table }  as of task.semaphore
function behind.slots(count, left) end

--- Start a build of a job's image, and leave the runtime's lock to it.
--- Raises: failed (no such process can be started: the lock is still held here).
---@param job table
---@param policy table
---@param lock molbuild.core.Lock  held
---@return { pid: integer, host: string, seconds: number }
function behind.start(job, policy, lock) end

--- What the holder of a runtime's lock does, for waiting processes.
---@param job table  with its commit
---@param step string?
---@return string
function behind.purpose(job, step) end

--- The steps of a build, each of which the lock then names for waiting processes.
---@param job table
---@param lock molbuild.core.Lock|any  of a policy's own step: anything
---@param step fun(name: string): any
---@return fun(name: string): any
function behind.describing(job, lock, step) end

--- The log of the build that the holder of a runtime's lock does.
---@param job table  which waits for the lock
---@param holder molbuild.core.Holder
---@return string?
function behind.log(job, holder) end

--- How long ago a process behind a result ended before it took the lock over, as one does that cannot run the policy. Its starter
--- has left its record in the lock's file, with no step.
---@param path string  of the lock
---@param job table  with its commit
---@return number? age  seconds; nil when there was none, or it was long enough ago
---@return number? left  seconds until another one may be started
function behind.fallen(path, job) end

--- The build that another process does now: of the runtime's lock.
---@param path string  of the lock
---@return { pid: integer, host: string, seconds: number, step: string?, commit: string? }?  nil when the lock does not name its
---  holder
function behind.current(path) end

--- What only BuildKit can do for a build: layers from elsewhere (--cache-from, --cache-to), and a builder of buildx's on
--- another machine (--builder). What the program's builder cannot do is refused by name, never ignored.
---@class molbuild.buildkit
local buildkit = {}

--- The arguments of a build that only BuildKit takes. The program is not run.
--- Raises: usage (the builder cannot do it; the message names the option).
---@param engine molbuild.Engine  whose builder() has been asked
---@param kind "buildkit"|"classic"  what builder() has said
---@param options molbuild.BuildKitOptions
---@param named table<string, string>?  by option: the name that messages use for it, such as a variable
---@return string[]
function buildkit.arguments(engine, kind, options, named) end

--- Ask for the program's builder while something else is done. What the job asks of it that it cannot do is an error now.
--- Raises: usage.
---@param job table  with its engine, and the settings buildx_builder, build_cache_from, build_cache_to, and those of
---  demands.check
---@return molbuild.Task  whose join() gives what Engine:builder() gives
function buildkit.find(job) end

--- The options of a job's build that only BuildKit has.
---@param job table
---@return molbuild.BuildKitOptions
function buildkit.options(job) end

--- The directory that a policy builds in: locks, trees, staging. docs/architecture.md describes its layout.
---@class molbuild.cache
---@field FULL string  The hint for a cache whose file system is full.
---@field RESERVED table  The directories of a cache that belong to no runtime.
local cache = {}

--- Give files that root made in another user's directory to that user, who could not use them otherwise. LIKE is a
--- directory of that user.
---@param path string
---@param like string
function cache.hand_over(path, like) end

--- Make a directory of the cache, and check that no other user can replace it or a directory above it.
--- Raises: failed.
---@param path string
function cache.make_directory(path) end

--- Check a cache as a run would find it, without making anything: whether its directories can be made or written to, and whether
--- no other user can replace them.
--- Raises: failed.
---@param root string
---@return string at  the nearest directory that exists: ROOT, unless a run has yet to make it
function cache.examine(root) end

--- The place of each build in the order of a runtime's builds on this machine: the last one has the largest.
---@param dir string  the runtime's directory
---@return table<string, integer> place  by the beginning of the commit
function cache.order(dir) end

--- The name that a staging directory belongs to.
---@param entry string  in the directory `tmp` of a cache
---@return string?
function cache.staged_name(entry) end

--- Remove expendable files from a full cache: staging directories of killed runs, old trees, old logs. Files that other
--- processes use are left alone.
---@param root string
---@param held string?  the name whose lock the caller holds: its staging is in use
---@return integer removed  the number of removed trees and files
function cache.make_room(root, held) end

--- Call FN. If it fails because the cache's file system is full, remove expendable files, and call it once more.
---@param root string
---@param held string?  as for cache.make_room
---@param fn fun(): ...
---@return ...
function cache.with_room(root, held, fn) end

--- The file of the lock of NAME.
--- Raises: usage (not a name).
---@param root string  the cache's directory
---@param name string
---@return string
function cache.lock_path(root, name) end

---@class molbuild.cache.lock.options
---@field purpose string?
---@field timeout number?
---@field follow (fun(holder: molbuild.core.Holder): string?)?

--- Acquire the lock of NAME for this task, until it is closed. Reports the lock's holder while it waits. With `follow` the lines
--- that the holder adds to a log meanwhile are shown, as those of a child are.
--- Raises: locked, cancelled, failed.
---@param root string  the cache's directory
---@param name string
---@param options molbuild.cache.lock.options  follow: the log that a holder writes, by its record
---@return molbuild.core.Lock lock  to be closed
function cache.lock(root, name, options) end

--- A private directory for NAME that is removed when it is closed. First, directories that a crashed run of that name
--- left are removed, so the name's lock must be held.
---@param root string
---@param name string
---@return { path: string }
function cache.staging(root, name) end

--- Where the git repository of NAME is kept from one build to the next (repository/kept.lua). Its user must hold the
--- name's lock.
---@param root string
---@param name string
---@return string path
function cache.repository(root, name) end

--- Move a finished tree and its log into place. An older tree of the same name is removed first.
---@param from string
---@param to string
function cache.publish(from, to) end

--- Run WRITE to make a tree in staging, and move the tree into place. If the file system turns out to be full, expendable
--- files are removed and WRITE runs once more. The name's lock must be held.
---@param root string
---@param name string
---@param to string
---@param write fun(tree: string, repository: string): boolean  into a new directory; where the repository is kept
---@return boolean written
function cache.fill(root, name, to, write) end

--- Keep the newest COUNT trees and logs of a directory, by build order; remove the others. Other files stay. Best effort.
---@param dir string
---@param count integer
function cache.prune(dir, count) end

--- Whether the base images of an image have moved in their registries since it was built.
---@class molbuild.check_base
---@field MOVED string
---@field SAME string  The states of the base images of an image.
---@field UNKNOWN string
local check_base = {}

--- Whether a registry has another image under the name of a base image of a job's image. The image itself stays as it is.
--- Raises: missing_tool (the engine cannot be reached).
---@param job table  with its tag
---@return string state  SAME, MOVED if one has moved, else UNKNOWN if it is not known of one
---@return string? reason  of the state
function check_base.run(job) end

--- The memory of a check that an image is attested: a private file beside the record has a digest of everything that the check
--- depended on. A hit that finds the same digest needs nothing of attest.lua, and no program.
---@class molbuild.checked
---@field SIGNERS_MAX integer  The most bytes of a list of signers, and of a key.
local checked = {}

--- A list of signers. One that other users can change would let them sign.
---@param path string
---@return string? list
---@return string? fault  why it cannot be used
---@return string? hint
function checked.read_signers(path) end

--- The digest of everything that a check depends on.
---@param job table  with its commit and its platform
---@param image_id string
---@param found molbuild.Found  with a document and a signature
---@param keys string  the file that decides whose signatures count
---@return string
function checked.digest(job, image_id, found, keys) end

--- Whether the image under a job's tag was found to be attested before, and nothing has changed since.
---@param job table  with its tag
---@return boolean
function checked.before(job) end

--- Child processes, as the library runs them: each line becomes an event, each failure of the system an error object.
---@class molbuild.child
local child = {}

--- Run a program to its end. Its output lines become `line` events if the scope has `wants_lines` (not with `silent`).
--- Raises: timeout, missing_tool, cancelled, failed (with `tail` and `log` if the program had started; `bound` names the option
---  of a timeout).
---@param options molbuild.ChildOptions  without on_lines
---@return molbuild.core.ProcessResult result  as core.process.run returns it, whatever the exit code
function child.run(options) end

--- The last COUNT lines of a text, as a list.
---@param text string
---@param count integer
---@return string[]
function child.last_lines(text, count) end

--- The path of a program.
--- Raises: missing_tool.
---@param name string
---@param what string?  what it is for, as the end of a message
---@param hint string  how to get it
---@return string path
function child.find(name, what, hint) end

--- Why a program failed, for a one-line message: the signal that ended it, or its last line of output that is not blank.
---@param result molbuild.core.ProcessResult
---@return string
function child.last_words(result) end

--- A Docker Engine: its images, tagging them, building them.
---@class molbuild.docker
local docker = {}

---@class molbuild.docker.engine.options
---@field command string?

--- The engine that a program uses: MOLBUILD_DOCKER names the program, docker when absent. Questions use the engine's API,
--- or the program if the API is not available. Builds always use the program.
---@param options molbuild.docker.engine.options?
---@return molbuild.Engine
function docker.engine(options) end

--- A platform as part of a tag: "arm64", "arm-v7"; a system other than Linux is included.
---@param platform string
---@return string
function docker.short_platform(platform) end

--- `molbuild doctor`: everything that a run depends on, checked. Nothing is changed: no directory is made, no lock is kept, no
--- image is built.
---@class molbuild.doctor
local doctor = {}

--- Run checks side by side. Their lines come in the order of the checks.
---@param checks molbuild.DoctorCheck[]
---@return molbuild.DoctorReport
function doctor.run_checks(checks) end

---@class molbuild.doctor.run.options
---@field needs (fun(job: table): string)
---@field findings (fun(): table[])
---@field native string?

--- Check everything that a run of some runtimes depends on.
--- Raises: usage, cancelled.
---@param policy table
---@param args string[]  runtimes, or --all; empty: all that the policy knows
---@param options molbuild.doctor.run.options  needs: what a run of a job needs, "build", "engine" or "nothing"; findings: what
---  `molbuild check` finds, for doctor_programs.policy; native: the setting for images of the engine's own platform, for a hint
---@return molbuild.Rows
function doctor.run(policy, args, options) end

--- JSON with keys in a fixed order.
---@class molbuild.encode
local encode = {}

--- JSON text with these line ends escaped.
---@param document string
---@return string
function encode.one_line(document) end

--- A list as a JSON array, even when it is empty.
---@param list any[]
---@return string
function encode.array(list) end

--- A table as a JSON object.
---@param t table
---@param first string[]?  keys that come first; the others follow in alphabetical order
---@param arrays table<string, boolean>?  keys whose values are arrays, even when they are empty
---@return string
function encode.object(t, first, arrays) end

--- Any value; a table with a value at 1 is an array, any other an object.
---@param value any
---@return string
function encode.value(value) end

--- Environment variables that configure policies.
---@class molbuild.env
local env = {}

--- A variable's value. An empty one counts as not set.
---@param name string
---@param default string?
---@return string?
function env.get(name, default) end

--- Take a variable that holds a secret out of the environment. No child inherits it, and /proc does not show it.
--- From then on env.get returns VALUE for it.
--- Raises: usage.
---@param name string
---@param value string
function env.replace(name, value) end

--- A variable that must have one of the given values when it is set.
--- Raises: usage.
---@param name string
---@param ... string  the values
---@return string?
function env.choice(name, ...) end

--- Whether a value, such as that of CI, means yes: any value except an absent one, an empty one or a word for no.
---@param value string?
---@return boolean
function env.says_yes(value) end

--- A variable that is a switch: 1, true, yes or on; 0, false, no or off.
--- Raises: usage.
---@param name string
---@param default boolean?  false when absent
---@return boolean
function env.switch(name, default) end

--- Refuse a path that begins with ~. Only a shell expands it, and a directory with that name is never meant.
--- Raises: usage.
---@param path string
---@param where string  the variable, for the message
---@return string path
function env.check_path(path, where) end

--- The user's home directory. A relative path is ignored: it would depend on the current directory.
---@return string?
function env.home() end

--- Where a program is, by PATH. A run looks for it until it is found.
---@param name string
---@return string?
function env.program(name) end

--- One of the XDG base directories. A relative path is invalid and is ignored, as the specification demands.
---@param name string  "XDG_CONFIG_HOME"
---@param below string?  the directory below the home when the variable has no value: ".config"
---@return string?
function env.xdg(name, below) end

--- A variable that must be a number when it is set (text.number).
--- Raises: usage.
---@param name string
---@param default number
---@return number
function env.number(name, default) end

--- The user's directory for files that can be made again, by the rules of the XDG base directories. Without a home it is
--- the temporary directory. The path is absolute.
---@return string
function env.cache_dir() end

--- The one kind of error object that the library and policies raise.
---
--- kind     one of the kinds below; a policy's own errors are of the kind "failed"
--- message  what happened, in one line
--- hint     what to do about it
--- cause    the value this error was made from
--- retry    whether the same call may succeed later, where the raising code knows better than errors.retry()
--- Other fields are kept: code, status, signal (a number), runtime, step, log, tail, traceback.
---@class molbuild.errors
local errors = {}

--- Where the code at a level of the stack is, as messages begin: "fork.lua:7: ", or "" if that is not known.
---@param level integer  1 is the caller of this function
---@return string
function errors.position(level) end

---@class molbuild.errors.new.fields
---@field kind string?
---@field message string
---@field hint string?
---@field cause any

--- A new error object that keeps every field given. An unknown kind is a mistake of the caller, and gives an error of the kind
--- bug that names the nearest kind.
---@param fields molbuild.errors.new.fields  kind is "failed" when absent
---@return molbuild.Error
function errors.new(fields) end

---@class molbuild.errors.raise.fields
---@field kind string?
---@field message string
---@field hint string?
---@field cause any

--- Raise a new error object, as of errors.new.
---@param fields molbuild.errors.raise.fields
---@param level integer?  of the code that raises it: 1, the caller of this function, when absent
function errors.raise(fields, level) end

--- Whether a value is an error object, and of the given kind if one is given.
---@param value any
---@param kind string?
---@return boolean
function errors.is(value, kind) end

--- The hint for a failure of the system; nil if there is no general one.
---@param code string?  such as "ENOSPC"
---@return string?
function errors.hint(code) end

--- The kind of a failure of the core: the one place that decides it.
---@param code string?  as the primitive returned it
---@param topic "http"?  of the primitive, if it gives the code a meaning of its own
---@return string
function errors.kind_of_code(code, topic) end

---@class molbuild.errors.must.more
---@field kind string?
---@field hint string?

--- The result of a primitive that must succeed. A failure becomes an error object.
---@param ok T?
---@param message string?
---@param code string?  such as "ENOSPC"
---@param more molbuild.errors.must.more?  kind is that of the code when absent; hint overrides the code's hint
---@return T
function errors.must(ok, message, code, more) end

--- Call a function whose failure the caller handles. A cancellation is raised again, and so is a value that is no error
--- object.
---@param fn function
---@param ... any
---@return boolean ok
---@return any result  the function's first result; a failure's error object
function errors.try(fn, ...) end

--- Whether a value is the error of a run that was ended: by a cancellation, or by a signal.
---@param value any
---@return boolean
function errors.is_cancelled(value) end

--- The same error with a prefix before its message: `<prefix>: <message>`. All other fields stay. A value that is no
--- error object becomes one: of kind "failed" if the system lacked memory or another resource, else of kind "bug".
---@param value any
---@param prefix string?
---@return molbuild.Error
function errors.wrap(value, prefix) end

--- For xpcall: an error object is left alone, any other value becomes one. A bug gets its traceback.
---@param value any
---@return molbuild.Error
function errors.handler(value) end

--- The error object for a caught value: the value itself, if it is one. xpcall calls no handler when memory runs out.
---@param value any
---@return molbuild.Error
function errors.object(value) end

--- The exit status for an error.
---@param value any
---@return integer
function errors.exit_code(value) end

--- Whether the same call may succeed later although its settings, the template and the servers stay unchanged: after a
--- network failure, a timeout, a wait for a lock, a full disk. The error's own field `retry` decides first, then its kind
--- with the HTTP status or the code.
---@param value any
---@return boolean
function errors.retry(value) end

--- An error as it is printed, without a newline at the end: a line for the message, a line for the hint, and for a
--- bug the traceback.
---@param value any
---@param prefix string?  "molbuild" when absent
---@param verbose boolean?  whether a traceback has the library's own lines, too
---@return string
function errors.format(value, prefix, verbose) end

--- An error as the fields of a `failed` event.
---@param value any
---@return table
function errors.fields(value) end

--- The one stream of events that reports a run. docs/events.md defines each event.
---@class molbuild.events
---@field version integer  The version of the schema, docs/events.schema.json: `v` in JSON. A new field keeps it; removing or
---  changing a field raises it.
local events = {}

---@class molbuild.events.emit.scope
---@field events fun(event: table)?
---@field runtime string?
---@field step string?

--- Emit an event. It gets the time and the current task's runtime and step, its texts are masked, and the task's sink
--- receives it. Without a sink nothing happens.
---@param name string
---@param fields table?
---@param scope molbuild.events.emit.scope?  the current task's when absent
function events.emit(name, fields, scope) end

--- The same for fields that hold no secret, such as text that the core has masked. The table becomes the event.
---@param name string
---@param fields table
---@param scope table
function events.emit_masked(name, fields, scope) end

---@class molbuild.events.emit_lines.scope
---@field events fun(event: table)?
---@field lines fun(event: table, text: string)?
---@field runtime string?
---@field step string?

--- A `line` event for each line that a child printed. If the scope has a function `lines` next to `events`, that function
--- gets all of them in one call: an event that represents them, without its text, and their text.
---@param text string  whole lines, each with its newline; masked by the core
---@param scope molbuild.events.emit_lines.scope
---@return boolean? slow  the reader is slow: send nothing more for a moment
function events.emit_lines(text, scope) end

--- What the functions of a policy must give. A wrong value is an error of kind bug that names the function, what it gave, what it
--- must give, and where the function stands.
---@class molbuild.expect
---@field shipped table  The sources of functions, as debug.getinfo gives them, that come with the program. Set when a policy is
---  loaded.
local expect = {}

--- What messages call a kind of value.
---@param kind string  as of expect.value
---@return string
function expect.name_of(kind) end

--- A value, as messages name it: "nothing", a text in quotes, "a table".
---@param value any
---@return string
function expect.shown(value) end

--- Where a function stands, as messages begin: "./fork.lua:12: ", or "" for one that is written in C.
---@param fn function
---@return string
function expect.place(fn) end

--- Whether a function comes with the program.
---@param fn function?
---@return boolean
function expect.is_shipped(fn) end

--- Check what a function of a policy gave.
--- Raises: bug.
---@param name string  the function's name
---@param fn function
---@param kind "text"|"commit"|"name"|"reference"|"boolean"|"verdict"|"lock"|"names"|"job"|nil  nil: anything will do
---@param value any
---@param ... any  what else it gave
---@return any value
---@return any  ...
function expect.value(name, fn, kind, value, ...) end

--- Check a list of names: a map in its place would be empty, and a text would fail far from its mistake.
--- Raises: bug.
---@param value any
---@param where string  named in the message
---@return string[] value
function expect.names(value, where) end

---@class molbuild.expect.results.values
---@field n integer
---@field [integer] any

--- Check what a policy's function gave as the results of the whole: one text or several. A whole number is a text. A verb other
--- than run may also give rows, or nothing.
--- Raises: bug.
---@param name string
---@param fn function
---@param values molbuild.expect.results.values  as of table.pack
---@param is_verb boolean?
function expect.results(name, fn, values, is_verb) end

--- A memory of failures: a commit that cannot be built is not built again for a time. It reads the records of builds.
---@class molbuild.failures
local failures = {}

--- The failure of a former build of the same, if its time is not over.
---@param job table  with its commit and its tag; `failed_retry` is that time in seconds
---@return molbuild.RecordError?
---@return integer? age  seconds since then
function failures.recall(job) end

--- Whether it is remembered that a commit must not be used: another host's image of it is not better. A build that failed here may
--- have succeeded there.
---@param job table  as of failures.recall
---@return boolean
function failures.is_remembered(job) end

--- The failure of a former build of the same, while a build behind a result is not started again: for a minute, for as long as the
--- former one took, and for the time of the setting where only a change can help.
---@param job table  as of failures.recall
---@return molbuild.RecordError?
---@return integer? age  seconds since then
---@return integer? left  seconds until it is tried again
function failures.pause(job) end

--- Whether a former run has found that a commit must not be used: its template is none, or a check of the image or of its signature
--- has failed. That holds without a time, and whatever the policy was.
---@param job table  with its commit and its tag
---@return boolean
function failures.is_refused(job) end

--- Raise a failure again, if its time is not over.
--- Raises: template, build.
---@param job table  `failed_retry` is that time in seconds
---@param former molbuild.RecordError?
---@param age integer?  seconds since then
function failures.repeated(job, former, age) end

--- Raise the failure of a former build of the same, if its time is not over.
--- Raises: template, build.
---@param job table  as of failures.recall
function failures.check(job) end

--- The last good image instead of one that was refused: with the setting fall_back.
---@class molbuild.fall_back
local fall_back = {}

--- Give a job the last good image, if its own was refused: its tag, commit and image are then those of that image, `job.wanted` is
--- the commit that was refused, and the name that moves with the branch stays where it is.
--- Raises: as FAILURE (when it is another failure, or there is no such image).
---@param job table  with its commit and its tag
---@param policy table  its steps `tag`, `cached` and `demands` are called
---@param failure molbuild.Error  why it has no image
---@param outcome string  the job's outcome with an older image
---@return true
function fall_back.serve(job, policy, failure, outcome) end

--- Run the steps of a miss, and fall back when they end with a refusal.
---@param job table
---@param policy table
---@param outcome string  as of fall_back.serve
---@param make fun(): boolean  the steps
---@return boolean
function fall_back.around(job, policy, outcome, make) end

--- The verb `gc` of a policy: its options, what it prints, and how it runs behind a build.
---@class molbuild.gc
local gc = {}

--- What gc did, as rows. The last one is the sum.
---@param report molbuild.GcReport
---@return molbuild.Rows
function gc.rows(report) end

--- The verb: `molbuild gc ensure.lua [options] [runtime...]`.
--- Raises: usage, bug, failed, missing_tool.
---@param policy table
---@param args string[]
---@return molbuild.Rows
function gc.verb(policy, args) end

--- Let gc run behind the results of this run, by the policy's table `gc`: once, when the results have been written. It cannot
--- fail: the results stand already. A run that fails, and a program that has no such end, leave it out.
---@param policy table
function gc.behind(policy) end

--- The git functions for policies: a password, the commit of a branch, the tree of a commit.
---@class molbuild.git
---@field fetch_memory integer
---@field lookup_memory integer  The most memory for data from a server: git keeps the whole list of refs, however long it is.
---  For a lookup this is enough for some 200000 refs. A fetch is read into memory, too, except for the largest files.
local git = {}

--- The credentials that git's own credential helpers have for a URL. They must not prompt. The caller registers the
--- password with the masker: it has not been in any line, event or message.
--- Raises: timeout, missing_tool, cancelled, failed.
---@param url string
---@param user string?  the user whose password is wanted
---@return { username: string?, password: string }?  nil when they have none
function git.credential(url, user) end

---@class molbuild.git.branch_head.options
---@field token molbuild.Credential?
---@field timeout number?
---@field ask_git function?

--- The commit that a branch points at, by `git ls-remote`: works with any git server, or a directory. A temporary failure
--- is retried, three attempts in all.
--- Raises: usage, remote, auth, not_found, timeout, missing_tool, cancelled.
---@param url string
---@param branch string
---@param options molbuild.git.branch_head.options  timeout as of retry.head_lookup; ask_git, of gitea.branch_head, is not used
---@return string sha
function git.branch_head(url, branch, options) end

--- Write the tree of one commit into a new directory; see store.lua.
---@param options molbuild.TreeOptions
function git.tree(options) end

--- Call FN with a repository that holds a commit, without its files; see held_commit.lua.
---@param options molbuild.CommitOptions
---@param fn fun(options: molbuild.TreeOptions): any
---@return any
function git.with_commit(options, fn) end

--- What a Gitea-compatible forge reports about a repository through its API.
---@class molbuild.gitea
local gitea = {}

--- The API's address of something that belongs to no repository.
--- Raises: usage.
---@param repo_url string  https://host/org/repo
---@param what "version"|"user"
---@return string
function gitea.own_url(repo_url, what) end

--- The API's address of a branch.
--- Raises: usage.
---@param repo_url string  https://host/org/repo
---@param branch string
---@return string
function gitea.branch_url(repo_url, branch) end

--- The commit in the branch API's answer. The answer is untrusted.
--- Raises: remote.
---@param body string
---@param where string  named in the message
---@return string sha  40 or 64 lowercase hex digits
function gitea.commit_of(body, where) end

--- Whether a forge knows a token.
--- Raises: usage, auth.
---@param repo_url string  https://host/org/repo
---@param token molbuild.Credential
---@param seconds number
---@return boolean? accepted  nil when the forge does not tell
---@return string? login  the token's user; nil also for a token without the scope for that
function gitea.accepts(repo_url, token, seconds) end

--- From now on the requests of this task and its children for a branch are conditional: a forge that gives its answers an ETag
--- need not send one again that has not changed. For a run that asks again and again.
function gitea.remember() end

---@class molbuild.gitea.branch_head.options
---@field token molbuild.Credential?
---@field timeout number?
---@field ask_git (fun(...): string)?

--- The commit that a branch points at, from a Gitea-compatible forge. One GET, without git. A temporary failure (see
--- retry.transient) is retried, three attempts in all.
--- Raises: usage, remote, auth, not_found, cancelled (not_found has `missing`: "branch" or "repository"; `said` is the forge's
---  message, if the error's message does not contain it; the code "no_api": the server has no Gitea API).
---@param repo_url string  https://host/org/repo
---@param branch string
---@param options molbuild.gitea.branch_head.options  timeout as of retry.head_lookup; ask_git: git.branch_head, called for a 404
---  that the forge does not explain
---@return string sha  40 or 64 lowercase hex digits
function gitea.branch_head(repo_url, branch, options) end

---@class molbuild.gitea.commits_since.options
---@field token molbuild.Credential?
---@field timeout number?

--- How many commits a commit is ahead of a former one, by one request. Best effort: a failure gives nil.
---@param repo_url string  https://host/org/repo
---@param commit string
---@param former string
---@param options molbuild.gitea.commits_since.options  timeout: 5 seconds when absent
---@return integer? count  nil when it is not known, or when the former commit is not in the history
---@return boolean? is_more  the former commit is further away than that
function gitea.commits_since(repo_url, commit, former, options) end

--- A window of freshness: a head that this user has looked up a moment ago is not asked for again. Each head is one private file
--- in the cache. It is used only for the same repository, branch and token, by this user, since the same boot, and while the
--- image that the policy's moving name leads to is one that was known at the time of the lookup: an image that was built later
--- shows that the branch may have moved.
---@class molbuild.heads
local heads = {}

--- How old a head is.
---@param head molbuild.HeadMoment
---@param now molbuild.HeadMoment
---@return number? seconds  nil when no age can be relied upon: after a reboot, or when a clock was set back
function heads.age(head, now) end

--- The file of a repository's branch.
---@param cache string
---@param url string
---@param branch string
---@return string
function heads.path(cache, url, branch) end

--- The same lookup, within the window of freshness `job.head_max_age` (seconds). A head that is not older is returned without
--- a question, and `job.head_age` is its age. A job that has a commit already is looking again, and one with `looks_afresh` looks
--- for others: the forge is asked. Several
--- processes that look one head up at the same time ask once.
---@param job table  with cache, head_max_age and engine
---@param lookup fun(url: string, branch: string, options: table): string  gitea.branch_head, git.branch_head
---@return fun(url: string, branch: string, options: table): string
function heads.window(job, lookup) end

--- Forget the head that is kept for a job's repository and branch, since it may no longer be the newest. Best effort.
---@param job table  with cache, repo_url and branch
---@param commit string?  this commit is kept
---@return false  for a step that has no result
function heads.forget(job, commit) end

--- The metadata of images: the labels for a new one, and whether one matches the request.
---@class molbuild.image
---@field LABEL table  The names of labels: those of https://github.com/opencontainers/image-spec/blob/main/annotations.md, and
---  our own.
local image = {}

--- The id of an image, "sha256:...", as an engine's API or its program gives it.
---@param value any
---@return string?
function image.id(value) end

--- The names in a list of an engine's. What has none is called "<none>".
---@param list any
---@return string[]
function image.names(list) end

--- The labels of an image that is about to be built.
---@param revision string  the whole commit id
---@param source string  the repository's URL; its userinfo is masked
---@param ... table<string, string>  further labels; later tables override earlier ones
---@return table<string, string>
function image.labels(revision, source, ...) end

---@class molbuild.image.job_labels.job
---@field runtime string
---@field branch string
---@field sha string
---@field target string?
---@field allow_detached boolean?
---@field working_tree string?

--- The labels of what a job's image is: they tell apart the images of one repository. A commit that may be on no branch has none.
---@param job molbuild.image.job_labels.job
---@return table<string, string>
function image.job_labels(job) end

--- An architecture by Go's name: amd64, arm64, 386, arm, ppc64le, s390x, riscv64, ...
---@param word string
---@return string
function image.architecture(word) end

--- Whether an engine can run programs of a platform only by emulation.
---@param platform string  as of names.platform
---@param own string  the engine's, as of Engine:platform()
---@return boolean
function image.is_emulated(platform, own) end

--- The commit that an image says it was built from; nil when it does not name one.
---@param found molbuild.Image
---@return string?
function image.revision(found) end

--- When an image was built: the later one of its label and the engine's date. BuildKit gives an image the date of the layers
--- that it took from its cache. A date in the future is that of a wrong clock, and is left out.
---@param found molbuild.Image
---@param now integer  seconds since 1970
---@return integer? seconds  since 1970; nil when it is not known
function image.created(found, now) end

---@class molbuild.image.other_platform.found
---@field os string?
---@field architecture string?
---@field variant string?

--- A text when an image is for another platform than the requested one; nil when it is not. Missing metadata counts as a
--- match: engines leave out a default variant.
---@param found molbuild.image.other_platform.found
---@param platform string  as of names.platform
---@return string?
function image.other_platform(found, platform) end

---@class molbuild.image.mismatch.found
---@field os string?
---@field architecture string?
---@field variant string?
---@field labels table<string, string>

--- A text that says how an image differs from the requested one; nil when it matches. An image that was built by hand has
--- no labels and is accepted.
---@param found molbuild.image.mismatch.found
---@param revision string
---@param platform string  as of names.platform
---@param own table<string, string>?  as of image.labels
---@param target string?  the stage of the Dockerfile; the last one when absent
---@return string?
function image.mismatch(found, revision, platform, own, target) end

---@class molbuild.image.prove.wanted
---@field revision string
---@field platform string
---@field labels table<string, string>?
---@field target string?
---@field labelled boolean?

--- Check that an engine has the image that a function of a policy made or found.
--- Raises: build, bug (bug where the function is not one that comes with the program).
---@param engine molbuild.Engine
---@param ref string
---@param wanted molbuild.image.prove.wanted  as of image.mismatch; labelled: an image without a revision is wrong, too
---@param name string  of the function
---@param fn function
---@return molbuild.Image?  nil, with a warning, when the engine's answer is unusable and the function comes with the program
function image.prove(engine, ref, wanted, name, fn) end

--- Give an image another name, unless that name is the image's already.
--- Raises: as the engine's functions raise.
---@param engine molbuild.Engine
---@param ref string
---@param alias string
---@param id string?  the image's id, where it is known
---@return string? id
function image.alias(engine, ref, alias, id) end

---@class molbuild.image.obtain.options
---@field always boolean?
---@field offline boolean?
---@field platform string?
---@field stall number?
---@field timeout number?

--- Make sure that an engine has an image. A missing image, or one for another platform, is pulled; with `always` also an
--- image whose name may refer to another image by now. If the image exists, a failed pull is only a warning. With `offline`
--- nothing is pulled.
--- Raises: as Engine:pull raises; remote: offline, and the engine does not have the image.
---@param engine molbuild.Engine
---@param ref string
---@param options molbuild.image.obtain.options
---@return molbuild.Image
function image.obtain(engine, ref, options) end

--- Files of a template that become build arguments, such as `.runtime-version`. Without them, a commit that changes only
--- such a file would get a new tag, but the old layers from the builder's cache.
---@class molbuild.inputs
local inputs = {}

--- The version in a file's text: its first line without white space, the part after the last "@", without a leading "v".
---@param text string
---@return string? version  nil: the first line is empty, or contains no version
---@return string? line  the text that is not a version
function inputs.version(text) end

--- The inputs that a tree declares. A missing or empty file is skipped; a warning names a file that cannot be used.
--- Raises: bug (a declared file is not a path in the tree, or an argument is not a valid name).
---@param dir string  a checked tree
---@param declared table<string, string>?  the build argument for each file, by its path in the tree
---@return table<string, string> values  by file
function inputs.read(dir, declared) end

--- The build arguments including the inputs, and a label for each input. An argument that is already set overrides.
---@param declared table<string, string>?  as for inputs.read
---@param values table<string, string>  as of inputs.read
---@param build_args table<string, string>
---@return table<string, string> build_args
---@return table<string, string> labels
function inputs.apply(declared, values, build_args) end

--- A text that says which declared input an image was built with, where the policy sets it to another value now; nil when there
--- is none. An image without the label is accepted, as one that was built by hand.
---@param declared table<string, string>?  as for inputs.read
---@param build_args table<string, string>  those of the policy
---@param labels table<string, string>  of the image
---@param own table<string, string>?  labels of the policy, which override those of inputs
---@return string?
function inputs.mismatch(declared, build_args, labels, own) end

--- What builds have left on this machine: images in the engine, trees, logs, records and repositories in the cache. It is what the
--- verb `list` prints.
---@class molbuild.inventory
local inventory = {}

--- The runtimes that the arguments of a verb name; nil for none, or --all: everything on this machine.
--- Raises: usage.
---@param policy table
---@param words string[]
---@return string[]?
function inventory.named(policy, words) end

--- What belongs to a policy: its engine, its cache, the names of its images, its pins.
--- Raises: usage, failed (also when a file of pins cannot be read: what it names is not known then).
---@param policy table
---@param runtimes string[]?
---@return { engine: molbuild.Engine, cache: string, known: string[], image_name: function, pins: table<string, true> }
function inventory.of_policy(policy, runtimes) end

---@class molbuild.inventory.take.options
---@field engine molbuild.Engine
---@field cache string
---@field image_name function?
---@field pins table<string, true>?
---@field runtimes string[]?

--- All that is on this machine.
--- Raises: failed, missing_tool.
---@param options molbuild.inventory.take.options
---@return molbuild.Inventory
function inventory.take(options) end

--- An inventory as rows. The last one is the sum.
---@param all molbuild.Inventory
---@param now integer?  seconds since 1970, for ages; the time of the clock when absent
---@return molbuild.Rows
function inventory.rows(all, now) end

--- The verb: `molbuild list ensure.lua [runtime...]`.
--- Raises: usage, failed, missing_tool.
---@param policy table
---@param args string[]
---@return molbuild.Rows
function inventory.verb(policy, args) end

--- A policy's jobs: their steps, timed and reported; several jobs run side by side.
---@class molbuild.job
local job = {}

--- As needs.jobs, which is loaded only when a job needs another.
---@param names string[]
---@param make fun(name: string): table
---@return table[]
function job.with_needs(names, make) end

--- Note which runtimes were requested. With --output=json each of them gets an object on stdout, whatever happens later.
--- Runtimes of an earlier call are not noted again. run_all() calls this; a policy that can fail earlier calls it first.
---@param runtimes string[]  in the requested order; a runtime that is listed twice gets two objects
function job.asked(runtimes) end

--- The runtimes that a command line names, in its order. `--all` means all of them.
--- Raises: usage, bug (bug: the policy's runtimes are not a list).
---@param args string[]
---@param known string[]
---@param options (fun(): molbuild.Argument[])?  the options that the verb has; called when there is one among the arguments
---@return string[]
---@return table<string, true> optional  those that only `--all` names
---@return table<string, string|true> given  the options, as of arguments.parse
function job.named(args, known, options) end

--- Give a job what the options of run ask for.
--- Raises: usage.
---@param self table
---@param options table<string, string|true>?  as of job.named
---@param names string[]  the runtimes that the options are about
---@return table self
function job.chosen(self, options, names) end

--- Run one step of a job: report its start and end, and add its time to job.steps. A failure with a field `bound` gets
--- the name of the setting, job.bounds[failure.bound].
---@param self table  the job
---@param name string
---@param fn fun(self: table): ...
---@param gives string?  what it must give; see expect.value
function job.step(self, name, fn, gives) end

--- Wait for a slot of --jobs; returns an object to close.
function job.place() end

---@class molbuild.job.run_all.options
---@field skip (fun(job: table, failure: molbuild.Error): boolean)?
---@field asked string[]?
---@field finally (fun(job: table, outcome: string, failure: molbuild.Error?))?

--- Run FN for every job, side by side. A runtime that is listed twice runs once. A failure does not stop the others:
--- when all have ended, the error of the first failed job is raised, in the order of the jobs. Every failure has been
--- reported by then.
---
--- A job with a list `needs` of runtimes waits for their jobs first, which must be in the list, too; it has them in `needed`. With
--- `asked`, only those runtimes have results: the others are there because they are needed. `finally` is called after each job,
--- with its outcome ("failed", "cancelled" and "skipped" among them) and its error, also after a cancellation, for at most 10 s.
---
--- With `skip`, a failure for which it returns true is a warning, and the job has no result. When every job is skipped,
--- an error of the first one's kind is raised.
---@param jobs table[]  each with a field `runtime`, which names it in messages
---@param fn fun(job: table): any
---@param options molbuild.job.run_all.options?
---@return any[] results  in the order of the jobs, without the skipped ones
function job.run_all(jobs, fn, options) end

--- Log lines: `<prefix>: <message>` on stderr, through the stream of events.
---@class molbuild.log
local log = {}

--- A message for the operator.
---@param format string  as of string.format; without further arguments, the text itself
---@param ... any
function log.info(format, ...) end

--- A message about the whole run. It is logged once, whichever task logs it first.
---@param format string
---@param ... any
function log.once(format, ...) end

--- A warning about the whole run, logged once.
---@param format string
---@param ... any
function log.warn_once(format, ...) end

--- A detail that is logged only with -v.
---@param format string
---@param ... any
function log.detail(format, ...) end

--- A detail about the whole run, logged once and only with -v.
---@param format string
---@param ... any
function log.detail_once(format, ...) end

--- A problem that did not stop the work.
---@param format string
---@param ... any
function log.warn(format, ...) end

--- A failure.
---@param format string
---@param ... any
function log.error(format, ...) end

--- A file that names the commit of each runtime: the one that `molbuild pin` writes, or a caller's own manifest of templates.
---
--- A runtime is found by the repository that it is built from, never by a name alone: a manifest may have several entries for one
--- runtime, and an entry may be called otherwise than its runtime.
---@class molbuild.manifest
---@field MAX integer  The most bytes of a file.
---@field VERSION integer  The version of the form that `molbuild pin` writes.
local manifest = {}

--- Read a manifest.
--- Raises: usage (the file is missing, too large, no JSON, or not in one of the two forms; with the place), failed (the file
---  cannot be read).
---@param path string
---@param setting string?  the setting that names the file, for messages
---@return molbuild.Manifest
function manifest.read(path, setting) end

--- The name of a repository: the last part of its path.
---@param repository string  a URL, "org/name", "host:org/name"
---@return string
function manifest.repository_name(repository) end

--- The entry of a runtime.
--- Raises: usage (the file does not name the runtime, or has two commits for it).
---@param found molbuild.Manifest
---@param runtime string
---@param url string  the repository that the runtime is built from
---@return molbuild.ManifestEntry
function manifest.find(found, runtime, url) end

--- All that a file pins: its commits, and the ids of the images in a file of `molbuild pin`.
--- Raises: usage, failed.
---@param path string
---@param setting string?  as of manifest.read
---@return table<string, true>
function manifest.pinned(path, setting) end

--- The commit of a job without a look at its branch: the digest of its working tree, the one that was asked for, else that of its
--- manifest, else that of the newest image on this machine. Sets job.commit and job.pinned, or job.offline_age.
--- Raises: usage, failed, remote, missing_tool.
---@param job table
---@param tag_of fun(job: table): string  as of offline.head
---@return string commit
function manifest.head(job, tag_of) end

--- The commit that a file names for a runtime. The file is read once per process.
--- Raises: usage, failed.
---@param path string
---@param runtime string
---@param url string
---@param setting string?  as of manifest.read
---@return string commit
function manifest.commit(path, runtime, url, setting) end

--- Forget what files said: a run that lasts reads them again.
function manifest.forget() end

--- Check that a fork's own head gave what was asked for. One that looks the branch up itself knows nothing of a given commit, and
--- its own would be built without a message. Offline it may have used the network: that is a warning.
--- Raises: bug, usage, failed.
---@param job table  with its commit
---@param head fun(job: table): string
function manifest.obeyed(job, head) end

--- Names from outside, checked before they become part of a path, a tag, a URL or an argument.
---@class molbuild.names
local names = {}

--- Check a name that becomes part of a path, a URL and an image's name.
--- Raises: usage.
---@param name any
---@param where string  named in the message
---@return string
function names.component(name, where) end

--- What precedes an image's own name: parts separated by slashes, the first of which may be a registry's address.
--- Trailing slashes are removed.
--- Raises: usage.
---@param prefix any
---@param where string  named in the message
---@return string
function names.image_prefix(prefix, where) end

--- Whether an image's name always means the same image: by a digest, or by a tag that begins with a commit id.
---@param ref string
---@return boolean
function names.is_fixed(ref) end

--- Check the last part of a tag, which separates the images of one caller from those of another. Surrounding white space
--- is removed; an empty ending becomes nil.
--- Raises: usage.
---@param ending any
---@param where string  named in the message
---@return string?
function names.tag_ending(ending, where) end

--- A platform: os/architecture, with a variant behind it or not.
--- Raises: usage.
---@param platform string
---@param where string  named in the message
---@return string
function names.platform(platform, where) end

--- Check a branch's name, by the rules of git-check-ref-format.
--- Raises: usage.
---@param name any
---@return string
function names.branch(name) end

--- Make a directory's path absolute: it is passed to other programs as an argument and must mean the same place there.
--- Raises: usage.
---@param path string
---@param where string  named in the message
---@return string
function names.directory(path, where) end

--- The scheme of a URL that git may be given. Other schemes run programs ("ext::"), or are no URLs.
--- Raises: usage.
---@param url string
---@return string
function names.scheme(url) end

--- Check the URL of a repository, which git and a forge's API receive.
--- Raises: usage.
---@param url string
---@param where string?  named in the message
---@return string scheme
function names.repository(url, where) end

--- The network between this machine and a server: proxies, certificates, and hints for failed connections.
---@class molbuild.network
local network = {}

--- Register the passwords in the URLs of proxies with the masker, for all output including that of children. A password
--- that is too short for the masker is masked only within its URL.
function network.mask_proxies() end

--- Whether a proxy is set. NO_PROXY is not considered: programs interpret it in different ways.
---@return boolean
function network.has_proxy() end

--- The variables about proxies that are set, with their values: credentials are masked.
---@return { [1]: string, [2]: string }[]
function network.proxies() end

--- The code of core.http for git's error output.
---@param text string
---@return string?  nil when it is no network error
function network.code_of(text) end

--- The hint for a request that got no answer.
---@param code string?  as of core.http.request
---@param url string?  http when absent
---@return string?
function network.hint(code, url) end

--- Keep the address that a URL's host answered from.
---@param url string
---@param address string?  as of core.http.request
function network.note(url, address) end

--- Forget the address of a URL's host: it no longer answers.
---@param url string
function network.forget(url) end

--- Find an address of a URL's host that answers, if none is known, by connecting to it. Waits.
---@param url string
---@param seconds number
function network.find_address(url, seconds) end

--- The address that a URL's host answered from, for curl's option --resolve: "host:port:address".
---@param url string
---@return string?
function network.resolved(url) end

--- Runs without a network: the image of a runtime that is on this machine, of whatever commit.
---@class molbuild.offline
local offline = {}

--- The commit of the newest image on this machine that is the right runtime, platform, repository and branch. Sets
--- job.offline_age to its age in seconds and job.reason, and reports it in one line. The engine alone is asked.
--- Raises: remote (there is no such image), missing_tool (the engine cannot be asked).
---@param job table  with `target` and `alias`
---@param tag_of fun(job: table): string  the tag of a job that has its commit
---@return string commit
function offline.head(job, tag_of) end

--- Raise the error for a job that needs a build. A working tree of this machine can be built without a network.
--- Raises: remote.
---@param job table
function offline.refuse(job) end

--- Why an image of the right commit is built again: by a declared input that the policy sets, or by its age.
---@class molbuild.outdated
local outdated = {}

--- Why an image that matches a job otherwise must be built again, in one line; nil when it need not. When it is too old, the base
--- images are fetched again, too: sets job.pull_base.
---@param found molbuild.Image
---@param job table
---@param declared table<string, string>?  as of inputs.read
---@return string?
function outdated.reason(found, job, declared) end

--- `molbuild pin`: the commits of now, in a file that people review and that later runs build from (manifest.lua).
---@class molbuild.pins
---@field FILE string  The file, when none is named.
local pins = {}

--- The text of a file.
---@param list table[]  pins: runtime, repository, branch, commit; images: ids by reference; inputs: values by file
---@return string
function pins.text(list) end

--- Write the commits of now into a file, and give what changes, one row for each runtime. Pins of other runtimes stay.
--- Raises: usage (the file is not one of `molbuild pin`; and as the policy's steps raise: then nothing is written).
---@param policy table  its steps are used
---@param words string[]  runtimes, or --all; when empty those of the file, else all
---@param path string?
---@return molbuild.Rows
function pins.update(policy, words, path) end

--- What a run would do, and why. Nothing is locked, written or built for it.
---@class molbuild.plan
---@field BUILD string  The outcomes that do something.
---@field CHANGES integer  The exit status of a plan when a run would do something.
---@field MOVED string  The state of base images for which a run with --pull would do something.
---@field PULL string
---@field VERIFY string
local plan = {}

--- Why a job has no usable image, in one line.
---@param self table  the job, with its commit
---@return string
function plan.reason(self) end

--- The seconds that a build of a runtime takes: the median of its last ones; nil when there were none.
---@param self table  a job
---@return number?
function plan.estimate(self) end

--- What a run would do with the same arguments, one row for each runtime.
---@param policy table
---@param args string[]
---@param ask fun(job: table): string, string?, string?  the outcome for a job, the reason, and the state of its base images; it
---  sets the job's tag
---@return molbuild.Rows
function plan.rows(policy, args, ask) end

--- The record of a build: what was built from what, or why it failed. A record is a file beside the build's tree, and is never
--- believed more than the engine.
---
--- That of a successful build is an in-toto Statement with SLSA provenance:
--- https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance
---@class molbuild.record
---@field MAX integer
---@field SIGNATURE_MAX integer
local record = {}

--- The file of the record of an image.
---@param cache string  the cache's directory
---@param runtime string
---@param image string  name and tag
---@return string
function record.path(cache, runtime, image) end

--- A bound as a record has it: none is absent, since JSON has no infinity.
---@param number number?
---@return number?
function record.bound(number) end

--- Begin the record of an attempt to take an image from elsewhere: when an error closes it, that is recorded as of a build.
---@param job table
---@return table  to be closed
function record.attempt(job) end

--- Begin the record of a build. It is written when it is closed: as a success after good(), as a failure when an error closes
--- it, and not at all otherwise, or after a cancellation.
--- Raises: usage, timeout, missing_tool, failed (the signing key cannot be used).
---@param job table  with `signing_key`, good() signs the record
---@return { good: fun(self: table), sign: fun(self: table) }  to be closed
function record.begin(job) end

--- Forget that a build of a job's image has failed: there is one now, which was not built here. The record of a build that
--- succeeded stays.
---@param job table  with its tag
function record.recovered(job) end

--- The record that a document is.
---@param document string
---@param path string  its file, for messages
---@return molbuild.Record?
---@return string? message  why it is no usable record
function record.parse(document, path) end

--- The record in a file, without a warning about one that cannot be used.
---@param path string  as of record.path
---@return molbuild.Record?
---@return string? message  why the file is no usable record
function record.peek(path) end

--- The record in a file.
---@param path string  as of record.path
---@return molbuild.Record?  nil when there is none; also, with a warning, when the file is not a usable record
function record.read(path) end

--- The record of the last build of a job's image, if it failed: whether or not a former one has succeeded.
---@param job table  with its tag
---@return molbuild.Record?
function record.failed(job) end

--- All records of a cache, or those of one runtime, the newest first.
---@param cache string
---@param runtime string?
---@return molbuild.Record[]
function record.list(cache, runtime) end

--- Retries after temporary failures.
---@class molbuild.retry
local retry = {}

--- Whether an error may be temporary: a connection that was refused, reset (in the TLS handshake too) or not made, a name
--- that was not resolved, or an answer with the status 408, 429 or 5xx.
---@param failure any
---@return boolean
function retry.transient(failure) end

--- An HTTP date as seconds since 1970. Only the form that servers must send (RFC 9110, 5.6.7), not the obsolete ones.
---@param text string
---@return number?
function retry.http_date(text) end

--- The seconds that a Retry-After header requests, as a number or a date. nil when it cannot be parsed.
---@param value string?
---@param now number  seconds since 1970
---@return number?
function retry.after(value, now) end

---@class molbuild.retry.run.options
---@field what string
---@field attempts integer
---@field within number?
---@field random (fun(): number)?

--- Call FN until it succeeds, fails permanently, or has failed ATTEMPTS times. Pauses and attempts together take at most
--- WITHIN seconds (no bound when absent). FN receives the seconds that are left (nil: no bound).
---@param options molbuild.retry.run.options
---@param fn fun(left: number?): ...
---@return ...
function retry.run(options, fn) end

--- Look up a branch: three attempts, as retry.run.
---@param timeout number?  seconds for all of it; 30 when absent
---@param fn fun(left: number): ...
---@return ...
function retry.head_lookup(timeout, fn) end

---@class molbuild.retry.look_again.pauses
---@field moved number
---@field same number

--- For looking up a branch again when git could not get the commit of the last lookup. Returns a function to call with
--- that commit: it returns when it is time for the next lookup, and raises after the third one.
--- Raises: remote, cancelled (from the function).
---@param branch string
---@param where string  named in the message
---@param pauses molbuild.retry.look_again.pauses?  seconds; for tests
---@return fun(commit: string)
function retry.look_again(branch, where, pauses) end

--- What a verb prints: rows of named values. With --output=json each is an object; as text they are a table that fits 80 columns.
---@class molbuild.rows
local rows = {}

--- No rows yet. The last column of the table is the one that is wrapped when a row is too long.
---@param options molbuild.RowsOptions
---@return molbuild.Rows
function rows.new(options) end

--- Whether a value is rows.
---@param value any
---@return boolean
function rows.is(value) end

--- The secrets of a build, such as the token of a private index of packages: { pip = { env = "PIP_TOKEN" } }. Their values
--- are known to the masker before anything else is done with them. The building program reads each from a file in memory: no
--- argument, environment or disk has it.
---@class molbuild.secrets
---@field MAX integer  The most bytes of one: BuildKit refuses more.
local secrets = {}

--- The ids, sorted.
---@param map table<string, molbuild.BuildSecret>?
---@return string[]
function secrets.ids(map) end

--- Take the variables out of the environment, so that no child inherits them. A variable that is not set, or cannot be used, is an
--- error of secrets.check: a run that builds nothing needs none.
---@param map table<string, molbuild.BuildSecret>
function secrets.take(map) end

--- Check that each value is there and can be used.
--- Raises: usage (names the variable or the file, never the value).
---@param map table<string, molbuild.BuildSecret>
function secrets.check(map) end

--- The values as files in memory, for the program that builds.
--- Raises: usage, failed.
---@param map table<string, molbuild.BuildSecret>?
---@return { paths: table<string, string>, files: molbuild.core.MemoryFile[] }  by id: the path; to be closed
function secrets.open(map) end

--- When a branch was last seen to point at a commit. A record knows it of the time before its build, and each hit shows it again.
--- It is kept in one small private file for each repository and branch, written at most once in a while, when the result stands
--- already.
---@class molbuild.seen
local seen = {}

--- When the branch of a job was last seen to point at a commit.
---@param job table  with cache, repo_url and branch
---@return string? commit  the last one that is known
---@return integer? time  seconds since 1970
function seen.last(job) end

--- Note that the branch of a job points at its commit. The file is written when the results have been, and only if it says
--- something else, or is old. Best effort: a note that is missing costs a wait.
--- A job whose commit was not looked up shows nothing about its branch.
---@param job table  with sha, with head_age when the commit was not looked up now, and with `stale`: the seconds for which a
---  note is of use
function seen.note(job) end

--- The settings of a policy. One table of rows defines each setting's name, default, type, variable and meaning. From it
--- come the values that the steps use, the output of `molbuild settings`, and the tables of README, manual and docs.
---@class molbuild.settings
local settings = {}

--- Give a policy its settings. ROWS becomes its field `settings`; each default becomes a field with the setting's name. The
--- fields `words`, `verbs` and `api` are those of ROWS.
---@param policy table
---@param rows molbuild.Setting[]
---@return table policy
function settings.define(policy, rows) end

--- The names that a policy's settings and hooks may have as fields, set or not, and those that settings had before.
---@param rows molbuild.Setting[]
---@return table<string, true> known
---@return table<string, string> former  what to write instead
function settings.names(rows) end

--- The settings of a policy, in the order of its table, each checked. A variable overrides the policy; for one runtime
--- `per_runtime` overrides the policy's general value. Secrets have no value here.
--- Raises: usage (a variable's value is invalid), bug (the policy's value is invalid).
---@param policy table
---@param runtime string?  the policy's general values when absent
---@return molbuild.SettingValue[]
function settings.list(policy, runtime) end

--- What is wrong with the settings that a policy makes. Variables are not considered.
---@param policy table
---@param runtime string?  as of settings.list
---@return string[] messages
function settings.mistakes(policy, runtime) end

--- The settings as fields of a table, which becomes a job. `variables` names the variable of each setting, for messages;
--- `bounds` names the variable of each bound. All jobs share these two.
--- Raises: usage, bug.
---@param policy table
---@param runtime string
---@return table
function settings.read(policy, runtime) end

--- Commit ids, checked before they become part of a path, a tag or an argument.
---@class molbuild.sha
local sha = {}

--- Whether a value is a commit id: 40 or 64 lowercase hex digits.
---@param value any
---@return boolean
function sha.is(value) end

--- The beginning of a commit id, as a tag has it.
---@param commit string
---@return string
function sha.short(commit) end

--- Check a commit id.
--- Raises: remote.
---@param value any
---@param where string  named in the message
---@return string
function sha.check(value, where) end

--- Images that hosts share through a registry. What a pull brings is compared before it gets a tag of this machine's own; a
--- registry without a usable image costs a bounded time and one line, and the image is built here.
---@class molbuild.shared
local shared = {}

--- The name of a job's image in the registry.
---@param job table  with its tag
---@return string
function shared.name(job) end

--- Take a job's image from the shared registry, if it has the very one: then the job's tag names it. An image that
--- must be built again, or of a working tree, or of a commit whose refusal is remembered, is not looked for; and none of a commit
--- that no allowed signer has signed.
--- Raises: auth, not_found, remote, failed, timeout, template (where the image is required), signature (the commit is not signed
---  by an allowed signer), usage, missing_tool (the keys whose signatures count cannot be read).
---@param job table
---@param declared table<string, string>?  the policy's inputs
---@param outcome string  the job's outcome when the image was taken
---@param ask fun()?  verifies the image before it gets the tag; raises when it is refused
---@return boolean taken
function shared.take(job, declared, outcome, ask) end

--- Push a job's image that was built here. It happens when the results have been written, unless it is required to succeed: then
--- it happens now.
--- Raises: auth, remote, failed, timeout (where the push is required).
---@param job table
function shared.give(job) end

--- Signed commits: the commit of an image has a good signature by an allowed signer.
---
--- The verdict about an image is kept in a file beside its record, TAG.json.signer: the image's id, the commit, who signed it, and
--- the digests of the files that decided. An image with such a file is not checked again. The file is this machine's own: no
--- record that came from another host names the signer of a commit here.
---@class molbuild.signers
local signers = {}

--- Check that the settings can have an effect. Where no commit is built, none can be checked.
--- Raises: usage.
---@param job table
function signers.expect_commit(job) end

--- Whether a verdict is one by the files as they are now.
--- Raises: usage, failed.
---@param job table
---@param signer molbuild.Signer?
---@return boolean
function signers.is_current(job, signer) end

--- What git.tree calls before it reads the tree of a job's commit.
---@param job table
---@return (fun(options: molbuild.TreeOptions))?  nil when no signers are set
function signers.check(job) end

--- Check that the step that made the tree of a job's commit has checked its signature. A fork's own may not have.
--- Raises: bug.
---@param job table
---@param clone function  that step
function signers.demand(job, clone) end

--- Keep the verdict about a job's image, for later runs. They check it again when it cannot be kept.
---@param job table  with `signer` and `image_id`
function signers.keep(job) end

--- Whether a job's image was found to be of a signed commit, by the files as they are now. Nothing is fetched for it.
--- Raises: usage, failed.
---@param job table
---@return boolean
function signers.knows(job) end

--- What a run would do first with an image that is there, as words for a plan; nil when it would simply use it. Like a run, it
--- refuses a working tree.
--- Raises: signature, usage, failed.
---@param job table
---@return string?
function signers.doubt(job) end

--- Check who signed a job's commit, which need not have been fetched. The runtime's lock is held.
--- Raises: signature, usage, failed, remote, auth, not_found, template, timeout, missing_tool, cancelled.
---@param job table  with `sha` and `held`; sets `signer`
function signers.examine(job) end

--- Make sure that the commit of a job's image, when the engine has it, is signed by an allowed signer. An image that was found to
--- be so before is not checked again, unless the files have changed. A working tree is no commit, and is refused in any case.
--- Raises: signature (the image must not be used), usage, failed, remote, auth, not_found, template, timeout, missing_tool,
---  locked, cancelled.
---@param job table  with `sha`, `tag`, `image_id`; sets `signer`
---@param step fun(name: string): any  calls a step of the policy: its lock
---@param found boolean  whether the engine has the image
function signers.vouch(job, step, found) end

--- The setting smoke: an image runs once, apart from everything, before it is accepted.
---@class molbuild.smoke
---@field LABEL string  The label of such a container. Its value is the same for the runs of one runtime with one cache.
local smoke = {}

--- The containers of such runs.
--- Raises: failed, missing_tool.
---@param engine molbuild.Engine
---@return molbuild.StockContainer[]
function smoke.containers(engine) end

--- Those of them that killed runs have left: of this runtime and cache, and of others, whose time is over.
---@param all molbuild.StockContainer[]
---@param cache string
---@param runtime string  whose lock is held
---@return molbuild.StockContainer[]
function smoke.left(all, cache, runtime) end

--- Remove them.
--- Raises: failed, missing_tool.
---@param engine molbuild.Engine
---@param cache string
---@param runtime string  whose lock is held
function smoke.sweep(engine, cache, runtime) end

--- Run a job's image once, as the setting says.
--- Raises: template (the image is refused), timeout, failed, missing_tool, cancelled.
---@param job table  with image_id and the setting; its lock is held
function smoke.run(job) end

--- The last good image of a runtime: what is there while the image that was asked for is not.
---@class molbuild.stale
local stale = {}

--- The last good image: the one of the same runtime, platform, repository, branch and kind of tag whose record says that its build
--- succeeded, that the engine still has, and that would be a hit if the branch pointed at its commit. Of several, the one that was
--- current last. An image of a working tree, or of a commit that was asked for and never seen as the branch's, is none.
--- Raises: missing_tool (the engine cannot be asked).
---@param job table  with `target_platform` and its settings; nothing in it is changed
---@param policy table  its steps `tag` and `cached` are called, with jobs of other commits
---@param within number?  the most seconds since it was current; no bound when absent
---@return molbuild.LastGood?
function stale.last_good(job, policy, within) end

--- Give a job the last good image instead of that of its commit, which becomes `job.wanted`. The name that moves with the branch
--- stays where it is.
---@param job table
---@param good molbuild.LastGood
---@param outcome string  the job's outcome with an older image
function stale.use(job, good, outcome) end

--- The image that a run would give immediately, while the one that is wanted is built.
---@param job table  as of stale.serve
---@param policy table
---@return molbuild.LastGood?
function stale.served(job, policy) end

--- Give a job that has no image yet the last good one, if it was right at most `job.stale` seconds ago, and let the image be built
--- behind the result, by a process of its own. Then the job's tag, commit and image are those of the good one, `job.wanted` is the
--- commit that is built, and the name that moves with the branch stays where it is.
---@param job table  with its commit and its tag
---@param policy table  its steps `tag`, `cached` and `found` are called
---@param step fun(name: string): any  as of the policy's functions
---@param outcome string  the job's outcome when it has an older image
---@return boolean served  also when the image that was wanted turns out to be there
function stale.serve(job, policy, step, outcome) end

--- Tasks: sequential code that waits. Tasks are structured: a task ends only when its children have ended. How they run, and what
--- a cancellation does, is in molbuild.base.scheduler.
---@class molbuild.task
local task = {}

--- FN as a callback for the core, such as on_line. The core calls it while this task waits. In it, this task's scope is
--- the current one, so that events and log lines get this task's runtime and step. FN must not wait.
---@param fn fun(...): ...
---@return fun(...): ...
function task.callback(fn) end

--- Start a child task. It begins to run when this task next waits. Join every child whose failure matters: the error
--- of a child that is not joined is lost.
--- Raises: cancelled (this task has been cancelled).
---@param fn fun(...): ...
---@param ... any  for FN
---@return molbuild.Task
function task.spawn(fn, ...) end

---@class molbuild.task.map.options
---@field limit integer?
---@field settle boolean?

--- Run FN for every item, at most LIMIT at a time. Returns the results in the order of the items (one each). The first
--- error cancels the others and is raised when they have ended. With SETTLE every item runs to its end, and the result is
--- a list of { ok = boolean, value = any, error = any }.
---@param items any[]
---@param options molbuild.task.map.options
---@param fn fun(item: any, index: integer): any
---@return any[]
function task.map(items, options, fn) end

--- Run FN as a child and cancel it after the given seconds; then raise WHY (a "timeout" error when absent).
---@param seconds number
---@param fn fun(): ...
---@param why table?
---@param spare (fun(): boolean)?  asked when the seconds are over: whether FN may continue without a bound
---@return ...
function task.timeout(seconds, fn, why, spare) end

--- Run FN with cancellation postponed until it returns: for work that must not be left half done.
---@param fn fun(...): ...
---@param ... any  for FN
---@return ...
function task.shield(fn, ...) end

--- From now on FN gets each signal that would end the run. It must not wait.
---@param fn (fun(signo: integer): boolean?)?  gives true if it has dealt with the signal; nil: none again
function task.on_signal(fn) end

---@class molbuild.task.run.options
---@field signals integer[]?

--- Run FN as the root task until it and all its descendants have ended. Returns its results, or raises its error. With
--- SIGNALS, a signal cancels the root task (the error has kind "signal"); a second one kills what still runs.
---@param fn fun(...): ...
---@param options molbuild.task.run.options?
---@return ...
function task.run(fn, options) end

--- Raise if the running task has been cancelled.
function task.check() end

--- The running task, or nil outside one.
---@return molbuild.Task?
function task.current() end

--- The scope of the running task: a table that children inherit from. Outside of a task, one for the whole process.
---@return table
function task.scope() end

---@param slots integer
---@return molbuild.Semaphore
function task.semaphore(slots) end

--- Checks a template's tree before the building program reads it. That program runs on this machine, as this user, and
--- would follow a link to a file outside of the template.
---@class molbuild.template
local template = {}

--- The links of a tree that lead out of it, directly or through other links.
--- Raises: failed.
---@param dir string
---@return { path: string, target: string }[]  paths relative to the tree
function template.links_out(dir) end

--- Check a tree before it is built, and warn about surprises in it. A rejected tree is removed.
--- Raises: template, failed.
---@param dir string
---@param command string?  the program that will build it; docker when absent
---@param note string?  ends the message of an error of the kind template, in parentheses
function template.check(dir, command, note) end

--- A forge token: find it, register it with the masker, keep it from all children, and send it only where that is safe.
---@class molbuild.token
local token = {}

--- The warning about a token's file that other users can read.
---@param path string
---@param name string  the setting that names the file
---@return string?  nil when no other user can read it
function token.exposed(path, name) end

--- Remove the credentials from a repository's URL; token.find() uses them for the returned URL. A variable that holds
--- that URL, or its beginning, is kept from children from then on, and env.get() returns it without the credentials.
--- Raises: usage.
---@param url string
---@param where string  the variable's name, or another place the URL came from; named in messages
---@return string url  unchanged when it has no credentials, and when it is not an http or https URL
function token.strip(url, where) end

---@class molbuild.token.find.from
---@field env string?
---@field file string?
---@field user string?
---@field meant_for string?
---@field own { env: string?, file: string? }?
---@field credential (fun(url: string, user: string?): { username: string?, password: string }?)?
---@field lazy boolean?

--- The token for a repository, bound to its origin: from a variable, else from a file that a variable names, else from the URL
--- that token.strip() was given, else from git's own credential helpers. The variables named are kept from children from then on.
--- Only http and https take a token.
--- Raises: usage, auth.
---@param url string  the repository
---@param from molbuild.token.find.from  names of variables; meant_for: the URL whose origin the variables' token is for, `url`
---  when absent: at another origin it is not used; own: a variable and a file that hold the token of this repository, and come
---  first; credential: git.credential, which runs git's helpers; without it they are not run; lazy: they are run by
---  token.later() alone
---@return molbuild.Credential? token
function token.find(url, from) end

--- The token from git's credential helpers for a repository, for which token.find() was called with `lazy`: a run that may need no
--- network does not run them before it does.
--- Raises: usage, auth.
---@param url string
---@return molbuild.Credential? token
function token.later(url) end

--- Forget what files held: a run that lasts reads them again, since they may have been replaced. A pipe can be read once.
---@param with_helpers boolean?  also what git's credential helpers gave, as after a refusal
function token.forget(with_helpers) end

--- What another process of this program needs in addition to the environment that this one was given, to find the same tokens: a
--- token that came through a pipe is in a variable.
---@return table<string, string> variables
---@return string[] unset
function token.again() end

--- A token of the caller's own, for the origin of a URL. The masker knows it from now on.
--- Raises: usage (the masker cannot take it).
---@param text string
---@param url string
---@param user string?
---@return molbuild.Credential
function token.new(text, url, user) end

--- The name under which an image is built until it is verified. It never counts as the image's tag: no run finds it, pushes it or
--- gives it out. It is removed before the run ends, whatever the run found, or failed with.
---@class molbuild.unverified
local unverified = {}

--- The name for an image that will get a tag. Two tags have two names.
---@param tag string  the image's name with its tag
---@return string
function unverified.name(tag) end

--- Whether a name is one of these.
---@param name string  as an engine gives it
---@return boolean
function unverified.is(name) end

--- Begin to make an image under its other name: sets job.unverified. The name goes when this is closed.
---@param job table  with its tag
---@param fn function?  the policy's step that makes the image; none for one that was pulled
---@return { accept: fun(self: table) }  to be closed
function unverified.begin(job, fn) end

--- The name of what a step has made. A fork's own step may have given the image its tag; then it is taken back, if the image must
--- be verified first.
---@param job table  sets job.unverified to it
---@param fn function  the step
---@param must_verify boolean
---@return string
function unverified.made(job, fn, must_verify) end

--- The step verify: what it must show of an image before it gets its tag, or is given out. verdict.lua keeps what it has found.
---@class molbuild.verify
local verify = {}

--- The verdict that an image must have, by the policy's step: one by another setting, or by another version of a fork, is none.
--- Raises: bug (the fork has taken the step away).
---@param job table
---@param fn function  the step
---@param is_own boolean  whether it is a fork's own; else it does what job.smoke says
---@return { by: string, sha256: string? }
function verify.demanded(job, fn, is_own) end

---@class molbuild.verify.is_proven.wanted
---@field by string
---@field sha256 string?

--- Whether an image that was found is known to be verified, as the policy is now: sets job.unproven to why it is not.
---@param job table  with image_id
---@param wanted molbuild.verify.is_proven.wanted
---@return boolean
function verify.is_proven(job, wanted) end

--- Whether a failure is a verdict about the image, and not about what the step needs: only the commit or the policy can change it.
---@param failure molbuild.Error
---@return boolean
function verify.is_verdict(failure) end

---@class molbuild.verify.ask.wanted
---@field by string
---@field sha256 string?

--- Run the step: sets job.verified, or raises why the image is refused.
--- Raises: template, timeout, as the step raises.
---@param job table  with unverified, the name of the image, and image_id
---@param fn function  the step
---@param wanted molbuild.verify.ask.wanted?  the verdict that is demanded; nil: none
function verify.ask(job, fn, wanted) end

---@class molbuild.verify.planned.wanted
---@field by string
---@field sha256 string?

--- Why a run would verify an image that is there.
--- Raises: template (its refusal is remembered).
---@param job table  with image_id and unproven
---@param wanted molbuild.verify.planned.wanted
---@return string
function verify.planned(job, wanted) end

---@class molbuild.verify.again.wanted
---@field by string
---@field sha256 string?

--- Verify an image that is there already, without building it. It keeps its names, whatever is found.
--- Raises: as verify.ask.
---@param job table  with its tag
---@param fn function  the step
---@param wanted molbuild.verify.again.wanted
---@return true
function verify.again(job, fn, wanted) end

---@class molbuild.verify.settle.wanted
---@field by string
---@field sha256 string?

--- Verify what a fork's own step has put under the job's tag, unless that was done.
--- Raises: as verify.ask.
---@param job table  with its tag
---@param fn function  the step verify
---@param wanted molbuild.verify.settle.wanted?
---@return true
function verify.settle(job, fn, wanted) end

---@class molbuild.verify.registry.wanted
---@field by string
---@field sha256 string?

--- Verify the image of a registry, which is not built here and has no tag of our own.
--- Raises: locked, failed (the engine does not have the image), as verify.ask.
---@param job table  with its tag
---@param fn function  the step verify
---@param wanted molbuild.verify.registry.wanted
function verify.registry(job, fn, wanted) end

--- The verb `watch` of a policy: images are kept fresh. One loop looks at each runtime in turn; docs/operations.md has the rules.
---@class molbuild.watch
---@field EVERY integer  Seconds between two looks at a runtime, where the command line does not say, and the least that it may
---  say.
---@field EVERY_MIN integer
---@field LOCK string  The name of its lock, among those of runtimes.
local watch = {}

--- The verb: `molbuild watch ensure.lua [options] [runtime...]`. Runs until a signal ends it.
--- Raises: usage, locked, failed.
---@param policy table
---@param args string[]
---@param how molbuild.WatchHow
function watch.verb(policy, args, how) end

--- Builds from a directory of this machine, as it is, instead of from a commit. What is built is a copy; the directory itself is
--- only read. Its digest stands for the commit.
---
--- In a git work tree the copy has what git would commit: the tracked files as they are now, and the others that git does not
--- ignore. Of any other directory it has everything but `.git`.
---@class molbuild.working_tree
local working_tree = {}

--- The digest of a job's working tree, which stands for the commit. It becomes the revision that the image names, as
--- `dev-DIGEST`: a digest alone would look like a commit.
--- Raises: usage, template, failed, cancelled.
---@param job table
---@return string  64 hex digits
function working_tree.digest(job) end

--- Copy a job's working tree into a new directory. Fails if it is no longer the one whose digest the job has.
--- Raises: usage, template, failed, cancelled.
---@param job table
---@param to string
---@return boolean copied  always true
function working_tree.copy(job, to) end

--- The library of a policy: `local molbuild = require "molbuild"`. A policy that molbuild runs also has it as the global
--- `molbuild`. Modules are loaded at their first use.
---@class molbuild
---@field arguments molbuild.arguments
---@field attest molbuild.attest
---@field bases molbuild.bases
---@field behind molbuild.behind
---@field buildkit molbuild.buildkit
---@field cache molbuild.cache
---@field check_base molbuild.check_base
---@field checked molbuild.checked
---@field child molbuild.child
---@field core molbuild.Core
---@field docker molbuild.docker
---@field doctor molbuild.doctor
---@field encode molbuild.encode
---@field env molbuild.env
---@field errors molbuild.errors
---@field events molbuild.events
---@field expect molbuild.expect
---@field failures molbuild.failures
---@field fall_back molbuild.fall_back
---@field gc molbuild.gc
---@field git molbuild.git
---@field gitea molbuild.gitea
---@field heads molbuild.heads
---@field image molbuild.image
---@field inputs molbuild.inputs
---@field inventory molbuild.inventory
---@field job molbuild.job
---@field log molbuild.log
---@field manifest molbuild.manifest
---@field names molbuild.names
---@field network molbuild.network
---@field offline molbuild.offline
---@field outdated molbuild.outdated
---@field pins molbuild.pins
---@field plan molbuild.plan
---@field record molbuild.record
---@field retry molbuild.retry
---@field rows molbuild.rows
---@field secrets molbuild.secrets
---@field seen molbuild.seen
---@field settings molbuild.settings
---@field sha molbuild.sha
---@field shared molbuild.shared
---@field signers molbuild.signers
---@field smoke molbuild.smoke
---@field stale molbuild.stale
---@field task molbuild.task
---@field template molbuild.template
---@field testing molbuild.testing
---@field token molbuild.token
---@field unverified molbuild.unverified
---@field verify molbuild.verify
---@field watch molbuild.watch
---@field working_tree molbuild.working_tree
molbuild = {}

--- Load another policy by name or path, to change it. Returns the policy's table.
--- Raises: usage, bug.
---@param name string
---@return table
---@overload fun(name: "ensure.lua"|"ensure"): ensure
function molbuild.load(name) end

--- What `molbuild check` finds in a policy that has been loaded, and in those that it loads: one entry for each file.
---@param policy table
---@return { path: string, api: integer?, newest: integer, findings: { line: integer, message: string }[] }[]
function molbuild.findings(policy) end

--- Keep the files of the policy as they are now, for a verb that keeps running: parts that are loaded later are of the same
--- version.
function molbuild.keep_files() end

--- Load the policy of this run again, for a verb that keeps running. It counts only if `molbuild check` finds nothing in it.
--- Raises: usage, bug (the former policy stays).
---@return table policy
---@return fun(): { name: string, sha256: string } identity  for records
function molbuild.reload() end

--- The whole program, as its command line is given to it.
---@param argv string[]
---@param program molbuild.Program
---@return integer status
function molbuild.main(argv, program) end

--- Raise an error: { kind, message, hint }. The kind decides the exit status; an unknown one is a mistake of the caller.
---@param fields { kind: string?, message: string, hint: string?, cause: any }  other fields are kept; without a kind it is
---  "failed"
function molbuild.raise(fields) end

return molbuild
