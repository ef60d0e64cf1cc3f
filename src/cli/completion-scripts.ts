/**
 * The completion scripts. Each only hands the words over to `runner completion --query` and shows what comes back, one candidate a
 * line, its meaning after a tab; `:files` and `:folders` ask the shell for its own. No network, and no word of a job is evaluated.
 */
export const scripts: Readonly<Record<string, string>> = {
  bash: `# bash completion for runner: eval "$(runner completion bash)"
_runner() {
  local line candidates=() words=("\${COMP_WORDS[@]:1:COMP_CWORD}") current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  # bash takes a word apart at ":" and "="; runner's own words are put together again.
  local whole="\${COMP_LINE:0:COMP_POINT}"
  whole="\${whole##*[[:space:]]}"
  while IFS= read -r line; do
    case "$line" in
      :files) mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames 2>/dev/null; return ;;
      :folders) mapfile -t COMPREPLY < <(compgen -d -- "$current"); compopt -o filenames 2>/dev/null; return ;;
    esac
    candidates+=("\${line%%$'\\t'*}")
  done < <("\${COMP_WORDS[0]}" completion --query -- bash "\${words[@]}" 2>/dev/null)
  local candidate cut="\${whole%"$current"}"
  for candidate in "\${candidates[@]}"; do
    candidate="\${candidate#"$cut"}"
    [[ "$candidate" == "$current"* ]] && COMPREPLY+=("$(printf '%q' "$candidate")")
  done
  [[ \${#COMPREPLY[@]} -eq 1 && "\${COMPREPLY[0]}" == *[,:/] ]] && compopt -o nospace 2>/dev/null
}
complete -F _runner runner
`,
  zsh: `#compdef runner
# zsh completion for runner: eval "$(runner completion zsh)", after compinit
_runner() {
  local line
  local -a names shown
  while IFS= read -r line; do
    case "$line" in
      :files) _files; return ;;
      :folders) _files -/; return ;;
    esac
    names+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  -- }")
  done < <("\${words[1]}" completion --query -- zsh "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#names} )) && compadd -l -d shown -a names
}
if [[ "\${funcstack[1]}" == _runner ]]; then _runner "$@"; else compdef _runner runner; fi
`,
  fish: `# fish completion for runner
function __runner_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l lines ($words[1] completion --query -- fish $words[2..-1] 2>/dev/null)
  switch "$lines[1]"
    case ':files'
      __fish_complete_path (commandline -ct)
    case ':folders'
      __fish_complete_directories (commandline -ct)
    case '*'
      printf '%s\\n' $lines
  end
end
complete -c runner -f -a '(__runner_complete)'
`,
  pwsh: `# PowerShell completion for runner
Register-ArgumentCompleter -Native -CommandName runner -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -le $cursorPosition } | ForEach-Object { "$_" })
  $words = @($words | Select-Object -Skip 1)
  if ($wordToComplete -eq '') { $words += '' }
  foreach ($line in @(runner completion --query '--' pwsh @words 2>$null)) {
    $name, $meaning = $line -split "\`t", 2
    if ($name -eq ':files' -or $name -eq ':folders') { return }
    if (-not $meaning) { $meaning = $name }
    [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $meaning)
  }
}
`,
};
