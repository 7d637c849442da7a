#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows a guest beside other widgets in a GTK 3 window, by GObject introspection.

    /usr/bin/python3 viewer.py demo
    /usr/bin/python3 viewer.py UUID /run/guest/qmp        # with keyboard and mouse

Needs python3-gi and gir1.2-gtk-3.0, which are for the distribution's own Python.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("VgpuGtk", "3.0")
from gi.repository import GLib, GObject, Gtk, VgpuGtk  # noqa: E402

# The view is made by GtkBuilder, as every widget may be.
INTERFACE = """
<interface>
  <object class="GtkWindow" id="window">
    <property name="default-width">800</property>
    <property name="default-height">600</property>
    <child>
      <object class="GtkBox">
        <child>
          <object class="VgpuView" id="view">
            <property name="scaling">one-to-one</property>
          </object>
        </child>
        <child>
          <object class="GtkBox">
            <property name="orientation">vertical</property>
            <property name="spacing">12</property>
            <property name="margin">12</property>
            <property name="width-request">176</property>
            <child><object class="GtkLabel" id="size"/></child>
            <child><object class="GtkLabel" id="frames"/></child>
            <child>
              <object class="GtkComboBoxText" id="scaling">
                <property name="active-id">one-to-one</property>
                <items>
                  <item id="fit">Fit</item>
                  <item id="integer">Whole multiples</item>
                  <item id="one-to-one">Pixel for pixel</item>
                  <item id="fill">Fill</item>
                </items>
              </object>
            </child>
          </object>
        </child>
      </object>
    </child>
  </object>
</interface>
"""


def main():
    """The command."""
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: viewer.py TARGET [QMP SOCKET]")
    GObject.type_ensure(VgpuGtk.View)
    builder = Gtk.Builder.new_from_string(INTERFACE, -1)
    window, view, size, frames, scaling = map(builder.get_object, ("window", "view", "size", "frames", "scaling"))
    window.connect("destroy", Gtk.main_quit)
    scaling.connect("changed", lambda box: view.set_property("scaling", box.get_active_id()))
    if len(sys.argv) == 3:
        view.props.qmp = sys.argv[2]

    def update(*_):
        """The labels, when the guest's mode changes, and once a second."""
        shown = view.get_statistics()
        size.props.label = f"{view.props.guest_width}x{view.props.guest_height}"
        frames.props.label = f"{shown.frames_presented} frames"
        window.props.title = f"{size.props.label}, {frames.props.label}, {view.props.state.value_nick}"
        return GLib.SOURCE_CONTINUE

    view.connect("notify::guest-height", update)
    view.connect("notify::state", update)
    GLib.timeout_add_seconds(1, update)

    def on_failed(_, error):
        """The guest is gone for good; the view says why."""
        print(f"viewer.py: {error.message}", file=sys.stderr)

    view.connect("failed", on_failed)
    try:
        view.open(sys.argv[1])
    except GLib.Error as error:
        sys.exit(f"viewer.py: {error.message}")
    window.show_all()
    view.grab_focus()
    Gtk.main()


main()
