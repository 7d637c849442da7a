#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a screen reader is told of a program (AT-SPI): a line for each part, with its role, name and description.

    accessible.py PID                  prints the parts that are to be seen
    accessible.py PID places           the same with their places on the screen: left, top, width, height
    accessible.py PID press NAME       presses the button, or chooses the line of a menu, with this name
"""

import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

PRESSED = (Atspi.Role.PUSH_BUTTON, Atspi.Role.MENU, Atspi.Role.MENU_ITEM, Atspi.Role.CHECK_MENU_ITEM, Atspi.Role.RADIO_MENU_ITEM)


def parts(part):
    """A part and all below it, as far as they are to be seen."""
    if part is None:
        return
    states = part.get_state_set()
    if not states.contains(Atspi.StateType.SHOWING) and part.get_role() != Atspi.Role.APPLICATION:
        return
    yield part
    for index in range(part.get_child_count()):
        yield from parts(part.get_child_at_index(index))


def main():
    pid = int(sys.argv[1])
    desktop = Atspi.get_desktop(0)
    programs = [desktop.get_child_at_index(i) for i in range(desktop.get_child_count())]
    for program in programs:
        if program is None or program.get_process_id() != pid:
            continue
        for part in parts(program):
            if len(sys.argv) < 4:
                states = part.get_state_set()
                marks = [
                    word
                    for word, state in (
                        ("focused", Atspi.StateType.FOCUSED),
                        ("selected", Atspi.StateType.SELECTED),
                        ("checked", Atspi.StateType.CHECKED),
                        ("insensitive", Atspi.StateType.SENSITIVE),
                    )
                    if states.contains(state) != (word == "insensitive")
                ]
                fields = [part.get_role_name(), part.get_name(), part.get_description(), " ".join(marks)]
                component = part.get_component_iface() if sys.argv[2:] == ["places"] else None
                if component is not None:
                    place = component.get_extents(Atspi.CoordType.SCREEN)
                    fields.append(f"{place.x} {place.y} {place.width} {place.height}")
                print("|".join(fields))
            elif part.get_name() == sys.argv[3] and part.get_role() in PRESSED:
                part.get_action_iface().do_action(0)
                return 0
    return 0 if len(sys.argv) < 4 else 1


sys.exit(main())
