---@meta molbuild.core

-- Stubs of the C module molbuild.core, for language servers: never loaded. docs/primitives.md tells more of each.
--
-- What the world does comes back as nil, message, code; only a caller's mistake raises. A function marked "waits" must be
-- called inside a task (molbuild.task); cancelling the task ends it with the code "cancelled".
--
-- Options are a table's own fields. Absent means the default, 0 means zero, math.huge means no bound. An unknown option is an
-- error.

local core = {}

core.fs = {}
core.http = {}
core.lock = {}
core.loop = {}
core.mask = {}
core.process = {}
core.sha256 = {}
core.sys = {}
core.url = {}
core.width = {}
core.writer = {}

-- fs ----------------------------------------------------------------------------------------------------------------

---@class molbuild.core.Stat
---@field type "file"|"directory"|"link"|"fifo"|"socket"|"device"
---@field size integer  bytes
---@field mode integer  permission bits
---@field mtime number  seconds since 1970
---@field uid integer
---@field dev integer
---@field ino integer
---@field nlink integer

--- Make a directory and the missing ones above it. One that is there is fine.
---@param path string
---@param mode integer?  511 (octal 777) when absent, less the umask
---@return true? ok
---@return string? message
---@return string? code
function core.fs.mkdirp(path, mode) end

--- Make a new directory (mode 0700) whose name is the prefix and six random characters.
---@param prefix string
---@return string? path
---@return string? message
---@return string? code
function core.fs.mkdtemp(prefix) end

--- Remove a file, a link, or a directory and all in it. Never follows a link. A missing path is a success.
---@param path string
---@return true? ok
---@return string? message
---@return string? code
function core.fs.remove_tree(path) end

--- Give all below a directory the modes that a commit knows: 0755 for directories and programs, 0644 for other files.
---@param path string
---@return true? ok
---@return string? message
---@return string? code
function core.fs.plain_modes(path) end

--- Give a file or a tree from this user to the owner and group of LIKE. What others own is left alone. A missing path is a
--- success.
---@param path string
---@param like string
---@return true? ok
---@return string? message
---@return string? code
function core.fs.give(path, like) end

---@param from string
---@param to string
---@return true? ok
---@return string? message
---@return string? code
function core.fs.rename(from, to) end

--- The path, absolute, without links, "." and "..". It must exist.
---@param path string
---@return string? path
---@return string? message
---@return string? code
function core.fs.realpath(path) end

--- What a link says.
---@param path string
---@return string? target
---@return string? message
---@return string? code
function core.fs.readlink(path) end

--- What is at the path itself: a link is not followed.
---@param path string
---@return molbuild.core.Stat?
---@return string? message
---@return string? code
function core.fs.lstat(path) end

--- The names in a directory without "." and "..", sorted by bytes.
---@param path string
---@param max integer?  more names are the error "too_large"; 100000 when absent
---@return string[]? names
---@return string? message
---@return string? code
function core.fs.list(path, max) end

--- What a path leads to: a link is followed.
---@param path string
---@return "file"|"directory"|"fifo"|"socket"|"device"|nil type
---@return string? message
---@return string? code
function core.fs.type(path) end

--- What a regular file holds. With SECONDS a pipe is read, too, to its end, for at most so long; nothing else happens
--- meanwhile.
---@param path string
---@param max integer?  more bytes are the error "too_large"; 1 MiB when absent
---@param seconds number?
---@return string? data
---@return string? message
---@return string? code
function core.fs.read(path, max, seconds) end

--- Replace a file at once: readers see the old one or the new one. A link is replaced, not followed.
---@param path string
---@param data string
---@param mode integer?  420 (octal 644) when absent
---@return true? ok
---@return string? message
---@return string? code
function core.fs.write_atomic(path, data, mode) end

--- Bytes that this user may still write to the file system of the path.
---@param path string
---@return integer? bytes
---@return string? message
---@return string? code
function core.fs.free_bytes(path) end

-- http --------------------------------------------------------------------------------------------------------------

