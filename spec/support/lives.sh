# shellcheck shell=sh
# For scripts that wait for processes: . "$here/lives.sh"

# Does the process live? One that was ended may still be there as a zombie. ps would read much more.
lives() {
	if [ -d /proc/self ]; then
		{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
		state=${stat##*) }
	else
		state=$(ps -o state= -p "$1" 2>/dev/null)
	fi
	case $state in
	'' | Z*) return 1 ;;
	esac
}
