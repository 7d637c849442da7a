#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A window from which files can be dragged: the paths are the arguments. Ends after the drop."""
import sys

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402


def give(_widget, _context, data, _info, _time):
    data.set_uris([GLib.filename_to_uri(path, None) for path in sys.argv[1:]])


window = Gtk.Window(title="drag source")
window.set_default_size(100, 100)
box = Gtk.EventBox()
box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
box.drag_source_add_uri_targets()
box.connect("drag-data-get", give)
box.connect("drag-end", lambda *_: Gtk.main_quit())
window.add(box)
window.show_all()
Gtk.main()
