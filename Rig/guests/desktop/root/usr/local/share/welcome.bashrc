# SPDX-License-Identifier: Apache-2.0
# The first terminal's shell: runs two commands as if they had been typed.
. /etc/bash.bashrc
PS1='\[\e[1;32m\]guest@desktop\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
for command in 'lspci -nnk | grep -A3 -E "VGA|Display"' neofetch; do
    printf '%s%s\n' "${PS1@P}" "$command"
    eval "$command"
done
unset command