---@class molbuild.core.HttpOptions
---@field url string  http or https
---@field method string?  GET when absent
---@field headers table<string, string>?
---@field body string?
---@field unix_socket string?  connect to this socket instead of to the URL's host, never by a proxy
---@field proxy string?  this proxy, "" for none; the one that HTTPS_PROXY and its kin name when absent
---@field timeout number?  seconds for all of it, redirects included; 0: it ends at once; 30 when absent
---@field connect_timeout number?  seconds, more than 0; 10 when absent
---@field max_body integer?  bytes; a larger answer is the error "too_large"; 65536 when absent
---@field max_redirects integer?  5 when absent
---@field follow (boolean|"origin")?  false: a redirect is an answer like any other; "origin": one to another origin is
---@field connect_only boolean?  only connect: the answer has the status 0 and an address
---@field ca_file string?  trust these certificates instead; SSL_CERT_FILE or the system's when absent
---@field cert_file string?  client certificate (PEM)
---@field key_file string?  its key (PEM)

---@class molbuild.core.HttpResponse
---@field status integer
---@field headers table<string, string>  names in lower case
---@field body string
---@field url string  the one that answered
---@field address string  the IP address that answered, a proxy's where one was used; "" for a socket's path
---@field redirect string?  where an answer that is a redirect leads, absolute

--- One request and its answer, whatever its status. Waits.
---@param options molbuild.core.HttpOptions
---@return molbuild.core.HttpResponse?
---@return string? message
---@return string? code  timeout, resolve, connect, reset, tls, denied, too_large, redirect, protocol, invalid or cancelled
function core.http.request(options) end

-- lock --------------------------------------------------------------------------------------------------------------

---@class molbuild.core.Holder
---@field pid integer
---@field host string
---@field start integer  unix time
---@field purpose string

---@class molbuild.core.LockOptions
---@field purpose string?  written to the file for those who wait
---@field timeout number?  seconds; 0 tries once; no bound when absent
---@field every number?  seconds between two calls of on_wait, more than 0; 30 when absent
---@field on_wait fun(holder: molbuild.core.Holder?, seconds: number)?  called when the wait begins and every so often

--- A lock that is had until it is closed: `local lock <close> = core.lock.acquire(path)`.
---@class molbuild.core.Lock
local Lock = {}

--- Give it back. Again does nothing.
---@return nil
function Lock:release() end

--- The same as release.
---@return nil
function Lock:close() end

--- Whether it is had.
---@return boolean
function Lock:held() end

--- Take the lock of a file, which is made when it is missing, and never removed. Waits.
---@param path string
---@param options molbuild.core.LockOptions?
---@return molbuild.core.Lock?
---@return string? message  names the holder
---@return string? code  locked, invalid, cancelled or an errno name
function core.lock.acquire(path, options) end

--- Who says to hold the lock of a file.
---@param path string
---@return molbuild.core.Holder?
function core.lock.holder(path) end

-- loop: for molbuild.task --------------------------------------------------------------------------------------------

--- Wait until an operation is done, and give those that are.
---@param seconds number?  at most so long; as long as it takes when absent
---@return userdata[]? operations
---@return string? message
---@return string? code
function core.loop.step(seconds) end

--- A coroutine is a task: it may wait. With CANCELLED, a primitive that would wait yields nothing instead, and raises the value that
--- the coroutine is resumed with.
---@param thread thread
---@param cancelled boolean
---@return nil
function core.loop.task(thread, cancelled) end

--- Catch a signal from now on.
---@param signo integer
---@return true? ok
---@return string? message
---@return string? code
function core.loop.catch(signo) end

--- What is written to stderr when a signal ends or stops the program at once, and where it ends itself: it gives a terminal
--- back.
---@param text string  at most 64 bytes; empty: nothing
---@return true? ok
---@return string? message
---@return string? code
function core.loop.last_words(text) end

--- Whether the program has been continued since the last call, after a signal had stopped it.
---@return boolean
function core.loop.continued() end

--- The oldest caught signal that was not taken yet.
---@return integer? signo
function core.loop.signal() end

--- The same as core.sys.sleep. Waits.
---@param seconds number
---@return true? ok
---@return string? message
---@return string? code
function core.loop.sleep(seconds) end

-- mask --------------------------------------------------------------------------------------------------------------

