// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

extension VGPU {
  /// The completion script for bash: ArgumentParser's, and a function around it.
  ///
  /// bash parts words at colons (COMP_WORDBREAKS), and the names of targets and PCI functions have
  /// colons. The function puts these words together again, as bash-completion does for its own
  /// completions, and takes away from what is offered the part that bash does not replace.
  static var bashCompletionScript: String {
    completionScript(for: .bash) + """

      # Joins words that bash has parted at colons, and completes the joined words.
      _vgpu_joined() {
          local -a words=()
          local -i index cword=0
          local line="${COMP_LINE}" word last=''
          for index in "${!COMP_WORDS[@]}"; do
              word="${COMP_WORDS[index]}"
              if [[ "${#words[@]}" -gt 0 && "${line}" != [[:space:]]* ]] && [[ "${word}" == :* || "${last}" == *: ]]; then
                  words[${#words[@]} - 1]+="${word}"
              else
                  words+=("${word}")
              fi
              line="${line#"${line%%[![:space:]]*}"}"
              line="${line#"${word}"}"
              last="${word}"
              [[ "${index}" -ne "${COMP_CWORD}" ]] || cword="$((${#words[@]} - 1))"
          done

          # The current word, up to the cursor.
          local before="${COMP_LINE:0:COMP_POINT}" current="${words[cword]}"
          while [[ "${before}" != *"${current}" ]]; do current="${current%?}"; done
          local previous=''
          [[ "${cword}" -eq 0 ]] || previous="${words[cword - 1]}"

          local -a COMP_WORDS=("${words[@]}")
          local -i COMP_CWORD="${cword}"
          _vgpu "${1}" "${current}" "${previous}"

          [[ "${COMPREPLY[*]}" == *:* && ! -e "${COMPREPLY[0]}" ]] || return 0
          # These are no files, whose colons bash would escape.
          compopt +o filenames 2>/dev/null
          if [[ "${current}" == *:* && "${COMP_WORDBREAKS}" == *:* ]]; then
              COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}")
          fi
      }

      complete -o filenames -F _vgpu_joined vgpu

      """
  }
}
