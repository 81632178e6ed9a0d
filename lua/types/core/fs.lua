---@meta

-- Stubs of molbuild.core.fs: see ../core.lua.

---@class molbuild.core.fs
local fs = {}

---@class molbuild.core.Stat
---@field type "file"|"directory"|"link"|"fifo"|"socket"|"device"
---@field size integer  bytes
---@field mode integer  permission bits
---@field mtime number  seconds since 1970
---@field uid integer
---@field dev integer
---@field ino integer
---@field nlink integer

--- Make a directory and the missing ones above it. An existing directory is accepted.
---@param path string
---@param mode integer?  511 (octal 777) when absent, less the umask
---@return true? ok
---@return string? message
---@return string? code
function fs.mkdirp(path, mode) end

--- Make a new directory (mode 0700) whose name is the prefix and six random characters.
---@param prefix string
---@return string? path
---@return string? message
---@return string? code
function fs.mkdtemp(prefix) end

--- Remove a file, a link, or a directory and everything in it. Never follows a link. A missing path is a success.
---@param path string
---@return true? ok
---@return string? message
---@return string? code
function fs.remove_tree(path) end

--- Set the modes of everything below a directory as in a commit: 0755 for directories and programs, 0644 for other files. With a
--- time, everything below, links too, gets it as the time of its last change.
---@param path string
---@param time integer?  seconds since 1970
---@return true? ok
---@return string? message
---@return string? code
function fs.plain_modes(path, time) end

--- Change the owner and group of this user's file or tree to those of LIKE. Files of other users, and files with
--- several names, are skipped. A missing path is a success.
---@param path string
---@param like string
---@return true? ok
---@return string? message
---@return string? code
function fs.give(path, like) end

--- Copy a regular file to a new one, with the mode of a commit: 0755 for a program, 0644 for any other file. A link is copied as
--- a link. Any other file is the error "invalid".
---@param from string
---@param to string  must not exist
---@return true? ok
---@return string? message
---@return string? code
function fs.copy(from, to) end

--- Rename a file or a directory.
---@param from string
---@param to string
---@return true? ok
---@return string? message
---@return string? code
function fs.rename(from, to) end

--- The path, absolute, without links, "." and "..". It must exist.
---@param path string
---@return string? path
---@return string? message
---@return string? code
function fs.realpath(path) end

--- The target text of a link.
---@param path string
---@return string? target
---@return string? message
---@return string? code
function fs.readlink(path) end

--- The file at the path itself: a link is not followed.
---@param path string
---@return molbuild.core.Stat?
---@return string? message
---@return string? code
function fs.lstat(path) end

--- The names in a directory without "." and "..", sorted by bytes.
---@param path string
---@param max integer?  more names are the error "too_large"; 100000 when absent
---@return string[]? names
---@return string? message
---@return string? code
function fs.list(path, max) end

--- The type of a path's target: a link is followed.
---@param path string
---@return "file"|"directory"|"fifo"|"socket"|"device"|nil type
---@return string? message
---@return string? code
function fs.type(path) end

--- The content of a regular file. With SECONDS a pipe is read, too, to its end, for at most SECONDS; other tasks do not run
--- during that time.
---@param path string
---@param max integer?  more bytes are the error "too_large"; 1 MiB when absent
---@param seconds number?
---@return string? data
---@return string? message
---@return string? code
function fs.read(path, max, seconds) end

--- The content of a regular file that is this user's alone: "foreign" if another user owns it, or if its mode lets other
--- users use it. A link is not followed.
---@param path string
---@param max integer?  as for read
---@return string? data
---@return string? message
---@return string? code
function fs.read_own(path, max) end

--- A part of a regular file, which another process may be writing: "" behind its end. A link is not followed.
---@param path string
---@param offset integer?  where it begins, in bytes; 0 when absent
---@param max integer?  its most bytes; 1 MiB when absent
---@return string? data
---@return string? message
---@return string? code
function fs.read_from(path, offset, max) end

--- Replace a file atomically: readers see the old one or the new one. A link is replaced, not followed.
---@param path string
---@param data string
---@param mode integer?  420 (octal 644) when absent
---@return true? ok
---@return string? message
---@return string? code
function fs.write_atomic(path, data, mode) end

--- The free bytes for this user on the path's file system.
---@param path string
---@return integer? bytes
---@return string? message
---@return string? code
function fs.free_bytes(path) end

--- Whether this user may write to a file, or make files in a directory. A link is followed. Nothing is written.
---@param path string
---@return true? ok
---@return string? message
---@return string? code
function fs.may_write(path) end

--- A file in memory, which no disk holds. It is gone when it is closed and no process has it any more.
---@class molbuild.core.MemoryFile
local MemoryFile = {}

--- Its path for a program that is run with it in `keep`.
---@return string
function MemoryFile:path() end

--- Close it. A second call has no effect.
---@return nil
function MemoryFile:close() end

--- Make a file in memory, which cannot be changed: `local file <close> = core.fs.memory_file(data)`.
---@param data string
---@return molbuild.core.MemoryFile?
---@return string? message
---@return string? code  ENOSYS where the system has no such files
function fs.memory_file(data) end

return fs