--- Register a secret: from now on it is masked in all output, in every form that it can take.
---@param secret string  8 to 4096 bytes of printable text
---@return true? ok
---@return string? message
---@return string? code
function core.mask.secret(secret) end

--- Mask base64 of "<name>:<secret>", too. oauth2, x-access-token, git, token and "" are known.
---@param name string
---@return true? ok
---@return string? message
---@return string? code
function core.mask.user(name) end

--- A text with every secret, and the userinfo of every URL, masked.
---@param text string
---@return string
function core.mask.text(text) end

--- A URL with its userinfo masked, also when it is none.
---@param url string
---@return string
function core.mask.url(url) end

--- Register what the userinfo of a URL keeps secret: the password, or without one the user. Nothing to register is fine.
---@param url string
---@return true? ok
---@return string? message  what is no URL
---@return string? code
function core.mask.userinfo(url) end

--- Forget all secrets. For tests.
---@return nil
function core.mask.clear() end

-- process -----------------------------------------------------------------------------------------------------------

---@class molbuild.core.ProcessOptions
---@field argv string[]  the program, looked up on PATH unless it holds a slash, and its arguments
---@field cwd string?
---@field env table<string, string>?  variables to set
---@field unset string[]?  variables to leave out; a name may end in "*"
---@field input string?  its stdin; /dev/null when absent
---@field timeout number?  seconds it may take in all; 0: it is ended at once; no bound when absent
---@field stall number?  seconds it may be silent, more than 0; no bound when absent
---@field quiet_phase number?  seconds it may be silent once on_line has returned "quiet", until it returns otherwise
---@field grace number?  seconds between the first signal and KILL; 0 kills at once; 10 when absent
---@field signal integer?  the first signal; TERM when absent; after another one TERM follows in the middle of the grace
---@field log_file string?  the output goes there, masked; what is beyond log_max is left out in the middle
---@field log_max integer?  bytes; 64 MiB when absent
---@field tail integer?  bytes of the output's end that are kept; 65536 when absent
---@field capture integer?  keep stdout apart, unmasked: at most so many bytes, more is the error "too_large"
---@field max_memory integer?  bytes of data that it and each of its children may have, a soft limit; no bound when absent
---@field umask integer?  of the files that it makes; this process's when absent
---@field keep molbuild.core.Lock[]?  locks that live as long as the process
---@field on_line (fun(line: string): "quiet"|"stop"|nil)?  called for each line, masked; it must not wait
---@field only string[]?  on_line is called only for lines that begin so; a "0" stands for any decimal number
---@field after_newline boolean?  on_line is not called for what stands behind a lone carriage return, drawn over a line
---@field on_lines (fun(text: string): "stop"|"wait"|nil)?  called with all lines, many at once, a newline behind each;
---"wait": it is not read for a moment, after which this is called with "" and may answer so again

---@class molbuild.core.ProcessResult
---@field code integer?  the exit code
---@field signal integer?  or the signal that ended it
---@field seconds number
---@field tail string  the end of the output, masked
---@field last_line string  the newest line that is not blank
---@field stdout string?  with capture
---@field strays integer  descendants that had to be ended
---@field strays_left integer  those of them that did not end
---@field log_error string?  why the log is incomplete

--- Run a program to its end, without a shell. Waits.
---@param options molbuild.core.ProcessOptions
---@return molbuild.core.ProcessResult?
---@return string? message
---@return string? code  timeout, stalled, cancelled, too_large, not_found or an errno name
---@return molbuild.core.ProcessResult? partial  how far it got, when it had begun
function core.process.run(options) end

--- The absolute path of a program on PATH.
---@param name string
---@return string? path
---@return string? message
---@return string? code
function core.process.find(name) end

-- sha256 ------------------------------------------------------------------------------------------------------------

---@param data string
---@return string? hex  64 lowercase hex digits
---@return string? message
---@return string? code
function core.sha256.hex(data) end

---@param path string
---@return string? hex
---@return string? message
---@return string? code
function core.sha256.file(path) end

-- sys ---------------------------------------------------------------------------------------------------------------

--- Seconds of a clock that is never set.
---@return number
function core.sys.monotonic() end

