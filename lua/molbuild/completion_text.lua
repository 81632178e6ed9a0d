--- The texts that make a shell complete molbuild's command lines. Each hands the words to `molbuild completion SHELL WORD...`, and
--- offers what that prints. None evaluates a word, or a candidate, as shell code.
local completion_text = {
  --- The shells that have a text here.
  shells = { "bash", "zsh", "fish" },
}

completion_text.bash = [==[
# Completion of molbuild for bash. Load it with:  source <(molbuild completion bash)
# or install it as share/bash-completion/completions/molbuild.

# The words up to the cursor, in _molbuild_words. bash has divided them at characters such as = and :.
_molbuild_split()
{
	local rest=${COMP_LINE:0:COMP_POINT} part after i count=0
	_molbuild_words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		part=${COMP_WORDS[i]}
		if ((i == 0)); then
			rest=$part${rest#*"$part"}
		fi
		after=${rest#"${rest%%[![:space:]]*}"}
		if ((i == COMP_CWORD)); then
			part=$after
		fi
		if ((i > 0)) && [[ $after == "$rest" ]]; then
			_molbuild_words[count-1]+=$part
		else
			_molbuild_words[count++]=$part
		fi
		rest=${after#"$part"}
	done
}

# Quote a candidate as the word that it completes.
_molbuild_quote()
{
	local word=${COMPREPLY[$1]}
	case $2 in
		\"*)
			word=${word//\\/\\\\}
			word=${word//\"/\\\"}
			word=${word//\$/\\\$}
			COMPREPLY[$1]=${word//\`/\\\`}
			;;
		\'*) COMPREPLY[$1]=${word//\'/\'\\\'\'} ;;
		*) printf -v "COMPREPLY[$1]" %q "$word" ;;
	esac
}

# Offer what molbuild prints for the words.
_molbuild_offer()
{
	local line i current=${_molbuild_words[${#_molbuild_words[@]}-1]} divided='' files=none
	if [[ $COMP_WORDBREAKS == *=* && $current == *=* ]]; then
		divided=${current%"${current##*=}"}
	fi
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
			=*)
				line=${line#=}
				line=${line%%$'\t'*}
				COMPREPLY+=("${line#"$divided"}")
				;;
			:*) files=${line#:} ;;
		esac
	done < <(command molbuild completion bash "${_molbuild_words[@]}" 2>/dev/null)
	case $files in
		none) compopt +o default +o bashdefault 2>/dev/null ;;
		directories) compopt +o default +o bashdefault -o dirnames 2>/dev/null ;;
	esac
	for i in "${!COMPREPLY[@]}"; do
		case ${COMPREPLY[i]} in
			*=) compopt -o nospace 2>/dev/null ;;
			*[!A-Za-z0-9_.,/@:%+-]*) _molbuild_quote "$i" "$current" ;;
		esac
	done
}

_molbuild()
{
	local _molbuild_words
	_molbuild_split
	_molbuild_words[0]=molbuild
	_molbuild_offer
}

# A setting before the command. Any other first word is left to bash.
_molbuild_setting()
{
	local _molbuild_words=("$2")
	COMPREPLY=()
	if [[ $2 == [[:upper:]]* ]]; then
		_molbuild_offer
	fi
}

complete -o bashdefault -o default -F _molbuild molbuild
if ((BASH_VERSINFO[0] >= 5)) && ! complete -p -I &>/dev/null; then
	complete -o bashdefault -o default -F _molbuild_setting -I
fi
]==]

completion_text.zsh = [==[
#compdef molbuild -P -value-,[[:upper:]]*,-default-
# Completion of molbuild for zsh. Load it, after compinit, with:  source <(molbuild completion zsh)
# or install it as _molbuild in a directory of fpath.

_molbuild() {
  local line word entry files=none ret=1
  local -a line_words plain open
  case $service in
    -command-) line_words=("$PREFIX") ;; # a setting before the command
    -value-*) line_words=("${${service#-value-,}%%,*}=${(Q)PREFIX}") ;;
    *) line_words=(molbuild "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}") ;;
  esac
  while IFS= read -r line; do
    case $line in
      '='*)
        word=${${line#"="}%%$'\t'*}
        [[ $service == -value-* ]] && word=${word#*=}
        entry=${${word//\\/\\\\}//:/\\:}
        [[ $line == *$'\t'* ]] && entry+=:${line#*$'\t'}
        if [[ $word == *= ]]; then open+=("$entry"); else plain+=("$entry"); fi
        ;;
      ':'*) files=${line#":"} ;;
    esac
  done < <(command molbuild completion zsh "${(@)line_words}" 2>/dev/null)
  (( $#open )) && _describe -t molbuild molbuild open -S '' && ret=0
  (( $#plain )) && _describe -t molbuild molbuild plain && ret=0
  case $files in
    files)
      [[ $PREFIX == --*=* ]] && compset -P '*='
      _files && ret=0
      ;;
    directories) _files -/ && ret=0 ;;
  esac
  # The value of another variable is left to zsh.
  [[ $service == -value-* ]] && (( ret )) && _compskip=
  return ret
}

# The first word: a setting, and what zsh completes there.
_molbuild_first_word() {
  local service=-command-
  [[ $PREFIX == [[:upper:]]* ]] && _molbuild && return 0
  eval "$_molbuild_usual_first_word"
}

if (( $+_comps )) && [[ ${_comps[-command-]} != _molbuild_first_word ]]; then
  typeset -g _molbuild_usual_first_word=${_comps[-command-]}
  _comps[-command-]=_molbuild_first_word
fi
if [[ ${funcstack[1]} == _molbuild ]]; then
  _molbuild "$@"
elif (( $+functions[compdef] )); then
  compdef _molbuild molbuild -P '-value-,[[:upper:]]*,-default-'
fi
]==]

completion_text.fish = [==[
# Completion of molbuild for fish. Load it with:  molbuild completion fish | source
# or install it as molbuild.fish in a directory of fish_complete_path.

function __molbuild_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set words[1] molbuild
    for line in (command molbuild completion fish $words "$current" 2>/dev/null)
        switch $line
            case '=*'
                string sub -s 2 -- $line
            case :files
                __fish_complete_path "$current"
            case :directories
                __fish_complete_directories "$current"
        end
    end
end

complete -c molbuild -f -a '(__molbuild_candidates)'
]==]

return completion_text
