/** What a shell reads to complete `offboard` and `kubectl-offboard`. `kubectl offboard` is completed by kubectl, by way of a program. */

export const shells = ['bash', 'zsh', 'fish', 'kubectl'] as const;
export type Shell = (typeof shells)[number];

const bash = `# bash completion of offboard: source <(kubectl offboard completion bash)
_offboard() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line
  local -a words
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :0) COMPREPLY=( $(compgen -f -- "$current") ); compopt -o filenames 2>/dev/null ;;
      :*) ;;
      *) COMPREPLY+=( "\${line%%$'\\t'*}" ) ;;
    esac
  done < <(kubectl-offboard __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _offboard offboard kubectl-offboard
`;

const zsh = `#compdef offboard kubectl-offboard
# zsh completion of offboard: source <(kubectl offboard completion zsh)
_offboard() {
  local line files=0
  local -a found
  while IFS= read -r line; do
    case "$line" in
      :0) files=1 ;;
      :*) ;;
      *) found+=( "\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line%$'\\t'*}:+:\${line#*$'\\t'}}" ) ;;
    esac
  done < <(kubectl-offboard __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( files )) && _files && return
  _describe 'offboard' found
}
compdef _offboard offboard kubectl-offboard
`;

const fish = `# fish completion of offboard: kubectl offboard completion fish | source
function __offboard_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (kubectl-offboard __complete $words[2..-1] 2>/dev/null)
    switch $line
      case ':0'
        __fish_complete_path (commandline -ct)
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c offboard -f -a '(__offboard_complete)'
complete -c kubectl-offboard -f -a '(__offboard_complete)'
`;

const kubectl = `#!/bin/sh
# kubectl completes "kubectl offboard" by this, where it is on the PATH as kubectl_complete-offboard.
exec kubectl-offboard __complete "$@"
`;

export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish, kubectl };