--- Unix time in seconds, with a fraction.
---@return number
function core.sys.now() end

---@return integer
function core.sys.pid() end

---@return integer
function core.sys.uid() end

---@return string
function core.sys.hostname() end

--- Processors that this process may run on.
---@return integer
function core.sys.cpus() end

---@param fd integer
---@return boolean
function core.sys.isatty(fd) end

---@param fd integer
---@return integer? columns  nothing when it is no terminal
---@return integer? rows
function core.sys.terminal_size(fd) end

--- Whether this process's group is the one that a terminal belongs to now; also when that cannot be told.
---@param fd integer
---@return boolean
function core.sys.in_foreground(fd) end

--- The name of a signal for people: "SIGKILL (9)"; "signal 99" for one that has none.
---@param signo integer
---@return string
function core.sys.signal_name(signo) end

---@param name string
---@return string?
function core.sys.getenv(name) end

--- Take a variable out of this process's environment: children do not get it, and /proc does not show it any more.
---@param name string
---@return string? value  nil when it was not set
---@return string? message
---@return string? code
function core.sys.take_env(name) end

--- The program that runs.
---@return string? path
---@return string? message
---@return string? code
function core.sys.executable() end

--- While on, an exit() of a C library's is an ordinary failure: one line on stderr, status 1.
---@param on boolean
---@return nil
function core.sys.guard_exit(on) end

--- Keep this process's memory out of core dumps and, on Linux, from other processes of the user.
---@return true? ok
---@return string? message
---@return string? code
function core.sys.protect_memory() end

--- Write a text, masked and whole.
---@param fd integer
---@param text string
---@return true? ok
---@return string? message
---@return string? code
function core.sys.write(fd, text) end

--- Waits.
---@param seconds number
---@return true? ok
---@return string? message
---@return string? code
function core.sys.sleep(seconds) end

-- url ---------------------------------------------------------------------------------------------------------------

---@class molbuild.core.Url
---@field scheme string
---@field user string?
---@field password string?
---@field host string?
---@field port integer?
---@field path string
---@field query string?
---@field fragment string?

--- The parts of a URL. Nothing is decoded.
---@param url string
---@return molbuild.core.Url?
---@return string? message
---@return string? code
function core.url.parse(url) end

--- The URL of the parts; encoding them is the caller's.
---@param parts molbuild.core.Url
---@return string? url
---@return string? message
---@return string? code
function core.url.build(parts) end

-- width -------------------------------------------------------------------------------------------------------------

--- Columns that a text takes on a terminal.
---@param text string
---@return integer
function core.width.columns(text) end

--- The beginning of a text that fits into so many columns: whole characters only.
---@param text string
---@param columns integer
---@return string
function core.width.cut(text, columns) end

-- writer ------------------------------------------------------------------------------------------------------------

--- Write to stdout or stderr, masked, without waiting for a reader: what finds no room is queued, and written by the loop.
--- When the queue is full the whole text is dropped.
---@param fd integer  1 or 2
---@param text string
---@param spare boolean?  it is dropped sooner than others
---@return boolean ok
---@return boolean|integer more  whether the reader is slow, and nothing should be written for a moment; how many lines were dropped
---@return string? reason  why writing failed; nil when there was no reader
function core.writer.put(fd, text, spare) end

--- Write all of a text, masked. Waits for the reader.
---@param fd integer  1 or 2
---@param text string
---@param result boolean?  it is the run's result: once it is written, memory that ends does not make the run fail
---@return true? ok
---@return string? message
---@return string? code
function core.writer.send(fd, text, result) end

--- How much waits to be written.
---@param fd integer  1 or 2
---@return integer bytes
function core.writer.pending(fd) end

--- Whether much is queued, and somebody reads: what can wait should not be written then.
---@param fd integer  1 or 2
---@return boolean
function core.writer.is_slow(fd) end

--- Write what is queued; gives up after so long without a byte being read, after five times as long in all, and when a
--- caught signal arrives. For the end of the program, outside of tasks.
---@param fd integer  1 or 2
---@param seconds number
---@return boolean all
function core.writer.flush(fd, seconds) end

return core
